//! The wording of findings on built images. Knows no places.

use super::super::dockerfile::Message;
use super::super::style::bytes;
use crate::image::audit::image::{Access, Aspect, Class, Kind, Leftover, Secret};

fn hinted(text: impl Into<String>, hint: impl Into<String>) -> Message {
    Message { text: text.into(), hint: Some(hint.into()) }
}

/// Some of `names`, and how many more there are.
fn some(names: &[String]) -> String {
    const MOST: usize = 4;
    let shown: Vec<&str> = names.iter().take(MOST).map(String::as_str).collect();
    match names.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn verb<'w>(names: &[String], one: &'w str, several: &'w str) -> &'w str {
    if names.len() == 1 { one } else { several }
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// What `kind` says.
pub fn message(kind: &Kind) -> Message {
    match kind {
        Kind::CompilersShip { paths, certain: true } => hinted(
            format!("{} {} in the image", some(paths), verb(paths, "ships", "ship")),
            "compile in a builder stage and COPY --from it; a base that comes with compilers has a slim variant",
        ),
        Kind::CompilersShip { paths, certain: false } => hinted(
            format!("{} {} a compiler by name, and no binary", some(paths), verb(paths, "is", "are each")),
            "nothing to do where it compiles nothing",
        ),
        Kind::CompilersHidden { paths } => hinted(
            format!(
                "{} {} removed by a later layer, and pulled with the image all the same",
                some(paths),
                verb(paths, "is", "are")
            ),
            "install, use and purge it in one RUN, or compile in a builder stage and COPY --from it",
        ),
        Kind::OverBudget { size: own, budget, base } => hinted(
            match base {
                0 => format!("the image has {}, and {} at most are wanted", bytes(*own), bytes(*budget)),
                base => format!(
                    "the image has {}, {} of them its base's, and {} at most are wanted",
                    bytes(*own),
                    bytes(*base),
                    bytes(*budget)
                ),
            },
            match base > budget {
                true => "only a smaller base can mend it: a slim variant, say",
                false => "copy what runs from a builder stage, and leave there what only builds",
            },
        ),
        Kind::HiddenBytes { biggest, files: count, hidden_by } => hinted(
            match hidden_by.is_empty() {
                true => format!(
                    "{} of this layer, {biggest} the biggest, can't be seen in the image, and ship",
                    files(*count)
                ),
                false => format!(
                    "{} of this layer, {biggest} the biggest, ship and are hidden by a later one ({})",
                    files(*count),
                    shortened(hidden_by)
                ),
            },
            "remove or change files in the RUN that makes them; COPY with the right owner and mode at once",
        ),
        Kind::HiddenOverBudget { hidden, budget } => hinted(
            format!(
                "{} ship that later layers hide, and {} at most are wanted",
                bytes(*hidden),
                bytes(*budget)
            ),
            "remove or change files in the RUN that makes them",
        ),
        Kind::Leftovers { what, path, files: count } => leftovers(*what, path, *count),
        Kind::UserIsRoot { user } => hinted(
            match user.is_empty() {
                true => "the image runs as root: it has no USER".to_owned(),
                false => format!("the image runs as root: USER {user} is uid 0"),
            },
            "RUN useradd --system app, and USER app after the last instruction that needs root",
        ),
        Kind::UserUnknown { user } => hinted(
            format!("the image's passwd has no user '{user}': no container can start"),
            "RUN useradd in the same stage, or give USER a number",
        ),
        Kind::DropsRoot { program } => hinted(
            format!("the image starts as root, and {program} gives that up"),
            "USER does it before anything runs; volumes can be owned beforehand",
        ),
        Kind::EnvironmentWritable { root, user, path, how, entries } => hinted(
            {
                let can = match how {
                    Access::Owns => "owns",
                    Access::Writes => "can write",
                    Access::WritesFolder => "can write the folder",
                };
                let more = match entries {
                    0 | 1 => String::new(),
                    count => format!(", and {} more like it", count - 1),
                };
                format!("the environment {root} is not read-only: '{user}' {can} {path}{more}")
            },
            "let root own it: COPY without --chown, no chown -R over it, and USER after it was made",
        ),
        Kind::OldBase { base, days } => hinted(
            match base.is_empty() {
                true => format!("the base image is {days} days old"),
                false => format!("the base image {base} is {days} days old"),
            },
            "pull a newer one, lock its digest, and have a target that renews it",
        ),
        Kind::EndOfLife { release, until, days } => hinted(
            match *days > 0 {
                true => format!("{release} has had no security updates since {until}"),
                false => format!("{release} gets security updates until {until} only"),
            },
            "move to a release with years ahead of it",
        ),
        Kind::RollingRelease { name } => hinted(
            format!("{name} has no releases: a security update brings whatever else is new"),
            "a base with long support: Debian stable, Ubuntu LTS",
        ),
        Kind::MuslPython { name } => hinted(
            format!("{name} uses musl: pip can't use manylinux wheels, and compiles what has no other"),
            "Debian or Ubuntu LTS, slim",
        ),
        Kind::ManyLayers { layers, limit } => hinted(
            format!("{layers} layers above the base, and {limit} at most are wanted"),
            "gather files under one folder in a builder stage, and COPY that once",
        ),
        Kind::InterpreterAbsent { root, interpreter } => hinted(
            format!("the environment {root} has no interpreter: {interpreter} is not in the image"),
            "make the environment with the Python of the stage that runs it, at the same path",
        ),
        Kind::InterpreterOther { root, wanted, interpreter } => hinted(
            format!("the environment {root} is for Python {wanted}, and its interpreter is {interpreter}"),
            "the stage that builds the environment and the one that runs it need bases with the same Python",
        ),
        Kind::EntryPointAbsent { program } => hinted(
            format!("the image starts '{program}', which is not in it"),
            "COPY it, or mend ENTRYPOINT, CMD or PATH",
        ),
        Kind::EntryPointNotExecutable { path } => hinted(
            format!("the image starts {path}, which its user may not execute"),
            "COPY --chmod=755, or chmod +x before it is copied",
        ),
        Kind::EntryPointInterpreter { path, interpreter } => hinted(
            format!("the image starts {path}, whose interpreter {interpreter} is not in it"),
            "mend the script's first line, or COPY its interpreter",
        ),
        Kind::SecretFile { path, what, hidden } => hinted(
            {
                let what = match what {
                    Secret::PrivateKey => "a private key",
                    Secret::Credentials => "credentials",
                    Secret::Variables => "values of secrets",
                };
                match hidden {
                    true => format!(
                        "{path} holds {what}, and can be read from its layer, though a later one removes it"
                    ),
                    false => format!("{path} holds {what}"),
                }
            },
            "RUN --mount=type=secret, and .dockerignore for the file; take it that the secret is known by now",
        ),
        Kind::SetuidFiles { paths } => hinted(
            format!(
                "{} {} with the owner's or group's rights, whoever starts {}",
                some(paths),
                verb(paths, "runs", "run"),
                verb(paths, "it", "them")
            ),
            "chmod a-s in the RUN that installs it, where nothing needs it",
        ),
        Kind::Differs { class, aspect, paths, embeds_time } => differs(*class, *aspect, paths, *embeds_time),
        Kind::UnexpectedBase { base, expected } => {
            hinted(format!("the base is {base}, and {expected} is wanted"), "start from another image")
        }
        Kind::NoHistory => hinted(
            "the image has no history: its layers can't be traced to instructions",
            "nothing to do where a tool made it that writes none",
        ),
        Kind::StartFails { status, said } => hinted(
            match said.is_empty() {
                true => {
                    format!("what the image starts ends with status {status}, without network and read-only")
                }
                false => {
                    format!(
                        "what the image starts ends with status {status}, without network and read-only: {said}"
                    )
                }
            },
            "write to /tmp or to volumes alone, and wait for what is not there yet",
        ),
        Kind::CompiledPackages { packages, seconds, native } => {
            let time = if *seconds > 0 { format!(" ({seconds} s)") } else { String::new() };
            let what = if *native { "compiled" } else { "built" };
            hinted(
                format!("pip {what} {} from source{time}: the index has no wheel that fits", some(packages)),
                "make the wheels once, in a stage of their own; --only-binary=:all: keeps to wheels",
            )
        }
    }
}

fn shortened(instruction: &str) -> String {
    const MOST: usize = 60;
    match instruction.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &instruction[..end]),
        None => instruction.to_owned(),
    }
}

