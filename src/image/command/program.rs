//! Finding the engine client in a command's words, behind `env`, `sudo`, `time` and the like. Knows no client's options.

use super::kinds::Client;
use super::text::Text;
use super::typed::Program;
use crate::base::Span;

/// A client found at the head of a command.
pub(super) struct Found<'w> {
    pub client: Client,
    pub program: Program,
    /// The word that names it.
    pub span: Span,
    /// What follows it.
    pub words: &'w [Text],
    /// What stood before it changes.
    pub prefix: Prefix,
}

/// What wrapping programs change for the command they run.
#[derive(Default)]
pub(super) struct Prefix {
    pub environment: Vec<(Vec<u8>, Text)>,
    pub elevated: bool,
    /// `env --chdir`
    pub directory: Option<Text>,
    /// Whether xargs adds operands that it reads.
    pub reads_operands: bool,
}

/// What a command's words call.
pub(super) enum Called<'w> {
    /// An engine client.
    Client(Found<'w>),
    /// A shell with a script as its argument: `sh -c '…'`.
    Script(&'w Text),
    /// A program, by its last path component; none where its name is not known.
    Other(Option<Vec<u8>>),
    /// Nothing: there is no word left.
    Nothing,
}

/// A program that runs the command that follows its own options.
struct Wrapper {
    name: &'static str,
    /// Short options that take a value as the next word or attached.
    shorts: &'static str,
    /// Long options that take the next word as value where they have no `=`.
    longs: &'static [&'static str],
    /// Options with which it runs nothing.
    runs_nothing: &'static str,
    /// Words of its own before the command.
    operands: usize,
    /// Whether `NAME=value` words may precede the command.
    assigns: bool,
}

const fn wrapper(name: &'static str, shorts: &'static str, longs: &'static [&'static str]) -> Wrapper {
    Wrapper { name, shorts, longs, runs_nothing: "", operands: 0, assigns: false }
}

/// The wrappers and their options (POSIX, coreutils, findutils, util-linux and sudo's manual pages).
const WRAPPERS: [Wrapper; 17] = [
    Wrapper { assigns: true, runs_nothing: "S", ..wrapper("env", "uC", &["unset", "chdir", "argv0"]) },
    Wrapper {
        assigns: true,
        runs_nothing: "elvKV",
        ..wrapper(
            "sudo",
            "ugpCrtThRDUac",
            &[
                "user",
                "group",
                "prompt",
                "close-from",
                "role",
                "type",
                "command-timeout",
                "host",
                "chroot",
                "chdir",
                "other-user",
            ],
        )
    },
    wrapper("doas", "uaC", &[]),
    Wrapper { runs_nothing: "vV", ..wrapper("command", "", &[]) },
    wrapper("builtin", "", &[]),
    wrapper("exec", "a", &[]),
    wrapper("time", "fo", &["format", "output"]),
    wrapper("nice", "n", &["adjustment"]),
    wrapper("ionice", "cnpPu", &["class", "classdata"]),
    wrapper("nohup", "", &[]),
    wrapper("setsid", "", &[]),
    wrapper("stdbuf", "ioe", &["input", "output", "error"]),
    Wrapper { operands: 1, ..wrapper("timeout", "sk", &["signal", "kill-after"]) },
    wrapper("winpty", "", &[]),
    wrapper("unbuffer", "", &[]),
    wrapper("chronic", "", &[]),
    wrapper(
        "xargs",
        "InPLdasE",
        &["max-args", "max-procs", "max-lines", "delimiter", "arg-file", "replace", "max-chars"],
    ),
];

fn base_name(path: &[u8]) -> &[u8] {
    let start = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
    path.get(start..).unwrap_or_default()
}

fn client_of(name: &[u8]) -> Option<(Client, Program)> {
    Some(match name.strip_suffix(b".exe").unwrap_or(name) {
        b"docker" => (Client::Docker, Program::Client),
        b"docker-compose" => (Client::Docker, Program::Compose),
        b"docker-buildx" => (Client::Docker, Program::Buildx),
        b"podman" | b"podman-remote" => (Client::Podman, Program::Client),
        b"podman-compose" => (Client::Podman, Program::Compose),
        b"nerdctl" | b"nerdctl.lima" => (Client::Nerdctl, Program::Client),
        b"buildah" => (Client::Buildah, Program::Client),
        _ => return None,
    })
}

