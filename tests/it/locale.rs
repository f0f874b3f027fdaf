//! Locales: in each that the system has, names that match a wildcard come in the order in which GNU make puts them.

use std::process::Command;

use libtest_mimic::Trial;

use crate::builder::{Test, compare};
use crate::program;

const MAKEFILE: &str = "$(info $(wildcard *) | $(wildcard */*) | $(sort b A c B a))\nall: * ; @echo $^\n";

/// Names that locales put elsewhere than their bytes do.
const NAMES: &str = "touch a B c D_x d.y d-y z1 Z-1 Z2 A a_ 'é' 'É' e f; mkdir -p q/a q/B Q/b Q-1/a";

/// The trial of this module, ignored where GNU make is not there.
pub fn trials() -> Vec<Trial> {
    let make = program::gnu_make();
    let trial = Trial::test("locale::names_come_in_the_order_of_the_locale", move || {
        let make = make.ok_or("there is no GNU make 4.4.1 here (scripts/gnu-make brings it)")?;
        for locale in locales() {
            for variable in ["LC_ALL", "LC_COLLATE", "LANG"] {
                let test = Test::new().makefile(MAKEFILE).setup(NAMES);
                let test =
                    test.env("LC_ALL", "").env("LC_COLLATE", "").env("LANG", "").env(variable, &locale);
                let (expected, actual) = (test.outcome(make)?, test.outcome(&program::imk())?);
                compare(&expected, &actual).map_err(|failure| format!("{variable}={locale}: {failure}"))?;
            }
        }
        Ok(())
    });
    vec![trial.with_ignored_flag(make.is_none())]
}

/// The locales that there are; one that there is not sorts by bytes.
fn locales() -> Vec<String> {
    let listed = Command::new("locale").arg("-a").output().map(|output| output.stdout).unwrap_or_default();
    let mut names: Vec<String> = String::from_utf8_lossy(&listed).lines().map(str::to_owned).collect();
    names.push("none_NONE.UTF-8".to_owned());
    names.truncate(12);
    names
}
