//! `--audit=smoke`: an image started for a try, as its own user, without network and in a file system that can only be read. What it
//! starts need not end: after a while it is ended. Judges nothing but how it ended.

use super::Run;
use super::reproduce::{Ground, NotRepeated, because};
use crate::base::system_error::system_words;
use crate::build::cleanup::ledger::Fault;
use crate::build::cleanup::{Policy, Work};
use crate::image::audit::image::{self, rebuild};
use crate::image::audit::{Audit, Finding, Level, Subject};
use crate::image::block::words::quoted;
use crate::image::journal::Thing;
use crate::image::study::Study;
use crate::os::sys::wait::with_child_signal;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStringExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long what is started may run before it counts as a server that is up.
const WAIT: Duration = Duration::from_secs(10);
/// Bytes of its last words that are looked at.
const LAST_WORDS: u64 = 4096;
/// What an engine's client ends with where the container could not be started.
const NOT_STARTED: [i32; 3] = [125, 126, 127];

impl Run {
    /// Starts the image `id` of `subject`; a finding where it fails.
    pub(super) fn smoke(
        &mut self,
        study: &Study,
        subject: Subject,
        audit: &Audit,
        id: &str,
    ) -> Result<Option<Finding>, NotRepeated> {
        let Ground { owner, environment, address, token } = self.ground(study, subject)?;
        let recipe = study.recipes.get(subject.recipe).ok_or_else(|| because("it has no recipe"))?;
        let build = recipe.builds.get(subject.build).ok_or_else(|| because("it has no build"))?;
        let command = recipe.command(build.line, build.command).ok_or_else(|| because("it has no build"))?;
        let (name, label) = (format!("imk-smoke-{token}"), ("imk.smoke".to_owned(), token));
        let words =
            rebuild::start(command, id, &name, &format!("{}={}", label.0, label.1)).map_err(because)?;
        let work = Work { owner, target: &audit.target, engine: &address, policy: Policy::Always };
        let ticket =
            match self.build.cleanup.will_make(&work, Thing::Container { name: Some(name) }, Some(label)) {
                Ok(ticket) => ticket,
                Err(Fault::Engine(fault)) => return Err(because(fault.message())),
                Err(Fault::Journal(_)) => return Err(because("the journal of clean-up can't be written")),
            };
        let output = &mut self.build.session.context.output;
        output.message(&[&quoted(&words)[..], b"\n"].concat());
        output.flush();
        self.build.waiter.prepare();
        let said = tempfile::tempfile().map_err(|error| because(system_words(&error)))?;
        let result = started(&words, &environment, &said).and_then(|child| self.watch_over(child));
        let _ = match result.is_err() {
            true => self.build.cleanup.look_after_interruption(ticket),
            false => self.build.cleanup.look_after(ticket),
        };
        self.build.try_over(owner);
        let Some(status) = result? else { return Ok(None) };
        if status.success() {
            return Ok(None);
        }
        let status = status.code().unwrap_or_default();
        let level = if NOT_STARTED.contains(&status) { Level::Error } else { Level::Warning };
        let kind = image::Kind::StartFails { status, said: last_words(said) };
        Ok(Some(Finding::new(level, kind, &audit.target)))
    }

    /// Waits until the client ends, or for long enough; then it is ended, and with it what it waits for.
    fn watch_over(&mut self, mut child: Child) -> Result<Option<ExitStatus>, NotRepeated> {
        let deadline = Instant::now() + WAIT;
        loop {
            let signal = self.build.waiter.take_signal();
            let ended = child.try_wait().map_err(|error| because(system_words(&error)))?;
            if ended.is_some() && signal.is_none() {
                return Ok(ended);
            }
            if signal.is_some() || Instant::now() >= deadline {
                // The container is removed by the clean-up, whether or not its client is there.
                let _ = child.kill();
                let _ = child.wait();
                return match signal {
                    Some(signal) => Err(NotRepeated::Stop(crate::base::diagnostic::Stop::Signal(signal))),
                    None => Ok(None),
                };
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Starts the client, whose output goes to `said`.
fn started(
    words: &[Vec<u8>],
    environment: &[std::ffi::CString],
    said: &std::fs::File,
) -> Result<Child, NotRepeated> {
    let failed = |error: std::io::Error| because(system_words(&error));
    let text = |bytes: &[u8]| std::ffi::OsString::from_vec(bytes.to_vec());
    let (program, arguments) = words.split_first().ok_or_else(|| because("it has no command"))?;
    let pairs = environment.iter().filter_map(|entry| {
        let bytes = entry.as_bytes();
        let at = memchr::memchr(b'=', bytes)?;
        Some((text(&bytes[..at]), text(&bytes[at + 1..])))
    });
    let mut command = Command::new(text(program));
    command.args(arguments.iter().map(|word| text(word))).env_clear().envs(pairs).stdin(Stdio::null());
    command.stdout(said.try_clone().map_err(failed)?).stderr(said.try_clone().map_err(failed)?);
    with_child_signal(|| command.spawn()).map_err(failed)
}

/// The last line that was said.
fn last_words(mut said: std::fs::File) -> String {
    let end = said.seek(SeekFrom::End(0)).unwrap_or(0);
    let mut text = Vec::new();
    let _ = said.seek(SeekFrom::Start(end.saturating_sub(LAST_WORDS)));
    let _ = said.take(LAST_WORDS).read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    line.chars().take(200).collect()
}
