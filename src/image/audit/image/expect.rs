//! The words of `expect`: what an image is held to, and whether findings break it. Knows no makefile.

use super::super::finding::{Finding, Level};
use super::Judged;
use super::kinds::Kind;
use super::view::{Setting, Subject};
use crate::image::audit::releases::Date;
use std::fmt;

/// What an image is held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// `size<=300MB`: bytes of all layers.
    Size(u64),
    /// `hidden<=10MB`: bytes that later layers hide, above the base.
    Hidden(u64),
    /// `layers<=12`: layers above the base.
    Layers(usize),
    /// `base-age<=90d`: days since the base image was made.
    BaseAge(i64),
    /// `base!=alpine`, `base=debian`: a name that the base's reference or its os-release has, and whether it may.
    Base(String, bool),
    /// A criterion's word: no finding of these codes.
    Without(&'static str, &'static [&'static str]),
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expectation::Size(most) => write!(f, "size<={most}"),
            Expectation::Hidden(most) => write!(f, "hidden<={most}"),
            Expectation::Layers(most) => write!(f, "layers<={most}"),
            Expectation::BaseAge(days) => write!(f, "base-age<={days}d"),
            Expectation::Base(name, true) => write!(f, "base={name}"),
            Expectation::Base(name, false) => write!(f, "base!={name}"),
            Expectation::Without(word, _) => f.write_str(word),
        }
    }
}

/// The words without a value, what each says, and the codes that break it.
pub const WORDS: [(&str, &str, &[&str]); 15] = [
    (
        "no-compilers",
        "no compiler ships, and none lies in a lower layer",
        &["image-compilers", "image-compilers-hidden"],
    ),
    (
        "non-root",
        "it runs as a user that is not root, whatever its name, and that its passwd knows",
        &["image-runs-as-root", "image-drops-root", "image-user-unknown"],
    ),
    ("read-only-env", "its user can change no Python environment", &["image-env-writable"]),
    (
        "supported",
        "its release is supported, and its distribution has releases",
        &["image-end-of-life", "image-rolling-release"],
    ),
    ("no-musl", "no Python with pip on musl", &["image-musl-python"]),
    ("no-package-lists", "no lists or archives of the distribution's packages", &["image-package-lists"]),
    ("no-pip-cache", "no cache of pip, uv or poetry", &["image-pip-cache"]),
    ("no-static-libraries", "no static libraries to speak of", &["image-static-libraries"]),
    ("no-tests", "no tests of Python or its packages to speak of", &["image-tests"]),
    (
        "no-leftovers",
        "none of the four",
        &["image-package-lists", "image-pip-cache", "image-static-libraries", "image-tests"],
    ),
    (
        "venv",
        "each virtual environment's interpreter is there and of its version",
        &["image-venv-broken", "image-venv-other-python"],
    ),
    (
        "entrypoint",
        "what it starts is there and can be executed",
        &["image-entrypoint-absent", "image-entrypoint-not-executable", "image-entrypoint-interpreter"],
    ),
    ("no-secrets", "no layer holds a secret", &["image-secret-file"]),
    ("no-setuid", "it adds no setuid or setgid programs to its base", &["image-setuid"]),
    ("audit", "the audit of the image has neither warnings nor errors", &[]),
];

/// Why a word is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoExpectation {
    /// What is wanted in its place.
    pub wanted: String,
}

/// Bytes, as `300MB`, `1.5GB`, `20MiB`, `4096`: units of 1000 as engines show sizes, those with `i` of 1024.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let number: f64 = text[..digits].parse().ok()?;
    let unit: f64 = match &text[digits..] {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" | "M" => 1e6,
        "GB" | "G" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number * unit;
    // More than any image has, and what a float can't tell apart, is not meant.
    (bytes.is_finite() && (0.0..=1e15).contains(&bytes)).then_some(bytes as u64)
}

impl Expectation {
    /// Reads a word.
    ///
    /// # Errors
    /// It is none, or its value can't be.
    pub fn parse(word: &str) -> Result<Expectation, NoExpectation> {
        let wanted = |wanted: &str| Err(NoExpectation { wanted: wanted.to_owned() });
        if let Some((name, value)) = word.split_once("<=") {
            return match name {
                "size" | "hidden" => match bytes(value) {
                    Some(most) if name == "size" => Ok(Expectation::Size(most)),
                    Some(most) => Ok(Expectation::Hidden(most)),
                    None => wanted(&format!("{name}<=SIZE, such as {name}<=300MB, is wanted")),
                },
                "layers" => match value.parse() {
                    Ok(most) => Ok(Expectation::Layers(most)),
                    Err(_) => wanted("layers<=NUMBER is wanted"),
                },
                "base-age" => match value.strip_suffix('d').unwrap_or(value).parse() {
                    Ok(days) if days >= 0 => Ok(Expectation::BaseAge(days)),
                    _ => wanted("base-age<=DAYS, such as base-age<=90d, is wanted"),
                },
                _ => wanted("'size', 'hidden', 'layers' or 'base-age' is wanted before '<='"),
            };
        }
        for (sign, may) in [("base!=", false), ("base=", true)] {
            match word.strip_prefix(sign) {
                Some("") => return wanted("the name of a distribution or image is wanted"),
                Some(name) => return Ok(Expectation::Base(name.to_owned(), may)),
                None => {}
            }
        }
        match WORDS.iter().find(|(name, ..)| *name == word) {
            Some((name, _, codes)) => Ok(Expectation::Without(name, codes)),
            None => {
                let names = WORDS.iter().map(|(name, ..)| *name);
                let near = crate::base::nearest::nearest(word.as_bytes(), names.clone().map(str::as_bytes));
                let near = near.map(|near| String::from_utf8_lossy(near).into_owned());
                match near {
                    Some(near) => wanted(&format!("there is no such expectation: did you mean '{near}'?")),
                    None => {
                        let all: Vec<&str> = names.collect();
                        wanted(&format!(
                            "size<=…, hidden<=…, layers<=…, base-age<=…, base!=…, {} are known",
                            all.join(", ")
                        ))
                    }
                }
            }
        }
    }
}

