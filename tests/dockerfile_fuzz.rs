//! No input makes the readers of Dockerfiles and ignore files panic, and their time grows with the input's length.

use imk::image::context::Ignore;
use imk::image::dockerfile::{
    BaseConfig, BaseImages, ErrorKind, Instruction, Kind, NoBases, Request, Value, analyse, parse,
    parse_trigger,
};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::time::Duration;

/// Every image's config is known, and has a trigger.
struct Triggers;

impl BaseImages for Triggers {
    fn config(&self, _: &[u8], _: Option<&[u8]>) -> Option<BaseConfig> {
        let onbuild = vec![b"COPY $x --from=a <<E y\nb\nE".to_vec()];
        Some(BaseConfig { env: vec![(b"x".to_vec(), b"v".to_vec())], onbuild })
    }
}

fn analyse_in_all_ways(text: &[u8]) {
    let args = [(b"x".to_vec(), Value::from(&b"one"[..])), (b"y".to_vec(), Value::Unknown)];
    let contexts = [(b"a".to_vec(), b"./a".to_vec()), (b"img".to_vec(), b"docker-image://b".to_vec())];
    for bases in [&NoBases as &dyn BaseImages, &Triggers] {
        for target in [None, Some(&b"a"[..]), Some(b"0")] {
            let request =
                Request { target, build_args: &args, named_contexts: &contexts, platform_args: &[], bases };
            if let Ok(analysis) = analyse(text, &request) {
                for read in &analysis.reads {
                    assert!(read.span.end <= text.len(), "{read:?}");
                }
            }
        }
    }
}

/// The spans of instructions ascend and lie within the text.
fn check_spans(instructions: &[Instruction], text: &[u8]) {
    for instruction in instructions {
        assert!(instruction.span.start <= instruction.span.end && instruction.span.end <= text.len());
        let keyword = instruction.keyword.of(text);
        let joined = keyword.contains(&b'\n');
        assert!(
            joined || keyword.eq_ignore_ascii_case(instruction.kind.name().as_bytes()),
            "{instruction:?}"
        );
        if let Kind::Onbuild(onbuild) = &instruction.kind {
            let _ = parse_trigger(&onbuild.expression, instruction.span);
        }
    }
}

fn read(text: &[u8]) {
    match parse(text) {
        Ok(file) => {
            check_spans(&file.globals, text);
            file.stages.iter().for_each(|stage| check_spans(&stage.instructions, text));
        }
        Err(error) => {
            assert!(error.span.start <= error.span.end && error.span.end <= text.len(), "{error:?}")
        }
    }
    analyse_in_all_ways(text);
}

/// Pieces that Dockerfiles are made of, whole and broken.
const PIECES: [&str; 62] = [
    "FROM ",
    "a",
    " AS ",
    "b",
    "\n",
    "\n",
    "\n",
    " ",
    "COPY ",
    "--from=",
    "--mount=",
    "type=",
    "bind",
    "cache",
    ",",
    "source=",
    "from=",
    "RUN ",
    "ADD ",
    "ARG ",
    "ENV ",
    "x",
    "=",
    "$x",
    "${x",
    "}",
    ":-",
    "%",
    "#",
    "/",
    "//",
    "*",
    "?",
    "\"",
    "'",
    "\\",
    "\\\n",
    "`",
    "<<E",
    "E\n",
    "<<-",
    "[",
    "]",
    "[\"",
    "\"]",
    "ONBUILD ",
    "LABEL ",
    "# ",
    "escape=`\n",
    "syntax=docker/dockerfile:1\n",
    "--parents ",
    "--exclude=",
    "/./",
    ".",
    "..",
    "HEALTHCHECK CMD ",
    "SHELL ",
    "VOLUME ",
    "é",
    "\u{a0}",
    "\r\n",
    "\t",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_without_panic(text in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&text);
        let _ = Ignore::read(&text).map(|ignore| ignore.verdict(&text));
    }

    #[test]
    fn pieces_in_any_order_are_read_without_panic(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..60)) {
        read(pieces.concat().as_bytes());
        read(format!("FROM img AS a\n{}", pieces.concat()).as_bytes());
    }

    #[test]
    fn ignore_files_match_without_panic(file in "[a-c/*?!\\[\\]^\\\\{}.\n #é-]{0,60}", path in "[a-c/.\\[\\]é]{0,20}") {
        if let Ok(ignore) = Ignore::read(file.as_bytes()) {
            let verdict = ignore.verdict(path.as_bytes());
            // A folder whose inside can't come back hides all that is in it.
            if verdict.excluded() && !ignore.may_include_below(path.as_bytes()) {
                let below = format!("{path}/x");
                prop_assert!(ignore.verdict(below.as_bytes()).excluded());
            }
        }
    }
}

