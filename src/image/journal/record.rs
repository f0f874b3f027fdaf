//! The journal's records as lines of text, each with a checksum of its own. Knows no file.

use super::{Entry, Intent, Thing};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// First of a journal: the run's token, imk's version, and the inode number of the file that it is written to.
    Begun { token: String, version: String, inode: u64 },
    /// A thing is about to be made.
    Intends { number: u32, at: i64, intent: Intent },
    /// It was made.
    Made { number: u32, id: String },
    /// It is done with.
    Settled { number: u32 },
}

/// What the records of one journal amount to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    /// The run's token; empty where its record is lost.
    pub token: String,
    /// Inode number of the file that the journal was written to; none where its record is lost.
    pub inode: Option<u64>,
    /// The intents with their numbers, in order of writing.
    pub entries: Vec<(u32, Entry)>,
    /// Lines that were no whole records.
    pub torn: usize,
}

/// Most entries that are read of one journal.
const ENTRIES_MAX: usize = 100_000;

/// 64-bit FNV-1a: against torn and garbled lines, not against forgery.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? * 16 + digit(*pair.get(1)?)?)).collect()
}

/// A line of `text` with its checksum, newline included.
pub(super) fn sealed(text: &[u8]) -> Vec<u8> {
    [format!("{:016x} ", checksum(text)).as_bytes(), text, b"\n"].concat()
}

impl Record {
    /// The record's line, newline included.
    pub fn line(&self) -> Vec<u8> {
        let value = match self {
            Record::Begun { token, version, inode } => json!(["begun", token, version, inode]),
            Record::Intends { number, at, intent } => {
                let (kind, name) = match &intent.thing {
                    Thing::Container { name } => ("container", json!(name)),
                    Thing::Image { tag } => ("image", json!(tag)),
                    Thing::Volume { name } => ("volume", json!(name)),
                    Thing::Network { name } => ("network", json!(name)),
                    // A path is bytes, and JSON is text.
                    Thing::File { path } => ("file", json!(hex(path.as_os_str().as_bytes()))),
                };
                let Intent { target, engine, before, label, image, present, .. } = intent;
                json!(["intends", number, at, kind, name, target, engine, before, label, image, present])
            }
            Record::Made { number, id } => json!(["made", number, id]),
            Record::Settled { number } => json!(["settled", number]),
        };
        sealed(value.to_string().as_bytes())
    }

    /// Reads a line without its newline; none where it is no whole record.
    fn read(line: &[u8]) -> Option<Record> {
        let (sum, text) = (line.get(..16)?, line.get(17..)?);
        if line.get(16) != Some(&b' ') || format!("{:016x}", checksum(text)).as_bytes() != sum {
            return None;
        }
        let value: Value = serde_json::from_slice(text).ok()?;
        let string = |at: usize| value[at].as_str().map(str::to_owned);
        let number = u32::try_from(value[1].as_u64().unwrap_or(0)).ok()?;
        match value[0].as_str()? {
            "begun" => {
                Some(Record::Begun { token: string(1)?, version: string(2)?, inode: value[3].as_u64()? })
            }
            "intends" => {
                let thing = match value[3].as_str()? {
                    "container" => Thing::Container { name: string(4) },
                    "image" => Thing::Image { tag: string(4)? },
                    "volume" => Thing::Volume { name: string(4)? },
                    "network" => Thing::Network { name: string(4)? },
                    "file" => Thing::File { path: PathBuf::from(OsStr::from_bytes(&from_hex(&string(4)?)?)) },
                    _ => return None,
                };
                let label = value[8][0].as_str().zip(value[8][1].as_str());
                let intent = Intent {
                    thing,
                    target: string(5)?,
                    engine: string(6)?,
                    before: string(7),
                    label: label.map(|(name, value)| (name.to_owned(), value.to_owned())),
                    image: string(9),
                    present: value[10].as_array().map_or_else(Vec::new, |all| {
                        all.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect()
                    }),
                };
                Some(Record::Intends { number, at: value[2].as_i64()?, intent })
            }
            "made" => Some(Record::Made { number, id: string(2)? }),
            "settled" => Some(Record::Settled { number }),
            _ => None,
        }
    }
}

