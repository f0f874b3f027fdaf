//! Two builds of one image compared: which files differ, how, and which instruction wrote them. Builds nothing.
//!
//! Times of change are no difference, as creation times and history are none: builders set them. Where `SOURCE_DATE_EPOCH` is
//! given they are meant to be equal, and count.

use super::super::finding::{Finding, Level};
use super::kinds::{Aspect, Class, Kind};
use super::origin::Origins;
use super::user::Users;
use super::view::{Setting, Subject, View};
use crate::base::sorting;
use crate::base::tables::{HashMap, HashSet};
use crate::image::layers::{Entry, Keep, Kept, Kind as FileKind, SavedImage};
use std::collections::BTreeMap;

/// Bytes of a file that are compared line by line.
const TEXT: usize = 64 * 1024;
/// Bytes of a compiled Python file's header (PEP 552).
const BYTECODE_HEADER: usize = 16;
/// Files that are looked into, at most: what differs in more is not looked at closely.
const LOOKED_INTO: usize = 200;

/// What of each file is needed to compare it.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Files whose content is wanted, after a first comparison by digests.
    closely: HashSet<Vec<u8>>,
}

impl Keep for Contents {
    fn wanted(&self, path: &[u8], _: u64) -> Kept {
        let bytes = match path.ends_with(b".pyc") {
            true => BYTECODE_HEADER,
            false if self.closely.contains(path) => TEXT,
            false => 0,
        };
        Kept { bytes, digest: true }
    }
}

/// A path that differs, by its entries in the first and the second image.
struct Difference<'d> {
    path: Vec<u8>,
    first: Option<&'d Entry>,
    second: Option<&'d Entry>,
    aspect: Aspect,
}

/// The paths that differ, in order.
fn differences<'d>(first: &'d SavedImage, second: &'d SavedImage, times: bool) -> Vec<Difference<'d>> {
    let mut left: HashMap<Vec<u8>, &Entry> =
        first.shipped().map(|entry| (first.text(entry.path), entry)).collect();
    let mut found = Vec::new();
    for entry in second.shipped() {
        let path = second.text(entry.path);
        let aspect = match left.remove(&path) {
            None => Some((None, Aspect::Presence)),
            Some(other) => aspect(first, other, second, entry, times).map(|aspect| (Some(other), aspect)),
        };
        if let Some((other, aspect)) = aspect {
            found.push(Difference { path, first: other, second: Some(entry), aspect });
        }
    }
    let gone = left.into_iter();
    found.extend(gone.map(|(path, entry)| Difference {
        path,
        first: Some(entry),
        second: None,
        aspect: Aspect::Presence,
    }));
    sorting::sort_by(&mut found, |one, other| one.path.cmp(&other.path));
    found
}

/// What differs between two entries for a path.
fn aspect(
    first: &SavedImage,
    one: &Entry,
    second: &SavedImage,
    other: &Entry,
    times: bool,
) -> Option<Aspect> {
    // A hard link and the file that it shares are told apart by the order in which a layer names them.
    let kind = |entry: &Entry| if entry.kind == FileKind::HardLink { FileKind::File } else { entry.kind };
    if kind(one) != kind(other) {
        return Some(Aspect::Type);
    }
    if one.kind == FileKind::Symlink {
        return (first.link(one) != second.link(other)).then_some(Aspect::Link);
    }
    if first.digest(one) != second.digest(other) {
        return Some(Aspect::Content);
    }
    if one.mode != other.mode {
        return Some(Aspect::Mode);
    }
    if (one.uid, one.gid) != (other.uid, other.gid) {
        return Some(Aspect::Owner);
    }
    (times && one.mtime != other.mtime).then_some(Aspect::Time)
}

/// The files of which more than a digest is needed to say how they differ; nothing where there is none.
pub fn closely(first: &SavedImage, second: &SavedImage) -> Option<Contents> {
    let unclear = |difference: &Difference<'_>| {
        difference.aspect == Aspect::Content && by_path(&difference.path).is_none()
    };
    let all = differences(first, second, false);
    let paths: HashSet<Vec<u8>> =
        all.into_iter().filter(unclear).take(LOOKED_INTO).map(|difference| difference.path).collect();
    (!paths.is_empty()).then_some(Contents { closely: paths })
}

