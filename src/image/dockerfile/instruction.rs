//! What an instruction says, as data: words as written, before any variable is expanded. Knows nothing of how the text
//! was read, nor of stages.

use super::error::ExpansionFault;
use super::expand::{self, Mode};
use crate::base::Span;

/// A word as written, and its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The bytes: of the source, or what an exec form's string means.
    pub bytes: Vec<u8>,
    /// The place in the Dockerfile.
    pub span: Span,
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// From the keyword to the end of the last line, heredocs included.
    pub span: Span,
    /// The keyword.
    pub keyword: Span,
    /// The joined line, as BuildKit's history shows it.
    pub line: Vec<u8>,
    /// What it says.
    pub kind: Kind,
}

/// The instructions there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ADD.
    Add(Copy),
    /// ARG: names with or without a default.
    Arg(Vec<Pair>),
    /// CMD.
    Cmd(CommandLine),
    /// COPY.
    Copy(Copy),
    /// ENTRYPOINT.
    Entrypoint(CommandLine),
    /// ENV.
    Env(Vec<Pair>),
    /// EXPOSE.
    Expose(Vec<Text>),
    /// FROM.
    From(From),
    /// HEALTHCHECK.
    Healthcheck(Healthcheck),
    /// LABEL.
    Label(Vec<Pair>),
    /// MAINTAINER.
    Maintainer(Text),
    /// ONBUILD.
    Onbuild(Onbuild),
    /// RUN.
    Run(Run),
    /// SHELL.
    Shell(Vec<Text>),
    /// STOPSIGNAL.
    StopSignal(Text),
    /// USER.
    User(Text),
    /// VOLUME.
    Volume(Vec<Text>),
    /// WORKDIR.
    Workdir(Text),
}

impl Kind {
    /// The instruction's name.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Add(_) => "ADD",
            Kind::Arg(_) => "ARG",
            Kind::Cmd(_) => "CMD",
            Kind::Copy(_) => "COPY",
            Kind::Entrypoint(_) => "ENTRYPOINT",
            Kind::Env(_) => "ENV",
            Kind::Expose(_) => "EXPOSE",
            Kind::From(_) => "FROM",
            Kind::Healthcheck(_) => "HEALTHCHECK",
            Kind::Label(_) => "LABEL",
            Kind::Maintainer(_) => "MAINTAINER",
            Kind::Onbuild(_) => "ONBUILD",
            Kind::Run(_) => "RUN",
            Kind::Shell(_) => "SHELL",
            Kind::StopSignal(_) => "STOPSIGNAL",
            Kind::User(_) => "USER",
            Kind::Volume(_) => "VOLUME",
            Kind::Workdir(_) => "WORKDIR",
        }
    }
}

/// All instruction names.
pub const INSTRUCTIONS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The name.
    pub name: Text,
    /// The value, quotes and all; nothing for an ARG without default.
    pub value: Option<Text>,
}

/// FROM's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct From {
    /// The stage or image that the stage starts from.
    pub base: Text,
    /// The stage's name, in lower case.
    pub name: Option<Text>,
    /// The value of `--platform`.
    pub platform: Option<Text>,
}

/// A command line in shell form or exec form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandLine {
    /// One text for the shell.
    Shell(Text),
    /// The words of a JSON array.
    Exec(Vec<Text>),
}

/// RUN's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What is run.
    pub command: CommandLine,
    /// The mounts in order.
    pub mounts: Vec<Mount>,
    /// The value of `--network`.
    pub network: Option<Text>,
    /// The value of `--security`.
    pub security: Option<Text>,
    /// The values of `--device`.
    pub devices: Vec<Text>,
    /// The heredocs in order.
    pub heredocs: Vec<Heredoc>,
}

/// A `--mount` of RUN: keys and values as written, before any variable is expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The value of the flag.
    pub span: Span,
    /// Keys in lower case, with their values.
    pub fields: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Mount {
    /// The last value written for one of `keys`.
    pub fn get(&self, keys: &[&[u8]]) -> Option<&[u8]> {
        let field = self.fields.iter().rev().find(|(key, _)| keys.contains(&key.as_slice()));
        field.and_then(|(_, value)| value.as_deref())
    }

    /// The stage or image that the mount reads from; the empty text counts as none.
    pub fn from(&self) -> Option<&[u8]> {
        self.get(&[b"from"]).filter(|from| !from.is_empty())
    }

    /// The type as written: `bind` where there is none.
    pub fn kind(&self) -> &[u8] {
        self.get(&[b"type"]).unwrap_or(b"bind")
    }

    /// The source as written.
    pub fn source(&self) -> Option<&[u8]> {
        self.get(&[b"source", b"src"])
    }
}

