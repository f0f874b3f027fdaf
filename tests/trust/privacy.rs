//! What others on the machine, and readers of what imk writes, don't get to see or to bend: secrets, temporary files.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::Failure;
use crate::daemon::Manner;
use crate::figures::count;
use crate::scene::{Scene, equal, words};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        secrets_stand_nowhere,
        hidden_values_stand_in_no_name,
        hidden_values_stand_in_no_journal,
        temporary_files_are_the_users_alone,
        planted_links_are_not_followed,
        what_is_no_file_in_imks_folder_is_done_without,
    ]
}

/// A block with an argument whose name is a secret's, and a recipe that says what `.SECRET_VARS` lists.
const SECRETS: &str = "\
TOKEN := $(shell cat token)
WORD := $(shell cat word)
.SECRET_VARS: WORD
image app
  tags = app:t
  args = NPM_TOKEN=$(TOKEN) OTHER=$(WORD)
endimage
app: said
said: ; @echo $(WORD); echo $(WORD) >&2
";

/// Every file below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&path)),
            Ok(kind) if kind.is_file() => found.push(path),
            _ => {}
        }
    }
    found
}

/// Neither value is in any file but the two that have them, be it of the folder or of the engine, whose client's log has the words of
/// each command, as a list of processes has them.
fn nowhere(place: &Scene, values: [&str; 2]) -> Result<(), Failure> {
    let own = ["token", "word"].map(|name| place.dir().join(name));
    for path in files(&place.dir()).into_iter().chain(files(place.daemon.path())) {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
        if let Some(value) = values.iter().find(|value| text.contains(**value))
            && !own.contains(&path)
        {
            return Err(format!("{value} is in {}: {text}", path.display()));
        }
    }
    Ok(())
}

fn secrets_stand_nowhere() -> Result<(), Failure> {
    let values = ["hunter-of-tokens", "whispered-word"];
    let scene = || {
        let place = Scene::new("", Manner::Well)?;
        fs::remove_file(place.dir().join("Makefile")).map_err(words)?;
        place.write("Imkfile", SECRETS)?;
        place.write("Dockerfile", "FROM scratch\nARG NPM_TOKEN\nARG OTHER\n")?;
        place.write("token", values[0])?;
        place.write("word", values[1])?;
        Ok::<_, Failure>(place)
    };
    let place = scene()?;
    let runs: [&[&str]; 6] = [
        &["--report=r.json", "--events=e.json", "--trace-file=t.json", "app"],
        &["--report=r.html", "app"],
        &["--report=r.xml", "-j2", "-Otarget", "app"],
        &["--report=r.md", "-n", "app"],
        &["--plan=json", "--check=json", "app"],
        &["--why", "--debug", "app"],
    ];
    for arguments in runs {
        let outcome = place.imk(arguments)?;
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        if outcome.status != "0" || values.iter().any(|value| said.contains(value)) {
            return Err(format!("{arguments:?}: {outcome:#?}"));
        }
        nowhere(&place, values).map_err(|failure| format!("{arguments:?}: {failure}"))?;
        count("runs looked through for secrets", 1);
    }
    let log = fs::read_to_string(place.daemon.path().join("log")).map_err(words)?;
    equal(&log, log.contains("--build-arg NPM_TOKEN ") && log.contains("--build-arg OTHER "), true)?;
    // What changes is told without what it was.
    place.write("word", "spoken-aloud")?;
    for arguments in [&["--why", "-n", "app"][..], &["--why=json", "-n", "app"], &["--why", "app"]] {
        let outcome = place.imk(arguments)?;
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        let all = [values[0], values[1], "spoken-aloud"];
        if outcome.status != "0" || all.iter().any(|value| said.contains(value)) || !said.contains("OTHER") {
            return Err(format!("{arguments:?}: {outcome:#?}"));
        }
    }
    nowhere(&place, values)?;
    // What has no other way than the command line stands there alone.
    let place = scene()?;
    let given = "  labels = a=$(WORD)\n  options = --add-host=$(WORD):10.0.0.1\nendimage";
    place.write("Imkfile", &SECRETS.replace("endimage", given))?;
    for (word, arguments) in [(values[1], &["app"][..]), ("spoken-aloud", &["--why", "app"])] {
        place.write("word", word)?;
        let outcome = place.imk(arguments)?;
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        let all = [values[0], values[1], "spoken-aloud"];
        if outcome.status != "0" || all.iter().any(|value| said.contains(value)) {
            return Err(format!("{arguments:?}: {outcome:#?}"));
        }
        for path in
            files(&place.dir()).iter().filter(|path| !path.ends_with("word") && !path.ends_with("token"))
        {
            let text = String::from_utf8_lossy(&fs::read(path).map_err(words)?).into_owned();
            if all.iter().any(|value| text.contains(value)) {
                return Err(format!("{}: {text}", path.display()));
            }
        }
    }
    // With the journal there.
    let place = scene()?;
    place.daemon.mark("block-build").map_err(words)?;
    let mut child = place.command(&["imk", "app"]).spawn().map_err(words)?;
    place.daemon.wait_until_blocked().map_err(words)?;
    nowhere(&place, values)?;
    let lines: Vec<String> = place.processes().into_iter().map(|(_, line)| line).collect();
    let seen = lines.iter().any(|line| values.iter().any(|value| line.contains(value)));
    equal(&format!("{lines:?}"), seen, false)?;
    let pid = Pid::from_raw(child.id().cast_signed()).ok_or("no process")?;
    kill_process_group(pid, Signal::KILL).map_err(|error| error.to_string())?;
    child.wait().map_err(words)?;
    place.end_all();
    count("runs looked through for secrets", 1);
    nowhere(&place, values)
}

