//! A saved image's archive: its members taken in as they come, in whatever order, then put together by its manifest. Knows
//! nothing of engines.

use super::compression::{self, Bounded, Form, PEEK};
use super::config::Config;
use super::fault::Fault;
use super::limits::Limits;
use super::merge::merge;
use super::paths::{PathId, Paths, ROOT};
use super::record::{Entry, Kind, NONE, Slot};
use super::tree::SavedImage;
use super::walk::{Member, Walk};
use crate::base::tables::HashMap;
use serde_json::Value;
use std::io::Read;
use tar::EntryType;

/// What of a file's content is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// So many of its first bytes.
    pub bytes: usize,
    /// Its digest.
    pub digest: bool,
}

/// Says which files' contents are wanted.
pub trait Keep {
    /// What is wanted of the file at `path`, which has no leading slash.
    fn wanted(&self, path: &[u8], size: u64) -> Kept;
}

/// Nothing is wanted of any file.
pub struct NothingKept;

impl Keep for NothingKept {
    fn wanted(&self, _: &[u8], _: u64) -> Kept {
        Kept::default()
    }
}

/// Most links of an archive's members to each other that are followed.
const LINKS_MAX: usize = 8;

/// Reads the image that `source` holds; the first where it holds several. The source is read to its end.
///
/// # Errors
/// What is wrong with the archive, or too large about it.
pub fn read(source: impl Read, keep: &dyn Keep, limits: &Limits) -> Result<SavedImage, Fault> {
    let mut intake = Intake {
        limits: *limits,
        left: limits.bytes,
        keep,
        parts: Parts::new(limits),
        documents: HashMap::default(),
        document_bytes: 0,
        layers: HashMap::default(),
        links: HashMap::default(),
        members: 0,
    };
    let mut left = limits.archive_bytes;
    let source = Bounded::new(source, &mut left, ("bytes", limits.archive_bytes));
    let mut walk = Walk::new(source, limits);
    let mut any = false;
    while let Some(member) = walk.next()? {
        any = true;
        intake.take(&member, &mut walk)?;
    }
    if !any {
        return Err(Fault::Truncated);
    }
    match intake.assemble() {
        Err(Fault::NoManifest | Fault::Missing(_)) if !walk.ended => Err(Fault::Truncated),
        result => result,
    }
}

/// What was read of all layers.
pub(super) struct Parts {
    pub paths: Paths,
    pub entries: Vec<Entry>,
    pub slots: Vec<Slot>,
    /// Texts of symbolic links.
    pub links: Vec<Box<[u8]>>,
    /// Contents that were asked for: the bytes, and the digest.
    pub contents: Vec<(Box<[u8]>, Option<[u8; 32]>)>,
    /// For each path, the latest entry for it.
    latest: Vec<u32>,
    text_bytes: usize,
    kept_bytes: usize,
    /// How many entries of lower layers are said to be hidden.
    hiding: usize,
    pub limits: Limits,
}

/// The archive's members so far.
struct Intake<'k> {
    limits: Limits,
    /// Bytes that layers may still have.
    left: u64,
    keep: &'k dyn Keep,
    parts: Parts,
    /// Members that are JSON, by name.
    documents: HashMap<Vec<u8>, Value>,
    document_bytes: usize,
    /// Members that are layers: their slot; none where their form is not known.
    layers: HashMap<Vec<u8>, Option<usize>>,
    /// Members that are links to others.
    links: HashMap<Vec<u8>, Vec<u8>>,
    /// How many members there were.
    members: usize,
}

/// Members for each layer that an image may have: its archive, what older engines say of it, and links.
const MEMBERS_A_LAYER: usize = 100;

/// A member's name without `./` before it.
fn plain_name(path: &[u8]) -> Vec<u8> {
    let parts = path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    let mut names: Vec<&[u8]> = Vec::new();
    for part in parts {
        if part == b".." {
            names.pop();
        } else {
            names.push(part);
        }
    }
    names.join(&b'/')
}