/// The class that a path alone shows.
fn by_path(path: &[u8]) -> Option<Class> {
    let below = |folder: &[u8]| path.starts_with(folder);
    let within = |part: &[u8]| memchr::memmem::find(path, part).is_some();
    if path.ends_with(b".pyc") {
        return Some(Class::Bytecode);
    }
    if below(b"var/log/") || path.ends_with(b".log") {
        return Some(Class::Log);
    }
    (below(b"var/cache/")
        || below(b"var/lib/apt/")
        || within(b"/.cache/")
        || below(b"tmp/")
        || below(b"var/tmp/"))
    .then_some(Class::Cache)
}

fn class(first: &SavedImage, second: &SavedImage, difference: &Difference<'_>) -> Class {
    if difference.aspect == Aspect::Time {
        return Class::Time;
    }
    if let Some(class) = by_path(&difference.path) {
        return class;
    }
    let content = |image: &'_ SavedImage, entry: Option<&Entry>| -> Option<Vec<u8>> {
        let entry =
            entry.filter(|entry| image.file_of(entry).is_some_and(|file| file.size <= TEXT as u64))?;
        image.content(entry).filter(|content| !content.is_empty()).map(<[u8]>::to_vec)
    };
    let texts = (difference.aspect == Aspect::Content)
        .then(|| content(first, difference.first).zip(content(second, difference.second)))
        .flatten();
    match texts {
        Some((one, other)) if sorted(&one) == sorted(&other) => Class::Order,
        _ => Class::Content,
    }
}

/// The lines of a text, in order of their bytes. Of a text in one line, its words.
fn sorted(text: &[u8]) -> Vec<&[u8]> {
    let separator = if memchr::memchr(b'\n', text.trim_ascii_end()).is_some() { b'\n' } else { b' ' };
    let mut parts: Vec<&[u8]> = text.split(|&byte| byte == separator).map(<[u8]>::trim_ascii).collect();
    parts.sort_unstable();
    parts
}

/// Whether a compiled file tells the time of change of its source (PEP 552: flags 0), and another time than `other`.
fn embeds_time(one: &[u8], other: &[u8]) -> bool {
    let part = |text: &[u8], from: usize| text.get(from..from + 4).map(<[u8]>::to_vec);
    part(one, 4) == Some(vec![0; 4]) && part(other, 4) == Some(vec![0; 4]) && part(one, 8) != part(other, 8)
}

/// The findings on two builds, of which `subject` is the second: one for each class and layer. `times` says that times of
/// change count.
pub fn compare(
    first: &SavedImage,
    second: &SavedImage,
    subject: &Subject<'_>,
    setting: &Setting,
    times: bool,
) -> Vec<Finding> {
    let origins = Origins::find(&second.config, subject.written, &subject.base);
    let users = Users::of(&second.config, second);
    let view = View { image: second, subject, origins: &origins, setting, users };
    let mut groups: BTreeMap<(Class, Aspect, u16), Vec<Difference<'_>>> = BTreeMap::new();
    for difference in differences(first, second, times) {
        let class = class(first, second, &difference);
        let Some(entry) = difference.second.or(difference.first) else { continue };
        groups.entry((class, difference.aspect, entry.layer)).or_default().push(difference);
    }
    let mut found = Vec::new();
    if config_differs(first, second) {
        let kind = Kind::Differs {
            class: Class::Content,
            aspect: Aspect::Content,
            paths: vec!["the configuration".to_owned()],
            embeds_time: false,
        };
        found.push(view.finding(Level::Warning, kind));
    }
    for ((class, aspect, layer), group) in groups {
        let level = match class {
            Class::Log | Class::Cache => Level::Info,
            Class::Time | Class::Bytecode | Class::Order | Class::Content => Level::Warning,
        };
        let bytes = group.iter().filter_map(|one| one.second.or(one.first)).map(|entry| entry.size).sum();
        let header = |image: &SavedImage, entry: Option<&Entry>| {
            image.content(entry?).filter(|content| content.len() >= BYTECODE_HEADER).map(<[u8]>::to_vec)
        };
        let embeds = class == Class::Bytecode
            && group.iter().any(|one| {
                let both = header(first, one.first).zip(header(second, one.second));
                both.is_some_and(|(one, other)| embeds_time(&one, &other))
            });
        let paths = group.iter().map(|one| super::view::shown(&one.path)).collect();
        let kind = Kind::Differs { class, aspect, paths, embeds_time: embeds };
        found.push(view.in_layer(level, kind, layer, bytes));
    }
    found
}

