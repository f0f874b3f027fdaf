//! `--report` and `--trace-file`: the record of a run in the forms that people and programs read. Knows nothing of how a run goes on.

pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod trace;

use super::record::{Record, Target};
use super::style;
use crate::base::events::TargetOutcome;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A form of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JUnit's XML.
    JUnit,
    /// JSON.
    Json,
    /// Markdown, as GitHub shows it.
    Markdown,
    /// A page of its own.
    Html,
}

impl Form {
    /// The form that a file's ending asks for.
    pub fn of(name: &[u8]) -> Option<Form> {
        let ending = name.rsplit(|&byte| byte == b'.').next()?;
        match ending.to_ascii_lowercase().as_slice() {
            b"xml" => Some(Form::JUnit),
            b"json" => Some(Form::Json),
            b"md" | b"markdown" => Some(Form::Markdown),
            b"html" | b"htm" => Some(Form::Html),
            _ => None,
        }
    }

    /// The report.
    pub fn write(self, record: &Record) -> Vec<u8> {
        match self {
            Form::JUnit => junit::write(record).into_bytes(),
            Form::Json => json::write(record),
            Form::Markdown => markdown::write(record).into_bytes(),
            Form::Html => html::write(record).into_bytes(),
        }
    }
}

/// What came of a target, in words.
fn result(target: &Target) -> &'static str {
    match target.outcome {
        None => "not finished",
        Some(TargetOutcome::Made) => "made",
        Some(TargetOutcome::UpToDate) => "up to date",
        Some(TargetOutcome::Failed) => "failed",
        Some(TargetOutcome::GivenUp) => "given up",
        Some(TargetOutcome::OutOfDate) => "out of date",
    }
}

/// How the run ended, in a line.
fn headline(record: &Record) -> String {
    let count = |outcome, words: &str| match record.count(outcome) {
        0 => None,
        count => Some(format!("{count} {words}")),
    };
    let counts = [
        count(TargetOutcome::Failed, "failed"),
        count(TargetOutcome::GivenUp, "given up"),
        count(TargetOutcome::Made, "made"),
        count(TargetOutcome::UpToDate, "up to date"),
        count(TargetOutcome::OutOfDate, "out of date"),
    ];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    let counts = if counts.is_empty() { "no targets".to_owned() } else { counts.join(", ") };
    match record.end {
        Some((took, 0)) => format!("{counts} in {}", duration(took)),
        Some((took, status)) => format!("{counts} in {}; exit status {status}", duration(took)),
        None => counts,
    }
}

/// Why a target was made, in a line: an image's reasons, or the rule's.
fn why(target: &Target) -> String {
    match (&target.image, &target.reason) {
        (Some(image), _) if image.reasons.is_empty() => "cached".to_owned(),
        (Some(image), _) => image.reasons.join("; "),
        (None, Some(reason)) => reason.clone(),
        (None, None) => String::new(),
    }
}

/// The target's image: its first tag.
fn image(target: &Target) -> &str {
    target.image.as_ref().and_then(|image| image.tags.first()).map_or("", String::as_str)
}

/// The size of the target's image.
fn size(target: &Target) -> String {
    target.image.as_ref().and_then(|image| image.size).map_or_else(String::new, style::bytes)
}

/// A time for people.
fn duration(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// A time on the calendar, as ISO 8601 has it, without a fraction: `2024-05-06T07:08:09`, of Greenwich.
fn calendar(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since 1970 to a date of the Gregorian calendar, years beginning in March (Howard Hinnant, "chrono-Compatible Low-Level
    // Date Algorithms").
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let at = |seconds| calendar(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00");
        assert_eq!(at(1_795_337_071), "2026-11-22T08:44:31");
    }

    #[test]
    fn endings_say_the_form() {
        let forms =
            [("a.xml", Some(Form::JUnit)), ("x/b.JSON", Some(Form::Json)), ("c.md", Some(Form::Markdown))];
        assert!(forms.iter().all(|(name, form)| Form::of(name.as_bytes()) == *form));
        assert_eq!((Form::of(b"d.html"), Form::of(b"e.txt"), Form::of(b"f")), (Some(Form::Html), None, None));
    }
}
