//! `--affected` in repositories of git: which goals a change reaches, of images and of files.

use libtest_mimic::Trial;

use crate::builder::Failure;
use crate::program;
use crate::run::{Invocation, Outcome, Workplace};

pub fn trials() -> Vec<Trial> {
    let trials = crate::trials![
        a_change_reaches_what_reads_it,
        renames_and_deletions_reach_both_names,
        links_and_ignore_files_are_followed,
        what_is_not_known_is_widened,
        platforms_say_what_is_read,
        submodules_and_folders_below,
        forms_and_errors,
    ];
    let git = std::process::Command::new("git").arg("--version").output().is_ok();
    trials.into_iter().map(|trial| trial.with_ignored_flag(!git)).collect()
}

const MAKEFILE: &str = "\
prog: main.o util.o ; cc -o $@ $^
%.o: %.c common.h ; cc -c $< -o $@
docs: manual.txt ; cp $< $@
check: prog ; ./prog
style: ; hadolint ./Dockerfile
any: ; ./script
app: ; docker build --target app --tag app:1 .
tool: ; docker build --target tool --tag tool:1 .
child: ; docker build --tag child:1 --file child/Dockerfile child
sub: ; $(MAKE) -C elsewhere
.PHONY: check style any app tool child sub
";

const SETUP: &str = "\
git() { command git -c user.name=t -c user.email=t@t -c protocol.file.allow=always \"$@\"; }
mkdir -p src tools child
printf 'FROM scratch AS base\\nFROM base AS app\\nCOPY src /src\\nFROM base AS tool\\nCOPY tools/*.py link /t/\\n' >Dockerfile
printf 'FROM app:1\\nCOPY . /\\n' >child/Dockerfile
touch main.c util.c common.h manual.txt src/a src/note.md tools/x.py tools/x.txt child/c linked script
ln -s linked link
echo '**/*.md' >.dockerignore
git init -q . && git add . && git commit -qm first
";

const ALL: &[&str] = &["prog", "docs", "check", "style", "any", "app", "tool", "child", "sub"];

/// What is told of all goals after the script `change`, with these arguments.
fn outcome(change: &str, arguments: &[&str]) -> Result<Outcome, Failure> {
    let place = Workplace::new(&program::imk()).map_err(|error| error.to_string())?;
    let words = |error: std::io::Error| error.to_string();
    std::fs::write(place.dir().join("Makefile"), MAKEFILE).map_err(words)?;
    crate::builder::shell(&place, &format!("{SETUP}\n{change}")).map_err(words)?;
    let args = arguments.iter().map(Into::into).collect();
    let env = vec![("DOCKER_HOST".into(), "unix:///nonesuch".into())];
    place.run(&Invocation { args, env, ..Invocation::default() }).map_err(words)
}

fn expect(change: &str, expected: &str) -> Result<(), Failure> {
    let arguments: Vec<&str> = std::iter::once("--affected=HEAD").chain(ALL.iter().copied()).collect();
    let found = outcome(change, &arguments)?;
    let told = String::from_utf8_lossy(&found.stdout).replace('\n', " ");
    match told.trim_end() == expected {
        true => Ok(()),
        false => Err(format!(
            "{change}: told '{told}', expected '{expected}', {}",
            String::from_utf8_lossy(&found.stderr)
        )),
    }
}

/// `any` and `sub` read nobody knows what: every change reaches them.
fn a_change_reaches_what_reads_it() -> Result<(), Failure> {
    expect(":", "")?;
    expect("echo x >>main.c", "prog check any sub")?;
    expect("echo x >>common.h; git add .", "prog check any sub")?;
    expect("echo x >>manual.txt", "docs any sub")?;
    expect("echo x >>src/a", "any app child sub")?;
    expect("echo x >src/untracked", "any app child sub")?;
    expect("echo x >>tools/x.py", "any tool sub")?;
    expect("echo x >>tools/x.txt", "any sub")?;
    expect("echo x >>child/c", "any child sub")?;
    expect("chmod +x src/a", "any app child sub")
}

fn renames_and_deletions_reach_both_names() -> Result<(), Failure> {
    expect("git mv src/a tools/a.py", "any app tool child sub")?;
    expect("rm src/a", "any app child sub")?;
    expect("rm manual.txt", "docs any sub")?;
    expect("mv util.c renamed.c", "prog check any sub")
}

fn links_and_ignore_files_are_followed() -> Result<(), Failure> {
    expect("echo x >>linked", "any tool sub")?;
    expect("echo x >>src/note.md", "any sub")?;
    expect("echo x >>.dockerignore", "any app tool child sub")?;
    expect("rm .dockerignore", "any app tool child sub")?;
    expect("echo x >Dockerfile.dockerignore", "any app tool child sub")?;
    expect("echo '#' >>Dockerfile", "style any app tool child sub")
}

