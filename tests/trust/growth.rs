//! Work grows in proportion to input: instructions counted by valgrind for texts of one size and of four times that. What grows with
//! the square takes sixteen times as much.

use std::fmt::Write as _;
use std::process::Command;

use libtest_mimic::Trial;

use crate::Failure;
use crate::daemon::Manner;
use crate::figures::count;
use crate::scene::{Scene, words};

pub fn trials() -> Vec<Trial> {
    let has_valgrind = Command::new("valgrind").arg("--version").output().is_ok();
    let trials: Vec<Trial> = crate::trials![
        makefiles_are_read_in_proportion,
        rules_are_updated_in_proportion,
        recipes_are_understood_in_proportion,
        files_of_images_are_read_in_proportion,
        files_of_images_are_checked_in_proportion,
        files_of_images_are_audited_in_proportion,
        audits_grow_in_proportion,
        recipes_are_checked_in_proportion,
        recipes_are_audited_in_proportion,
        freshness_is_judged_in_proportion,
        files_of_variables_are_read_in_proportion,
        saved_images_are_read_in_proportion,
    ];
    trials.into_iter().map(|trial| trial.with_ignored_flag(!has_valgrind)).collect()
}

/// The smaller of the two sizes.
const SIZE: usize = 250;

/// Files by their names, of a given size.
type Files = fn(usize) -> Vec<(&'static str, String)>;

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "{}", line(number));
        text
    })
}

fn makefile(text: String) -> Vec<(&'static str, String)> {
    vec![("Makefile", text + "\nall: ; @:\n")]
}

/// What callgrind counted of `command`'s run.
fn counted(place: &Scene, command: &[&str], environment: Option<(&str, &str)>) -> Result<f64, Failure> {
    let valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--trace-children=no"];
    let mut command = place.command(&[&valgrind[..], command].concat());
    let outcome = place.wait(&mut command.envs(environment).spawn().map_err(words)?)?;
    // What is made to be refused takes no file apart.
    if command.get_args().any(|argument| argument == "Imkfile") && outcome.status != "0" {
        return Err(format!("status {}: {:.2000}", outcome.status, outcome.stderr));
    }
    let counted = outcome.stderr.lines().find_map(|line| line.split_once("Collected : "));
    counted
        .and_then(|(_, number)| number.trim().parse().ok())
        .ok_or_else(|| format!("nothing counted: {}", outcome.stderr.chars().take(2000).collect::<String>()))
}

/// The program that is counted: `scripts/trust` names the one that users have, which takes a tenth of the time.
fn counted_program(place: &Scene) -> String {
    let built = || place.dir().join("../bin/imk").to_string_lossy().into_owned();
    std::env::var("TRUST_COUNTED").unwrap_or_else(|_| built())
}