/// What the words of a simple command call.
pub(super) fn called<'w>(mut words: &'w [Text]) -> Called<'w> {
    let mut prefix = Prefix::default();
    loop {
        let Some((first, rest)) = words.split_first() else { return Called::Nothing };
        let Some(path) = first.known() else { return Called::Other(None) };
        let name = base_name(path);
        if let Some((client, program)) = client_of(name) {
            return Called::Client(Found { client, program, span: first.span, words: rest, prefix });
        }
        if matches!(name, b"sh" | b"bash" | b"dash" | b"zsh" | b"ksh" | b"ash") {
            return script(rest).map_or_else(|| Called::Other(Some(name.to_vec())), Called::Script);
        }
        let wrapper = WRAPPERS.iter().find(|wrapper| wrapper.name.as_bytes() == name);
        let inner = wrapper.and_then(|wrapper| unwrap(wrapper, rest, &mut prefix));
        match inner {
            Some(inner) => words = inner,
            None => return Called::Other(Some(name.to_vec())),
        }
    }
}

/// The command that `wrapper` runs, its own words taken off; none where it runs none or that is not certain.
fn unwrap<'w>(wrapper: &Wrapper, words: &'w [Text], prefix: &mut Prefix) -> Option<&'w [Text]> {
    prefix.elevated |= matches!(wrapper.name, "sudo" | "doas");
    prefix.reads_operands |= wrapper.name == "xargs";
    let mut operands = wrapper.operands;
    let mut at = 0;
    let mut options_over = false;
    while let Some(word) = words.get(at) {
        let text = word.known();
        if !options_over && text == Some(b"--") {
            options_over = true;
            at += 1;
            continue;
        }
        if !options_over && let Some(option) = text.filter(|text| text.starts_with(b"-")) {
            let takes_next = option_takes_next(wrapper, option)?;
            if matches!(option, b"-C" | b"--chdir" | b"-D") && matches!(wrapper.name, "env" | "sudo") {
                prefix.directory = words.get(at + 1).cloned();
            } else if let Some(value) = option.strip_prefix(b"--chdir=") {
                prefix.directory = Some(word.skip(option.len() - value.len()));
            }
            at += 1 + usize::from(takes_next);
            continue;
        }
        if wrapper.assigns
            && let Some((name, value)) = word.split_at(b'=')
            && let Some(name) = name.known()
        {
            prefix.environment.push((name.to_vec(), value));
            (at, options_over) = (at + 1, true);
            continue;
        }
        if operands > 0 {
            (at, operands, options_over) = (at + 1, operands - 1, true);
            continue;
        }
        // An unknown word here may be options, the command, or nothing.
        return match text {
            Some(_) => words.get(at..),
            None => None,
        };
    }
    None
}

/// Whether the word after `option` is its value; none where with it the wrapper runs no command.
fn option_takes_next(wrapper: &Wrapper, option: &[u8]) -> Option<bool> {
    if let Some(long) = option.strip_prefix(b"--") {
        return Some(wrapper.longs.iter().any(|name| name.as_bytes() == long));
    }
    for (index, letter) in option.iter().enumerate().skip(1) {
        if wrapper.runs_nothing.as_bytes().contains(letter) {
            return None;
        }
        if wrapper.shorts.as_bytes().contains(letter) {
            return Some(index + 1 == option.len());
        }
    }
    Some(false)
}

/// The script of `sh -c SCRIPT`.
fn script(words: &[Text]) -> Option<&Text> {
    let mut words = words.iter();
    loop {
        let word = words.next()?.known()?;
        let options = word.strip_prefix(b"-")?;
        if options.starts_with(b"-") {
            continue;
        }
        let takes_next = options.contains(&b'o');
        if options.contains(&b'c') {
            return words.next();
        }
        if takes_next {
            words.next();
        }
    }
}