fn differs(class: Class, aspect: Aspect, paths: &[String], embeds_time: bool) -> Message {
    let number =
        if paths.len() == 1 { "1 file differs".to_owned() } else { format!("{} files differ", paths.len()) };
    let how = match aspect {
        Aspect::Presence => " by being there in one alone",
        Aspect::Type => " in their type",
        Aspect::Link => " in where they lead",
        Aspect::Mode => " in their permissions",
        Aspect::Owner => " in their owner",
        Aspect::Time => " in their times of change",
        Aspect::Content => "",
    };
    let what = match class {
        Class::Log => ", a log",
        Class::Cache => ", a cache",
        Class::Bytecode if embeds_time => ", bytecode that embeds its source's time of change",
        Class::Bytecode => ", bytecode",
        Class::Order => ", the same lines in another order",
        Class::Content | Class::Time => "",
    };
    let mend = match class {
        Class::Log => "remove logs in the RUN that writes them",
        Class::Cache => "remove it in the RUN that fills it, or --mount=type=cache",
        Class::Bytecode => {
            "pip install --no-compile and PYTHONDONTWRITEBYTECODE=1, or python -m compileall --invalidation-mode unchecked-hash"
        }
        Class::Order => "sort what is written: the order of folders' entries and of hashes is not given",
        Class::Content => "pin what is fetched, and keep times, random numbers and host names out of files",
        Class::Time => {
            "touch -d @$SOURCE_DATE_EPOCH what the RUN writes, or --output with rewrite-timestamp=true"
        }
    };
    const MOST: usize = 12;
    let shown = paths.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = match paths.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    hinted(format!("in a second build {number}{how}{what}: {shown}{more}"), mend)
}

fn leftovers(what: Leftover, path: &str, count: usize) -> Message {
    let number = files(count);
    match what {
        Leftover::PackageLists => hinted(
            format!("{path} keeps {number} that only installing packages needs"),
            format!("rm -rf {path}/* at the end of the same RUN, or --mount=type=cache"),
        ),
        Leftover::PipCache => hinted(
            format!("{path} keeps {number} of a package cache"),
            "pip install --no-cache-dir, or --mount=type=cache on its folder",
        ),
        Leftover::StaticLibraries => hinted(
            match count {
                1 => format!("{path} is a static library, which nothing that runs needs"),
                _ => format!(
                    "{number} are static libraries, {path} the biggest, which nothing that runs needs"
                ),
            },
            "leave them in the builder stage",
        ),
        Leftover::Tests => hinted(
            format!("{path} and the like keep {number} of tests"),
            "remove them in the builder stage, before COPY --from",
        ),
    }
}