/// Processor time that this thread has had: what else the machine does is not in it.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs().try_into().unwrap_or(0))
}

/// Reads `text` at two sizes and holds the longer one to little more than its share.
fn grows_linearly(name: &str, make: impl Fn(usize) -> Vec<u8>) {
    let time = |size: usize| {
        let text = make(size);
        let best = (0..3).map(|_| {
            let start = processor_time();
            let _ = parse(&text);
            let _ = analyse(
                &text,
                &Request {
                    target: None,
                    build_args: &[],
                    named_contexts: &[],
                    platform_args: &[],
                    bases: &NoBases,
                },
            );
            processor_time().saturating_sub(start)
        });
        best.min().unwrap_or_default()
    };
    let (short, long) = (time(2_000), time(16_000));
    let limit = short * 8 * 6 + Duration::from_millis(20);
    assert!(long < limit, "{name}: {short:?} for 2,000 and {long:?} for 16,000");
}

#[test]
fn time_grows_with_the_length() {
    let head = "FROM scratch\n";
    grows_linearly("instructions", |n| format!("{head}{}", "RUN echo $x && true\n".repeat(n)).into_bytes());
    grows_linearly("one continued line", |n| {
        format!("{head}RUN a{}\n", " \\\n  && b".repeat(n)).into_bytes()
    });
    grows_linearly("words", |n| format!("{head}ENV {}\n", "a=b\\\n ".repeat(n)).into_bytes());
    grows_linearly("sources", |n| format!("{head}COPY {}/\n", "a \\\n".repeat(n)).into_bytes());
    grows_linearly("exec form", |n| format!("{head}CMD [\"a\"{}]\n", ",\\\n\"b\"".repeat(n)).into_bytes());
    grows_linearly("open brackets", |n| format!("{head}CMD {}\n", "[\\\n".repeat(n)).into_bytes());
    grows_linearly("heredocs", |n| {
        (0..n / 10)
            .fold(head.to_owned(), |mut text, i| {
                let _ = writeln!(text, "RUN <<E{i}\nbody\nE{i}");
                text
            })
            .into_bytes()
    });
    grows_linearly("flags", |n| format!("{head}RUN {}x\n", "--mount=target=/x \\\n".repeat(n)).into_bytes());
    grows_linearly("quotes", |n| format!("{head}ENV a={}\n", "\"'\\\n".repeat(n)).into_bytes());
    grows_linearly("heredoc marks", |n| format!("{head}RUN {}\n", "<< \\\n".repeat(n)).into_bytes());
    grows_linearly("substitutions", |n| format!("{head}COPY {}x /\n", "${a:-b}\\\n".repeat(n)).into_bytes());
    grows_linearly("stages", |n| format!("{head}{}", "FROM scratch\n".repeat(n)).into_bytes());
}

#[test]
fn a_chain_of_stages_is_no_recursion() {
    let mut text = "FROM scratch AS s0\n".to_owned();
    for stage in 1..5000 {
        let _ = writeln!(text, "FROM s{} AS s{stage}", stage - 1);
    }
    let request =
        Request { target: None, build_args: &[], named_contexts: &[], platform_args: &[], bases: &NoBases };
    assert_eq!(analyse(text.as_bytes(), &request).map(|analysis| analysis.stages.len()), Ok(5000));
    text.push_str("FROM scratch AS s0\nCOPY --from=s4999 a b\n");
    assert!(!matches!(analyse(text.as_bytes(), &request).map_err(|error| error.kind), Err(ErrorKind::Empty)));
}

#[test]
fn a_large_ignore_file_is_read() {
    let text: String = (0..50_000).fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "**/dir{line}/*.x");
        text
    });
    let ignore = Ignore::read(text.as_bytes()).unwrap_or_default();
    assert!(ignore.verdict(b"a/dir49999/b.x").excluded());
}