impl Intake<'_> {
    fn take<R: Read>(&mut self, member: &Member, walk: &mut Walk<R>) -> Result<(), Fault> {
        self.members += 1;
        if self.members > self.limits.layers * MEMBERS_A_LAYER {
            return Err(Fault::TooLarge("members", (self.limits.layers * MEMBERS_A_LAYER) as u64));
        }
        let name = plain_name(&member.path);
        match member.kind {
            EntryType::Symlink => {
                let folder = memchr::memrchr(b'/', &name).map_or(&b""[..], |slash| &name[..slash]);
                let to = plain_name(&[folder, b"/", &member.link].concat());
                self.links.insert(name, to);
                return Ok(());
            }
            EntryType::Link => {
                self.links.insert(name, plain_name(&member.link));
                return Ok(());
            }
            EntryType::Regular | EntryType::Continuous => {}
            _ => return Ok(()),
        }
        let mut content = walk.content();
        let mut first = Vec::with_capacity(PEEK);
        content.by_ref().take(PEEK as u64).read_to_end(&mut first)?;
        match compression::form(&first) {
            Form::Json => {
                let most = self.limits.document_bytes;
                if member.size > (most - self.document_bytes.min(most)) as u64 {
                    return Err(Fault::TooLarge("bytes in its documents", most as u64));
                }
                content.read_to_end(&mut first)?;
                self.document_bytes += first.len();
                // Some members only look like JSON: what is no JSON is missed where the manifest names it.
                if let Some(value) = crate::image::json::parse(&first) {
                    self.documents.insert(name, value);
                }
            }
            Form::Other => {
                self.layers.insert(name, None);
            }
            form => {
                let whole = std::io::Cursor::new(first).chain(content);
                let limit = self.limits.bytes;
                let plain = compression::plain(whole, form, &mut self.left, limit);
                let slot = self.parts.layer(plain, self.keep)?;
                self.layers.insert(name, Some(slot));
            }
        }
        Ok(())
    }

    /// The name of the member that `name` leads to.
    fn followed(&self, name: &str) -> Vec<u8> {
        let mut name = plain_name(name.as_bytes());
        for _ in 0..LINKS_MAX {
            match self.links.get(&name) {
                Some(to) => name.clone_from(to),
                None => break,
            }
        }
        name
    }

    fn document(&self, name: &str) -> Result<&Value, Fault> {
        self.documents.get(&self.followed(name)).ok_or_else(|| Fault::Missing(name.to_owned()))
    }

    /// The names of the configuration and of the layers, lowest first.
    fn manifest(&self) -> Result<(String, Vec<String>), Fault> {
        let names = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        if let Ok(list) = self.document("manifest.json") {
            let senseless = |wanted| Fault::Senseless("manifest.json".to_owned(), wanted);
            let first = list.as_array().and_then(|all| all.first()).ok_or(senseless("image"))?;
            let config = first["Config"].as_str().ok_or(senseless("Config"))?;
            return Ok((config.to_owned(), names(&first["Layers"])));
        }
        let index = self.document("index.json").map_err(|_| Fault::NoManifest)?;
        let manifest = self.oci_manifest("index.json", index, 0)?;
        let config = blob(&manifest["config"]).ok_or(Fault::Senseless("manifest".to_owned(), "config"))?;
        let layers = manifest["layers"].as_array().into_iter().flatten();
        let layers = layers.map(|layer| {
            blob(layer).ok_or_else(|| Fault::Senseless("manifest".to_owned(), "digest of a layer"))
        });
        Ok((config, layers.collect::<Result<_, _>>()?))
    }

    /// The first image's manifest in an index. Indices may nest; what describes another manifest (an attestation) is no image.
    fn oci_manifest<'v>(&'v self, name: &str, index: &'v Value, depth: usize) -> Result<&'v Value, Fault> {
        let senseless = || Fault::Senseless(name.to_owned(), "image");
        let listed = index["manifests"].as_array().ok_or_else(senseless)?;
        let is_image = |entry: &&Value| {
            entry["annotations"]["vnd.docker.reference.type"].is_null()
                && entry["platform"]["os"].as_str() != Some("unknown")
        };
        // An index may name images of platforms that are not there.
        let present = |entry: &&Value| {
            blob(entry).is_some_and(|blob| self.documents.contains_key(&self.followed(&blob)))
        };
        let images: Vec<&Value> = listed.iter().filter(is_image).collect();
        let entry = images.iter().find(|entry| present(entry)).or(images.first()).ok_or_else(senseless)?;
        let name = blob(entry).ok_or_else(senseless)?;
        let document = self.document(&name)?;
        match document["manifests"].is_array() && depth < LINKS_MAX {
            true => self.oci_manifest(&name, document, depth + 1),
            false => Ok(document),
        }
    }

    fn assemble(self) -> Result<SavedImage, Fault> {
        let (config_name, layer_names) = self.manifest()?;
        let config = Config::read(&config_name, self.document(&config_name)?)?;
        if layer_names.len() > self.limits.layers {
            return Err(Fault::TooLarge("layers", self.limits.layers as u64));
        }
        let order = layer_names.iter().map(|name| match self.layers.get(&self.followed(name)) {
            Some(Some(slot)) => Ok(*slot),
            Some(None) => Err(Fault::UnknownCompression(name.clone())),
            None => Err(Fault::Missing(name.clone())),
        });
        let order = order.collect::<Result<Vec<usize>, Fault>>()?;
        if order.len() != config.diff_ids.len() {
            return Err(Fault::Senseless(config_name, "digest of each layer"));
        }
        merge(self.parts, &order, config)
    }
}

/// The name of the blob that a descriptor means.
fn blob(descriptor: &Value) -> Option<String> {
    let (algorithm, hex) = descriptor["digest"].as_str()?.split_once(':')?;
    Some(format!("blobs/{algorithm}/{hex}"))
}

impl Parts {
    fn new(limits: &Limits) -> Parts {
        Parts {
            paths: Paths::new(*limits),
            entries: Vec::new(),
            slots: Vec::new(),
            links: Vec::new(),
            contents: Vec::new(),
            latest: Vec::new(),
            text_bytes: 0,
            kept_bytes: 0,
            hiding: 0,
            limits: *limits,
        }
    }

