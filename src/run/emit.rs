//! `--emit`: the makefile written out in place of a build. Knows nothing of how blocks become rules.

use super::Run;
use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::os::files::read_again;
use crate::report::emit;

impl Run {
    /// Writes the first makefile out, where that was asked for; tells whether it was.
    pub(super) fn emit_makefile(&mut self) -> Outcome<bool> {
        let session = &mut self.build.session;
        if session.settings.own.emit.is_none() {
            return Ok(false);
        }
        let Some(makefile) = session.makefiles.iter().find(|makefile| !makefile.included) else {
            return Err(Stop::fatal(None, Complaint::NoTargetsAndNoMakefile));
        };
        let name = session.name_of(makefile.file);
        let text = read_again(name).map_err(|error| {
            let error = error.raw_os_error().unwrap_or(libc::EIO);
            Stop::fatal(None, Complaint::System { what: name.to_vec(), error })
        })?;
        let text = emit::emit(session, name, &text)?;
        session.context.output.data(&text);
        Ok(true)
    }
}
