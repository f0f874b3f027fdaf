//! The normal form of an instruction: what BuildKit makes of it, without what its cache overlooks: comments, the breaking
//! of lines, the case of keywords, blanks between words. Knows nothing of files.

use super::codec::{Digest, Writer};
use crate::base::tables::HashSet;
use crate::image::dockerfile::{Copy, Heredoc, Instruction, Kind, Stage, Text, runes};

/// Which of a stage's instructions change only what an image says of itself, and nothing in its files: in a stage whose files alone
/// count. `is_base` tells whether another stage starts from it.
pub(super) fn leave_files_alone(stage: &[Instruction], is_base: bool) -> Vec<bool> {
    let mut after = After::default();
    let mut out: Vec<bool> = Vec::with_capacity(stage.len());
    for instruction in stage.iter().rev() {
        out.push(leaves_files_alone(instruction, &after, is_base));
        after.add(instruction);
    }
    out.reverse();
    out
}

fn leaves_files_alone(instruction: &Instruction, after: &After<'_>, is_base: bool) -> bool {
    match &instruction.kind {
        Kind::Cmd(_)
        | Kind::Entrypoint(_)
        | Kind::Expose(_)
        | Kind::Healthcheck(_)
        | Kind::Label(_)
        | Kind::Maintainer(_)
        | Kind::StopSignal(_) => true,
        Kind::Onbuild(_) => !is_base,
        Kind::Env(pairs) => !is_base && !pairs.iter().any(|pair| after.may_see(&pair.name.bytes)),
        _ => false,
    }
}

/// The instructions of a stage behind some place, as far as variables go.
#[derive(Default)]
struct After<'s> {
    /// Whether one sees all variables.
    all: bool,
    /// Whatever may be a variable's name in the others' lines.
    words: HashSet<&'s [u8]>,
}

impl<'s> After<'s> {
    fn add(&mut self, instruction: &'s Instruction) {
        match &instruction.kind {
            // Commands see all of them, and bodies of here-documents are not in the line.
            Kind::Run(_) => self.all = true,
            Kind::Copy(copy) | Kind::Add(copy) if !copy.inline.is_empty() => self.all = true,
            // An escape of a string in JSON may stand for any letter of a name.
            _ if instruction.line.contains(&b'[') && instruction.line.contains(&b'\\') => self.all = true,
            _ => {
                for word in instruction.line.split(|&byte| !is_word(byte)).filter(|word| !word.is_empty()) {
                    self.words.insert(word);
                    // A name that begins with a digit ends with the digits.
                    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
                    self.words.insert(&word[..digits]);
                }
            }
        }
    }

