use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { line: LINE_BYTES_MAX, invocation: INVOCATION_BYTES_MAX };
const FENCE: &[u8] = b"\x1efence 7\n";

fn line(text: &str) -> Item {
    Item::Line(text.to_owned())
}

/// Everything that comes out of a stream which arrives in pieces of that size.
fn split(stream: &[u8], size: usize, limits: Limits) -> Vec<Item> {
    let mut lines = Lines::new(FENCE, limits);
    let mut items: Vec<Item> = stream.chunks(size).flat_map(|chunk| lines.push(chunk)).collect();
    items.extend(lines.finish());
    items
}

#[test]
fn lines_and_fences_are_told_apart_wherever_the_stream_is_cut() {
    let stream =
        b"one\ntwo\r\n\nhalf\x1efence 7\nthree\n\x1efence 7\n\x1efence 8\n\x1efe\x1efence 7\nend";
    let expected = vec![
        line("one"),
        line("two"),
        line("half"),
        Item::Fence,
        line("three"),
        Item::Fence,
        line("\u{1e}fence 8"),
        line("\u{1e}fe"),
        Item::Fence,
        line("end"),
    ];
    for size in 1..=stream.len() {
        assert_eq!(split(stream, size, LIMITS), expected, "cut every {size} bytes");
    }
}

/// The length at which a fence was once cut in two, and the lengths around every limit.
#[test]
fn a_fence_is_seen_behind_a_line_of_any_length() {
    for length in [1_048_560, LINE_BYTES_MAX - 1, LINE_BYTES_MAX, LINE_BYTES_MAX + 1, 3_000_000] {
        for size in [16 * 1024, 64 * 1024, 1_000_003] {
            let stream = [vec![b'x'; length].as_slice(), FENCE].concat();
            let items = split(&stream, size, LIMITS);
            let kept = length.min(LINE_BYTES_MAX);
            let mut expected = vec![Item::Line("x".repeat(kept))];
            if length > kept {
                expected.push(Item::CutOff(CutOff { lines: 1, bytes: length - kept }));
            }
            expected.push(Item::Fence);
            assert!(items == expected, "{length} bytes in pieces of {size}");
        }
    }
}

#[test]
fn an_endless_line_does_not_fill_the_memory() {
    let mut lines = Lines::new(FENCE, LIMITS);
    let items: Vec<Item> = (0..1000).flat_map(|_| lines.push(&[b'x'; 4096])).collect();
    assert_eq!(items.len(), 0);
    assert!(lines.line.len() + lines.held.len() <= LINE_BYTES_MAX + FENCE.len());
    let items = lines.push(FENCE);
    let missing = 1000 * 4096 - LINE_BYTES_MAX;
    assert_eq!(items[1..], [Item::CutOff(CutOff { lines: 1, bytes: missing }), Item::Fence]);
}

#[test]
fn an_invocation_is_kept_from_its_beginning_and_the_next_begins_anew() {
    let limits = Limits { line: 100, invocation: 2 * (3 + EVENT_OVERHEAD_BYTES) };
    let stream = b"one\ntwo\nthree\nx\n\x1efence 7\none\n";
    let expected = [
        line("one"),
        line("two"),
        Item::CutOff(CutOff { lines: 2, bytes: 6 }),
        Item::Fence,
        line("one"),
    ];
    assert_eq!(split(stream, 5, limits), expected);
    // Just within the limit, nothing is cut.
    assert_eq!(split(b"one\ntwo\n", 5, limits), [line("one"), line("two")]);
}

#[test]
fn a_cut_leaves_no_part_of_a_character_and_no_more_bytes_than_the_limit() {
    let limits = Limits { line: 4, invocation: 1000 };
    let cut = |bytes| Item::CutOff(CutOff { lines: 1, bytes });
    assert_eq!(split("ab€€\n".as_bytes(), 3, limits), [line("ab"), cut(6)]);
    assert_eq!(split(b"\xff\xff\n", 3, limits), [line("\u{fffd}"), cut(3)]);
    assert_eq!(split("a€\n".as_bytes(), 1, limits), [line("a€")]);
    // A character that the function itself leaves unfinished is shown as such.
    assert_eq!(split(b"a\xe2\x82\x1efence 7\n", 1, limits), [line("a\u{fffd}"), Item::Fence]);
}

/// What functions write: text, bytes of no meaning, parts of fences, and whole ones.
fn stream() -> impl Strategy<Value = (Vec<u8>, usize)> {
    let piece = prop_oneof![
        (0..40_usize).prop_map(|length| vec![b'x'; length]),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just("€".as_bytes()[..2].to_vec()),
        (1..FENCE.len()).prop_map(|length| FENCE[..length].to_vec()),
        Just(FENCE.to_vec()),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| {
        let stream = pieces.concat();
        let fences = memmem::find_iter(&stream, FENCE).count();
        (stream, fences)
    })
}

proptest! {
    #[test]
    fn what_comes_out_does_not_depend_on_the_cuts_and_is_bounded(
        (stream, fences) in stream(), size in 1..50_usize, line in 1..40_usize, invocation in 0..200_usize,
    ) {
        let limits = Limits { line, invocation };
        let items = split(&stream, size, limits);
        prop_assert_eq!(&items, &split(&stream, stream.len().max(1), limits));
        prop_assert_eq!(items.iter().filter(|item| **item == Item::Fence).count(), fences);
        for between in items.split(|item| *item == Item::Fence) {
            let kept = |item: &Item| match item {
                Item::Line(text) => text.len() + EVENT_OVERHEAD_BYTES,
                _ => 0,
            };
            prop_assert!(between.iter().map(kept).sum::<usize>() <= invocation);
            for item in between {
                prop_assert!(kept(item) <= line + EVENT_OVERHEAD_BYTES);
            }
        }
    }

    #[test]
    fn without_a_limit_nothing_is_missing((stream, _) in stream(), size in 1..50_usize) {
        let items = split(&stream, size, LIMITS);
        let cut_off = items.iter().any(|item| matches!(item, Item::CutOff(_)));
        prop_assert!(!cut_off);
        let text: String = items.iter().filter_map(|item| match item {
            Item::Line(text) => Some(text.as_str()),
            _ => None,
        }).collect();
        let xs = |bytes: &[u8]| memchr::memchr_iter(b'x', bytes).count();
        prop_assert_eq!(xs(text.as_bytes()), xs(&stream));
    }
}
