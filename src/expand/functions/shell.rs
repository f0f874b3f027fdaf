//! `$(shell)` and `!=`: a command's output as text (manual, "The shell Function"). Knows nothing of recipes.

use crate::base::diagnostic::{Complaint, Outcome, Stop};
use crate::base::events::Phase;
use crate::expand::command_line::{self, Shell};
use crate::expand::context::Host;
use crate::expand::environment::environment;
use crate::expand::variables::{Definition, Origin};
use crate::os::children::{self, Streams};
use crate::os::interruption;
use std::os::fd::AsFd;

pub fn call<H: Host>(host: &mut H, command: &[u8], out: &mut Vec<u8>) -> Outcome {
    let text = run(host, command, true)?;
    out.extend_from_slice(&text);
    Ok(())
}

/// Records how a command ended in `.SHELLSTATUS`: for the target or the function call whose variables are looked up, as GNU
/// make does, and globally where there is none.
pub fn status<H: Host>(host: &mut H, code: i32) {
    let context = host.context();
    let value = code.to_string();
    let definition =
        Definition { value: value.as_bytes(), origin: Origin::Override, recursive: false, place: None };
    let set = context.variables.current_set();
    context.variables.define(&context.names, set, context.common.shell_status, &definition);
}

/// Runs `command` and returns its output with newlines as spaces; all final newlines are dropped, or only one.
pub fn run<H: Host>(host: &mut H, command: &[u8], drop_all: bool) -> Outcome<Vec<u8>> {
    host.context().events.phase_started(Phase::Shell, command);
    let text = output_of(host, command, drop_all);
    host.context().events.phase_ended(Phase::Shell);
    text
}

fn output_of<H: Host>(host: &mut H, command: &[u8], drop_all: bool) -> Outcome<Vec<u8>> {
    if let Some(seen) = &mut host.context().seen {
        seen.commands.push(command.to_vec());
    }
    let shell = Shell::of(host, None, false)?;
    let Some(arguments) = command_line::command(command, &shell, false).arguments else {
        return Ok(Vec::new());
    };
    let environment = environment(host, None, false)?;
    let context = host.context();
    // What was said before must be seen before what the command says.
    context.output.begin();
    context.output.flush();
    let (mut reader, writer) = match std::io::pipe() {
        Ok(ends) => ends,
        Err(error) => {
            let (what, error) = (b"pipe".to_vec(), error.raw_os_error().unwrap_or(0));
            context.complain(context.reading, &Complaint::System { what, error });
            status(host, 127);
            return Ok(Vec::new());
        }
    };
    let current = context.output.current.take();
    let routed = context.output.route(current.as_ref(), None);
    context.output.current = current;
    let capture = context.output.current.as_ref().map(|capture| capture.streams().1);
    let stderr = routed.stderr.as_ref().map(|end| end.as_fd()).or(capture.flatten());
    let streams = Streams { stdin: None, stdout: Some(writer.as_fd()), stderr };
    let pid = match children::start(&arguments, &environment, streams) {
        Ok(pid) => pid,
        Err(error) => {
            let name = arguments.first().cloned().unwrap_or_default();
            let place = None;
            context.complain(place, &Complaint::System { what: name, error });
            status(host, 127);
            return Ok(Vec::new());
        }
    };
    drop((writer, routed.stdout, routed.stderr));
    let mut text = Vec::new();
    let read = interruption::read_to_end_of(&mut reader, &mut text);
    // GNU make ends in its handler here: the command is left to itself, and what it said so far is nobody's.
    if let Some(signal) = interruption::untaken() {
        context.output.close(routed.streams);
        return Err(Stop::Signal(signal));
    }
    if let Err(error) = read {
        let (what, error) = (b"read".to_vec(), error.raw_os_error().unwrap_or(0));
        context.complain(context.reading, &Complaint::System { what, error });
    }
    drop(reader);
    let ended = children::wait_for(pid);
    let context = host.context();
    context.output.close(routed.streams);
    let Some(ended) = ended else {
        return Err(Stop::Signal(interruption::untaken().unwrap_or(libc::SIGTERM)));
    };
    status(host, if ended.code == 0 && ended.signal > 0 { 128 + ended.signal } else { ended.code });
    host.context().folders.changed();
    fold(&mut text, drop_all);
    Ok(text)
}

/// Newlines to spaces; carriage returns before them are dropped.
fn fold(text: &mut Vec<u8>, drop_all: bool) {
    if let Some(nul) = memchr::memchr(0, text) {
        text.truncate(nul);
    }
    let mut folded = Vec::with_capacity(text.len());
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'\r' if text.get(at + 1) == Some(&b'\n') => {}
            b'\n' => folded.push(b'\n'),
            _ => folded.push(byte),
        }
    }
    if drop_all {
        while folded.last() == Some(&b'\n') {
            folded.pop();
        }
    } else if folded.last() == Some(&b'\n') {
        folded.pop();
    }
    for byte in &mut folded {
        if *byte == b'\n' {
            *byte = b' ';
        }
    }
    *text = folded;
}