/// Reads a whole journal. A line that is no record counts as torn and means nothing.
pub(super) fn history(text: &[u8]) -> History {
    let mut history = History::default();
    let mut places = crate::base::tables::HashMap::default();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match Record::read(line) {
            None => history.torn += 1,
            Some(Record::Begun { token, inode, .. }) => {
                if history.inode.is_none() {
                    (history.token, history.inode) = (token, Some(inode));
                }
            }
            Some(Record::Intends { number, at, intent }) => {
                if history.entries.len() < ENTRIES_MAX && !places.contains_key(&number) {
                    places.insert(number, history.entries.len());
                    history.entries.push((number, Entry { intent, at, id: None, settled: false }));
                }
            }
            Some(Record::Made { number, id }) => {
                let place = places.get(&number).and_then(|at| history.entries.get_mut(*at));
                place.into_iter().for_each(|(_, entry)| entry.id = Some(id.clone()));
            }
            Some(Record::Settled { number }) => {
                let place = places.get(&number).and_then(|at| history.entries.get_mut(*at));
                place.into_iter().for_each(|(_, entry)| entry.settled = true);
            }
        }
    }
    history
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn intent(thing: Thing) -> Intent {
        Intent {
            before: Some("b".into()),
            label: Some(("k".into(), "v".into())),
            image: Some("i".into()),
            present: vec!["0a".into(), "1b".into()],
            ..Intent::new(thing, "target \"\n", "docker")
        }
    }

    #[test]
    fn every_record_is_read_as_it_was_written() {
        let things = [
            Thing::Container { name: Some("c".into()) },
            Thing::Container { name: None },
            Thing::Image { tag: "app:1".into() },
            Thing::Volume { name: "v".into() },
            Thing::Network { name: "n".into() },
            Thing::File { path: PathBuf::from(OsStr::from_bytes(b"a/\xff\n")) },
        ];
        let mut records: Vec<Record> = things
            .into_iter()
            .map(|thing| Record::Intends { number: 7, at: -3, intent: intent(thing) })
            .collect();
        records.push(Record::Begun { token: "t".into(), version: "1".into(), inode: u64::MAX });
        records.push(Record::Made { number: u32::MAX, id: "sha256:1".into() });
        records.push(Record::Settled { number: 0 });
        for record in records {
            let line = record.line();
            let body = line.strip_suffix(b"\n").unwrap();
            assert!(!body.contains(&b'\n'));
            assert_eq!(Record::read(body), Some(record));
        }
    }

    fn journal() -> Vec<u8> {
        let records = [
            Record::Begun { token: "t".into(), version: "1".into(), inode: u64::MAX },
            Record::Intends { number: 0, at: 1, intent: intent(Thing::Container { name: Some("c".into()) }) },
            Record::Made { number: 0, id: "aa".into() },
            Record::Intends { number: 1, at: 2, intent: intent(Thing::Image { tag: "app".into() }) },
            Record::Settled { number: 0 },
        ];
        records.iter().flat_map(Record::line).collect()
    }

    #[test]
    fn a_journal_cut_anywhere_tells_no_more_than_was_written() {
        let whole = journal();
        let full = history(&whole);
        assert_eq!((full.torn, full.entries.len()), (0, 2));
        assert!(full.entries[0].1.settled && full.entries[0].1.id.as_deref() == Some("aa"));
        for cut in 0..whole.len() {
            let part = history(&whole[..cut]);
            assert!(part.torn <= 1);
            for ((_, entry), (_, whole)) in part.entries.iter().zip(&full.entries) {
                assert_eq!(entry.intent, whole.intent);
                assert!(entry.id.is_none() || entry.id == whole.id);
                assert!(!entry.settled || whole.settled);
            }
        }
    }

    proptest! {
        #[test]
        fn garbage_is_skipped_and_never_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(history(&bytes).entries.len(), 0);
        }

        #[test]
        fn a_changed_byte_loses_its_own_record_only(at in 0usize..1000, byte in any::<u8>()) {
            let whole = journal();
            let mut changed = whole.clone();
            let at = at % whole.len();
            changed[at] = byte;
            let full = history(&whole);
            for (number, entry) in history(&changed).entries {
                let original = &full.entries.iter().find(|(other, _)| *other == number).unwrap().1;
                prop_assert_eq!(&entry.intent, &original.intent);
                prop_assert!(entry.id.is_none() || entry.id == original.id);
            }
        }
    }
}
