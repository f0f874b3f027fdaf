//! Variables of the environment from files (`--env-file`), and those that must not be seen. Knows nothing of the files' syntax.

use super::Run;
use crate::base::diagnostic::{Complaint, Outcome, Place, Stop};
use crate::base::tables::HashMap;
use crate::expand::{Export, Origin};
use crate::load::secrets;
use crate::os::files::{ReadError, read_ending};
use crate::syntax::dotenv;

/// Before the name of a file that need not be there.
const OPTIONAL: &[u8] = b"?";

impl Run {
    /// Reads the files that `--env-file` names: what a later one says replaces what an earlier one does, and the environment that this
    /// program was given outranks both.
    pub(super) fn read_env_files(&mut self) -> Outcome {
        for given in self.build.session.settings.own.env_files.clone() {
            let (name, optional) = match given.strip_prefix(OPTIONAL) {
                Some(name) => (name, true),
                None => (&given[..], false),
            };
            if let Some(seen) = &mut self.build.session.context.seen {
                seen.files.push(name.to_vec());
            }
            let text = match read_ending(name) {
                Ok(text) => text,
                Err(ReadError::Open(libc::ENOENT)) if optional => continue,
                Err(ReadError::Open(error) | ReadError::Read(error)) => {
                    return Err(Stop::fatal(None, Complaint::System { what: name.to_vec(), error }));
                }
            };
            self.take_env_file(name, &text)?;
        }
        Ok(())
    }

    fn take_env_file(&mut self, name: &[u8], text: &[u8]) -> Outcome {
        let Run { build, given, .. } = self;
        let context = &mut build.session.context;
        let outside = |name: &[u8]| {
            let own = given.environment.iter().find(|(known, _)| known == name);
            own.map(|(_, value)| value.clone())
        };
        // What files said before counts for references, too, but the environment goes first.
        let earlier: HashMap<&[u8], &[u8]> =
            self.env_variables.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        let lookup = |name: &[u8]| outside(name).or_else(|| earlier.get(name).map(|value| value.to_vec()));
        let variables = dotenv::parse(text, &lookup).map_err(|fault| {
            // The name is needed as long as the program runs.
            let name = context.names.intern(name);
            let place = Place::new(context.names.text(name), fault.line);
            Stop::fatal(Some(place), Complaint::Text(fault.what.message().into_bytes()))
        })?;
        for (name, value) in variables {
            let Some(value) = value.filter(|_| outside(&name).is_none()) else { continue };
            if name == b"SHELL" {
                context.shell_given = Some(value);
                continue;
            }
            let id = context.define_global(&name, &value, Origin::Environment, false);
            context.variables.get_mut(id).export = Export::Always;
            self.env_variables.push((name, value));
        }
        Ok(())
    }

    /// Has the values hidden that `.SECRET_VARS` names so far, where a run ends before makefiles are read: what it has yet to say is to have
    /// none of them.
    pub(super) fn hide_secrets_at_end(&mut self) {
        if !self.secrets_known {
            self.secrets_known = true;
            self.hide_what_is_known();
        }
    }

    /// Has the values hidden that are known without a command: at the end of a run none is to run.
    pub(super) fn hide_what_is_known(&mut self) {
        let (masks, is_all) = secrets::known(&self.build.session, &self.given.environment);
        let context = &mut self.build.session.context;
        match is_all {
            true => context.events.hide(masks.as_ref()),
            false => context.events.hide_all_before(masks.as_ref()),
        }
        if let Some(masks) = masks {
            context.output.hide(masks);
        }
    }

    /// Has the values hidden that `.SECRET_VARS` names.
    pub(super) fn hide_secrets(&mut self) -> Outcome {
        self.secrets_known = true;
        let masks = match secrets::masks(&mut self.build.session, &self.given.environment) {
            Ok(masks) => masks,
            Err(stop) => {
                self.hide_what_is_known();
                return Err(stop);
            }
        };
        let context = &mut self.build.session.context;
        context.events.hide(masks.as_ref());
        if let Some(masks) = masks {
            self.build.images.freshness.masks = Some(masks.clone());
            context.output.hide(masks);
        }
        Ok(())
    }
}