/// COPY's and ADD's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copy {
    /// Sources that are paths, URLs or repositories, in order.
    pub sources: Vec<Text>,
    /// Sources that are heredocs, in order.
    pub inline: Vec<Heredoc>,
    /// The destination.
    pub destination: Text,
    /// COPY's `--from`.
    pub from: Option<Text>,
    /// `--chown`.
    pub chown: Option<Text>,
    /// `--chmod`.
    pub chmod: Option<Text>,
    /// `--link`.
    pub link: bool,
    /// COPY's `--parents`.
    pub parents: bool,
    /// The values of `--exclude`.
    pub excludes: Vec<Text>,
    /// ADD's `--checksum`.
    pub checksum: Option<Text>,
    /// ADD's `--keep-git-dir`, where it is given.
    pub keep_git_dir: Option<bool>,
    /// ADD's `--unpack`, where it is given.
    pub unpack: Option<bool>,
}

/// HEALTHCHECK's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Healthcheck {
    /// NONE.
    None,
    /// CMD.
    Cmd {
        /// What is run.
        command: CommandLine,
        /// The flags as written: interval, timeout, start-period, start-interval, retries.
        options: Vec<(Vec<u8>, Text)>,
    },
}

/// ONBUILD's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onbuild {
    /// The trigger's keyword.
    pub trigger: Text,
    /// The trigger as the image's config keeps it: one line, its heredocs behind it.
    pub expression: Vec<u8>,
}

/// A heredoc: its word and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heredoc {
    /// The terminator.
    pub name: Vec<u8>,
    /// Whether variables in the body are expanded: not where the word is quoted.
    pub expand: bool,
    /// Whether leading tabs are taken from the body (`<<-`).
    pub chomp: bool,
    /// The body's place.
    pub span: Span,
    /// The body as written.
    pub body: Vec<u8>,
}

/// A heredoc word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeredocWord {
    /// The terminator.
    pub name: Vec<u8>,
    /// Whether variables in the body are expanded.
    pub expand: bool,
    /// Whether tabs before the terminator are allowed.
    pub chomp: bool,
}

/// The mode in which BuildKit looks for heredocs: always with the backslash as escape.
fn heredoc_mode() -> Mode {
    Mode { raw_quotes: true, raw_escapes: true, skip_unset: true, ..Mode::words(b'\\') }
}

/// The heredoc that `word` asks for, where it is `<<NAME`, `3<<-'NAME'` or the like (BuildKit's `ParseHeredoc`).
pub fn heredoc_word(word: &[u8]) -> Option<HeredocWord> {
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = word[digits..].strip_prefix(b"<<")?;
    let (chomp, rest) = match rest.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let blank = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ');
    let rest = &rest[rest.iter().take_while(|byte| blank(byte)).count()..];
    if rest.is_empty() || rest.contains(&b'<') {
        return None;
    }
    let mode = Mode { skip_unset: true, ..Mode::words(b'\\') };
    let words = expand::split(rest, mode).ok()?;
    let raw_mode = Mode { raw_quotes: true, ..mode };
    let raw = expand::split(rest, raw_mode).ok()?;
    let ([name], [raw]) = (words.as_slice(), raw.as_slice()) else { return None };
    let quotes = |text: &[u8]| text.iter().filter(|&&byte| byte == b'\'' || byte == b'"').count();
    Some(HeredocWord { name: name.clone(), expand: quotes(name) == quotes(raw), chomp })
}

