//! Random makefiles, statement by statement, and the runs to make of them. What it makes depends on the seed and the
//! number alone.
//!
//! Recipes hold only commands that are harmless whatever their arguments become: no redirection, no sub-make that could
//! call itself, no command that removes.

use fastrand::Rng;

use super::text::{FILES, VARIABLES, blank, chance, expression, pick, reference, word};
use crate::case::{Case, MERGED, Section, Step};
use crate::run::replace;

/// How most makefiles begin, so that there is something to do.
const OPENINGS: [&str; 5] = [
    "all: a foo.o d/e ; @echo $@: $^\n",
    "all: b c dc\n",
    "all: foo.o bar.o x.z ; @echo $@: $^ / $?\n",
    "a all: foo lib.q\n",
    ".PHONY: all\nall: d/e.o c\n\t@echo $@: $^\n",
];

/// How many end, so that fewer goals have no rule at all.
const ENDINGS: [&str; 4] = [
    ".DEFAULT: ; @echo default $@\n",
    ".DEFAULT:\n\t@echo default $@ $<\n",
    "%: ; @echo anything $@ $*\n",
    "foo.c bar.c d/e.c x.y dc dd: ; @touch $@\n%.z %.q: %.y ; @echo $@ $<\n",
];

/// The scenario of this seed and number.
pub fn scenario(seed: u64, number: u64) -> Case {
    let mut generator = Generator {
        rng: Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number),
        text: Vec::new(),
    };
    let rng = &mut generator.rng;
    let mut inputs = Vec::new();
    for file in FILES {
        if file != "all" && !file.starts_with("./") && file != "d/e" && chance(rng, 350) {
            inputs.push(Section { name: file.to_owned(), body: b"text\n".to_vec() });
        }
    }
    for name in ["inc.mk", "more.mk"] {
        let count = generator.rng.usize(1..5);
        inputs.push(Section { name: name.to_owned(), body: generator.makefile(count) });
    }
    let count = generator.rng.usize(2..14);
    let mut body = Vec::new();
    if chance(&mut generator.rng, 800) {
        body.extend_from_slice(pick(&mut generator.rng, &OPENINGS).as_bytes());
    }
    body.extend(generator.makefile(count));
    if chance(&mut generator.rng, 700) {
        body.extend_from_slice(pick(&mut generator.rng, &ENDINGS).as_bytes());
    }
    inputs.push(Section { name: "Makefile".to_owned(), body });
    inputs.push(Section { name: "args".to_owned(), body: generator.arguments() });
    if chance(&mut generator.rng, 150) {
        let environment = [
            "a=from env\n",
            "MAKEFLAGS=k\n",
            "foo=$(bar)\nx=1\n",
            "GNUMAKEFLAGS=-s\n",
            "MAKELEVEL=2\n",
            "VPATH=d\n",
        ];
        inputs.push(Section { name: "env".to_owned(), body: pick(&mut generator.rng, &environment).into() });
    }
    let header = if chance(&mut generator.rng, 300) { format!("{MERGED}\n") } else { String::new() };
    Case { header, steps: vec![Step { inputs, ..Step::default() }] }
}

struct Generator {
    rng: Rng,
    text: Vec<u8>,
}

impl Generator {
    fn makefile(&mut self, statements: usize) -> Vec<u8> {
        self.text.clear();
        for _ in 0..statements {
            self.statement(2);
        }
        std::mem::take(&mut self.text)
    }

    fn push(&mut self, text: &(impl AsRef<[u8]> + ?Sized)) {
        self.text.extend_from_slice(text.as_ref());
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        pick(&mut self.rng, list)
    }

    fn chance(&mut self, per_mille: u32) -> bool {
        chance(&mut self.rng, per_mille)
    }

    fn words(&mut self, most: usize) {
        let text = expression(&mut self.rng, 2, most);
        self.push(&text);
    }

