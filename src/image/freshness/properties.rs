//! What must hold of any record of an image's inputs, as a function that panics where it doesn't. Knows nothing of where bytes
//! come from: tests and fuzzers bring them.

use super::codec::Writer;
use super::components::{Components, FORM};

/// What is read of a record of today's form is read the same when it is written again.
pub fn records(bytes: &[u8]) {
    let mut record = Writer::default();
    record.bytes(FORM);
    record.out.extend_from_slice(bytes);
    if let Some(components) = Components::from_record(&record.out) {
        let written = components.record();
        assert_eq!(Components::from_record(&written).map(|again| again.record()), Some(written));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_of_any_bytes(bytes in proptest::collection::vec(0u8..4, 0..200)) {
            super::records(&bytes);
        }
    }
}
