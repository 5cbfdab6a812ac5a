use super::*;
use proptest::prelude::*;

fn decode_all(bytes: &[u8], max_length: usize) -> Result<Option<Bytes>, NetstringError> {
    decode(&mut BytesMut::from(bytes), max_length)
}

#[test]
fn what_is_wrong_is_said_as_soon_as_it_is_known() {
    assert_eq!(decode_all(b"x", 9), Err(NetstringError::Length));
    assert_eq!(decode_all(b":", 9), Err(NetstringError::Length));
    assert_eq!(decode_all(b"-1:", 9), Err(NetstringError::Length));
    assert_eq!(decode_all(b"01", 99), Err(NetstringError::Length));
    assert_eq!(decode_all(b"10", 9), Err(NetstringError::TooLong(9)));
    assert_eq!(decode_all(b"13:", 12), Err(NetstringError::TooLong(12)));
    assert_eq!(decode_all(b"1:ab", 9), Err(NetstringError::Comma));
    assert_eq!(
        decode_all(b"99999999999999999999999", usize::MAX),
        Err(NetstringError::TooLong(usize::MAX))
    );
}

#[test]
fn the_empty_one_is_one() {
    assert_eq!(decode_all(b"0:,", 9), Ok(Some(Bytes::new())));
}

proptest! {
    #[test]
    fn any_bytes_come_back_however_they_are_split(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        splits in proptest::collection::vec(1usize..40, 0..30),
        behind in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut wire = encode(&bytes).to_vec();
        let length = wire.len();
        wire.extend(&behind);
        let mut received = BytesMut::new();
        let (mut at, mut splits) = (0, splits.into_iter());
        let decoded = loop {
            let end = (at + splits.next().unwrap_or(1)).min(wire.len());
            received.extend_from_slice(&wire[at..end]);
            at = end;
            if let Some(decoded) = decode(&mut received, 300).unwrap() {
                break decoded;
            }
            prop_assert!(at < length, "a complete netstring was not seen");
        };
        prop_assert_eq!(&decoded[..], &bytes[..]);
        prop_assert_eq!(&received[..], &wire[length..at]);
    }

    #[test]
    fn any_bytes_at_all_are_decoded_refused_or_waited_for_within_the_limit(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), b'0'..=b':'], 0..200),
        max_length in 0usize..100,
    ) {
        match decode_all(&bytes, max_length) {
            Ok(Some(decoded)) => prop_assert!(decoded.len() <= max_length),
            Ok(None) => prop_assert!(bytes.len() <= max_length + 3),
            Err(_) => {}
        }
    }
}
