//! Which files' contents the checks look into. Judges nothing.

use super::{compilers, secrets};
use crate::image::engine::ImageConfig;
use crate::image::layers::{Keep, Kept};

/// Bytes of a file of the system's accounts, or of a configuration, that are looked into.
const WHOLE: usize = 256 * 1024;
/// Bytes of a script that are looked into.
const SCRIPT: usize = 8 * 1024;

/// The files that the checks look into.
pub(super) struct Checks {
    /// The last name of the program that the image starts.
    program: Option<Vec<u8>>,
}

impl Checks {
    /// Those for an image of this configuration.
    pub fn of(config: &ImageConfig) -> Checks {
        let first = config.entrypoint.first().or(config.command.first());
        let name = first.and_then(|word| word.rsplit('/').next()).filter(|name| !name.is_empty());
        Checks { program: name.map(|name| name.as_bytes().to_vec()) }
    }
}

impl Keep for Checks {
    fn wanted(&self, path: &[u8], _: u64) -> Kept {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        let bytes = match name {
            b"passwd" | b"group" if path.starts_with(b"etc/") => WHOLE,
            b"os-release" | b"pyvenv.cfg" => SCRIPT,
            _ if secrets::suspected(path).is_some() => secrets::LOOKED_INTO,
            _ if self.program.as_deref() == Some(name) => SCRIPT,
            _ if compilers::is_compiler(name) => 4,
            _ => 0,
        };
        Kept { bytes, digest: false }
    }
}