fn what_is_not_known_is_widened() -> Result<(), Failure> {
    let all = ALL.join(" ");
    expect("echo '#' >>Makefile", &all)?;
    expect("echo 'x:' >GNUmakefile; rm GNUmakefile; touch unrelated", "any sub")?;
    expect("echo broken >Dockerfile", "style any app tool child sub")
}

/// A build whose platform is certain reads what that says; of others everything counts.
fn platforms_say_what_is_read() -> Result<(), Failure> {
    const BUILDS: &str = "\
own: ; DOCKER_BUILDKIT=1 docker build -f P -t t .
asked: ; docker buildx build --platform linux/arm64/v8 -f P -t t .
given: ; DOCKER_BUILDKIT=1 docker build --build-arg TARGETARCH=arm64 -f P -t t .
classic: ; DOCKER_BUILDKIT=0 docker build -f P -t t .
unsaid: ; docker build -f P -t t .
far: ; docker buildx build --builder far -f P -t t .
far-asked: ; docker buildx build --builder far --platform linux/amd64 -f P -t t .
exported: ; export DOCKER_BUILDKIT=1; docker build -f P -t t .
default: export DOCKER_DEFAULT_PLATFORM = linux/arm64
default: ; docker buildx build -f P -t t .
.PHONY: own asked given classic unsaid far far-asked exported default
";
    const SETUP: &str = "\
printf 'FROM --platform=$BUILDPLATFORM scratch AS b\\nFROM scratch\\nARG TARGETARCH\\nCOPY --from=b /x /\\nCOPY bin-$TARGETARCH /\\n' >P
touch bin-amd64 bin-arm64 other
git init -q . && git add . && git -c user.name=t -c user.email=t@t commit -qm first
";
    let goals = ["own", "asked", "given", "classic", "unsaid", "far", "far-asked", "exported", "default"];
    let words = |error: std::io::Error| error.to_string();
    let daemon = crate::daemon::Daemon::new(crate::daemon::Manner::Well).map_err(words)?;
    for (changed, expected) in [
        ("bin-amd64", "own classic unsaid far far-asked exported"),
        ("bin-arm64", "asked given classic unsaid far exported default"),
        ("other", "classic unsaid far exported"),
    ] {
        let place = Workplace::new(&program::imk()).map_err(words)?;
        std::fs::write(place.dir().join("Makefile"), BUILDS).map_err(words)?;
        crate::builder::shell(&place, &format!("{SETUP}echo x >>{changed}")).map_err(words)?;
        let args = std::iter::once("--affected=HEAD").chain(goals).map(Into::into).collect();
        let env = vec![
            ("DOCKER_HOST".into(), daemon.address("e.sock").into()),
            ("HOME".into(), place.dir().as_os_str().to_owned()),
        ];
        let found = place.run(&Invocation { args, env, ..Invocation::default() }).map_err(words)?;
        let told = String::from_utf8_lossy(&found.stdout).replace('\n', " ");
        if told.trim_end() != expected {
            let said = String::from_utf8_lossy(&found.stderr);
            return Err(format!("{changed}: told '{told}', expected '{expected}', {said}"));
        }
    }
    Ok(())
}

fn submodules_and_folders_below() -> Result<(), Failure> {
    let submodule = "\
mkdir other && git -C other init -q && touch other/f && git -C other add . && git -C other commit -qm x
git submodule --quiet add ./other src/module && git commit -qm module
echo x >>src/module/f";
    expect(submodule, "any app child sub")?;
    let found =
        outcome("echo x >>child/c", &["-C", "child", "-f", "../Makefile", "--affected=HEAD", "child"])?;
    // From there the context is another folder, which is not there: nobody knows.
    if found.stdout == b"child\n" { Ok(()) } else { Err(format!("{found:?}")) }
}

fn forms_and_errors() -> Result<(), Failure> {
    let json = outcome("echo x >>src/a", &["--affected=HEAD", "--affected-format=json"])?;
    if json.stdout != b"[\"app\",\"child\"]\n" || json.status != "0" {
        return Err(format!("all image targets: {json:?}"));
    }
    let none = outcome(":", &["--affected=HEAD", "--affected-format=json"])?;
    if none.stdout != b"[]\n" {
        return Err(format!("nothing: {none:?}"));
    }
    let unknown = outcome(":", &["--affected=nonesuch"])?;
    let told = String::from_utf8_lossy(&unknown.stderr).into_owned();
    if unknown.status != "2" || told != "imk: *** git knows no revision 'nonesuch'.  Stop.\n" {
        return Err(format!("no revision: {unknown:?}"));
    }
    let outside = outcome("rm -rf .git", &["--affected=HEAD"])?;
    match outside.status == "2" && outside.stdout.is_empty() {
        true => Ok(()),
        false => Err(format!("no repository: {outside:?}")),
    }
}
