//! The checksums by which S3 sees that an upload arrived whole.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html>.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::objects::hex;

/// What the name of a checksum's header begins with.
pub(super) const PREFIX: &str = "x-amz-checksum-";

/// A checksum of these bytes, as its header has it; `None` for an algorithm that is not known.
pub(super) fn of(algorithm: &str, bytes: &[u8]) -> Option<String> {
    let digest = match algorithm {
        "crc32" => Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(bytes).to_be_bytes().to_vec(),
        "crc32c" => Crc::<u32>::new(&CRC_32_ISCSI).checksum(bytes).to_be_bytes().to_vec(),
        "crc64nvme" => Crc::<u64>::new(&CRC_64_NVME).checksum(bytes).to_be_bytes().to_vec(),
        "sha1" => Sha1::digest(bytes).to_vec(),
        "sha256" => Sha256::digest(bytes).to_vec(),
        _ => return None,
    };
    Some(BASE64_STANDARD.encode(digest))
}

/// The value of `Content-MD5`.
pub(super) fn content_md5(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(Md5::digest(bytes))
}

/// The value of `x-amz-content-sha256`.
pub(super) fn content_sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of <https://reveng.sourceforge.io/crc-catalogue/all.htm>, and of RFC 1321, RFC 3174 and FIPS 180.
    #[test]
    fn checksums_are_those_of_their_specifications() {
        let bytes = |text: &str| BASE64_STANDARD.decode(text).unwrap();
        let checksum = |algorithm: &str| hex(&bytes(&of(algorithm, b"123456789").unwrap()));
        assert_eq!(checksum("crc32"), "cbf43926");
        assert_eq!(checksum("crc32c"), "e3069283");
        assert_eq!(checksum("crc64nvme"), "ae8b14860a799888");
        assert_eq!(
            hex(&bytes(&of("sha1", b"abc").unwrap())),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        assert_eq!(
            content_sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(hex(&bytes(&content_md5(b"abc"))), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(of("crc16", b"abc"), None);
    }
}