/// Instructions of a run over these files.
fn instructions(arguments: &[&str], files: Vec<(&'static str, String)>) -> Result<f64, Failure> {
    let place = Scene::new("", Manner::Well)?;
    for (name, text) in files {
        if let Some((folder, _)) = name.rsplit_once('/') {
            std::fs::create_dir_all(place.dir().join(folder)).map_err(words)?;
        }
        place.write(name, &text)?;
    }
    counted(&place, &[&[&*counted_program(&place)], arguments].concat(), None)
}

/// Holds what was counted for almost nothing, for one size and for four times that to each other.
fn hold(name: &str, none: f64, small: f64, large: f64) -> Option<String> {
    let factor = (large - none) / (small - none).max(1.0);
    count("works whose growth was counted", 1);
    // Sorting, and tables that grow, take a little more than four times as much.
    let is_more = factor > 5.5 && large > none * 1.5;
    is_more.then(|| {
        format!("{name}: {factor:.1} times the work for 4 times the text ({none}, {small}, {large})")
    })
}

fn in_proportion(arguments: &[&str], works: &[(&str, Files)]) -> Result<(), Failure> {
    let mut failures = Vec::new();
    // To start takes the same in all.
    let Some((_, first)) = works.first() else { return Ok(()) };
    let none = instructions(arguments, first(1))?;
    for (name, files) in works {
        let (small, large) =
            (instructions(arguments, files(SIZE))?, instructions(arguments, files(4 * SIZE))?);
        failures.extend(hold(name, none, small, large));
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

fn makefiles_are_read_in_proportion() -> Result<(), Failure> {
    in_proportion(
        &["-rR"],
        &[
            ("variables", |n| makefile(lines(n, |i| format!("v{i} := a $(v{}) b", i / 2)))),
            ("one variable added to", |n| makefile(lines(n, |_| "v += word".to_owned()))),
            ("one long line", |n| makefile(format!("v := {}\n", "word $(x) ".repeat(n)))),
            ("one line of many", |n| makefile(format!("v := {}\n", "word \\\n".repeat(n)))),
            ("unclosed references", |n| makefile(format!("v = {}\n", "$(".repeat(n)))),
            ("brackets", |n| makefile(format!("v := $(subst {},x,y)\n", "()".repeat(n)))),
            ("conditionals", |n| makefile(lines(n, |_| "ifdef x\nendif".to_owned()))),
            ("nested conditionals", |n| makefile("ifndef x\n".repeat(n) + &"endif\n".repeat(n))),
            ("definitions", |n| makefile(lines(n, |i| format!("define d{i}\na\nb\nendef")))),
            ("words sorted", |n| {
                makefile(format!("v := $(sort {})\n", lines(n, |i| format!("w{} \\", i * 7919 % n))))
            }),
            ("words replaced", |n| makefile(format!("v := $(patsubst %.c,%.o,{})\n", "a.c ".repeat(n)))),
            ("words gone over", |n| makefile(format!("v := $(foreach i,{},$(i:a=b))\n", "a ".repeat(n)))),
            ("text read as a makefile", |n| {
                makefile(format!("$(foreach i,{},$(eval v$(i) := 1))\n", "a b c ".repeat(n / 3)))
            }),
            ("secrets", |n| makefile(lines(n, |i| format!("v{i} := secret{i}\n.SECRET_VARS: v{i}")))),
            ("secrets of targets", |n| {
                makefile(
                    "all:\n".to_owned() + &lines(n, |i| format!("t{i}: t := secret{i}\n.SECRET_VARS: t")),
                )
            }),
            ("comments", |n| makefile(lines(n, |_| "# $(a ( \\\\".to_owned()))),
        ],
    )
}

fn rules_are_updated_in_proportion() -> Result<(), Failure> {
    in_proportion(
        &["-rR"],
        &[
            ("rules", |n| makefile(lines(n, |i| format!("t{i}: ; @:\nall: t{i}")))),
            ("a chain", |n| {
                makefile(lines(n, |i| format!("t{i}: t{}", i + 1)) + &format!("all: t0\nt{n}: ; @:\n"))
            }),
            ("prerequisites of one rule", |n| makefile(format!("all: {}\nin: ; @:\n", "in ".repeat(n)))),
            ("double-colon rules", |n| makefile("all:: ; @:\n".repeat(n))),
            ("a pattern rule", |n| makefile(lines(n, |i| format!("all: t{i}.o")) + "%.o: in ; @:\n")),
            ("target-specific variables", |n| {
                makefile(lines(n, |i| format!("t{i}: v = {i}\nt{i}: ; @: $(v)\nall: t{i}")))
            }),
        ],
    )
}

fn recipe(lines: String) -> Vec<(&'static str, String)> {
    vec![("Makefile", format!("all:\n{lines}"))]
}

fn recipes_are_understood_in_proportion() -> Result<(), Failure> {
    in_proportion(
        &["--plan"],
        &[
            ("commands", |n| recipe(lines(n / 8, |i| format!("\tdocker create --name c{i} x")))),
            ("things made and removed", |n| {
                recipe(lines(n / 4, |i| format!("\tdocker create --name c{i} x; docker rm c{i}")))
            }),
            ("a command that removes many", |n| {
                let names = (0..n / 4).fold(String::new(), |names, i| names + &format!(" c{i}"));
                let made = (0..n / 4).fold(String::new(), |made, i| made + &format!("docker tag x c{i}; "));
                recipe(format!("\t{made} docker rmi{names}\n"))
            }),
            ("substitutions", |n| recipe(format!("\tdocker rm {}\n", "$$(docker create x) ".repeat(n)))),
            ("a command of many words", |n| recipe(format!("\tdocker build {} .\n", "-t a:1 ".repeat(n)))),
            ("quotes", |n| recipe(format!("\tdocker run x {}\n", "\"$$A'\"\\ ".repeat(n)))),
            ("brackets", |n| recipe(format!("\tdocker ps; {}\n", "( ".repeat(n)))),
            ("a list of commands", |n| recipe(format!("\tdocker ps{}\n", " && a=1 && true".repeat(n)))),
            ("here-documents", |n| recipe(format!("\tdocker run x {}\n", "<<E ".repeat(n)))),
            ("branches", |n| recipe(format!("\tdocker ps; {}\n", "if a; then b; fi; ".repeat(n)))),
            ("assignments", |n| recipe(format!("\tA=x; {} docker run $$A\n", "A=$$A$$A; ".repeat(n)))),
        ],
    )
}

const BUILD: &str = "all:\n\tdocker build -t a .\n";

fn image(dockerfile: String, ignore: String) -> Vec<(&'static str, String)> {
    vec![
        ("Makefile", BUILD.to_owned()),
        ("Dockerfile", format!("FROM scratch\n{dockerfile}")),
        (".dockerignore", ignore),
    ]
}

/// A build that is given `n` arguments `a0`, `a1`, … of a Dockerfile that declares as many whose names begin with `declared`.
fn build_arguments(n: usize, declared: &str) -> Vec<(&'static str, String)> {
    let given = (0..n).fold(String::new(), |given, i| given + &format!(" --build-arg a{i}=b"));
    vec![
        ("Makefile", format!("all:\n\tdocker build -t a{given} .\n")),
        ("Dockerfile", format!("FROM scratch\n{}", lines(n, |i| format!("ARG {declared}{i}")))),
    ]
}

const IMAGES: &[(&str, Files)] = &[
    ("instructions", |n| image(lines(n, |i| format!("RUN echo {i} $x")), String::new())),
    ("ten thousand instructions", |n| image("WORKDIR $x\nUSER a\n".repeat(n * 5), String::new())),
    ("variables", |n| image(lines(n, |i| format!("ARG a{i}=${{a{}}}", i / 2)), String::new())),
    ("variables that are set again", |n| image("ENV a=$b c=$a\n".repeat(n), String::new())),
    ("an argument that reads itself", |n| {
        let args = lines(n, |i| format!("ARG x=${{x#$a{i}}}"));
        vec![("Makefile", BUILD.to_owned()), ("Dockerfile", format!("{args}FROM scratch\n"))]
    }),
    ("declarations of one long argument", |n| {
        let long = format!("ARG long={}\nFROM scratch\n", "x".repeat(n * 10));
        vec![("Makefile", BUILD.to_owned()), ("Dockerfile", long + &"ARG long\n".repeat(n))]
    }),
    ("stages", |n| {
        image(lines(n / 4, |i| format!("FROM scratch AS s{i}\nCOPY --from=0 in /x")), String::new())
    }),
    ("stages that inherit", |n| {
        let stages = lines(n, |i| format!("FROM s{i} AS s{}\nENV e{i}=$e{}\nARG a{i}=x", i + 1, i / 2));
        image(format!("FROM scratch AS s0\n{stages}"), String::new())
    }),
    ("stages from one with variables", |n| {
        let variables = lines(n, |i| format!("ENV e{i}=x"));
        let stages = lines(n, |i| format!("FROM base AS s{i}\nENV e{i}=y"));
        let used = lines(n, |i| format!("COPY --from=s{i} a b"));
        image(format!("FROM scratch AS base\n{variables}{stages}FROM scratch\n{used}"), String::new())
    }),
    ("images", |n| image(lines(n, |i| format!("COPY --from=image{i} a b")), String::new())),
    ("sources", |n| image(format!("COPY {}/x\n", "in ".repeat(n)), String::new())),
    ("sources of their own", |n| image(lines(n, |i| format!("COPY in{i} /x")), String::new())),
    ("mounts", |n| image(format!("RUN {}x\n", "--mount=type=cache,target=/a ".repeat(n)), String::new())),
    ("patterns", |n| image("COPY . /\n".to_owned(), lines(n, |i| format!("**/a{i}*\n!b{i}")))),
    ("ten thousand patterns", |n| image("COPY . /\n".to_owned(), lines(n * 10, |i| format!("a/b{i}/c")))),
    ("here-documents", |n| image(lines(n, |i| format!("RUN <<E{i}\nx\nE{i}")), String::new())),
    ("one long line", |n| image(format!("RUN {}\n", "a=${b:-c} \\\n".repeat(n)), String::new())),
    ("nested references", |n| {
        let inner = "x".repeat(n);
        image(format!("WORKDIR {}{inner}{}\n", "${a:-y".repeat(60), "}".repeat(60)), String::new())
    }),
    ("build arguments", |n| build_arguments(n, "a")),
    ("build arguments that nobody asks for", |n| build_arguments(n, "b")),
];

fn files_of_images_are_read_in_proportion() -> Result<(), Failure> {
    in_proportion(&["--plan"], IMAGES)
}

fn files_of_images_are_checked_in_proportion() -> Result<(), Failure> {
    in_proportion(&["--check"], IMAGES)
}

/// A Dockerfile beside which are a source, and requirements files that are there.
fn audited(dockerfile: String) -> Vec<(&'static str, String)> {
    let mut files = image(dockerfile, String::new());
    files.extend([("src/a.py", String::new()), ("src/requirements.txt", "-e .\n".to_owned())]);
    files.extend([("in", String::new()), ("requirements.txt", "flask\n".to_owned())]);
    files
}

/// A RUN of the commands that `command` makes for each number.
fn run_of(n: usize, command: impl Fn(usize) -> String) -> String {
    (0..n).fold("RUN true".to_owned(), |run, i| run + "; " + &command(i)) + "\n"
}

const AUDITED: &[(&str, Files)] = &[
    ("a copy before each install", |n| audited(lines(n, |i| format!("COPY in /r{i}.txt\nRUN npm install")))),
    ("a folder before each install", |n| audited("COPY src /a/\nRUN npm install\n".repeat(n))),
    ("a requirements file before each install", |n| {
        audited(lines(n, |i| format!("COPY r{i}.txt /\nRUN pip install -r r{i}.txt")))
    }),
    ("requirements files of one name", |n| {
        audited(lines(n, |i| format!("COPY d{i}/r.txt /\nRUN pip install -r r.txt")))
    }),
    ("folders before requirements files", |n| {
        audited(lines(n, |i| format!("COPY src d{i} /d{i}\nRUN pip install -r r{i}.txt")))
    }),
    ("requirements files that install what is copied", |n| {
        audited("COPY src /src\nRUN pip install -r requirements.txt\n".repeat(n))
    }),
    ("files of one install", |n| {
        let copied = (0..n).fold(String::new(), |copied, i| copied + &format!(" d{i}"));
        let read = (0..n).fold(String::new(), |read, i| read + &format!(" -r r{i}.txt"));
        audited(format!("COPY src{copied} /x/\nRUN pip install{read}\n"))
    }),
    ("projects without lock files", |n| audited("COPY in /\nRUN poetry install\n".repeat(n))),
    ("projects of one RUN", |n| audited(format!("COPY in /\n{}", run_of(n, |_| "uv sync".to_owned())))),
    ("stages that inherit and install", |n| {
        let stages = lines(n, |i| {
            format!("FROM s{i} AS s{}\nCOPY in /\nRUN pip install -r r.txt; uv sync; npm install", i + 1)
        });
        audited(format!("FROM alpine AS s0\n{stages}"))
    }),
    ("stages of Alpine that install", |n| {
        let stages = lines(n, |i| format!("FROM alpine:3.{i} AS s{i}\nRUN pip install a"));
        audited(format!("{stages}FROM scratch\n{}", lines(n, |i| format!("COPY --from=s{i} a b"))))
    }),
    ("dead stages", |n| audited("FROM scratch\nCOPY in /i\n".repeat(n))),
    ("dead stages of one name", |n| audited("FROM scratch AS s\nCOPY in /i\n".repeat(n))),
    ("stages that test", |n| {
        let reached = lines(n, |i| format!("FROM scratch AS s{i}"));
        let read = lines(n, |i| format!("COPY --from=s{i} a b"));
        audited(format!("{reached}{}FROM scratch\n{read}", "FROM scratch\nRUN pytest\n".repeat(n)))
    }),
    ("packages", |n| audited("RUN apt-get install make\n".repeat(n))),
    ("compilers", |n| audited("RUN apt-get install gcc\n".repeat(n))),
    ("compilers that are removed", |n| {
        let removed = lines(n, |i| format!("RUN apt-get remove gcc-{i}"));
        audited(lines(n, |i| format!("RUN apt-get install gcc-{i}")) + &removed)
    }),
    ("compilers of one RUN", |n| audited(run_of(n, |i| format!("apt-get install gcc-{i}")))),
    ("indices", |n| audited("RUN apt-get update\nRUN apk add a\n".repeat(n))),
    ("users", |n| audited(lines(n, |i| format!("RUN useradd u{i}\nUSER u{i}\nRUN apt-get update")))),
    ("a user of a long name", |n| audited(format!("USER {}\n{}", "u".repeat(n * 100), "RUN x\n".repeat(n)))),
    ("caches", |n| audited(format!("FROM own\n{}", "RUN pip install a==1\n".repeat(n)))),
    ("caches that are mounted", |n| {
        let mounts = "--mount=type=cache,target=/a ".repeat(n);
        audited(format!(
            "RUN {mounts}--mount=type=cache,target=/cache pip install a{}\n",
            "; pip install a".repeat(n)
        ))
    }),
    ("variables before installs", |n| {
        audited("ENV A=b\nRUN pip install --no-cache-dir a==1; pip config\n".repeat(n))
    }),
    ("environments", |n| {
        let made = lines(n, |i| format!("ENV VIRTUAL_ENV=/v{i}"));
        let copied = lines(n, |i| format!("COPY --from=x --chown=u in /w{i}\nRUN chown -R u /x{i}"));
        audited(format!("{made}USER u\n{copied}"))
    }),
    ("entry points", |n| {
        audited(lines(n, |i| format!("COPY a{i} /\nENTRYPOINT [\"/e{i}.sh\"]")) + "USER root\n")
    }),
    ("downloads", |n| audited(run_of(n, |_| "curl -O https://h/a".to_owned()))),
    ("downloads that are piped", |n| audited(run_of(n, |_| "curl https://h/a | tar x".to_owned()))),
    ("downloads that are added", |n| audited("ADD https://h/a /\nRUN true\n".repeat(n))),
    ("repositories", |n| audited(run_of(n, |_| "git clone https://h/a".to_owned()))),
    ("secrets", |n| {
        audited((0..n).fold("ENV".to_owned(), |env, i| env + &format!(" A{i}_TOKEN=b$c")) + "\n")
    }),
    ("copies from stages", |n| {
        let stages = lines(n, |i| format!("FROM scratch AS s{i}\nRUN echo {i}"));
        audited(format!("{stages}FROM scratch\n{}", lines(n, |i| format!("COPY --from=s{i} a b"))))
    }),
    ("bases", |n| {
        let stages = lines(n, |i| format!("FROM python:3.{i} AS s{i}"));
        audited(format!("{stages}FROM scratch\n{}", lines(n, |i| format!("COPY --from=s{i} a b"))))
    }),
    ("wrappers", |n| audited(format!("RUN env {}x\n", "A=b ".repeat(n * 20)))),
    ("a value in each command", |n| {
        audited(format!("ENV A={}\n{}", "a".repeat(n * 100), "RUN echo $A\n".repeat(n)))
    }),
    ("relative folders", |n| audited("WORKDIR a\nCOPY in b\n".repeat(n))),
];

fn audits_grow_in_proportion() -> Result<(), Failure> {
    in_proportion(&["--audit=static"], AUDITED)
}

fn files_of_images_are_audited_in_proportion() -> Result<(), Failure> {
    in_proportion(&["--audit=static"], IMAGES)
}

/// A makefile whose targets have a recipe each.
fn targets(n: usize, recipe: impl Fn(usize) -> String) -> Vec<(&'static str, String)> {
    let rules = lines(n, |i| format!("t{i}:\n\t{}\nall: t{i}", recipe(i)));
    vec![("Makefile", format!("all:\n{rules}")), ("Dockerfile", "FROM scratch\nCOPY in /\n".to_owned())]
}

const RECIPES: &[(&str, Files)] = &[
    ("builds", |n| targets(n, |i| format!("docker build -t a{i} ."))),
    ("builds of one tag", |n| targets(n, |_| "docker build -t a .".to_owned())),
    ("builds of one tag that differ", |n| targets(n, |i| format!("docker build -t a --label b={i} ."))),
    ("builds with arguments that nobody asks for", |n| {
        targets(n, |i| format!("docker build -t a{i} --build-arg b{i}=c ."))
    }),
    ("containers that stay", |n| targets(n, |i| format!("docker create --name c{i} x"))),
    ("containers removed by others", |n| {
        targets(n, |i| format!("docker create --name c{i} x; docker rm d{i}"))
    }),
    ("programs that are not there", |n| targets(n, |i| format!("program-{i} a; docker ps"))),
    ("builds of one recipe", |n| recipe(lines(n, |i| format!("\tdocker build -t a{i} .")))),
    ("containers of one recipe", |n| {
        recipe(lines(n / 4, |i| format!("\tdocker create --name c{i} x\n\tdocker rm d{i}")))
    }),
];

fn recipes_are_checked_in_proportion() -> Result<(), Failure> {
    in_proportion(&["--check"], RECIPES)
}

fn recipes_are_audited_in_proportion() -> Result<(), Failure> {
    in_proportion(&["--audit=static"], RECIPES)
}

fn block(dockerfile: String) -> Vec<(&'static str, String)> {
    vec![
        ("Imkfile", "image app\n  tags = app\n  engine = docker\nendimage\n".to_owned()),
        ("Dockerfile", format!("FROM scratch\n{dockerfile}")),
    ]
}

fn freshness_is_judged_in_proportion() -> Result<(), Failure> {
    in_proportion(
        &["-f", "Imkfile", "-n", "app"],
        &[
            ("instructions", |n| block(lines(n, |i| format!("RUN echo {i}")))),
            ("instructions of their own readers", |n| block("COPY in /x\n".repeat(n))),
            ("arguments", |n| block(lines(n, |i| format!("ARG a{i}=b{i}")))),
            ("declarations of one long argument", |n| {
                let mut files = block("ARG long\n".repeat(n));
                files[1].1.insert_str(0, &format!("ARG long={}\n", "x".repeat(n * 10)));
                files
            }),
            ("images", |n| block(lines(n, |i| format!("COPY --from=image{i} a b")))),
            ("stages that inherit", |n| {
                let stages = lines(n, |i| format!("FROM s{i} AS s{}\nENV e{i}=x", i + 1));
                block(format!("FROM scratch AS s0\n{stages}"))
            }),
            ("stages whose files alone count", |n| {
                let stages = lines(n, |i| format!("FROM scratch AS s{i}\nENV a{i}=b"));
                let read = lines(n, |i| format!("COPY --from=s{i} a b"));
                block(format!("{stages}FROM scratch\n{read}"))
            }),
            ("variables of a stage whose files alone count", |n| {
                let variables = lines(n, |i| format!("ENV a{i}=b"));
                block(format!("FROM scratch AS s\n{variables}FROM scratch\nCOPY --from=s a b\n"))
            }),
        ],
    )
}

fn variables(text: String) -> Vec<(&'static str, String)> {
    vec![("Makefile", "all: ; @:\n".to_owned()), ("vars", text)]
}

fn files_of_variables_are_read_in_proportion() -> Result<(), Failure> {
    in_proportion(
        &["-rR", "--env-file=vars"],
        &[
            ("variables", |n| variables(lines(n, |i| format!("V{i}=a")))),
            ("references", |n| variables(lines(n, |i| format!("V{i}=${{V{}:-x}}", i / 2)))),
            ("a name again", |n| variables("V=a\n".repeat(n))),
            ("one long line", |n| variables(format!("V={}\n", "$A ${B-c} ".repeat(n)))),
        ],
    )
}

/// The variable that has this program read the saved image that it names, and nothing else.
pub const READS: &str = "IMK_TRUST_READS_IMAGE";

/// Reads a saved image as an audit does.
pub fn read_image(path: &std::ffi::OsStr) {
    use imk::image::layers::{Limits, NothingKept, read};
    let read = std::fs::File::open(path).map(|file| read(file, &NothingKept, &Limits::default()));
    assert!(matches!(&read, Ok(Ok(_))), "{:?}", read.map(|read| read.err()));
}

/// A `tar` archive of these members: path, kind, link, content.
fn archive<'m>(members: impl IntoIterator<Item = (String, tar::EntryType, &'m str, Vec<u8>)>) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for (path, kind, link, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        let _ = match link {
            "" => out.append_data(&mut header, path, &content[..]),
            link => out.append_link(&mut header, path, link),
        };
    }
    out.into_inner().unwrap_or_default()
}