    /// Reads a layer's plain archive into a slot of its own.
    fn layer(&mut self, source: impl Read, keep: &dyn Keep) -> Result<usize, Fault> {
        let start = self.entries.len();
        let mut slot = Slot::default();
        let mut walk = Walk::new(source, &self.limits);
        while let Some(member) = walk.next()? {
            self.member(&member, &mut walk, keep, &mut slot, start)?;
        }
        slot.entries = start..self.entries.len();
        self.slots.push(slot);
        Ok(self.slots.len() - 1)
    }

    fn member<R: Read>(
        &mut self,
        member: &Member,
        walk: &mut Walk<R>,
        keep: &dyn Keep,
        slot: &mut Slot,
        start: usize,
    ) -> Result<(), Fault> {
        let path = self.paths.add(&member.path)?;
        let name = self.paths.name(path);
        // OCI image specification, "Whiteouts".
        if let Some(hidden) = name.strip_prefix(b".wh.") {
            self.hiding += 1;
            if self.hiding > self.limits.entries {
                return Err(Fault::TooLarge("entries", self.limits.entries as u64));
            }
            let folder = self.paths.parent(path);
            if hidden == b".wh..opq" {
                slot.opaque.push(folder);
            } else if !hidden.starts_with(b".wh.") && !hidden.is_empty() {
                let hidden = hidden.to_vec();
                slot.whiteouts.push(self.paths.add_child(folder, &hidden)?);
            }
            return Ok(());
        }
        let kind = match member.kind {
            EntryType::Directory => Kind::Folder,
            EntryType::Symlink => Kind::Symlink,
            EntryType::Link => Kind::HardLink,
            EntryType::Char | EntryType::Block => Kind::Device,
            EntryType::Fifo => Kind::Fifo,
            _ => Kind::File,
        };
        if path == ROOT && kind != Kind::Folder {
            return Err(Fault::Damaged("a root that is no folder"));
        }
        let number = self.entries.len();
        if number >= self.limits.entries {
            return Err(Fault::TooLarge("entries", self.limits.entries as u64));
        }
        let mut entry = Entry {
            path,
            kind,
            mode: (member.mode & 0o7777) as u16,
            uid: member.uid,
            gid: member.gid,
            size: if kind == Kind::File { member.size } else { 0 },
            mtime: member.mtime,
            layer: 0,
            hidden_by: None,
            link: NONE,
            content: NONE,
            linked: false,
        };
        match kind {
            Kind::Symlink => entry.link = self.text(&member.link)?,
            Kind::HardLink => {
                let to = self.paths.add(&member.link)?;
                entry.link = self.latest_in(to, start).unwrap_or(NONE);
            }
            Kind::File => entry.content = self.content(path, member.size, walk, keep)?,
            _ => {}
        }
        let at = path as usize;
        if self.latest.len() <= at {
            self.latest.resize(at + 1, NONE);
        }
        self.latest[at] = u32::try_from(number).unwrap_or(NONE);
        self.entries.push(entry);
        Ok(())
    }

    /// The entry of the layer that begins at `start` which a hard link to `path` shares.
    fn latest_in(&self, path: PathId, start: usize) -> Option<u32> {
        let found = self.latest.get(path as usize).copied().filter(|&found| found != NONE)?;
        let entry = self.entries.get(found as usize).filter(|_| found as usize >= start)?;
        // A link to a link shares the same file.
        if entry.kind == Kind::HardLink { Some(entry.link).filter(|&to| to != NONE) } else { Some(found) }
    }

    fn text(&mut self, text: &[u8]) -> Result<u32, Fault> {
        self.text_bytes += text.len();
        if self.text_bytes > self.limits.name_bytes {
            return Err(Fault::TooLarge("bytes in names", self.limits.name_bytes as u64));
        }
        self.links.push(text.into());
        Ok(u32::try_from(self.links.len() - 1).unwrap_or(NONE))
    }

    /// Keeps of a file's content what is wanted.
    fn content<R: Read>(
        &mut self,
        path: PathId,
        size: u64,
        walk: &mut Walk<R>,
        keep: &dyn Keep,
    ) -> Result<u32, Fault> {
        let wanted = keep.wanted(&self.paths.text(path), size);
        if wanted == Kept::default() {
            return Ok(NONE);
        }
        let mut content = walk.content();
        let mut kept = Vec::new();
        content.by_ref().take(wanted.bytes as u64).read_to_end(&mut kept)?;
        self.kept_bytes += kept.len();
        if self.kept_bytes > self.limits.kept_bytes {
            return Err(Fault::TooLarge(
                "bytes in files that are looked into",
                self.limits.kept_bytes as u64,
            ));
        }
        let digest = match wanted.digest {
            true => {
                let mut hasher = blake3::Hasher::new();
                hasher.update(&kept);
                std::io::copy(&mut content, &mut hasher)?;
                Some(*hasher.finalize().as_bytes())
            }
            false => None,
        };
        self.contents.push((kept.into(), digest));
        Ok(u32::try_from(self.contents.len() - 1).unwrap_or(NONE))
    }
}
