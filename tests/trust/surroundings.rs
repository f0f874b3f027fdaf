//! Surroundings that fail a run: streams that are closed or full, folders that are gone, limits, shells and engines that fail,
//! hang, lie or never stop. Where GNU make says what happens then, imk says the same.

use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use libtest_mimic::Trial;

use crate::Failure;
use crate::daemon::Manner;
use crate::figures::count;
use crate::program;
use crate::scene::{Outcome, Scene, equal, words};

pub fn trials() -> Vec<Trial> {
    let no_make = program::gnu_make().is_none();
    let mut trials: Vec<Trial> = crate::trials![surroundings_are_to_imk_what_they_are_to_make];
    trials = trials.into_iter().map(|trial| trial.with_ignored_flag(no_make)).collect();
    trials.extend(crate::trials![
        an_engine_that_hangs_is_not_waited_for_twice,
        an_engine_that_never_stops_answering,
        an_engine_that_lies,
        a_terminal_that_closes,
    ]);
    trials
}

const MAKEFILE: &str = "\
all: a b
\t@echo all
a: in
\tcp in $@
b: a
\t@echo to stderr >&2
\tsed s/i/o/ a >$@
fail:
\t@echo begun; exit 3
half:
\tprintf x >$@; false
big:
\tfor i in 1 2 3 4 5 6 7 8 9; do echo $$i; done >$@; test -s $@
.PHONY: all fail
";

