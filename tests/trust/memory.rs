//! The few lines of `unsafe` at work under valgrind: children, pipes, signals, a loaded object that calls back.

use std::process::Command;

use libtest_mimic::Trial;

use crate::Failure;
use crate::daemon::Manner;
use crate::figures::count;
use crate::scene::{Scene, equal, words};

pub fn trials() -> Vec<Trial> {
    let has_valgrind = Command::new("valgrind").arg("--version").output().is_ok();
    let trials: Vec<Trial> = crate::trials![no_byte_is_used_that_is_not_the_programs];
    trials.into_iter().map(|trial| trial.with_ignored_flag(!has_valgrind)).collect()
}

const MAKEFILE: &str = "\
X := $(shell echo one) $(file <in) $(wildcard *) $(realpath .) $(sort b a b)
-include gen.mk
all: a b c ~/none lib(member)
\t@echo $(X) $^ >&2
gen.mk: in
\t@echo V = 1 >$@
a b c: in
\t@cp in $@
~/none: ; @:
lib(member): ; @touch member; ar rc lib member
fail:
\t@docker create --name app x
\t@docker cp app:/x .
\t@docker rm app
sub:
\t@$(MAKE) -s a b c
";

const OBJECT: &str = r#"
#include <stdlib.h>
#include <string.h>
#include <gnumake.h>
int plugin_is_GPL_compatible;
static char *twice(const char *name, unsigned int count, char **words) {
    char *text = gmk_expand(words[0]), *out = gmk_alloc(2 * strlen(text) + 1);
    (void)name; (void)count;
    strcpy(out, text); strcat(out, text); gmk_free(text);
    gmk_eval("TWICE_WAS_CALLED := yes", NULL);
    return out;
}
int object_gmk_setup(void) { gmk_add_function("twice", twice, 1, 1, GMK_FUNC_DEFAULT); return 1; }
"#;

const HEADER: &str = r#"
typedef struct { const char *filenm; unsigned long lineno; } gmk_floc;
typedef char *(*gmk_func_ptr)(const char *, unsigned int, char **);
extern void gmk_free(char *); extern char *gmk_alloc(unsigned int);
extern void gmk_eval(const char *, const gmk_floc *); extern char *gmk_expand(const char *);
extern void gmk_add_function(const char *, gmk_func_ptr, unsigned int, unsigned int, unsigned int);
#define GMK_FUNC_DEFAULT 0
"#;

fn no_byte_is_used_that_is_not_the_programs() -> Result<(), Failure> {
    let place = Scene::new(MAKEFILE, Manner::Well)?;
    place.daemon.mark("fail-cp").map_err(words)?;
    place.write("gnumake.h", HEADER)?;
    place.write("object.c", OBJECT)?;
    place
        .write("load.mk", "load object.so\n$(info $(twice a$(X)) $(TWICE_WAS_CALLED))\nX = b\nall: ; @:\n")?;
    let made = place.run(&["cc", "-shared", "-fPIC", "-I.", "-o", "object.so", "object.c"])?;
    let mut runs: Vec<(&[&str], &str)> = vec![
        (&["-j3"], "0"),
        (&["-B", "-j3", "-Otarget"], "0"),
        (&["-B", "--jobserver-style=pipe", "-j2", "sub"], "0"),
        (&["-n", "-p"], "0"),
        (&["-d", "-k", "absent"], "2"),
        (&["fail"], "2"),
        (&["--plan", "fail"], "0"),
        (&["--check=json", "fail"], "0"),
    ];
    if made.status == "0" {
        runs.push((&["-f", "load.mk"], "0"));
    }
    for (arguments, status) in runs {
        let valgrind =
            ["valgrind", "-q", "--error-exitcode=99", "--leak-check=no", "--child-silent-after-fork=yes"];
        let path = place.dir().join("../bin/imk");
        let path = path.to_string_lossy();
        let outcome = place.run(&[&valgrind[..], &[&path], arguments].concat())?;
        let what = format!("{arguments:?}: {outcome:?}");
        equal(
            &what,
            outcome.stderr.contains("== Invalid") || outcome.stderr.contains("uninitialised"),
            false,
        )?;
        equal(&what, outcome.status.as_str(), status)?;
        count("runs under valgrind", 1);
    }
    Ok(())
}
