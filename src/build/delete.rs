//! Targets deleted since their recipe failed or was interrupted (manual, "Errors in Recipes", "Interrupting or Killing make"). Knows
//! nothing of why it failed.

use crate::base::diagnostic::Complaint;
use crate::build::Build;
use crate::os::archive;
use crate::os::files::{self, Mtime};
use crate::rules::file::FileId;

impl Build {
    /// Deletes the targets of the child at `index` that have changed, unless they are precious.
    pub fn delete_child_targets(&mut self, file: FileId) {
        self.delete_target(file, None);
        for index in 0..self.session.rules.files[file].also_make.len() {
            let peer = self.session.rules.files[file].also_make[index];
            self.delete_target(peer, Some(file));
        }
    }

    fn delete_target(&mut self, file: FileId, behalf: Option<FileId>) {
        let record = &self.session.rules.files[file];
        if record.precious || record.phony {
            return;
        }
        let known = record.mtime;
        let name = self.session.name_of(file);
        let behalf = behalf.map(|behalf| self.session.name_of(behalf).to_vec());
        if archive::is_member(name) {
            let date = archive::split_member(name)
                .and_then(|(path, member)| archive::member_date(path, member).ok().flatten());
            let before = if known == Mtime::ABSENT { None } else { Some(known.seconds()) };
            if date != before {
                self.session.complain(None, &Complaint::ArchiveMemberBogus { target: name.to_vec(), behalf });
            }
            return;
        }
        let now = match files::regular_file(name) {
            Ok(Some(now)) => now,
            // What can't be there can't have been made either.
            Ok(None) | Err(libc::ENAMETOOLONG) => return,
            // What the recipe left may be half of a target: the next run would take it for a whole one.
            Err(error) => {
                let what = [b"stat: ", name].concat();
                return self.session.complain(None, &Complaint::System { what, error });
            }
        };
        if now == known {
            return;
        }
        self.session.complain(None, &Complaint::DeletingTarget { target: name.to_vec(), behalf });
        match rustix::fs::unlink(name) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(error) => {
                let what = [b"unlink: ", name].concat();
                self.session.complain(None, &Complaint::System { what, error: error.raw_os_error() });
            }
        }
    }
}