    fn variable(&mut self) -> &'static str {
        pick(&mut self.rng, &VARIABLES)
    }

    fn statement(&mut self, depth: u32) {
        if self.chance(40) {
            let indent = self.pick(&["  ", " ", "    "]);
            self.push(indent);
        }
        match self.rng.u32(..1000) {
            0..280 => self.assignment(),
            280..340 => self.definition(),
            340..620 => self.rule(),
            620..680 => self.target_variable(),
            680..740 if depth > 0 => self.conditional(depth),
            740..760 => self.special_target(),
            760..790 => self.directive(),
            790..870 => self.message(),
            870..910 => self.evaluation(),
            910..930 => self.pattern_rule(),
            930..940 => self.static_pattern(),
            940..955 => self.suffix_rule(),
            955..975 => self.comment(),
            975..980 => self.noise(),
            _ => self.push("\n"),
        }
    }

    fn end_line(&mut self) {
        match self.rng.u32(..100) {
            0..4 => self.push(" # comment"),
            4..6 => self.push("  "),
            6 => self.push("\r"),
            _ => {}
        }
        self.push("\n");
    }

    fn assignment(&mut self) {
        if self.chance(120) {
            let modifier = self.pick(&[
                "override ",
                "export ",
                "private ",
                "export override ",
                "unexport ",
                "override  private ",
            ]);
            self.push(modifier);
        }
        if self.chance(60) {
            self.push(&b"$("[..]);
            let name = self.variable();
            self.push(name);
            self.push(")");
        }
        let name = self.variable();
        self.push(name);
        let operator = self.pick(&[
            "=", " = ", " = ", " = ", " := ", " := ", ":=", " ::= ", " :::= ", " += ", "+=", " ?= ", "\t=\t",
        ]);
        self.push(operator);
        self.words(4);
        self.end_line();
    }

    fn definition(&mut self) {
        let name = self.variable();
        let operator = self.pick(&["", "", "", " =", " :=", " +=", " ?=", " ::="]);
        self.push(&format!("define {name}{operator}\n"));
        for _ in 0..self.rng.usize(..4) {
            match self.rng.u32(..6) {
                0 => self.rule(),
                1 => self.assignment(),
                2 => self.recipe_line(),
                3 => self.push("# kept\n"),
                _ => {
                    self.words(4);
                    self.push("\n");
                }
            }
        }
        self.push("endef\n");
    }

    fn targets(&mut self) {
        for at in 0..self.rng.usize(1..4) {
            if at > 0 {
                self.push(" ");
            }
            let target = self.pick(&FILES);
            self.push(target);
        }
    }

    fn prerequisites(&mut self) {
        for _ in 0..self.rng.usize(..4) {
            let space = blank(&mut self.rng);
            self.push(space);
            match self.rng.u32(..100) {
                0..80 => {
                    let file = self.pick(&FILES);
                    self.push(file);
                }
                80..84 => self.push("*.c"),
                84..87 => self.push(".WAIT"),
                87..89 => self.push("|"),
                89..92 => self.push("$$(f1)"),
                92..93 => self.push("$$(@:.o=.c)"),
                93..94 => {
                    let odd = word(&mut self.rng);
                    self.push(&odd);
                }
                _ => {
                    let reference = reference(&mut self.rng, 1);
                    self.push(&reference);
                }
            }
        }
        if self.chance(80) {
            let file = self.pick(&FILES);
            self.push(&format!(" | {file}"));
        }
    }

    fn rule(&mut self) {
        match self.rng.u32(..100) {
            // Names of their own, mostly: one target cannot have rules of both kinds.
            0..8 => {
                let target = self.pick(&["dc", "dc", "dc dd", "dd", "dc a"]);
                self.push(&format!("{target}::"));
            }
            8..13 => {
                self.targets();
                let colon = self.pick(&["&:", " &: ", " &:"]);
                self.push(colon);
                self.prerequisites();
                if !self.chance(30) {
                    self.push(" ; @echo group $@");
                }
                self.push("\n");
                return;
            }
            _ => {
                self.targets();
                let colon = self.pick(&[":", ":", ":", ": ", " :"]);
                self.push(colon);
            }
        }
        self.prerequisites();
        self.recipe();
    }

    fn recipe(&mut self) {
        if self.chance(200) {
            self.push(" ; ");
            self.command();
        }
        if self.chance(30) {
            self.push(" # comment");
        }
        self.push("\n");
        for _ in 0..self.rng.usize(..4) {
            match self.rng.u32(..40) {
                0 => self.push("\n"),
                1 => self.push("# comment\n"),
                2 => self.push("\t\n"),
                3 => self.push("  # spaces\n"),
                4 => self.recipe_conditional(),
                _ => self.recipe_line(),
            }
        }
    }

    fn recipe_conditional(&mut self) {
        let name = self.variable();
        self.push(&format!("ifdef {name}\n"));
        self.recipe_line();
        if self.chance(500) {
            self.push("else\n");
            self.recipe_line();
        }
        self.push("endif\n");
    }

    fn recipe_line(&mut self) {
        self.push("\t");
        self.command();
        self.push("\n");
    }

    fn command(&mut self) {
        let prefix = self.pick(&["@", "@", "@", "", "", "-", "@-", "+", "-@ ", " @"]);
        self.push(prefix);
        match self.rng.u32(..100) {
            0..30 => self.push("echo $@ '$<' '$^' '$?' '$*'"),
            30..34 => self.push("echo '$+' '$|' '$(@D)' '$(@F)' '$(<F)' '$(^D)'"),
            34..50 => {
                self.push("echo '");
                self.words(3);
                self.push("'");
            }
            50..62 => self.push("touch $@"),
            62..70 => self.push(":"),
            70..75 => self.push("false"),
            75..78 => self.push("exit 3"),
            78..86 => {
                self.push("$(info ");
                self.words(2);
                self.push(" $@)");
            }
            86..90 => {
                let name = self.variable();
                self.push(&format!(": $({name})"));
            }
            90..93 => self.push("echo one \\\n\ttwo \\\n  three"),
            93..95 => self.push("no-such-command"),
            95..96 => self.push("$(if $(filter 0,$(MAKELEVEL)),$(MAKE) -f more.mk x.z)"),
            96..97 => self.push("# shell comment"),
            97..98 => self.push("echo \"$$a$$foo\""),
            98..99 => {
                let name = self.variable();
                self.push(&format!("$(eval {name} = from recipe)"));
            }
            _ => {}
        }
    }

    fn pattern_rule(&mut self) {
        let rules = [
            "%.o: %.c",
            "%.c: %.y",
            "%: %.z",
            "%.z:",
            "%.o %.c: x.y",
            "d/%: %",
            "%.q: %.o | a",
            "f%.o: f%.c",
            "%.o: %.c %.y",
            "%::",
            "%.c::",
            "lib%: %",
            "%.o:",
            "%.c: d/%.c",
            "%/e: a",
        ];
        let rule = self.pick(&rules);
        self.push(rule);
        self.recipe();
    }

    fn static_pattern(&mut self) {
        self.targets();
        let pattern =
            self.pick(&[": %.o: %.c", ": %: %.c", ": f%: b% c", ": %.o: %.c %.y | b", ": %: ", ": %.o:%.c"]);
        self.push(pattern);
        self.recipe();
    }

    fn suffix_rule(&mut self) {
        let rule = self.pick(&[
            ".c.o:",
            ".y:",
            ".SUFFIXES: .y .z\n.y.z:",
            ".z.y:",
            ".SUFFIXES:\n.c.o:",
            ".c:",
            ".c.o: a",
        ]);
        self.push(rule);
        self.recipe();
    }

    fn target_variable(&mut self) {
        if self.chance(150) {
            let pattern = self.pick(&["%", "%.o", "f%", "d/%"]);
            self.push(pattern);
        } else {
            self.targets();
        }
        let modifier = self.pick(&[": ", ": ", ": ", ":: ", ": export ", ": override ", ": private ", ":"]);
        self.push(modifier);
        self.assignment();
    }

    fn conditional(&mut self, depth: u32) {
        self.condition();
        for _ in 0..self.rng.usize(1..3) {
            self.statement(depth - 1);
        }
        while self.chance(250) {
            self.push("else ");
            self.condition();
            self.statement(depth - 1);
        }
        if self.chance(400) {
            self.push("else\n");
            self.statement(depth - 1);
        }
        if !self.chance(5) {
            self.push("endif");
            self.end_line();
        }
    }

    fn condition(&mut self) {
        let name = self.variable();
        match self.rng.u32(..10) {
            0..3 => self.push(&format!("ifdef {name}")),
            3 => self.push(&format!("ifndef {name}")),
            4 => self.push(&format!("ifdef $({name})")),
            5 => self.push(&format!("ifeq \"$({name})\" 'one'")),
            kind => {
                let value = expression(&mut self.rng, 1, 1);
                let value: Vec<u8> =
                    value.into_iter().filter(|byte| !matches!(byte, b',' | b'\n' | b'#')).collect();
                self.push(if kind < 8 { "ifeq (" } else { "ifneq (" });
                self.push(&format!("$({name}),"));
                self.push(&value);
                self.push(")");
            }
        }
        self.end_line();
    }

    fn special_target(&mut self) {
        let specials = [
            ".PHONY",
            ".PHONY",
            ".SECONDARY",
            ".SECONDEXPANSION",
            ".SECONDEXPANSION",
            ".ONESHELL",
            ".SILENT",
            ".IGNORE",
            ".DELETE_ON_ERROR",
            ".PRECIOUS",
            ".INTERMEDIATE",
            ".NOTINTERMEDIATE",
            ".POSIX",
            ".SUFFIXES",
            ".NOTPARALLEL",
            ".EXPORT_ALL_VARIABLES",
            ".LOW_RESOLUTION_TIME",
            ".WAIT",
            ".UNKNOWN",
        ];
        let special = self.pick(&specials);
        self.push(special);
        self.push(":");
        self.prerequisites();
        self.push("\n");
        if self.chance(150) {
            self.push(".DEFAULT:\n");
            self.recipe_line();
        }
    }

    fn directive(&mut self) {
        let name = self.variable();
        match self.rng.u32(..16) {
            0..3 => self.push("include inc.mk"),
            3 => self.push("-include inc.mk none.mk *.none"),
            4 => self.push("sinclude $(c) inc.mk"),
            5 => self.push("include none.mk"),
            6 => self.push(&format!("export {name}")),
            7 => self.push(&format!("unexport {name} a")),
            8 => self.push(&format!("undefine {name}")),
            9 => self.push(&format!("override undefine {name}")),
            10 => self.push("vpath %.c d:."),
            11 => self.push("VPATH = d"),
            12 => self.push(".DEFAULT_GOAL = b"),
            13 => self.push(".EXTRA_PREREQS = c"),
            14 => self.push("export"),
            _ => self.push(".RECIPEPREFIX = >\nb: ; @echo prefix\n>@echo by prefix\n.RECIPEPREFIX ="),
        }
        self.end_line();
    }

    fn message(&mut self) {
        let function = self.pick(&["info", "info", "info", "info", "warning"]);
        self.push(&format!("$({function} ["));
        let text = expression(&mut self.rng, 3, 4);
        self.push(&text);
        self.push("])\n");
    }

    /// `$(eval …)` of a statement on one line, its dollars doubled or not.
    fn evaluation(&mut self) {
        let rest = std::mem::take(&mut self.text);
        match self.rng.u32(..4) {
            0 => self.rule(),
            1 => self.target_variable(),
            2 => self.push(&b"$(foo)"[..]),
            _ => self.assignment(),
        }
        let line = std::mem::replace(&mut self.text, rest);
        let line = replace(&line, b"\\\n", b" ");
        let double = self.chance(500);
        self.push("$(eval ");
        for byte in line {
            match byte {
                b'\n' => break,
                b'$' if double => self.push("$$"),
                _ => self.text.push(byte),
            }
        }
        self.push(")\n");
    }

    fn comment(&mut self) {
        let comment =
            self.pick(&["# comment", "# goes \\\n  on", "  # indented $(error no)", "#", "# even\\\\"]);
        self.push(comment);
        self.push("\n");
    }

    fn noise(&mut self) {
        self.words(3);
        self.push("\n");
    }

    fn arguments(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        let flags = [
            "-n",
            "-n",
            "-n",
            "-k",
            "-s",
            "-B",
            "-i",
            "-r",
            "-r",
            "-rR",
            "-w",
            "-e",
            "-q",
            "-t",
            "--trace",
            "--no-print-directory",
            "--warn-undefined-variables",
            "-Wfoo.c",
            "-oa",
            "a=given",
            "foo+=more",
            "x:=$(bar)",
            "'b=two words'",
            "'--eval=$(info eval)'",
            "--shuffle=reverse",
            "-finc.mk",
            "-fMakefile",
            "-S",
            "-Id",
        ];
        for _ in 0..self.rng.usize(..4) {
            text.extend_from_slice(self.pick(&flags).as_bytes());
            text.push(b' ');
        }
        if self.chance(350) {
            text.extend_from_slice(self.pick(&FILES).as_bytes());
            text.push(b' ');
        }
        if let Some(last) = text.last_mut() {
            *last = b'\n';
        }
        text
    }
}