    /// Whether one of them may come to something else with another value of `name`. A name that is no plain word, a pattern of
    /// variables among them, any may hold.
    fn may_see(&self, name: &[u8]) -> bool {
        self.all || !name.iter().copied().all(is_word) || self.words.contains(name)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Digest of a stage's FROM.
pub(super) fn of_from(stage: &Stage) -> Digest {
    let from = &stage.from;
    let mut to = Writer::default();
    to.bytes(b"FROM");
    to.bytes(&from.base.bytes);
    to.option(from.name.as_ref().map(|name| &name.bytes[..]));
    to.option(from.platform.as_ref().map(|platform| &platform.bytes[..]));
    Digest::of(&to.out)
}

/// Digest of an instruction other than FROM.
pub(super) fn of_instruction(instruction: &Instruction) -> Digest {
    let mut to = Writer::default();
    to.bytes(instruction.kind.name().as_bytes());
    match &instruction.kind {
        // The values, defaults among them, count as arguments.
        Kind::Arg(pairs) => pairs.iter().for_each(|pair| to.bytes(&pair.name.bytes)),
        Kind::Copy(copy) | Kind::Add(copy) => of_copy(copy, &mut to),
        Kind::Onbuild(onbuild) => to.bytes(&onbuild.expression),
        Kind::Run(run) => {
            to.bytes(rest(&instruction.line));
            heredocs(&run.heredocs, &mut to);
        }
        _ => to.bytes(rest(&instruction.line)),
    }
    Digest::of(&to.out)
}

/// The line without its keyword.
fn rest(line: &[u8]) -> &[u8] {
    let line = runes::trim(line);
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    runes::trim(&line[end..])
}

fn of_copy(copy: &Copy, to: &mut Writer) {
    // Named one by one, so that a new field can't be forgotten here.
    let Copy {
        sources,
        inline,
        destination,
        from,
        chown,
        chmod,
        link,
        parents,
        excludes,
        checksum,
        keep_git_dir,
        unpack,
    } = copy;
    let list = |to: &mut Writer, texts: &[Text]| {
        to.small(texts.len() as u64);
        texts.iter().for_each(|text| to.bytes(&text.bytes));
    };
    list(to, sources);
    heredocs(inline, to);
    to.bytes(&destination.bytes);
    for text in [from, chown, chmod, checksum] {
        to.option(text.as_ref().map(|text| &text.bytes[..]));
    }
    list(to, excludes);
    to.out.extend([u8::from(*link), u8::from(*parents)]);
    for flag in [keep_git_dir, unpack] {
        to.out.push(flag.map_or(2, u8::from));
    }
}

fn heredocs(list: &[Heredoc], to: &mut Writer) {
    to.small(list.len() as u64);
    for heredoc in list {
        to.bytes(&heredoc.name);
        to.bytes(&heredoc.body);
        to.out.extend([u8::from(heredoc.expand), u8::from(heredoc.chomp)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::dockerfile::parse;

    fn digests(text: &str) -> Vec<Digest> {
        let file = parse(text.as_bytes()).unwrap();
        let of_stage = |stage: &Stage| {
            let own = stage.instructions.iter().map(of_instruction);
            std::iter::once(of_from(stage)).chain(own).collect::<Vec<_>>()
        };
        file.stages.iter().flat_map(of_stage).collect()
    }

    #[test]
    fn what_the_cache_overlooks_is_overlooked() {
        let plain = digests("FROM a AS b\nRUN echo x  y\nCOPY s d /t/\nARG v=1\nENV k=v\n");
        for same in [
            "from a as b\nrun   echo x  y\ncopy s   d /t/\narg v=1\nenv k=v\n",
            "# c\nFROM a AS B\n\nRUN echo \\\n# c\nx  y\nCOPY s \\\n d /t/\nARG v=2\nENV k=v\n",
            "FROM a AS b\nRUN echo x  y\nCOPY [\"s\", \"d\", \"/t/\"]\nARG v\nENV k=v\n",
        ] {
            assert_eq!(digests(same), plain, "{same}");
        }
    }

    /// Which instructions of a stage leave its files alone, as `x` and `-`.
    fn idle(instructions: &str) -> String {
        let file = parse(format!("FROM a\n{instructions}").as_bytes()).unwrap();
        let idle = leave_files_alone(&file.stages[0].instructions, false);
        idle.iter().map(|&idle| if idle { 'x' } else { '-' }).collect()
    }

    #[test]
    fn variables_that_a_later_line_names_count() {
        assert_eq!(idle("ENV FOO=x\nCOPY a /b\n"), "x-");
        assert_eq!(idle("ENV FOO=x\nCOPY a /$FOO\n"), "--");
        assert_eq!(idle("ENV FOO=x\nCOPY [\"a\", \"/b\"]\n"), "x-");
        assert_eq!(idle("ENV FOO=x\nCOPY [\"a\", \"/$FOO\"]\n"), "--");
        // Escapes of JSON hide names.
        for hidden in ["/$\\u0046OO", "/\\u0024FOO", "/\\u0024\\u007bFOO}", "/$F\\u004fO"] {
            for keyword in ["COPY", "ADD", "COPY --chmod=700", "VOLUME"] {
                assert_eq!(idle(&format!("ENV FOO=x\n{keyword} [\"a\", \"{hidden}\"]\n")), "--", "{hidden}");
            }
        }
    }

    #[test]
    fn what_changes_an_image_changes_the_digest() {
        let all = [
            "FROM a",
            "FROM --platform=linux/arm64 a",
            "FROM a AS n",
            "FROM a\nRUN x  y",
            "FROM a\nRUN x y",
            "FROM a\nRUN [\"x\", \"y\"]",
            "FROM a\nRUN --network=none x y",
            "FROM a\nRUN --mount=type=cache,target=/c x y",
            "FROM a\nRUN <<E\nx\nE",
            "FROM a\nRUN <<E\ny\nE",
            "FROM a\nRUN <<-E\ny\nE",
            "FROM a\nRUN <<'E'\ny\nE",
            "FROM a\nCOPY x y",
            "FROM a\nADD x y",
            "FROM a\nADD --checksum=sha256:0 x y",
            "FROM a\nADD --keep-git-dir=true x y",
            "FROM a\nADD --unpack=true x y",
            "FROM a\nADD --unpack=false x y",
            "FROM a\nCOPY --from=z x y",
            "FROM a\nCOPY --chmod=700 x y",
            "FROM a\nCOPY --chown=1 x y",
            "FROM a\nCOPY --link x y",
            "FROM a\nCOPY --parents x y",
            "FROM a\nCOPY --exclude=q x y",
            "FROM a\nCOPY <<x y\nb\nx",
            "FROM a\nENV a=b",
            "FROM a\nENV a=\"b\"",
            "FROM a\nWORKDIR /x",
            "FROM a\nARG x",
            "FROM a\nONBUILD RUN x",
            "FROM a\nONBUILD RUN y",
        ];
        let mut seen = crate::base::tables::HashMap::default();
        for text in all {
            let before = seen.insert(digests(text), text);
            assert_eq!(before, None, "{text}");
        }
    }
}