/// The limits that an image is judged by where it is held to `all`: theirs, and the audit's own for the word `audit`.
pub fn setting(all: &[Expectation], today: Date) -> Setting {
    let mut setting = Setting { today, ..Setting::default() };
    if !all.iter().any(|one| matches!(one, Expectation::Without("audit", _))) {
        (setting.budget, setting.layers, setting.base_days) = (u64::MAX, usize::MAX, i64::MAX);
    }
    for one in all {
        match one {
            Expectation::Size(most) => setting.budget = *most,
            Expectation::Layers(most) => setting.layers = *most,
            Expectation::BaseAge(days) => setting.base_days = *days,
            _ => {}
        }
    }
    setting
}

/// What breaks the expectations: the index of each that does not hold, with what was found. `judged` is the judgement by the
/// limits of [`setting`].
pub fn broken(all: &[Expectation], judged: &Judged, subject: &Subject<'_>) -> Vec<(usize, Finding)> {
    let mut broken = Vec::new();
    for (number, one) in all.iter().enumerate() {
        let of = |codes: &[&str]| -> Vec<Finding> {
            // What is only uncertain breaks nothing; that an image starts as root is certain.
            let counts =
                |finding: &&Finding| finding.level > Level::Info || finding.kind.code() == "image-drops-root";
            let named = |finding: &&Finding| codes.contains(&finding.kind.code());
            judged.findings.iter().filter(counts).filter(named).cloned().collect()
        };
        let found = match one {
            Expectation::Size(_) => of(&["image-over-budget"]),
            Expectation::Layers(_) => of(&["image-many-layers"]),
            Expectation::BaseAge(_) => of(&["image-old-base"]),
            Expectation::Without("audit", _) => {
                judged.findings.iter().filter(|finding| finding.level > Level::Info).cloned().collect()
            }
            Expectation::Without(_, codes) => of(codes),
            Expectation::Hidden(most) => hidden(judged, subject, *most).into_iter().collect(),
            Expectation::Base(name, may) => base(judged, subject, one, name, *may).into_iter().collect(),
        };
        broken.extend(found.into_iter().map(|finding| (number, finding)));
    }
    broken
}

fn hidden(judged: &Judged, subject: &Subject<'_>, most: u64) -> Option<Finding> {
    let own = || judged.sizes.layers.iter().filter(|layer| !layer.inherited);
    let hidden: u64 = own().map(|layer| layer.hidden).sum();
    if hidden <= most {
        return None;
    }
    let kind = Kind::HiddenOverBudget { hidden, budget: most };
    let mut finding = Finding::new(Level::Warning, kind, subject.target);
    let worst = own().max_by_key(|layer| layer.hidden)?;
    finding.bytes = Some(hidden);
    finding.layer = Some(worst.layer.clone());
    (finding.stage, finding.place) = (worst.stage.clone(), worst.place.clone());
    Some(finding)
}

fn base(judged: &Judged, subject: &Subject<'_>, one: &Expectation, name: &str, may: bool) -> Option<Finding> {
    let wanted = name.to_ascii_lowercase();
    let reference = subject.base.name.to_ascii_lowercase();
    // `alpine` is in `docker.io/library/alpine:3.20` as in `python:3.11-alpine`.
    let parts = reference.split(['/', ':', '@', '-']);
    let is = reference == wanted
        || judged.distribution == wanted
        || parts.into_iter().any(|part| {
            part == wanted
                || part
                    .strip_prefix(&wanted[..])
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
    if is == may {
        return None;
    }
    let base = match (subject.base.name.is_empty(), judged.distribution.is_empty()) {
        (false, false) => format!("{} ({})", subject.base.name, judged.distribution),
        (false, true) => subject.base.name.clone(),
        _ => judged.distribution.clone(),
    };
    let mut finding = Finding::new(
        Level::Warning,
        Kind::UnexpectedBase { base, expected: one.to_string() },
        subject.target,
    );
    finding.inherited = true;
    Some(finding)
}
