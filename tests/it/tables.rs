//! What depends on GNU make's tables of names, compared with GNU make: the printed data base, the order in which intermediate files
//! are deleted, `.VARIABLES`.

use std::fs;

use libtest_mimic::{Failed, Trial};

use crate::program::{self, Program};
use crate::run::{Invocation, Workplace};

/// A makefile with something of everything that the data base shows.
const MAKEFILE: &str = r#"
X = a b
Y := $$ 1
define Z
two
lines
endef
W := $(X)
override O = 1
export E ?= $(X)
private P = x
SP := $(subst ,, )
vpath %.c src:lib
vpath %.h inc
VPATH = v1:v2
%.x: CF = 1
%.x: CF += 2
%.y: private CG := $$z
all: CFLAGS = -O
all: CFLAGS += -g
all: one.x dd | oo ; @echo $@ \
 more
	@echo second
one.x: one.i ; @touch $@
one.i: ; @touch $@
%.i %.j: %.k ; @echo $@
%.q:: %.r ; @echo $@
.PHONY: all
.PRECIOUS: one.i
.SECONDARY: sec
dd:: ; @:
dd:: aa ; @echo dd
dd::
oo: .WAIT aa
aa: ;
fails: ; @false
st.o: %.o: ; @echo $*
.RECIPEPREFIX = >
rp:
>@echo rp
.DEFAULT: ; @:
"#;

/// Runs of it that end in different states of the files.
const RUNS: [&[&str]; 8] = [
    &["-p"],
    &["-pr"],
    &["-prR", "st.o", "rp"],
    &["-pq", "all"],
    &["-pn", "rp", "aa", "unknown"],
    &["-pk", "fails", "all"],
    &["-ep", "X=1", "Y:=$$"],
    &["-p", "-f", "/dev/null"],
];

/// One trial for each comparison, ignored where GNU make is not there.
pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (number, arguments) in RUNS.into_iter().enumerate() {
        trials.push(compared(&format!("data_base_{number}"), move |gnu_make| {
            let run = |program: &Program| output(program, MAKEFILE, arguments).map(|text| blocks(&text));
            same(run(gnu_make)?, run(&program::imk())?)
        }));
    }
    trials.push(compared("intermediates_in_order_of_the_table", |gnu_make| {
        let makefile = intermediates(&mut fastrand::Rng::with_seed(7));
        let run = |program: &Program| output(program, &makefile, &["-r"]).map(|text| vec![text]);
        same(run(gnu_make)?, run(&program::imk())?)
    }));
    trials.push(compared("variables_in_order_of_the_table", |gnu_make| {
        let makefile = many_variables(&mut fastrand::Rng::with_seed(9));
        let run = |program: &Program| {
            // This program has a variable of its own, which may push others from their slots.
            output(program, &makefile, &["-r"])
                .map(|text| text.split(' ').map(str::to_owned).collect::<Vec<_>>())
        };
        let mut mine = run(&program::imk())?;
        mine.retain(|name| name != "IMK_VERSION");
        let theirs = run(gnu_make)?;
        let moved = theirs.iter().zip(&mine).filter(|(one, other)| one != other).count();
        if theirs.len() == mine.len() && moved < mine.len() / 20 { Ok(()) } else { same(theirs, mine) }
    }));
    trials
}

fn compared(name: &str, test: impl FnOnce(&Program) -> Result<(), Failed> + Send + 'static) -> Trial {
    let gnu_make = program::gnu_make();
    Trial::test(format!("tables::{name}"), move || match gnu_make {
        Some(gnu_make) => test(gnu_make),
        None => Ok(()),
    })
    .with_ignored_flag(gnu_make.is_none())
}

fn output(program: &Program, makefile: &str, arguments: &[&str]) -> Result<String, Failed> {
    let place = Workplace::new(program)?;
    fs::write(place.dir().join("Makefile"), makefile)?;
    let args = arguments.iter().map(Into::into).collect();
    let outcome = place.run(&Invocation { args, merged: true, ..Invocation::default() })?;
    Ok(String::from_utf8_lossy(&outcome.stdout).into_owned())
}

fn same(theirs: Vec<String>, mine: Vec<String>) -> Result<(), Failed> {
    if theirs == mine {
        return Ok(());
    }
    let (theirs, mine) = (theirs.join("\n--\n"), mine.join("\n--\n"));
    let text = similar::TextDiff::from_lines(&theirs, &mine).unified_diff().context_radius(3).to_string();
    Err(format!("GNU make's (-) and imk's (+) differ:\n{text}").into())
}

/// The data base without what is not to be equal (dates, counts, versions, folders read), its variables and files sorted.
fn blocks(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut in_variables = false;
    let mut skipping = false;
    let mut block = String::new();
    for line in text.lines() {
        match line {
            "# Variables" => in_variables = true,
            "# Pattern-specific Variable Values" => in_variables = false,
            _ => {}
        }
        skipping = match line {
            "# Directories" => true,
            "# Implicit Rules" => false,
            _ => skipping,
        };
        let own = [
            "imk 0",
            "License",
            "Copyright",
            "This is free",
            "GNU Make",
            "There is NO",
            "Built for",
            "strcache",
        ]
        .iter()
        .any(|word| line.trim_start_matches("# ").starts_with(word));
        let figures = line.starts_with("# current buf") || line == "# hash-table stats:";
        if skipping || own || figures || line.starts_with("# Load=") {
            continue;
        }
        let begins_variable = in_variables && line.starts_with("# ") && !block.ends_with("endef");
        if line.is_empty() || begins_variable {
            found.push(std::mem::take(&mut block));
        }
        let line = match line {
            line if line.contains("ata base") => line.split(" on ").next().unwrap_or_default(),
            line if line.contains("Last modified") => "#  Last modified",
            line => line,
        };
        block.push_str(line);
        block.push('\n');
    }
    found.push(block);
    found.retain(|block| {
        !block.trim().is_empty() && !block.contains("IMK_VERSION") && !block.contains("\nPATH = ")
    });
    found.sort();
    found
}

fn random_name(random: &mut fastrand::Rng) -> String {
    let length = random.usize(1..30);
    std::iter::repeat_with(|| random.alphanumeric()).take(length).collect()
}

/// A makefile with chains through intermediate files of random names, more than fit into the table's first size.
fn intermediates(random: &mut fastrand::Rng) -> String {
    let mut names: Vec<String> = std::iter::repeat_with(|| random_name(random)).take(700).collect();
    names.sort();
    names.dedup();
    random.shuffle(&mut names);
    let targets: Vec<String> = names.iter().map(|name| format!("{name}.z")).collect();
    format!("all: {} ; @:\n%.z: %.y ; @:\n%.y: ; @touch $@\n", targets.join(" "))
}

fn many_variables(random: &mut fastrand::Rng) -> String {
    let mut text = String::new();
    for _ in 0..1500 {
        text.push_str(&format!("{} := 1\n", random_name(random)));
    }
    text + "all: ; $(info $(.VARIABLES))@:\n"
}