/// A value in names of targets, of files, of a makefile and of an image, in what is read, said, made and failed at; and a value of an argument
/// in a recipe whose name alone tells of it.
const NAMES: &str = "\
.SECRET_VARS: WORD
TOKEN := $(shell cat ../token)
quoted = '$(subst ','\\'',$1)'
READ := $(shell test -n $(call quoted,$(WORD)); docker version --format NPM_TOKEN=$(TOKEN))
image app
  tags = app:t
  dockerfile = ../Dockerfile
  context = .
endimage
all: a-$(WORD) plain app
a-$(WORD): dep-$(WORD) ; @: $(call quoted,$@) NPM_TOKEN=$(TOKEN)
plain: ; @docker create --name one -e NPM_TOKEN=$(TOKEN) x >&2
dep-$(WORD): ; $(file >$@,)
fails: dep-$(WORD) bad-$(WORD)
bad-$(WORD): ; @exit 3
gone: none-$(WORD)
$(if $(LATE),$(error $(WORD)))
-include more-$(WORD).mk
";

/// Where `parts` of values stand in what was said and in files below `folder`, but for those called `token` and `word`.
fn found_in(outcome: &crate::scene::Outcome, folder: &Path, parts: &[&str]) -> Vec<String> {
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    let own = |path: &PathBuf| path.ends_with("token") || path.ends_with("word");
    let written = files(folder).into_iter().filter(|path| !own(path)).map(|path| {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
        (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), text)
    });
    let all = std::iter::once(("output".to_owned(), said)).chain(written);
    let lines = all.flat_map(|(name, text)| {
        let bad = text.lines().filter(|line| parts.iter().any(|part| line.contains(part)));
        bad.map(|line| format!("{name}: {line}")).collect::<Vec<_>>()
    });
    lines.collect()
}

