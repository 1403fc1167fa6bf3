//! Receipt handles: what names one receive of one message.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::key::Key;

/// The decoded form of a receipt handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    /// The queue that issued it.
    pub(super) queue: u64,
    /// The message within that queue.
    pub(super) key: Key,
    /// Which of the queue's receives it was.
    pub(super) receive: u64,
}

/// Marks our handles, so that a handle of another origin is told apart from a stale one.
const MAGIC: [u8; 4] = *b"rcpt";

impl Receipt {
    /// The opaque text that a client holds.
    pub(super) fn encode(self) -> String {
        let mut bytes = [0_u8; 28];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..12].copy_from_slice(&self.queue.to_be_bytes());
        bytes[12..20].copy_from_slice(&self.key.to_be_bytes());
        bytes[20..].copy_from_slice(&self.receive.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a handle; `None` if it is none of ours.
    pub(super) fn decode(handle: &str) -> Option<Self> {
        let bytes: [u8; 28] = URL_SAFE_NO_PAD.decode(handle).ok()?.try_into().ok()?;
        let number = |from: usize| -> Option<u64> {
            Some(u64::from_be_bytes(bytes.get(from..from + 8)?.try_into().ok()?))
        };
        if bytes[..4] != MAGIC {
            return None;
        }
        Some(Self { queue: number(4)?, key: number(12)?, receive: number(20)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_handle_survives_the_round_trip(queue: u64, key: u64, receive: u64) {
            let receipt = Receipt { queue, key, receive };
            prop_assert_eq!(Receipt::decode(&receipt.encode()), Some(receipt));
        }

        #[test]
        fn decoding_never_panics_and_accepts_only_what_encoding_gives(
            text in prop_oneof![any::<String>(), "cmNwd[A-H]?[A-Za-z0-9_=+/-]{30,36}", "[A-Za-z0-9_-]{38}"],
        ) {
            if let Some(receipt) = Receipt::decode(&text) {
                prop_assert_eq!(receipt.encode(), text);
            }
        }
    }

    #[test]
    fn a_handle_survives_the_round_trip_and_others_are_refused() {
        let receipt = Receipt { queue: 3, key: u64::MAX, receive: 7 };
        assert_eq!(Receipt::decode(&receipt.encode()), Some(receipt));
        for handle in ["", "x", "cmNwdA", &"A".repeat(38), &"é".repeat(19)] {
            assert_eq!(Receipt::decode(handle), None, "{handle}");
        }
    }
}