/// The heredocs that a line asks for, in order. A line whose quotes do not balance asks for none (BuildKit's
/// `heredocsFromLine`).
///
/// # Errors
/// The line goes beyond a bound of imk's own: whether it asks for any is not known.
pub fn heredoc_words(line: &[u8]) -> Result<Vec<HeredocWord>, ExpansionFault> {
    if memchr::memmem::find(line, b"<<").is_none() {
        return Ok(Vec::new());
    }
    let words = match expand::split(line, heredoc_mode()) {
        Err(fault @ ExpansionFault::Beyond(_)) => return Err(fault),
        words => words.unwrap_or_default(),
    };
    Ok(words.iter().filter_map(|word| heredoc_word(word)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &[u8]) -> Vec<Vec<u8>> {
        heredoc_words(line).unwrap().into_iter().map(|word| word.name).collect()
    }

    #[test]
    fn heredocs_are_found_anywhere_in_the_line() {
        assert_eq!(names(b"RUN cat <<EOF > a; cat 3<<-'E F' >b"), vec![b"EOF".to_vec(), b"E F".to_vec()]);
        assert_eq!(names(b"RUN << EOF"), vec![b"EOF".to_vec()]);
        assert!(names(b"RUN a<<b").is_empty());
        assert!(names(b"RUN cat <<<word").is_empty());
        assert!(names(b"RUN echo it's <<EOF").is_empty());
        assert!(names(b"RUN echo '<<EOF'").is_empty());
        assert!(
            names(b"RUN echo $((1 << 2))").is_empty() || names(b"RUN echo $((1 << 2))") == [b"2))".to_vec()]
        );
        let word = heredoc_word(b"<<\"X\"");
        assert_eq!(word, Some(HeredocWord { name: b"X".to_vec(), expand: false, chomp: false }));
    }

    #[test]
    fn heredocs_are_found_behind_what_is_given_back_as_it_stands() {
        // No modifier is judged before the variable is found to be unset, but for `:#` and `:%`; and the shell's own parameters.
        let rows = [
            r"${V:-x} | ${V:+x} | ${V:?x} | ${V:=x} | ${V:1:2} | ${V: -1} | ${V:}} | ${V:/a} | ${V::x}",
            r"${V:é} | ${V-x} | ${V+x} | ${V?x} | ${V#x} | ${V##x} | ${V%x} | ${V%%x} | ${V#\}} | ${V:=\}}",
            r"${V/x/y} | ${V//x/y} | ${V/x/} | ${V/#x/y} | ${V:=${W:1}} | ${V:=${W/a/b}} | ${V} | ${+x}",
            r"${/x/y} | $1 | ${1} | $@ | ${@} | ${@:1} | ${*:1:2} | $* | $# | ${#} | $? | ${?} | $- | ${-}",
            r"$$ | ${$} | $! | ${!} | ${!:-x} | ${#:-x} | $0 | ${0##x} | $12x | ${12:1} | $ | $. | $(id)",
            r"$((1+2))",
        ];
        for before in rows.iter().flat_map(|row| row.split(" | ")) {
            for line in [format!("RUN a {before} <<E"), format!("RUN a=\"{before}\" b <<E")] {
                assert_eq!(names(line.as_bytes()), [b"E".to_vec()], "{line}");
            }
        }
    }

    #[test]
    fn what_the_lexer_refuses_hides_heredocs() {
        let rows = [
            r"${V:#x} | ${V:%x} | ${V:%%x} | ${V^} | ${V^^} | ${V,} | ${V,,} | ${V@Q} | ${V=x} | ${#V}",
            r"${!V} | ${!V*} | ${V[0]} | ${V[@]:1} | ${1x} | ${@x} | ${V x} | ${ V} | ${} | ${:x} | ${{V}",
            r"${V:} | ${V:=x | ${V: | ${V | ${ | ${V/x} | ${V/x/y | ${V:=${W^}}",
        ];
        for before in rows.iter().flat_map(|row| row.split(" | ")) {
            for line in [format!("RUN a {before} <<E"), format!("RUN a=\"{before}\" b <<E")] {
                assert!(names(line.as_bytes()).is_empty(), "{line}");
            }
        }
    }

    #[test]
    fn words_within_a_substitution_can_be_heredocs() {
        // What is given back is split at white space, and what stood before it in the word is gone.
        assert_eq!(names(b"RUN a <<E${V:=x} b"), Vec::<Vec<u8>>::new());
        assert_eq!(names(b"RUN a ${V:= <<E} b"), [b"E}".to_vec()]);
        assert_eq!(names(b"RUN a \"${V:= <<E}\" <<F"), [b"F".to_vec()]);
        assert_eq!(names(b"RUN a <<$V <<${W} <<$1"), [b"$V".to_vec(), b"${W}".to_vec(), b"$1".to_vec()]);
        assert_eq!(names(b"RUN a ${V:} } <<E"), [b"E".to_vec()]);
    }
}