/// A saved image of these layers.
fn saved(layers: &[Vec<u8>]) -> Vec<u8> {
    let plain = |name: &str, text: Vec<u8>| (name.to_owned(), tar::EntryType::Regular, "", text);
    let list = |text: &str| vec![text; layers.len()].join(",");
    let config = format!(r#"{{"os":"linux","rootfs":{{"diff_ids":[{}]}}}}"#, list(r#""sha256:0""#));
    let names: Vec<String> = (0..layers.len()).map(|at| format!(r#""l{at}""#)).collect();
    let manifest = format!(r#"[{{"Config":"c","Layers":[{}]}}]"#, names.join(","));
    let own = layers.iter().enumerate().map(|(at, layer)| plain(&format!("l{at}"), layer.clone()));
    archive(own.chain([plain("c", config.into_bytes()), plain("manifest.json", manifest.into_bytes())]))
}

fn saved_images_are_read_in_proportion() -> Result<(), Failure> {
    use tar::EntryType::{Directory, Link, Regular, Symlink};
    type Image = fn(usize) -> Vec<u8>;
    let works: [(&str, Image); 8] = [
        ("files", |n| saved(&[archive((0..n).map(|i| (format!("f{i}"), Regular, "", b"x".to_vec())))])),
        ("files in one folder each", |n| {
            saved(&[archive((0..n).map(|i| (format!("d{i}/f"), Regular, "", Vec::new())))])
        }),
        ("one file again and again", |n| {
            saved(&[archive((0..n).map(|_| ("f".to_owned(), Regular, "", Vec::new())))])
        }),
        ("links", |n| saved(&[archive((0..n).map(|i| (format!("l{i}"), Symlink, "l0", Vec::new())))])),
        ("hard links", |n| saved(&[archive((0..n).map(|i| (format!("l{i}"), Link, "l0", Vec::new())))])),
        ("layers", |n| {
            let layer = |i: usize| archive([(format!("d/f{i}"), Regular, "", Vec::new())]);
            saved(&(0..n.min(999)).map(layer).collect::<Vec<_>>())
        }),
        ("layers that hide what is below", |n| {
            let files = archive((0..n).map(|i| (format!("d/f{i}"), Regular, "", Vec::new())));
            let hides = archive((0..n).map(|i| (format!("d/.wh.f{i}"), Regular, "", Vec::new())));
            saved(&[files, hides])
        }),
        ("folders that are opaque", |n| {
            let folders = archive((0..n).flat_map(|i| {
                let own = (format!("d{i}/f"), Regular, "", Vec::new());
                [(format!("d{i}"), Directory, "", Vec::new()), own]
            }));
            let opaque = archive((0..n).map(|i| (format!("d{i}/.wh..wh..opq"), Regular, "", Vec::new())));
            saved(&[folders, opaque])
        }),
    ];
    let place = Scene::new("", Manner::Well)?;
    let own = std::env::current_exe().map_err(words)?;
    let path = place.dir().join("image.tar");
    let of = |image: Vec<u8>| {
        std::fs::write(&path, image).map_err(words)?;
        counted(&place, &[&own.to_string_lossy()], Some((READS, &path.to_string_lossy())))
    };
    let none = of(saved(&[]))?;
    let mut failures = Vec::new();
    for (name, image) in works {
        failures.extend(hold(name, none, of(image(SIZE))?, of(image(4 * SIZE))?));
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}
