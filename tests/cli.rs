//! The command line as users and sub-makes meet it: cases from files, held against GNU make itself where the
//! environment variable GNU_MAKE names a 4.4.1 program.

use imk::cli::{
    Decoded, End, Form, InForce, Invocation, Jobs, Operand, Origin, Overrides, Settings, Source,
    command_variables, decode, decode_arguments, definition, diagnostics, flag_words, makeflags, message,
    own_flags, usage,
};
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Output, Stdio};

type Words = Vec<Vec<u8>>;

/// Neither warnings nor announcements.
const PLAIN: InForce = InForce { warn_undefined: false, announce: false };

fn no_home(_: Option<&[u8]>) -> Option<Vec<u8>> {
    None
}

fn cases(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let cases = text.lines().filter(|line| !line.starts_with('#'));
    cases.map(|line| line.split('|').map(str::trim).collect())
}

/// The words of a case's field: parted by blanks, `\` takes the next byte as it is, `''` is an empty word.
fn words(field: &str) -> Words {
    let unquoted = flag_words(&[b"- ", field.as_bytes()].concat());
    unquoted.into_iter().skip(1).map(|word| if word == b"''" { Vec::new() } else { word }).collect()
}

/// A value of a case's field.
fn value(field: &str) -> String {
    let mut text = String::new();
    let mut letters = field.chars();
    while let Some(letter) = letters.next() {
        text.push(if letter == '\\' { letters.next().unwrap_or(letter) } else { letter });
    }
    text
}

struct Run {
    settings: Settings,
    operands: Vec<Operand>,
}

/// What a run does with options until its makefile is read.
fn start(environment: &[u8], arguments: &Words) -> Result<Run, (Decoded, Source)> {
    let mut settings = Settings::default();
    let mut operands = Vec::new();
    let inherited = decode(&mut settings, &flag_words(environment), Source::Flags(Origin::Command), &no_home);
    operands.extend(inherited.operands.clone());
    if inherited.end != End::Go {
        return Err((inherited, Source::Flags(Origin::Command)));
    }
    let given = decode_arguments(&mut settings, arguments, &no_home);
    operands.extend(given.operands.clone());
    if given.end != End::Go {
        return Err((given, Source::Arguments));
    }
    if let Err(error) = settings.resolve_shuffle(|| 1) {
        let end = End::Fatal(error);
        return Err((Decoded { operands: Vec::new(), errors: Vec::new(), end }, Source::Arguments));
    }
    settings.imply();
    Ok(Run { settings, operands })
}

fn form(run: &Run) -> Form {
    let defined = run.operands.iter().any(|operand| matches!(operand, Operand::Definition(..)));
    let overrides = if defined { Overrides::MakeOverrides } else { Overrides::None };
    Form { remaking_makefiles: false, overrides }
}

/// MAKEFLAGS, MFLAGS and the command line's definitions.
fn encoded(run: &Run) -> [String; 3] {
    let flags = makeflags(&run.settings, &form(run));
    let mut definitions: Vec<(&[u8], bool, &[u8])> = Vec::new();
    for operand in &run.operands {
        if let Operand::Definition(text, _) = operand {
            let parts = definition(text).expect("operands are told apart by the same function");
            let recursive = parts.operator == imk::cli::Operator::Recursive;
            match definitions.iter_mut().find(|(name, ..)| *name == parts.name) {
                Some(known) => *known = (parts.name, recursive, parts.value),
                None => definitions.push((parts.name, recursive, parts.value)),
            }
        }
    }
    let variables = command_variables(definitions.into_iter());
    [flags.makeflags, flags.mflags, variables].map(|text| String::from_utf8(text).expect("cases are text"))
}

fn gnu_make() -> Option<String> {
    std::env::var("GNU_MAKE").ok().filter(|path| !path.is_empty())
}

fn run_gnu_make(make: &str, environment: &[u8], arguments: &Words, makefile: &str) -> Output {
    let mut command = Command::new(make);
    command.args(["-f", "-"]).args(arguments.iter().map(|word| OsStr::from_bytes(word)));
    // `-t` makes files.
    command.current_dir(env!("CARGO_TARGET_TMPDIR"));
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if !environment.is_empty() {
        command.env("MAKEFLAGS", OsStr::from_bytes(environment));
    }
    let mut child = command.spawn().expect("GNU_MAKE names a program");
    // A make that refuses its command line does not read its standard input.
    let _ = child.stdin.take().expect("piped").write_all(makefile.as_bytes());
    child.wait_with_output().expect("it ends")
}

