//! One command line to the arguments of a process: without a shell where the line is plain, else through the shell (manual,
//! "Recipe Execution", "Choosing the Shell"). Knows nothing of targets.

use crate::base::diagnostic::Outcome;
use crate::expand::context::Host;
use crate::expand::evaluate::expand_text;
use crate::expand::variables::{Origin, ScopeId};
use crate::os::words::{is_blank, is_space};
use std::rc::Rc;

/// The shell that is used where none is named.
pub const DEFAULT_SHELL: &[u8] = b"/bin/sh";

/// Characters that only a shell understands.
const SHELL_CHARACTERS: &[u8] = b"#;\"*?[]&|<>(){}$`^~!";

/// Whether a word of a plain command line may hold the byte: the others only a shell understands.
const PLAIN: [bool; 256] = {
    let mut table = [true; 256];
    let mut at = 0;
    while at < SHELL_CHARACTERS.len() {
        table[SHELL_CHARACTERS[at] as usize] = false;
        at += 1;
    }
    table
};

/// Whether `word` is a command that only a shell has.
fn is_shell_command(word: &[u8]) -> bool {
    matches!(
        word,
        b"." | b":"
            | b"alias"
            | b"bg"
            | b"break"
            | b"case"
            | b"cd"
            | b"command"
            | b"continue"
            | b"eval"
            | b"exec"
            | b"exit"
            | b"export"
            | b"fc"
            | b"fg"
            | b"for"
            | b"getopts"
            | b"hash"
            | b"if"
            | b"jobs"
            | b"login"
            | b"logout"
            | b"read"
            | b"readonly"
            | b"return"
            | b"set"
            | b"shift"
            | b"test"
            | b"times"
            | b"trap"
            | b"type"
            | b"ulimit"
            | b"umask"
            | b"unalias"
            | b"unset"
            | b"wait"
            | b"while"
    )
}

/// How commands are run: the shell, its flags, and what splits words.
pub struct Shell {
    /// `$(SHELL)`
    pub program: Rc<Vec<u8>>,
    /// `$(.SHELLFLAGS)`
    pub flags: Rc<Vec<u8>>,
    /// Whether `$(IFS)` has only what splits words anyway.
    pub splits_at_blanks: bool,
    /// Whether a whole recipe is one command (`.ONESHELL`).
    pub one_shell: bool,
}

impl Shell {
    /// The shell as variables say in `scope`; `forgiving` tells that the command's errors are ignored.
    pub fn of<H: Host>(host: &mut H, scope: Option<ScopeId>, forgiving: bool) -> Outcome<Shell> {
        let context = host.context();
        let warn = std::mem::replace(&mut context.warn_undefined, false);
        let saved = context.variables.current;
        if let Some(scope) = scope {
            context.variables.current = scope;
        }
        let result = Self::expanded(host, forgiving);
        let context = host.context();
        context.warn_undefined = warn;
        context.variables.current = saved;
        result
    }

    fn expanded<H: Host>(host: &mut H, forgiving: bool) -> Outcome<Shell> {
        let context = host.context();
        let (posix, one_shell) = (context.posix, context.one_shell);
        let shell = context.common.shell;
        let program = match context.lookup(shell).map(|id| context.variables.get(id)) {
            Some(variable) if !variable.recursive || (!variable.append && is_literal(&variable.value)) => {
                Rc::clone(&variable.value)
            }
            _ => Rc::new(expand_text(host, b"$(SHELL)")?),
        };
        let context = host.context();
        let flags = context.common.shell_flags;
        let flags = match context.lookup(flags).map(|id| context.variables.get(id)) {
            None => Rc::default(),
            Some(variable) if posix && variable.origin == Origin::Default => {
                Rc::new(if forgiving { b"-c".to_vec() } else { b"-ec".to_vec() })
            }
            Some(variable) => {
                let value = Rc::clone(&variable.value);
                if is_literal(&value) { value } else { Rc::new(expand_text(host, &value)?) }
            }
        };
        let context = host.context();
        let ifs = context.common.ifs;
        let splits_at_blanks = context.lookup(ifs).is_none()
            || expand_text(host, b"$(IFS)")?.iter().all(|&byte| matches!(byte, b' ' | b'\t' | b'\n'));
        Ok(Shell { program, flags, splits_at_blanks, one_shell })
    }
}

/// Whether the expansion of `text` is `text`.
fn is_literal(text: &[u8]) -> bool {
    memchr::memchr(b'$', text).is_none()
}

