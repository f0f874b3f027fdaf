//! What a session says of files and goals, whatever their names. Knows nothing of why it says it.

use super::Watch;

#[test]
fn names_are_said_and_not_obeyed() {
    let makefile = ".PHONY: all\nall:\n\t@true --all\n";
    let mut watch = Watch::new(&[("Makefile", makefile)]);
    watch.sh("git init -q");
    watch.start(&["all"]);
    watch.line("what all reads is not known: watching all of ");
    watch.idle();
    watch.write("a\n::error::b ##[error] \u{1b}]owned\u{7}", "1");
    assert_eq!(
        watch.run(),
        "imk: a\u{fffd}::error::b ##\u{fffd}[error] \u{fffd}]owned\u{fffd} changed: making all"
    );
}