const SHOW: &str = "$(info {$(value MAKEFLAGS)}{$(value MFLAGS)}{$(value -*-command-variables-*-)})\n.PHONY: all\n%:;@:\nall:;@:\n";

/// The same of GNU make.
fn encoded_by_gnu_make(make: &str, environment: &[u8], arguments: &Words, assigned: &str) -> [String; 3] {
    let assignment = if assigned.is_empty() { String::new() } else { format!("MAKEFLAGS = {assigned}\n") };
    let output = run_gnu_make(make, environment, arguments, &(assignment + SHOW));
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text
        .lines()
        .find(|line| line.starts_with('{'))
        .unwrap_or_else(|| panic!("{arguments:?}: {output:?}"));
    let parts: Vec<&str> = line.trim_start_matches('{').trim_end_matches('}').split("}{").collect();
    [0, 1, 2].map(|at| parts.get(at).copied().unwrap_or_default().to_owned())
}

#[test]
fn makeflags_are_written_as_gnu_make_writes_them() {
    for case in cases(include_str!("cli/makeflags.cases")) {
        let [environment, arguments, assigned, expected, expected_mflags] = case[..] else {
            panic!("{case:?}")
        };
        let environment = value(environment).into_bytes();
        let arguments = words(arguments);
        let mut run = start(&environment, &arguments).expect("cases are accepted");
        let decoded = decode(
            &mut run.settings,
            &flag_words(assigned.as_bytes()),
            Source::Flags(Origin::File),
            &no_home,
        );
        assert_eq!(decoded.end, End::Go, "{case:?}");
        let ours = encoded(&run);
        assert_eq!([value(expected), value(expected_mflags)], ours[..2], "{case:?}");
        if let Some(make) = gnu_make() {
            assert_eq!(encoded_by_gnu_make(&make, &environment, &arguments, assigned), ours, "{case:?}");
        }
    }
}

fn complaint((decoded, source): &(Decoded, Source), argv0: &str) -> String {
    let who = Invocation { argv0: argv0.as_bytes(), program: b"make", source: *source };
    String::from_utf8_lossy(&diagnostics(decoded, &who)).into_owned()
}

fn before_usage(text: &str) -> &str {
    text.split_once("Usage: ").map_or(text, |(before, _)| before)
}