/// Whether the program at `path` is a shell of the Bourne family.
pub fn is_bourne_shell(path: &[u8]) -> bool {
    let name = &path[memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1)..];
    matches!(name, b"sh" | b"bash" | b"dash" | b"ksh" | b"rksh" | b"zsh" | b"ash")
}

enum Plain {
    Words(Vec<Vec<u8>>),
    Empty,
    NeedsShell,
}

/// A line as a process is started for it.
#[derive(Default)]
pub struct Command {
    /// The arguments; none where the line is empty.
    pub arguments: Option<Vec<Vec<u8>>>,
    /// The offset of the newline that ended the line.
    pub end: Option<usize>,
    /// Whether the line goes to a shell.
    pub by_shell: bool,
}

/// The command in the first line of `line`. Where `stop_at_newline` is not set a newline is text like any other.
pub fn command(line: &[u8], shell: &Shell, stop_at_newline: bool) -> Command {
    let blanks = line.iter().take_while(|&&byte| is_blank(byte)).count();
    if blanks == line.len() {
        return Command::default();
    }
    let text = &line[blanks..];
    let plain_shell = *shell.program == DEFAULT_SHELL
        && shell.splits_at_blanks
        && matches!(shell.flags.as_slice(), b"-c" | b"-ec");
    if plain_shell {
        let (plain, rest) = split(text, shell.one_shell, stop_at_newline);
        let end = rest.map(|at| at + blanks);
        match plain {
            Plain::Words(words) => return Command { arguments: Some(words), end, by_shell: false },
            Plain::Empty => return Command { arguments: None, end, by_shell: false },
            Plain::NeedsShell => {}
        }
    }
    let (arguments, end) = through_shell(text, blanks, shell, plain_shell, stop_at_newline);
    Command { arguments, end, by_shell: true }
}

fn through_shell(
    text: &[u8],
    offset: usize,
    shell: &Shell,
    plain_shell: bool,
    stop_at_newline: bool,
) -> (Option<Vec<Vec<u8>>>, Option<usize>) {
    let (command, rest) = if shell.one_shell {
        let command = if is_bourne_shell(&shell.program) { without_prefixes(text) } else { text.to_vec() };
        (command, None)
    } else {
        let end = if stop_at_newline { unescaped_newline(text) } else { None };
        (text[..end.unwrap_or(text.len())].to_vec(), end.map(|at| at + offset))
    };
    if command.is_empty() && !shell.one_shell {
        return (None, rest);
    }
    if shell.one_shell {
        let mut words = vec![shell.program.to_vec()];
        if let (Plain::Words(flags), _) = split(&shell.flags, false, false) {
            words.extend(flags);
        }
        words.push(command);
        return (Some(words), rest);
    }
    if plain_shell {
        return (Some(vec![shell.program.to_vec(), shell.flags.to_vec(), command]), rest);
    }
    let mut head = Vec::with_capacity(shell.program.len() + shell.flags.len() + 2);
    for &byte in shell.program.iter() {
        if SHELL_CHARACTERS.contains(&byte) {
            head.push(b'\\');
        }
        head.push(byte);
    }
    head.push(b' ');
    head.extend_from_slice(&shell.flags);
    // Where `SHELL` is empty, the first flag is the program.
    head.drain(..head.iter().take_while(|&&byte| is_blank(byte)).count());
    let mut words = match split(&head, false, false).0 {
        Plain::Words(words) => words,
        Plain::Empty => Vec::new(),
        Plain::NeedsShell => {
            // The shell's own name or flags need a shell to be read.
            head.push(b' ');
            for &byte in &command {
                if is_space(byte) || matches!(byte, b'\\' | b'\'') || SHELL_CHARACTERS.contains(&byte) {
                    head.push(b'\\');
                }
                head.push(byte);
            }
            return (Some(vec![DEFAULT_SHELL.to_vec(), b"-c".to_vec(), head]), rest);
        }
    };
    words.push(command);
    (Some(words), rest)
}

/// The first newline that no backslash quotes.
fn unescaped_newline(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let newline = at + memchr::memchr(b'\n', &text[at..])?;
        let mut start = newline;
        // A backslash joins the newline, however many stand before it: pairs were read from the left.
        let mut joined = false;
        while start > at && text[start - 1] == b'\\' {
            start -= 1;
            joined = true;
        }
        if !joined {
            return Some(newline);
        }
        at = newline + 1;
    }
}

