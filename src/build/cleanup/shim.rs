//! `--engine NAME` for recipes that call `docker`: a private folder in front of their PATH, in which `docker` is the chosen
//! engine's client. Knows nothing of what recipes do with it.

use crate::base::system_error::SystemError;
use crate::image::command::Client;
use crate::image::engine::EngineError;
use crate::image::engine::choose::Surroundings;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use tempfile::TempDir;

/// The folder; it goes with this value.
pub struct Shim {
    folder: TempDir,
}

/// Why an engine can't be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShimError {
    /// There is no such engine, or its client is not on PATH.
    Engine(EngineError),
    /// The folder can't be made.
    Folder(SystemError),
}

impl Shim {
    /// A folder in which `docker` is the client of `kind`; none where `docker` is that already, as below a run that was told
    /// the same. A link, not a script: it works where no file of ours may be executed, and with any name of a folder.
    pub fn make(kind: Client, surroundings: &Surroundings) -> Result<Option<Shim>, ShimError> {
        let client = surroundings.program(kind).map_err(ShimError::Engine)?;
        let same = |docker: &Path| match (std::fs::canonicalize(docker), std::fs::canonicalize(&client)) {
            (Ok(docker), Ok(client)) => docker == client,
            _ => false,
        };
        if kind == Client::Docker || surroundings.program(Client::Docker).is_ok_and(|docker| same(&docker)) {
            return Ok(None);
        }
        let fault = |fault: std::io::Error| ShimError::Folder(fault.into());
        let folder = tempfile::Builder::new()
            .prefix("imk-engine-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(fault)?;
        // An entry of PATH can hold anything but a colon.
        if folder.path().as_os_str().as_bytes().contains(&b':') {
            return Err(ShimError::Folder(ErrorKind::InvalidInput.into()));
        }
        let client = std::path::absolute(&client).map_err(fault)?;
        symlink(client, folder.path().join("docker")).map_err(fault)?;
        Ok(Some(Shim { folder }))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_in_the_folder_is_the_chosen_client() {
        let tools = tempfile::tempdir().unwrap();
        let client = tools.path().join("podman");
        std::fs::write(&client, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&client, std::fs::Permissions::from_mode(0o755)).unwrap();
        let around = Surroundings { path: Some(tools.path().into()), ..Surroundings::default() };
        let shim = Shim::make(Client::Podman, &around).unwrap().unwrap();
        assert_eq!(std::fs::read_link(shim.path().join("docker")).unwrap(), client);
        assert_eq!(std::fs::metadata(shim.path()).unwrap().permissions().mode() & 0o077, 0);
        let path = std::env::join_paths([shim.path(), tools.path()]).unwrap();
        let below = Surroundings { path: Some(path), ..Surroundings::default() };
        assert!(Shim::make(Client::Podman, &below).unwrap().is_none());
        let folder = shim.path().to_owned();
        drop(shim);
        assert!(!folder.exists());
        let absent = Shim::make(Client::Nerdctl, &around).err();
        assert_eq!(absent, Some(ShimError::Engine(EngineError::NoClient("nerdctl".into()))));
    }
}