/// Scripts that run `imk`; each is run with imk and with GNU make under that name.
const SCRIPTS: &[&str] = &[
    "imk >/dev/full",
    "imk -n >/dev/full",
    "imk --version >/dev/full",
    "imk --help >/dev/full",
    "imk -q >/dev/full",
    "imk -d >/dev/full",
    "imk 2>/dev/full",
    "imk fail >/dev/full",
    "imk fail 2>/dev/full",
    "imk >&-",
    "imk 2>&-",
    "imk <&-",
    "imk <&- >&- 2>&-; echo $?",
    "imk -j2 -O >&-",
    "imk -j2 -O >/dev/full",
    "imk -j2 -Oline 2>/dev/full",
    "imk -f - <&-",
    "imk -f - </dev/null",
    "imk -f - <.",
    "imk -f .",
    "imk -f /dev/null",
    "imk -f absent",
    "imk -f in",
    "mkfifo p; echo 'all:; @echo from a pipe' >p & imk -f p",
    "(sleep 0.2; imk; echo $? >status) | true; cat status",
    "(sleep 0.2; imk -d; echo $? >status) | true; cat status",
    "trap '' PIPE; (sleep 0.2; imk; echo $? >status) | true; cat status",
    "trap '' INT TERM HUP; imk",
    "mkdir gone; cd gone; rmdir ../gone; imk -f ../Makefile",
    "mkdir gone; cd gone; rmdir ../gone; imk -C .. ",
    "mkdir gone; cd gone; echo 'all:; @echo $(CURDIR)' >Makefile; (sleep 0; rm -r ../gone); imk",
    "imk -C absent",
    "imk -C in",
    "ulimit -n 4; imk",
    "ulimit -n 6; imk",
    "ulimit -n 8; imk -j2",
    "ulimit -n 12; imk -j4 -O",
    "ulimit -f 0; imk big",
    "ulimit -s 512; imk",
    "TMPDIR=/nonexistent imk -j2 -O",
    "TMPDIR=/nonexistent imk -j2",
    "TMPDIR=/dev/null imk -f - <Makefile",
    "TMPDIR=/nonexistent imk -f - <Makefile",
    "imk SHELL=/nonexistent",
    "imk SHELL=/",
    "imk SHELL=/etc/passwd",
    "imk SHELL=/bin/false",
    "imk SHELL=/bin/true && ls",
    "imk SHELL= ",
    "printf '#!/bin/sh\\nkill -9 $$\\n' >s; chmod +x s; imk SHELL=./s",
    "printf '#!/bin/sh\\nkill -TERM $$\\n' >s; chmod +x s; imk -k SHELL=./s",
    "printf '#!/bin/sh\\nexit 255\\n' >s; chmod +x s; imk -i SHELL=./s",
    "printf '#!/bin/sh\\necho >>n; test $(wc -l <n) != 2 || kill -9 $$; exec /bin/sh \"$@\"\\n' >s; chmod +x s; imk -k SHELL=./s",
    "printf '#!/bin/sh\\necho >>n; test $(wc -l <n) != 3 || exit 1; exec /bin/sh \"$@\"\\n' >s; chmod +x s; imk -j2 -O SHELL=./s",
    "printf '#!/bin/sh\\nhead -c 1000000000 /dev/zero\\n' >s; chmod +x s; imk SHELL=./s fail | wc -c",
    "printf '#!/bin/sh\\nhead -c 100000000 /dev/zero\\n' >s; chmod +x s; imk -j2 -Otarget SHELL=./s fail | wc -c",
    "printf '#!/nonexistent\\n' >s; chmod +x s; imk SHELL=./s",
    "printf 'garbage' >s; chmod +x s; imk SHELL=./s",
    "printf '#!/bin/sh\\nsleep 30\\n' >s; chmod +x s; timeout -s TERM 0.5 imk SHELL=./s; echo $?",
    "MAKEFLAGS=-Z imk",
    "MAKEFLAGS='--jobserver-auth=3,4' imk",
    "MAKEFLAGS=' -j --jobserver-auth=fifo:/nonexistent' imk",
    "MAKEFLAGS=' -j2 --jobserver-auth=fifo:/dev/null' imk",
    "MAKEFLAGS='\\' imk",
    "MAKELEVEL=-5 imk fail",
    "MAKELEVEL=99999999999 imk fail",
    "MAKELEVEL=x imk fail",
    "MAKE_RESTARTS=7 imk",
    "MAKEFILES='absent in' imk",
    "ln -s loop loop; imk loop/x",
    "ln -s loop loop; imk -f loop",
    "ln -s absent a; imk",
    "mkdir a; imk",
    "mkfifo a; imk a",
    "rm in; imk",
    "chmod 0 in; imk -k all half",
    "imk half; imk half; ls half",
    "printf '.DELETE_ON_ERROR:\\n' >>Makefile; imk half; ls half",
    "printf 'x: ; @rm -f Makefile in; echo gone\\ny: x in\\n' >>Makefile; imk y",
    "imk $(printf '%05000d' 7)",
    "printf 'include .\\n' >>Makefile; imk",
    "printf 'include /proc/self/mem\\n' >>Makefile; imk",
    "printf -- '-include /proc/self/mem\\n' >>Makefile; imk",
    "printf 'X := $(file </proc/self/mem)\\n' >>Makefile; imk",
    "printf 'X := $(file >/dev/full,text)\\n' >>Makefile; imk",
    "printf 'X := $(file >.,text)\\n' >>Makefile; imk",
    "printf '\\0\\0all: ; @echo nul\\n' >Makefile; imk",
    "printf 'all: ; @printf \"\\\\033[31m\\\\n\"; exit 1\\n' >Makefile; imk",
    "printf 'X=\\033]0;title\\007\\n$(error $(X))\\n' >Makefile; imk",
];

/// Runs a script in a fresh folder, with imk or another program under that name, and says what it said and left.
fn run(script: &str, make: Option<&program::Program>) -> Result<(Outcome, Vec<String>), Failure> {
    let place = Scene::new(MAKEFILE, Manner::Well)?;
    if let Some(make) = make {
        place.stand_for_imk(make)?;
    }
    let mut outcome = place.run(&["sh", "-c", script])?;
    let dir = place.dir().display().to_string();
    outcome.stdout = outcome.stdout.replace(&dir, "$DIR");
    outcome.stderr = outcome.stderr.replace(&dir, "$DIR");
    let entries = std::fs::read_dir(place.dir()).into_iter().flatten().flatten();
    let mut files: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    files.sort();
    files.extend(place.litter());
    Ok((outcome, files))
}