/// Whether what the images run differs. Times and history are the builder's.
fn config_differs(first: &SavedImage, second: &SavedImage) -> bool {
    let parts = |image: &SavedImage| {
        let config = &image.config;
        (
            config.user.clone(),
            config.entrypoint.clone(),
            config.command.clone(),
            config.working_directory.clone(),
            config.environment.clone(),
        )
    };
    parts(first) != parts(second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::audit::image::BaseImage;
    use crate::image::layers::build::{ImageBuilder, LayerBuilder};
    use crate::image::layers::{Limits, read};
    use tar::EntryType;

    fn pyc(time: u8, code: &[u8]) -> Vec<u8> {
        [&[0xa7, 13, 13, 10, 0, 0, 0, 0, time, 0, 0, 0, 9, 0, 0, 0][..], code].concat()
    }

    fn common() -> LayerBuilder {
        LayerBuilder::new().file("etc/same", b"same").symlink("link", "etc/same")
    }

    fn compared(first: LayerBuilder, second: LayerBuilder) -> Vec<(Class, Aspect, Vec<String>, Level, bool)> {
        let archive = |layer| ImageBuilder::new().layer("RUN x", layer).docker();
        let (first, second) = (archive(first), archive(second));
        let load = |archive: &[u8], keep: &Contents| read(archive, keep, &Limits::default()).unwrap();
        let plain = Contents::default();
        let pair = (load(&first, &plain), load(&second, &plain));
        let keep = closely(&pair.0, &pair.1).unwrap_or_default();
        let (first, second) = (load(&first, &keep), load(&second, &keep));
        let subject =
            Subject { target: "t", reference: "r", id: "i", written: &[], base: BaseImage::default() };
        let all = compare(&first, &second, &subject, &Setting::default(), false);
        all.into_iter()
            .map(|finding| match finding.kind {
                crate::image::audit::Kind::Image(Kind::Differs { class, aspect, paths, embeds_time }) => {
                    (class, aspect, paths, finding.level, embeds_time)
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn one(
        class: Class,
        aspect: Aspect,
        path: &str,
        level: Level,
    ) -> Vec<(Class, Aspect, Vec<String>, Level, bool)> {
        vec![(class, aspect, vec![path.to_owned()], level, class == Class::Bytecode)]
    }

    #[test]
    fn equal_builds_differ_in_nothing() {
        assert_eq!(compared(common(), common()), []);
    }

    #[test]
    fn each_class_by_its_difference() {
        use Aspect::*;
        use Level::{Info, Warning};
        let with = |path: &str, content: &[u8]| common().file(path, content);
        let pair = |path: &str, first: &[u8], second: &[u8]| compared(with(path, first), with(path, second));
        assert_eq!(pair("srv/a", b"1", b"2"), one(Class::Content, Content, "srv/a", Warning));
        assert_eq!(pair("srv/a", b"x\ny\n", b"y\nx\n"), one(Class::Order, Content, "srv/a", Warning));
        assert_eq!(
            pair("srv/a", b"{'x', 'y'}", b"{'y', 'x'}"),
            one(Class::Content, Content, "srv/a", Warning)
        );
        assert_eq!(pair("var/log/dpkg.log", b"1", b"2"), one(Class::Log, Content, "var/log/dpkg.log", Info));
        let cache = "var/cache/apt/pkgcache.bin";
        assert_eq!(pair(cache, b"1", b"2"), one(Class::Cache, Content, cache, Info));
        let compiled = "srv/__pycache__/a.cpython-311.pyc";
        assert_eq!(
            pair(compiled, &pyc(1, b"code"), &pyc(2, b"code")),
            one(Class::Bytecode, Content, compiled, Warning)
        );
        let raw = |mode, owner| common().raw(b"srv/a", EntryType::Regular, mode, owner, b"", b"x");
        assert_eq!(compared(raw(0o644, 0), raw(0o600, 0)), one(Class::Content, Mode, "srv/a", Warning));
        assert_eq!(compared(raw(0o644, 0), raw(0o644, 7)), one(Class::Content, Owner, "srv/a", Warning));
        let link = |to| common().symlink("srv/l", to);
        assert_eq!(compared(link("a"), link("b")), one(Class::Content, Link, "srv/l", Warning));
        assert_eq!(compared(raw(0o644, 0), common()), one(Class::Content, Presence, "srv/a", Warning));
        assert_eq!(compared(common(), raw(0o644, 0)), one(Class::Content, Presence, "srv/a", Warning));
        assert_eq!(compared(link("a"), with("srv/l", b"x")), one(Class::Content, Type, "srv/l", Warning));
    }
}
