//! Saved images made for tests, in both forms of archive. Reads nothing.

use serde_json::{Value, json};
use std::io::Write;
use tar::{Builder, EntryType, Header};

/// A layer's archive under construction.
pub struct LayerBuilder(Builder<Vec<u8>>);

/// How a layer lies in the archive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl LayerBuilder {
    pub fn new() -> LayerBuilder {
        LayerBuilder(Builder::new(Vec::new()))
    }

    /// Adds a member by its raw name: long ones by a GNU header, and `..` as it is.
    pub fn raw(
        mut self,
        name: &[u8],
        kind: EntryType,
        mode: u32,
        owner: u64,
        link: &[u8],
        content: &[u8],
    ) -> Self {
        let mut long = |kind: EntryType, text: &[u8]| {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(text.len() as u64 + 1);
            header.set_cksum();
            self.0.append(&header, &[text, &b"\0"[..]].concat()[..]).unwrap();
        };
        if name.len() > 100 {
            long(EntryType::GNULongName, name);
        }
        if link.len() > 100 {
            long(EntryType::GNULongLink, link);
        }
        let mut header = Header::new_gnu();
        let put = |field: &mut [u8], text: &[u8]| {
            let length = text.len().min(field.len());
            field[..length].copy_from_slice(&text[..length]);
        };
        put(&mut header.as_old_mut().name, name);
        put(&mut header.as_old_mut().linkname, link);
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_mtime(1);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    pub fn file(self, name: &str, content: &[u8]) -> Self {
        self.raw(name.as_bytes(), EntryType::Regular, 0o644, 0, b"", content)
    }

    pub fn program(self, name: &str) -> Self {
        self.raw(name.as_bytes(), EntryType::Regular, 0o755, 0, b"", b"\x7fELF program")
    }

    pub fn owned(self, name: &str, owner: u64, mode: u32) -> Self {
        self.raw(name.as_bytes(), EntryType::Regular, mode, owner, b"", b"owned")
    }

    pub fn folder(self, name: &str, owner: u64, mode: u32) -> Self {
        self.raw(name.as_bytes(), EntryType::Directory, mode, owner, b"", b"")
    }

    pub fn symlink(self, name: &str, to: &str) -> Self {
        self.raw(name.as_bytes(), EntryType::Symlink, 0o777, 0, to.as_bytes(), b"")
    }

    pub fn hard_link(self, name: &str, to: &str) -> Self {
        self.raw(name.as_bytes(), EntryType::Link, 0o644, 0, to.as_bytes(), b"")
    }

    pub fn whiteout(self, name: &str) -> Self {
        let (folder, name) = name.rsplit_once('/').map_or(("", name), |(folder, name)| (folder, name));
        let slash = if folder.is_empty() { "" } else { "/" };
        self.file(&format!("{folder}{slash}.wh.{name}"), b"")
    }

    pub fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// An image to be saved.
pub struct ImageBuilder {
    pub layers: Vec<Vec<u8>>,
    /// `created_by` of each layer.
    pub history: Vec<String>,
    pub config: Value,
    pub os: &'static str,
}

pub fn packed(layer: &[u8], packing: Packing) -> Vec<u8> {
    match packing {
        Packing::Plain => layer.to_vec(),
        Packing::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(layer).unwrap();
            encoder.finish().unwrap()
        }
        Packing::Zstd => {
            ruzstd::encoding::compress_to_vec(layer, ruzstd::encoding::CompressionLevel::Fastest)
        }
    }
}

fn add(archive: &mut Builder<Vec<u8>>, name: &str, content: &[u8]) {
    let mut header = Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, name, content).unwrap();
}

/// A digest of sorts: names only need to differ.
pub fn digest(content: &[u8]) -> String {
    let mut hasher = rustc_hash::FxHasher::default();
    std::hash::Hasher::write(&mut hasher, content);
    format!("{:064x}", std::hash::Hasher::finish(&hasher))
}

impl ImageBuilder {
    pub fn new() -> ImageBuilder {
        ImageBuilder { layers: Vec::new(), history: Vec::new(), config: json!({}), os: "linux" }
    }

    pub fn layer(mut self, created_by: &str, layer: LayerBuilder) -> Self {
        self.layers.push(layer.bytes());
        self.history.push(created_by.to_owned());
        self
    }

    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    pub fn config_document(&self) -> Value {
        let history: Vec<Value> = self.history.iter().map(|by| json!({ "created_by": by })).collect();
        let ids: Vec<String> = self.layers.iter().map(|layer| format!("sha256:{}", digest(layer))).collect();
        json!({
            "os": self.os, "config": self.config, "history": history,
            "rootfs": { "type": "layers", "diff_ids": ids },
        })
    }

    /// Docker's form. The manifest comes last, as docker writes it, and the layers highest first.
    pub fn docker(&self) -> Vec<u8> {
        let mut archive = Builder::new(Vec::new());
        let name = |layer: &Vec<u8>| format!("{}/layer.tar", digest(layer));
        let mut names: Vec<String> = Vec::new();
        for layer in self.layers.iter().rev() {
            if !names.contains(&name(layer)) {
                add(&mut archive, &name(layer), layer);
            }
            names.insert(0, name(layer));
        }
        add(&mut archive, "config.json", self.config_document().to_string().as_bytes());
        let manifest = json!([{ "Config": "config.json", "RepoTags": ["t:latest"], "Layers": names }]);
        add(&mut archive, "manifest.json", manifest.to_string().as_bytes());
        archive.into_inner().unwrap()
    }

    /// The OCI layout, layers packed.
    pub fn oci(&self, packing: Packing) -> Vec<u8> {
        let mut archive = Builder::new(Vec::new());
        let mut blob = |content: &[u8]| {
            let digest = digest(content);
            add(&mut archive, &format!("./blobs/sha256/{digest}"), content);
            json!({ "digest": format!("sha256:{digest}"), "size": content.len() })
        };
        let layers: Vec<Value> = self.layers.iter().map(|layer| blob(&packed(layer, packing))).collect();
        let config = blob(self.config_document().to_string().as_bytes());
        let manifest = blob(json!({ "config": config, "layers": layers }).to_string().as_bytes());
        let attestation = json!({
            "digest": "sha256:00", "annotations": { "vnd.docker.reference.type": "attestation-manifest" }
        });
        let nested = blob(json!({ "manifests": [attestation, manifest] }).to_string().as_bytes());
        add(&mut archive, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
        add(&mut archive, "index.json", json!({ "manifests": [nested] }).to_string().as_bytes());
        archive.into_inner().unwrap()
    }
}