fn hidden_values_stand_in_no_name() -> Result<(), Failure> {
    // No form in which it is written may be one that is looked for in vain: what of it needs no quoting anywhere is.
    let (word, token) = ("hush\"ed<xyzzy&s'end", "hunter-of-tokens");
    let parts = ["hush", "xyzzy", token];
    let forms = [
        "--report=r.json",
        "--report=r.md",
        "--report=r.xml",
        "--report=r.html",
        "--events=e.json",
        "--trace-file=t.json",
    ];
    let runs: [&[&str]; 20] = [
        &["all"],
        &["-j2", "-Otarget", "all"],
        &["-k", "fails"],
        &["-k", "--ci=github", "fails", "gone"],
        &["-k", "--ci=gitlab", "-j2", "fails", "gone"],
        &["gone"],
        &["LATE=1"],
        &["--progress=plain", "all"],
        &["-n", "--debug=all", "all"],
        &["--trace", "all"],
        &["--why", "all"],
        &["--why=json", "all"],
        &["--list"],
        &["--list=json"],
        &["--plan", "all", "fails"],
        &["--plan=json", "all", "fails"],
        &["--check", "all", "fails"],
        &["--check=json", "all", "fails"],
        &["--graph", "all", "fails"],
        &["--graph=svg", "all", "fails"],
    ];
    for arguments in runs {
        let place = Scene::new("", Manner::Well)?;
        let folder = format!("in-{word}");
        place.write("token", token)?;
        place.write("Dockerfile", "FROM scratch\n")?;
        fs::create_dir(place.dir().join(&folder)).map_err(words)?;
        place.write(&format!("{folder}/Imkfile"), NAMES)?;
        let more = "said: ; @:\n$(warning said in here)\n";
        place.write(&format!("{folder}/more-{word}.mk"), more)?;
        let workspace = place.dir().display().to_string();
        let mut command = place.command(&[&["imk", "-C", &folder], &forms[..], arguments].concat());
        let mut child =
            command.env("GITHUB_WORKSPACE", workspace).env("WORD", word).spawn().map_err(words)?;
        let outcome = place.wait(&mut child)?;
        let mut bad = found_in(&outcome, &place.whole(), &parts);
        // The echo of a recipe is the recipe's own, where only a name tells of a secret.
        let echoes = ["-n", "--trace"].contains(&arguments[0]);
        bad.retain(|line| !(echoes && line.starts_with("output: ") && line.contains(token)));
        equal(&format!("{arguments:?}"), bad, Vec::new())?;
        count("runs looked through for secrets", 1);
    }
    Ok(())
}

/// The journal of a run that is killed names the target that has a hidden value without it.
fn hidden_values_stand_in_no_journal() -> Result<(), Failure> {
    let makefile = ".SECRET_VARS: WORD\nall: a-$(WORD)\na-$(WORD):\n\t@docker create --name one x\n\t@docker cp one:/x y\n\t@docker rm one\n";
    let place = Scene::new(makefile, Manner::Well)?;
    place.daemon.mark("block-cp").map_err(words)?;
    let mut child = place.command(&["imk"]).env("WORD", "hush-hush").spawn().map_err(words)?;
    place.daemon.wait_until_blocked().map_err(words)?;
    let journal = files(&place.dir().join(".imk"));
    let texts: Vec<String> = journal
        .iter()
        .map(|path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned())
        .collect();
    let pid = Pid::from_raw(child.id().cast_signed()).ok_or("no process")?;
    kill_process_group(pid, Signal::KILL).map_err(|error| error.to_string())?;
    child.wait().map_err(words)?;
    place.end_all();
    let said = format!("{journal:?} {texts:?}");
    let (is_told, is_seen) = (said.contains("a-***"), said.contains("hush"));
    equal(&said, (is_told, is_seen), (true, false))?;
    let outcome = place.imk(&["--reap"])?;
    count("runs looked through for secrets", 2);
    equal(
        &format!("{outcome:?}"),
        (place.daemon.things(), format!("{outcome:?}").contains("hush")),
        (Vec::new(), false),
    )
}

