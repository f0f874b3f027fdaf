//! `--choose`: goals picked at the terminal, then this program again with them, so that makefiles see them as they see any goals. Knows
//! nothing of what keys do.

use super::Run;
use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::cli::restart::arguments_for;
use crate::image::block::words::quoted;
use crate::os::interruption;
use crate::os::sys::spawn::caught_signals_changed;
use crate::report::picker::{Item, Next, Picker, keys};
use crate::report::style::Style;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr,
};
use signal_hook::low_level::pipe;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How long the rest of a key's sequence may take to arrive, in milliseconds; an escape that stays alone is the key.
const SEQUENCE: i64 = 50;

/// The terminal without echo, lines and keys for signals. Its modes come back when this is dropped.
struct Raw {
    before: Termios,
}

impl Raw {
    fn take() -> Option<Raw> {
        let (stdin, stderr) = (rustix::stdio::stdin(), rustix::stdio::stderr());
        if !isatty(stdin) || !isatty(stderr) {
            return None;
        }
        let before = tcgetattr(stdin).ok()?;
        let mut modes = before.clone();
        modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(stdin, OptionalActions::Now, &modes).ok()?;
        Some(Raw { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Draws the lines in place of those of before, `drawn` of them.
fn draw(picker: &mut Picker, drawn: &mut usize, style: Style) {
    let size = tcgetwinsize(rustix::stdio::stderr()).ok();
    let (columns, rows) = size.map_or((80, 24), |size| (usize::from(size.ws_col), usize::from(size.ws_row)));
    let lines = picker.lines(columns.max(20), rows.max(4), style);
    let mut text = erased(*drawn);
    text.push_str(&lines.join("\r\n"));
    *drawn = lines.len();
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// What erases so many lines, the cursor in the last of them.
fn erased(drawn: usize) -> String {
    match drawn {
        0 => String::new(),
        1 => "\r\x1b[J".to_owned(),
        _ => format!("\r\x1b[{}A\x1b[J", drawn - 1),
    }
}

impl Run {
    /// Lets goals be picked, where that was asked for, and makes them.
    ///
    /// # Errors
    /// There is no terminal, nothing was picked, or a signal came.
    pub(super) fn choose(&mut self) -> Outcome<bool> {
        if !self.build.session.settings.own.choose {
            return Ok(false);
        }
        let targets = self.targets_shown()?;
        let chosen =
            self.goals.iter().filter_map(|goal| targets.iter().position(|target| target.file == *goal));
        let chosen: Vec<usize> = chosen.collect();
        let items = targets.iter().map(|target| {
            let tags = target.tags.iter().flatten().next().map(|tag| format!("image {tag}"));
            let about =
                if target.summary.is_empty() { tags.unwrap_or_default() } else { target.summary.clone() };
            Item { name: target.name.clone(), about }
        });
        self.build.session.context.output.flush();
        let picked = self.pick(Picker::new(items.collect(), chosen))?;
        let goals: Vec<Vec<u8>> = picked
            .into_iter()
            .filter_map(|at| targets.get(at))
            .map(|target| self.build.session.name_of(target.file).to_vec())
            .collect();
        Err(self.run_instead(&goals))
    }

    /// Shows the list until something is picked.
    fn pick(&mut self, mut picker: Picker) -> Outcome<Vec<usize>> {
        let fatal = |text: &str| Stop::fatal(None, Complaint::Text(text.as_bytes().to_vec()));
        // A signal finds the terminal as it was before it ends this program.
        let _keep = interruption::keep();
        let Some(raw) = Raw::take() else {
            return Err(fatal("--choose needs a terminal; --list names the goals"));
        };
        let (signal, resized) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let ends = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
        let mut hooks = Vec::new();
        // A signal that comes right before the wait must end it, too: each is also a byte to wait for.
        let Ok((woken, waker)) = interruption::pair() else { return Err(fatal("no pair of sockets")) };
        for number in ends {
            hooks
                .extend(signal_hook::flag::register_usize(number, Arc::clone(&signal), number as usize).ok());
            hooks.extend(waker.try_clone().and_then(|waker| pipe::register(number, waker)).ok());
        }
        hooks.extend(signal_hook::flag::register(libc::SIGWINCH, Arc::clone(&resized)).ok());
        hooks.extend(pipe::register(libc::SIGWINCH, waker).ok());
        caught_signals_changed();
        let style = Style::of_stderr(self.build.session.settings.own.color);
        let (mut drawn, mut bytes) = (0, Vec::new());
        draw(&mut picker, &mut drawn, style);
        let result = loop {
            let stdin = rustix::stdio::stdin();
            let patience = Timespec { tv_sec: 0, tv_nsec: SEQUENCE * 1_000_000 };
            let timeout = if bytes.is_empty() { None } else { Some(&patience) };
            let mut awaited = [PollFd::new(&stdin, PollFlags::IN), PollFd::new(&woken, PollFlags::IN)];
            let ready = poll(&mut awaited, timeout);
            let pressed = !awaited[0].revents().is_empty();
            let _ = (&woken).read(&mut [0u8; 64]);
            match signal.load(Ordering::Relaxed) {
                0 => {}
                number => break Err(Stop::Signal(number as i32)),
            }
            if resized.swap(false, Ordering::Relaxed) {
                draw(&mut picker, &mut drawn, style);
            }
            let is_all = match ready {
                Ok(0) => true,
                Ok(_) if !pressed => continue,
                Ok(_) => {
                    let mut buffer = [0u8; 64];
                    match rustix::io::read(stdin, &mut buffer) {
                        Ok(0) => break Err(Stop::Exit(2)),
                        Ok(length) => bytes.extend_from_slice(&buffer[..length]),
                        Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
                        Err(_) => break Err(Stop::Exit(2)),
                    }
                    false
                }
                Err(_) => continue,
            };
            let (pressed, length) = keys(&bytes, is_all);
            bytes.drain(..length);
            let next = pressed.into_iter().map(|key| picker.press(key)).find(|next| *next != Next::Go);
            match next {
                Some(Next::Taken(items)) => break Ok(items),
                Some(Next::GivenUp) => break Err(Stop::Exit(130)),
                Some(Next::Go) | None => draw(&mut picker, &mut drawn, style),
            }
        };
        let _ = std::io::stderr().write_all(erased(drawn).as_bytes());
        drop(raw);
        for hook in hooks {
            signal_hook::low_level::unregister(hook);
        }
        if let Err(Stop::Signal(number)) = result {
            // The handlers are gone, but what they replaced was not put back.
            let _ = signal_hook::low_level::emulate_default_handler(number);
        }
        result
    }

    /// Starts this program again with `goals`, and shows the words that do the same.
    fn run_instead(&mut self, goals: &[Vec<u8>]) -> Stop {
        let words = self.given.arguments.get(1..).unwrap_or_default();
        let arguments = arguments_for(words, goals, &["choose"]);
        if let Some(folder) = &self.folder_before
            && !self.build.session.settings.directories.is_empty()
            && std::env::set_current_dir(folder).is_err()
        {
            return Stop::fatal(None, Complaint::CannotReturn);
        }
        let argv0 = self.given.arguments.first().cloned().unwrap_or_default();
        let shown = quoted(
            &[std::slice::from_ref(&self.build.session.context.output.program), &arguments[..]].concat(),
        );
        // The program that takes this one's place announces the folder.
        self.build.session.context.output.announce = false;
        self.build.session.context.output.message(&[&shown[..], b"\n"].concat());
        let mut command = std::process::Command::new("/proc/self/exe");
        command.arg0(OsStr::from_bytes(&argv0)).args(arguments.iter().map(|word| OsStr::from_bytes(word)));
        let error = command.exec().raw_os_error().unwrap_or(libc::ENOENT);
        Stop::fatal(None, Complaint::System { what: argv0, error })
    }
}