fn surroundings_are_to_imk_what_they_are_to_make() -> Result<(), Failure> {
    let mut failures = Vec::new();
    for script in SCRIPTS {
        let (ours, theirs) = (run(script, None), run(script, program::gnu_make()));
        count("surroundings compared with GNU make's", 1);
        // The usage and version texts are imk's own, debugging output tells process numbers, how often a full disk is told of
        // depends on the C library's buffers, and make loses children that end while it handles SIGTERM.
        let own =
            ["--help", "--version", "MAKEFLAGS=-Z", "MAKEFLAGS='\\'", " -d", "-O >/dev/full", "timeout"];
        let is_own = own.iter().any(|option| script.contains(option));
        let same = match (&ours, &theirs) {
            (Ok((ours, _)), Ok((theirs, _))) if is_own => ours.status == theirs.status,
            (Ok(ours), Ok(theirs)) => ours == theirs,
            // What make itself leaves running, or hangs on, is no example.
            (Ok(_), Err(_)) => true,
            (Err(_), _) => false,
        };
        if !same {
            failures.push(format!("{script}: {ours:#?}, make {theirs:#?}"));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

const IMAGES: &str = "\
all:
\t@docker create --name app x
\t@docker cp app:/x .
\t@docker rm app
";

/// Runs with an engine of such a manner: how it went, and how long it took.
fn with_engine(manner: Manner, mark: Option<&str>) -> Result<(Scene, Outcome, f64), Failure> {
    let mut place = Scene::new(IMAGES, Manner::Well)?;
    place.daemon.listen("bad.sock", manner).map_err(words)?;
    place.socket = "bad.sock";
    if let Some(mark) = mark {
        place.daemon.mark(mark).map_err(words)?;
    }
    let start = Instant::now();
    let outcome = place.imk(&[])?;
    count("engines that fail", 1);
    Ok((place, outcome, start.elapsed().as_secs_f64()))
}

fn an_engine_that_hangs_is_not_waited_for_twice() -> Result<(), Failure> {
    let (place, outcome, seconds) = with_engine(Manner::Hangs, None)?;
    equal("status", outcome.status.as_str(), "0")?;
    equal("things", place.daemon.things(), Vec::new())?;
    if seconds > 30.0 { Err(format!("{seconds} s")) } else { Ok(()) }
}

fn an_engine_that_never_stops_answering() -> Result<(), Failure> {
    let (place, outcome, seconds) = with_engine(Manner::Endless, None)?;
    equal("status", outcome.status.as_str(), "0")?;
    equal("things", place.daemon.things(), Vec::new())?;
    if seconds > 30.0 { Err(format!("{seconds} s")) } else { Ok(()) }
}

/// It has each thing that it is asked for, always with the id of the user's container.
fn an_engine_that_lies() -> Result<(), Failure> {
    let mut place = Scene::new(IMAGES, Manner::Well)?;
    std::fs::write(place.daemon.path().join("container-mine"), "ab".repeat(32)).map_err(words)?;
    place.daemon.listen("bad.sock", Manner::Lies).map_err(words)?;
    place.socket = "bad.sock";
    place.daemon.mark("fail-cp").map_err(words)?;
    let outcome = place.imk(&[])?;
    count("engines that fail", 1);
    equal("status", outcome.status.as_str(), "2")?;
    equal("mine", place.daemon.things().contains(&"container-mine".to_owned()), true)
}

/// `script` gives the run a terminal, which goes with SIGHUP: what it made for itself goes too, and nothing is left running.
fn a_terminal_that_closes() -> Result<(), Failure> {
    let place = Scene::new(IMAGES, Manner::Well)?;
    place.daemon.mark("block-cp").map_err(words)?;
    let outer = place.dir().join("outer");
    std::fs::write(&outer, "#!/bin/sh\nimk & wait\n").map_err(words)?;
    std::fs::set_permissions(&outer, std::fs::Permissions::from_mode(0o755)).map_err(words)?;
    let mut child = place.command(&["script", "-qec", "imk", "/dev/null"]);
    let Ok(mut child) = child.spawn() else { return Ok(()) };
    place.daemon.wait_until_blocked().map_err(words)?;
    child.kill().map_err(words)?;
    let _ = child.wait();
    let deadline = Instant::now() + std::time::Duration::from_secs(20);
    while !(place.processes().is_empty() && place.daemon.things().is_empty()) {
        if Instant::now() > deadline {
            let left = (place.processes(), place.daemon.things());
            place.end_all();
            return Err(format!("left: {left:?}"));
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    count("terminals closed", 1);
    Ok(())
}