/// What a run has in the folder for temporary files, nobody else may open.
fn temporary_files_are_the_users_alone() -> Result<(), Failure> {
    let makefile = "\
all: a b
\t@$(MAKE) -f sub.mk
a b: ; @stat -c '%A %n' $(TMPDIR)/*
";
    for arguments in [&["-j2"][..], &["-j2", "-Otarget"], &["-j3", "-Orecurse"]] {
        let arguments = [arguments, &["--no-print-directory"]].concat();
        let place = Scene::new(makefile, Manner::Well)?;
        place.write("sub.mk", "all: ; @stat -c '%A %n' $(TMPDIR)/*\n")?;
        let outcome = place.imk(&arguments)?;
        equal(&format!("{outcome:?}"), outcome.status.as_str(), "0")?;
        let own = outcome.stdout.lines().filter(|line| !line.ends_with("/bin") && !line.ends_with("/dir"));
        let own: Vec<&str> = own.filter(|line| line.contains('/')).collect();
        if own.is_empty() || own.iter().any(|line| line.get(4..10) != Some("------")) {
            return Err(format!("{arguments:?}: {own:#?}"));
        }
    }
    Ok(())
}

/// Links that somebody put where a run will write: what they lead to is as it was.
fn planted_links_are_not_followed() -> Result<(), Failure> {
    let plants = [
        // The name of the jobserver's fifo is GNU make's, and can be guessed.
        "ln -s $PWD/victim $TMPDIR/GMfifo$$",
        "ln -s $PWD/victim .imk",
        "mkdir -m 700 .imk; for name in journal lock freshness digests; do ln -s $PWD/victim .imk/$name; done",
        "ln -s / .imk",
    ];
    for plant in plants {
        for arguments in ["-j2", "-j2 -Otarget"] {
            let makefile =
                "all: sub\n\t@docker create --name app x\n\t@docker rm app\nsub: ; @$(MAKE) -f sub.mk\n";
            let place = Scene::new(makefile, Manner::Well)?;
            place.write("sub.mk", "all: ; @echo below\n")?;
            place.write("victim", "precious\n")?;
            let outcome = place.run(&["sh", "-c", &format!("{plant}; exec imk {arguments}")])?;
            let what = format!("{plant}: {outcome:?}");
            equal(&what, place.read("victim").as_deref(), Some("precious\n"))?;
            // A name that is taken may end the run, in so many words.
            equal(&what, matches!(outcome.status.as_str(), "0" | "2"), true)?;
            equal(&what, place.daemon.things(), Vec::new())?;
            count("links planted", 1);
        }
    }
    Ok(())
}

/// In the place of each file that a run left in imk's folder, something that is none: a pipe that nobody writes to, a folder, a link,
/// a second name of a file of the user's.
fn what_is_no_file_in_imks_folder_is_done_without() -> Result<(), Failure> {
    for plant in ["mkfifo", "mkdir", "ln -s $PWD/victim", "ln $PWD/victim"] {
        let place = Scene::new("", Manner::Well)?;
        place.write("Imkfile", "image app\n  tags = app\n  engine = docker\nendimage\n")?;
        place.write("Dockerfile", "FROM scratch\nCOPY in /\n")?;
        place.write("victim", "precious\n")?;
        let arguments = ["-f", "Imkfile", "app"];
        let first = place.imk(&arguments)?;
        equal(&format!("the first run: {first:?}"), first.status.as_str(), "0")?;
        let script = format!(
            "touch .imk/clock; touch -d 2001-01-01 victim; find .imk -type f | while read f; do rm $f; {plant} $f; echo $f; done"
        );
        let planted = place.run(&["sh", "-c", &script])?;
        equal(&format!("what is planted: {planted:?}"), planted.stdout.contains(".imk/clock"), true)?;
        let changed = || std::fs::metadata(place.dir().join("victim")).and_then(|data| data.modified());
        let before = changed().map_err(words)?;
        for arguments in [&arguments[..], &["-f", "Imkfile", "--why", "app"], &["-f", "Imkfile", "-B", "app"]]
        {
            let outcome = place.imk(arguments)?;
            equal(&format!("{plant} {arguments:?}: {outcome:?}"), outcome.status.as_str(), "0")?;
        }
        equal("the user's file", place.read("victim").as_deref(), Some("precious\n"))?;
        equal("its time", changed().map_err(words)?, before)?;
        count("links planted", 1);
    }
    Ok(())
}
