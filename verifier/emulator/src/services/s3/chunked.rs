//! `aws-chunked`: an upload in chunks of its client's own, with what is only known at its end behind them.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>.

/// An upload without its chunks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    /// Headers that stood behind the last chunk, with their names in lower case.
    pub(super) trailers: Vec<(String, String)>,
}

/// Whether a body is in chunks, by the hash of its content that the client declares.
pub(super) fn is_chunked(declared_hash: &str) -> bool {
    declared_hash.starts_with("STREAMING-")
}

/// Takes the chunks apart; `None` when they are not what they say.
pub(super) fn decode(body: &[u8]) -> Option<Decoded> {
    let (mut bytes, mut rest) = (Vec::new(), body);
    loop {
        let (head, after) = split_line(rest)?;
        // A signature of the chunk may follow its size.
        let size = head.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(Decoded { bytes, trailers: trailers(after)? });
        }
        let (chunk, after) = after.split_at_checked(size)?;
        bytes.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n")?;
    }
}

fn split_line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let line = std::str::from_utf8(&bytes[..end]).ok()?;
    Some((line, &bytes[end + 2..]))
}

fn trailers(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let lines = std::str::from_utf8(bytes).ok()?.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(chunks: &[Vec<u8>], signature: &str, end: &str) -> Vec<u8> {
        let mut body = Vec::new();
        for chunk in chunks {
            body.extend(format!("{:x}{signature}\r\n", chunk.len()).into_bytes());
            body.extend(chunk);
            body.extend(b"\r\n");
        }
        body.extend(format!("0{signature}\r\n{end}\r\n").into_bytes());
        body
    }

    #[test]
    fn chunks_may_be_signed_and_have_checksums_behind_them() {
        let signed = encoded(
            &[b"let ".to_vec(), b"url".to_vec()],
            ";chunk-signature=ab12",
            "x-amz-checksum-crc32:AAAAAA==\n\r\nx-amz-trailer-signature:ab12\r\n",
        );
        let decoded = decode(&signed).unwrap();
        assert_eq!(decoded.bytes, b"let url");
        assert_eq!(decoded.trailers[0], ("x-amz-checksum-crc32".to_owned(), "AAAAAA==".to_owned()));
        let plain = decode(b"0\r\n\r\n").unwrap();
        assert_eq!(plain, Decoded { bytes: Vec::new(), trailers: Vec::new() });
    }

    #[test]
    fn what_breaks_off_or_is_no_chunk_is_refused() {
        for body in [
            "",
            "5\r\n",
            "5\r\nabc\r\n0\r\n\r\n",
            "3\r\nabcd\r\n0\r\n\r\n",
            "x\r\n\r\n",
            "-1\r\n\r\n",
        ] {
            assert_eq!(decode(body.as_bytes()), None, "{body:?}");
        }
        assert_eq!(decode(b"ffffffffffffffff\r\nabc\r\n"), None);
        assert_eq!(decode(b"0\r\nno trailer\r\n\r\n"), None);
    }

    proptest! {
        #[test]
        fn whatever_was_chunked_comes_back(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..5),
        ) {
            let decoded = decode(&encoded(&chunks, "", "")).unwrap();
            prop_assert_eq!(decoded.bytes, chunks.concat());
        }

        #[test]
        fn any_bytes_may_come(body in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&body);
        }
    }
}