/// A recipe of `.ONESHELL` without the prefixes `@`, `-` and `+` of its lines.
fn without_prefixes(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        while at < text.len() && (is_blank(text[at]) || matches!(text[at], b'-' | b'@' | b'+')) {
            at += 1;
        }
        let mut escaped = false;
        while at < text.len() {
            let byte = text[at];
            out.push(byte);
            at += 1;
            if byte == b'\\' {
                escaped = !escaped;
            } else {
                if byte == b'\n' && !escaped {
                    break;
                }
                escaped = false;
            }
        }
    }
    out
}

/// Splits a line that needs no shell into words; the second value is where a newline ended it.
fn split(line: &[u8], one_shell: bool, stop_at_newline: bool) -> (Plain, Option<usize>) {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut word: Vec<u8> = Vec::new();
    let (mut in_quotes, mut has_equals, mut seen_plain, mut was_empty) = (false, false, false, false);
    let mut rest = None;
    let mut at = 0;
    while at < line.len() {
        let byte = line[at];
        let next = line.get(at + 1).copied();
        if in_quotes {
            match byte {
                b'\'' => {
                    in_quotes = false;
                    was_empty |= word.is_empty();
                }
                b'\\' if next == Some(b'\n') => {
                    word.extend_from_slice(b"\\\n");
                    at += 1;
                }
                b'\n' if stop_at_newline => {
                    rest = Some(at);
                    break;
                }
                _ => word.push(byte),
            }
        } else if !PLAIN[byte as usize] || (one_shell && byte == b'\n') {
            return (Plain::NeedsShell, None);
        } else {
            match byte {
                b'=' => {
                    if !seen_plain {
                        return (Plain::NeedsShell, None);
                    }
                    has_equals = true;
                    word.push(b'=');
                }
                b'\\' => match next {
                    Some(b'\n') => {
                        at += 1;
                        if word.is_empty() {
                            while line.get(at + 1).is_some_and(|&byte| is_blank(byte)) {
                                at += 1;
                            }
                        }
                    }
                    Some(next) => {
                        word.push(next);
                        at += 1;
                    }
                    None => {}
                },
                b'\'' => in_quotes = true,
                b'\n' if stop_at_newline => {
                    rest = Some(at);
                    break;
                }
                b' ' | b'\t' => {
                    words.push(std::mem::take(&mut word));
                    was_empty = false;
                    seen_plain |= !has_equals;
                    if has_equals && !seen_plain {
                        return (Plain::NeedsShell, None);
                    }
                    has_equals = false;
                    if words.len() == 1 && is_shell_command(&words[0]) {
                        return (Plain::NeedsShell, None);
                    }
                    while line.get(at + 1).is_some_and(|&byte| is_blank(byte)) {
                        at += 1;
                    }
                }
                _ => word.push(byte),
            }
        }
        at += 1;
    }
    if in_quotes {
        return (Plain::NeedsShell, None);
    }
    if !word.is_empty() || was_empty {
        words.push(word);
    }
    if words.len() == 1 && is_shell_command(&words[0]) {
        return (Plain::NeedsShell, None);
    }
    (if words.is_empty() { Plain::Empty } else { Plain::Words(words) }, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Vec<String> {
        let shell = Shell {
            program: b"/bin/sh".to_vec().into(),
            flags: b"-c".to_vec().into(),
            splits_at_blanks: true,
            one_shell: false,
        };
        let words = command(line.as_bytes(), &shell, true).arguments.unwrap_or_default();
        words.into_iter().map(|word| String::from_utf8(word).unwrap()).collect()
    }

    #[test]
    fn plain_lines_need_no_shell() {
        assert_eq!(run("gcc -o 'a b'  c\\ d"), ["gcc", "-o", "a b", "c d"]);
        assert_eq!(run("cd x"), ["/bin/sh", "-c", "cd x"]);
        assert_eq!(run("echo a; b"), ["/bin/sh", "-c", "echo a; b"]);
        assert_eq!(run("A=b c"), ["/bin/sh", "-c", "A=b c"]);
        assert_eq!(run("env A=b c"), ["env", "A=b", "c"]);
        assert_eq!(run("  "), Vec::<String>::new());
        assert_eq!(run("a ''"), ["a", ""]);
        assert_eq!(run("echo \"a\" \\\n  b\nc"), ["/bin/sh", "-c", "echo \"a\" \\\n  b"]);
    }
}
