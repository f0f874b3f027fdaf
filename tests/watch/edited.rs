//! Changes that the files' times do not tell: edits while a run reads, files with old times put in place. Knows nothing of other sessions.

use super::Watch;

#[test]
fn what_is_edited_while_it_is_read_is_made_again() {
    // The target is written after the edit, from what was there before it. `slow` has a run wait in the midst.
    let sub = "all: out\nout: in.up\n\tcp in.up out\n\
               %.up: %\n\tcat $< > held; if grep -q slow held; then echo > ../begun; cat < ../go; fi; cp held $@\n";
    let files = [
        ("Makefile", ".PHONY: all\nall: ; @$(MAKE) -s -C sub\n"),
        ("sub/Makefile", sub),
        ("sub/in", "slow\n"),
    ];
    for options in [&["--on-busy=queue", "all"][..], &["--quiet-period=1500", "all"]] {
        let mut watch = Watch::new(&files);
        assert!(watch.sh("mkfifo begun go"));
        watch.start(options);
        watch.line("making all");
        watch.text("begun");
        watch.write("sub/in", "fast\n");
        watch.settle();
        watch.write("go", "");
        assert_eq!(watch.run(), "imk: sub/in changed: making all");
        assert_eq!((watch.text("sub/out"), watch.runs()), ("fast\n".to_owned(), 2), "{:#?}", watch.heard);
    }
}

#[test]
fn what_was_edited_while_it_was_read_is_made_again_once_a_run_comes_to_it() {
    let makefile = ".PHONY: all\nall: b a\nb: b.in\n\tgrep -q good b.in && cp b.in b\n\
                    a: in\n\tcat in > held; if grep -q slow held; then echo > begun; cat < go; fi; cp held a\n";
    let mut watch = Watch::new(&[("Makefile", makefile), ("in", "slow\n"), ("b.in", "good\n")]);
    assert!(watch.sh("mkfifo begun go"));
    watch.start(&["--on-busy=queue"]);
    watch.line("making ");
    watch.text("begun");
    watch.write("in", "fast\n");
    watch.write("b.in", "bad\n");
    watch.settle();
    watch.write("go", "");
    watch.line("failed with status 2");
    watch.idle();
    assert_eq!(watch.text("a"), "slow\n");
    watch.write("b.in", "good again\n");
    assert_eq!(watch.run(), "imk: b.in changed: making all");
    assert_eq!(watch.text("a"), "fast\n");
}

#[test]
fn a_file_with_an_old_time_put_in_place_is_new() {
    let makefile = "out: in $(wildcard src/*)\n\tcat $^ > out; echo $? >> log\n";
    let mut watch =
        Watch::begin(&[("Makefile", makefile), ("in", "1\n"), ("src/a", "a\n")], &["--quiet-period=500"]);
    let mut log = watch.text("log");
    for (script, cause, newer) in [
        ("echo 2 > old; touch -d '2000-01-01' old; mv old in", "in changed", "in"),
        ("echo 3 > old; touch -d '2001-01-01' old; cp -p old in", "in changed", "in"),
        ("echo b > old; touch -d '2002-01-01' old; mv old src/b", "src/b changed", "src/b"),
        ("mkdir new; echo c > new/a; touch -d '2003-01-01' new/a; mv src gone; mv new src", "src", "src/a"),
    ] {
        assert!(watch.sh(script), "{script}");
        let line = watch.run();
        assert!(line.starts_with(&format!("imk: {cause}")), "{script}: {line}");
        log += &format!("{newer}\n");
        assert_eq!(watch.text("log"), log, "{script}");
    }
    assert_eq!(watch.text("out"), "3\nc\n");
    // What was taken for new once is old again, and a file's mode says nothing of its content.
    assert!(watch.sh("chmod 600 in"));
    watch.run();
    watch.write("src/a", "d\n");
    watch.run();
    assert_eq!(watch.text("log"), log + "src/a\n");
}

#[test]
fn a_makefile_made_from_a_file_with_an_old_time_is_made_again_and_read() {
    let makefile = "include gen.mk\nout: gen.mk\n\techo $(V) > out\ngen.mk: gen.in\n\tcp gen.in gen.mk\n";
    let mut watch = Watch::begin(&[("Makefile", makefile), ("gen.in", "V = 1\n")], &[]);
    assert!(watch.sh("echo 'V = 2' > old; touch -d '2000-01-01' old; mv old gen.in"));
    assert_eq!(watch.run(), "imk: gen.in changed: making out");
    assert_eq!((watch.text("out"), watch.runs()), ("2\n".to_owned(), 2));
}

#[test]
fn what_was_made_since_is_newer_than_the_edit() {
    // Both sub-makes of a run, and the second pass over a target, find what the first one made.
    let makefile =
        "build: stamp ; echo built >> log\nstamp: in\n\tcp in stamp; echo stamp >> log\n\t$(MAKE) build\n";
    let mut watch = Watch::begin(&[("Makefile", makefile), ("in", "1\n")], &["--quiet-period=500", "build"]);
    let before = watch.text("log").matches("stamp").count();
    assert!(watch.sh("echo 2 > old; touch -d '2000-01-01' old; mv old in"));
    assert_eq!(watch.run(), "imk: in changed: making build");
    assert_eq!(
        (watch.text("stamp"), watch.text("log").matches("stamp").count()),
        ("2\n".to_owned(), before + 1)
    );
}
