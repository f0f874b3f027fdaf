//! How much of a saved image is read before it is refused. Knows nothing of archives.

/// Bounds on what is read of one image: none that a real image comes near to, all that keep a hostile one harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all layers together, uncompressed.
    pub bytes: u64,
    /// Bytes of the saved image itself, as it comes.
    pub archive_bytes: u64,
    /// Bytes behind the end of the saved image's archive, or of a layer's.
    pub tail_bytes: u64,
    /// Distinct paths, folders that are only parts of a path included.
    pub paths: usize,
    /// Entries of all layers together.
    pub entries: usize,
    /// Layers.
    pub layers: usize,
    /// Bytes of one path or link text.
    pub path_bytes: usize,
    /// Bytes of all paths' names and link texts together.
    pub name_bytes: usize,
    /// Bytes of a manifest, an index or a configuration.
    pub document_bytes: usize,
    /// Bytes of file contents that are kept, all together.
    pub kept_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            bytes: 64 << 30,
            archive_bytes: 80 << 30,
            tail_bytes: 16 << 20,
            paths: 4_000_000,
            entries: 8_000_000,
            layers: 1_000,
            // Linux's PATH_MAX.
            path_bytes: 4096,
            name_bytes: 256 << 20,
            document_bytes: 16 << 20,
            kept_bytes: 32 << 20,
        }
    }
}
