//! The wording of findings on stages. Knows no places.

use super::super::dockerfile::Message;
use crate::image::audit::stages::Kind;

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

/// What `kind` says.
pub fn message(kind: &Kind) -> Message {
    match kind {
        Kind::EndOfLife { image, release, until, over } => hinted(
            match over {
                true => format!("{image}: {release} has had no security updates since {until}"),
                false => format!("{image}: {release} gets security updates until {until} only"),
            },
            "move to a release with years ahead of it",
        ),
        Kind::NeverRefreshed { image } => hinted(
            format!("nothing here asks for a newer {image}: an engine that has one keeps it"),
            "build with --pull, or lock the digest and let a refresh target renew it",
        ),
        Kind::FloatingTag { image, tag, moves } => match (tag, moves) {
            (None, _) => hinted(
                format!("{image} has no tag: it is whatever is newest"),
                "name a release, and lock it: NAME:TAG@sha256:…",
            ),
            (_, true) => hinted(
                format!("{image} moves from release to release"),
                "name a release, and lock it: NAME:TAG@sha256:…",
            ),
            (_, false) => hinted(
                format!("{image} is another image after each of its updates"),
                "lock its digest (NAME:TAG@sha256:…), and have a target that renews it",
            ),
        },
        Kind::GitBranch { source } => hinted(
            format!("{source} is fetched as it is on the day of the build"),
            "name the commit: 40 hexadecimal digits behind '@' or '#', or git checkout COMMIT",
        ),
        Kind::UnpinnedPackages { names, file, tool } => {
            let where_ = match file {
                Some((file, line)) => format!(" ({file}:{line})"),
                None => String::new(),
            };
            hinted(
                format!("{tool} takes whatever version is newest of {}{where_}", some(names)),
                "pin with ==, from a lock file that a refresh target renews (pip freeze, pip-compile)",
            )
        }
        Kind::NoLockFile { tool, lock } => hinted(
            format!("{tool} resolves versions anew: no {lock} was copied before"),
            format!("keep {lock} under version control, and COPY it with pyproject.toml"),
        ),
        Kind::PackageUpgrade { command } => hinted(
            format!("{command} brings whatever is newest on the day of the build"),
            "good for security, bad for equal builds: keep it in a stage of its own, renewed on purpose",
        ),
        Kind::CompilerInstalled { package, removed } => match removed {
            Some(line) => hinted(
                format!("{package} is removed in line {line}, and ships all the same: its layer stays"),
                "install, use and purge it in one RUN, or compile in a builder stage and COPY --from it",
            ),
            None => hinted(
                format!("{package} is installed where the image is made, and ships with it"),
                "compile in a builder stage, and COPY --from it what it made",
            ),
        },
        Kind::CompilerInBase { image, compilers, instead } => hinted(
            format!("{image} is published with {compilers}"),
            match instead {
                Some(instead) => format!("{instead} comes without"),
                None => "use it as a builder stage, and start the image from a slim base".to_owned(),
            },
        ),
        Kind::PackageIndexKept { tool, path } => hinted(
            format!("what {tool} fetches to {path} stays in the layer"),
            format!("rm -rf {path}/* at the end of the same RUN, or --mount=type=cache,target={path}"),
        ),
        Kind::RecommendedPackages => hinted(
            "apt-get installs what the packages merely recommend as well",
            "apt-get install --no-install-recommends",
        ),
        Kind::PackageCacheKept { tool, option } => hinted(
            format!("what {tool} downloads stays in the layer"),
            format!("{option}, or --mount=type=cache on its cache folder"),
        ),
        Kind::CleanedTooLate { path, line } => hinted(
            format!("{path} is removed here, and ships all the same: line {line}'s layer holds it"),
            format!("remove it in the RUN of line {line}"),
        ),
        Kind::RunsAsRoot { user, base } => hinted(
            match (user, base) {
                (Some(user), _) => format!("the image runs as root: the last USER is '{user}'"),
                (None, Some(base)) => {
                    format!("the image runs as root: there is no USER, and {base} has none")
                }
                (None, None) => "the image runs as root: there is no USER".to_owned(),
            },
            "RUN useradd --system app, and USER app after the last instruction that needs root",
        ),
        Kind::UserUnknown { base } => hinted(
            match base {
                Some(base) => format!("there is no USER: the image runs as whoever {base} says"),
                None => "USER is a variable's value, which only the build knows".to_owned(),
            },
            "USER with a name that stands in the Dockerfile",
        ),
        Kind::StepsDown { program } => hinted(
            format!("the image starts as root, and its entry point steps down by {program}"),
            "USER does it before anything runs; volumes can be owned beforehand",
        ),
        Kind::WritableEnvironment { path, user } => hinted(
            format!("'{user}', who runs the image, can write {path}"),
            "let root own it: COPY without --chown, and USER after it was made",
        ),
        Kind::InstallAfterSources { install, copy, line, example, seconds } => hinted(
            {
                let what = match example {
                    Some(example) => format!("editing {example}"),
                    None => "a change of any source".to_owned(),
                };
                let took = seconds.map(|seconds| format!(" ({seconds} s)")).unwrap_or_default();
                format!("{what} runs '{install}' again{took}: '{copy}' (line {line}) is before it")
            },
            "COPY the manifests alone first, install, and COPY the sources last",
        ),
        Kind::AlpineWithPip { image, tool } => hinted(
            format!("{tool} on {image}: musl can't use manylinux wheels, so many packages are compiled"),
            "a slim Debian or Ubuntu base",
        ),
        Kind::RollingBase { image } => hinted(
            format!("{image} has no releases: a security update may bring new versions of everything"),
            "a base with long support: Debian stable, Ubuntu LTS",
        ),
        Kind::ShortSupport { image, release, until } => hinted(
            format!("{image}: {release} is supported for months only, until {until}"),
            "a base with long support: Debian stable, Ubuntu LTS",
        ),
        Kind::ManyLayers { count, most } => hinted(
            format!("{count} layers above the base, more than {most}"),
            "prepare one folder in a stage of its own, and COPY it once",
        ),
        Kind::CopiesFromOneStage { from, count, lines } => {
            let lines: Vec<String> = lines.iter().map(usize::to_string).collect();
            hinted(
                format!("'{from}' is copied in {count} steps (lines {})", lines.join(", ")),
                format!("let '{from}' lay all of it out below one folder, and COPY that once"),
            )
        }
        Kind::DeadStage { shadowed } => match shadowed {
            Some(line) => hinted(
                format!("nothing can build this stage: line {line} takes its name"),
                "give it a name of its own, or take it out",
            ),
            None => hinted(
                "nothing needs this stage, and it has no name to build it by",
                "name it (FROM … AS NAME), or take it out",
            ),
        },
        Kind::CompilesInFinal { command } => hinted(
            format!("'{command}' compiles where the image is made"),
            "compile in a builder stage, and COPY --from it what it made",
        ),
        Kind::UnverifiedDownload { source, certain } => match certain {
            true => hinted(
                format!("{source} is used as it arrives, unverified"),
                "ADD --checksum=sha256:…, or sha256sum -c before it is used",
            ),
            false => hinted(
                format!("{source} is verified nowhere in sight, unless a script does it"),
                "ADD --checksum=sha256:…, or sha256sum -c before it is used",
            ),
        },
        Kind::InsecureDownload { what } => hinted(
            format!("'{what}' lets anybody on the way change what arrives"),
            "https, with the certificate checked: add the authority's certificate to the image's",
        ),
        Kind::PipedToShell { source, program } => hinted(
            format!("{source} is run by {program} as it arrives, unverified and perhaps cut short"),
            "download it to a file, verify it with sha256sum -c, then run it",
        ),
        Kind::TestStageSkipped { stage, target, by } => match by {
            Some(by) => hinted(
                format!(
                    "'{stage}' is no ancestor of '{target}', and '{by}', which builds it, need not run first"
                ),
                format!("make '{by}' a prerequisite of what pushes the image"),
            ),
            None => hinted(
                format!("'{stage}' is no ancestor of '{target}': the engine does not run it for this image"),
                format!("a target that builds '{stage}', as a prerequisite of what pushes the image"),
            ),
        },
        Kind::SecretVariable { name, env, literal } => hinted(
            match (env, literal) {
                (true, true) => {
                    format!("the value of {name} stands in the image's config, for everybody to read")
                }
                (true, false) => format!("{name} looks like a secret, and stays in the image's config"),
                (false, true) => {
                    format!("the default of {name} looks like a secret, and stands in the Dockerfile")
                }
                (false, false) => format!("{name} looks like a secret, and stays in the image's history"),
            },
            format!(
                "RUN --mount=type=secret,id={}, and give it when the container runs",
                name.to_ascii_lowercase()
            ),
        ),
        Kind::SecretFile { path } => hinted(
            format!("{path} goes into a layer, and stays there even if it is removed later"),
            "leave it out by .dockerignore, and give it by RUN --mount=type=secret",
        ),
        Kind::CredentialsInUrl { source } => hinted(
            format!("a password stands in {source}, and in the image's history"),
            "RUN --mount=type=secret with a netrc file, or --mount=type=ssh",
        ),
    }
}