#[test]
fn wrong_options_are_refused_in_gnu_makes_words() {
    let files = [(include_str!("cli/errors.cases"), true), (include_str!("cli/fatal.cases"), false)];
    for (text, with_usage) in files {
        for case in cases(text) {
            let [given, expected] = case[..] else { panic!("{case:?}") };
            let given = words(given);
            let Err(refused) = start(b"", &given) else { panic!("{case:?} is accepted") };
            let name = gnu_make().unwrap_or("dir/make".to_owned());
            let ours = complaint(&refused, &name);
            assert_eq!(ours.contains("\nUsage: make [options] [target] ...\n"), with_usage, "{case:?}");
            let expected = expected.replace("NAME", &name).replace("\\n", "\n") + "\n";
            assert_eq!(before_usage(&ours), expected, "{case:?}");
            if let Some(make) = gnu_make() {
                // With `-f -` behind it, a missing value would not be missing.
                let output = Command::new(&make)
                    .args(given.iter().map(|word| OsStr::from_bytes(word)))
                    .env_clear()
                    .output()
                    .expect("GNU_MAKE names a program");
                assert_eq!(before_usage(&String::from_utf8_lossy(&output.stderr)), expected, "{case:?}");
                assert_eq!(output.status.code(), Some(2));
            }
        }
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

const POOL: &[&str] = &[
    "-B",
    "-e",
    "-i",
    "-k",
    "-S",
    "-L",
    "-n",
    "-q",
    "-r",
    "-R",
    "-s",
    "-t",
    "-w",
    "-ks",
    "-Sn",
    "-bm",
    "--trace",
    "--no-silent",
    "--no-print-directory",
    "--print-directory",
    "--warn-undefined-variables",
    "-j3",
    "-j",
    "-j 5",
    "--jobs=2",
    "--jobs",
    "-l",
    "-l2.5",
    "-l 1.25",
    "-l7x",
    "--load-average=12345678",
    "-O",
    "-Oline",
    "-Onone",
    "--output-sync=target",
    "-I.",
    "-I/tmp",
    "-I ./x",
    "--include-dir=a$b",
    "-Ia\\ b",
    "-I-",
    "-o x",
    "-W y",
    "--debug=none",
    "--debug=p",
    "--shuffle=7",
    "--shuffle=none",
    "--shuffle=reverse",
    "A=1",
    "B:=2",
    "A=$$(x)\\ y",
    "C::=c\\\\d",
    "all",
    "-",
    "--silent",
    "--keep",
    "--no-keep-going",
    "--touc",
    "--que",
    "-E X=1",
    "--eval=Y=2",
    "-E X=1",
    "--jobserver-style=fifo",
    "--always",
    "--new-file=z",
    "-x",
    "--no",
    "--bogus=1",
    "-j0",
    "--debug=",
    "--debug=z,b",
    "-Ozz",
    "--shuffle=w",
    "--ke=1",
    "--",
    "-kO",
    "-kj2k",
];

#[test]
fn random_command_lines_give_gnu_makes_makeflags() {
    let Some(make) = gnu_make() else { return };
    let mut dice = Dice(4_4_1);
    let count = std::env::var("CLI_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(400);
    for _ in 0..count {
        let mut environment = String::new();
        let mut arguments = Vec::new();
        for _ in 0..dice.below(4) {
            let word = POOL[dice.below(POOL.len())];
            // make expands the environment's value before it is taken apart; here there is none to do that. Under an
            // inherited `-O`, GNU make's own complaints come after the usage.
            if !word.contains(['$', 'O']) && !word.contains("-sync") {
                environment += word;
                environment.push(' ');
            }
        }
        let environment = environment.trim_end();
        for _ in 0..dice.below(6) {
            arguments.extend(words(POOL[dice.below(POOL.len())]));
        }
        let mut run = match start(environment.as_bytes(), &arguments) {
            Ok(run) => run,
            Err(refused) => {
                let output = run_gnu_make(&make, environment.as_bytes(), &arguments, SHOW);
                let theirs = String::from_utf8_lossy(&output.stderr).into_owned();
                let ours = complaint(&refused, &make);
                assert_eq!(before_usage(&theirs), before_usage(&ours), "{environment:?} {arguments:?}");
                assert_eq!(output.status.code(), Some(2), "{environment:?} {arguments:?}");
                continue;
            }
        };
        if run.settings.print_help || run.settings.print_version {
            continue;
        }
        // Under `-e`, a makefile's MAKEFLAGS does not count, which is the business of variables.
        let mut assigned = Vec::new();
        if !run.settings.environment_overrides {
            assigned = (0..dice.below(4)).map(|_| POOL[dice.below(POOL.len())]).collect();
            // What expansion would change, and what is fatal or only warned of, is left out.
            let plain = |word: &str| !word.contains(['$', 'z', '0']) && word != "--debug=" && word != "-e";
            assigned.retain(|word| plain(word));
        }
        let assigned = assigned.join(" ");
        decode(&mut run.settings, &flag_words(assigned.as_bytes()), Source::Flags(Origin::File), &no_home);
        let theirs = encoded_by_gnu_make(&make, environment.as_bytes(), &arguments, &assigned);
        assert_eq!(theirs, encoded(&run), "{environment:?} {arguments:?} {assigned:?}");
    }
}

#[test]
fn goals_and_definitions_keep_their_order() {
    let mut settings = Settings::default();
    let home = |user: Option<&[u8]>| user.map_or(Some(b"/home/me".to_vec()), |_| None);
    let given = words("a -k X=1 - ./b ~/c ~who/d '' -f ~/m -- -e .///");
    let decoded = decode_arguments(&mut settings, &given, &home);
    let goal = |text: &str| Operand::Goal(text.as_bytes().to_vec());
    let expected = vec![
        goal("a"),
        Operand::Definition(b"X=1".to_vec(), PLAIN),
        goal("b"),
        goal("/home/me/c"),
        goal("~who/d"),
        goal("-e"),
        goal("./"),
    ];
    assert_eq!(decoded.operands, expected);
    assert_eq!(decoded.end, End::Go);
    assert_eq!(settings.makefiles, [b"/home/me/m".to_vec()]);
    assert!(settings.keep_going.is_on() && !settings.environment_overrides);
    let in_makefile = decode(&mut settings, &words("goal Y=2"), Source::Flags(Origin::File), &home);
    assert_eq!(in_makefile.operands, [Operand::Definition(b"Y=2".to_vec(), PLAIN)]);
}

#[test]
fn the_command_lines_jobs_win_over_a_makefiles() {
    let four = Jobs::Count(4.try_into().expect("not zero"));
    let nine = Jobs::Count(9.try_into().expect("not zero"));
    for (given, expected) in [("-j4", four), ("", nine)] {
        let mut settings = Settings::default();
        decode_arguments(&mut settings, &words(given), &no_home);
        let before = settings.jobs;
        decode(&mut settings, &flag_words(b"j9"), Source::Flags(Origin::File), &no_home);
        settings.jobs = Jobs::Unset;
        decode(&mut settings, &flag_words(b" -j9"), Source::Flags(Origin::Environment), &no_home);
        settings.settle_jobs(before);
        assert_eq!(settings.jobs, expected);
    }
}

#[test]
fn makefiles_are_remade_in_earnest_under_n_q_and_t() {
    let mut settings = Settings::default();
    decode_arguments(&mut settings, &words("-nqtk"), &no_home);
    let remaking = Form { remaking_makefiles: true, ..Form::default() };
    assert_eq!(makeflags(&settings, &remaking).makeflags, b"k");
    assert_eq!(makeflags(&settings, &Form::default()).makeflags, b"knqt");
}

#[test]
fn nothing_of_imks_own_is_in_makeflags() {
    let run = start(b"", &words("-k")).expect("accepted");
    assert_eq!(own_flags(&run.settings), b"");
    let Err((refused, _)) = start(b"--engine=podman", &Vec::new()) else { panic!("accepted") };
    assert_eq!(message(&refused.errors[0]), b"unrecognized option '--engine=podman'");
}

#[test]
fn the_help_is_gnu_makes() {
    let Some(make) = gnu_make() else { return };
    let output = Command::new(make).arg("--help").env_clear().output().expect("GNU_MAKE names a program");
    let theirs = String::from_utf8_lossy(&output.stdout).into_owned();
    let ours = String::from_utf8(usage(b"make")).expect("text");
    let options = |text: &str| text.split("\n\n").next().map(str::to_owned);
    assert_eq!(options(&ours), options(&theirs));
}

#[test]
fn no_bytes_make_it_panic() {
    const BITS: &[&[u8]] = &[
        b"-",
        b"--",
        b"=",
        b":",
        b"+",
        b"$",
        b"(",
        b"${",
        b" ",
        b"\\",
        b"\t",
        b"#",
        b"j",
        b"f",
        b"l",
        b"O",
        b"debug",
        b"0x",
        b"1e",
        b"99999999999999999999999",
        b".",
        b"p-9999999999",
        b"~",
        b"/",
        b"./",
        b"\xff",
        b"\0",
        b"n",
        b"shuffle=",
    ];
    let mut dice = Dice(7);
    for _ in 0..20_000 {
        let mut text = Vec::new();
        for _ in 0..dice.below(12) {
            text.extend_from_slice(BITS[dice.below(BITS.len())]);
        }
        let words = flag_words(&text);
        definition(&text);
        let _ = imk::cli::number::unsigned(&text);
        imk::cli::number::general(imk::cli::number::float(&text));
        for source in [Source::Arguments, Source::Flags(Origin::File), Source::Own] {
            let mut settings = Settings::default();
            let decoded = decode(&mut settings, &words, source, &no_home);
            let who = Invocation { argv0: b"imk", program: b"imk", source };
            diagnostics(&decoded, &who);
            let _ = settings.resolve_shuffle(|| 1);
            makeflags(&settings, &Form::default());
            imk::cli::eval_flags(&settings);
            imk::cli::restart_arguments(&words, &settings, settings.temp_stdin.or(Some(0)));
        }
    }
}

/// What a make is told by its parent's MAKEFLAGS is what the parent was told.
#[test]
fn makeflags_survive_the_way_to_a_sub_make() {
    let mut dice = Dice(11);
    for _ in 0..5_000 {
        let mut arguments = Vec::new();
        for _ in 0..dice.below(8) {
            arguments.extend(words(POOL[dice.below(POOL.len())]));
        }
        // `-I ./x` twice is there twice, and once in the sub-make: the name as written is compared with the one kept.
        if arguments.iter().any(|word| word.starts_with(b"./")) {
            continue;
        }
        let Ok(parent) = start(b"", &arguments) else { continue };
        let flags = makeflags(&parent.settings, &Form::default()).makeflags;
        // Expansion takes the doubling of `$` away, and `--eval` travels in a variable of its own.
        let expanded = String::from_utf8_lossy(&flags).replace(" $(-*-eval-flags-*-)", "").replace("$$", "$");
        let child = start(expanded.as_bytes(), &Vec::new()).unwrap_or_else(|_| panic!("{expanded:?}"));
        let mut settings = parent.settings.clone();
        settings.eval.clear();
        assert_eq!(
            makeflags(&child.settings, &Form::default()),
            makeflags(&settings, &Form::default()),
            "{arguments:?}"
        );
    }
}
