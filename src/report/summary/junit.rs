//! A run as JUnit's XML: each target a case. The form is that of the schema that Jenkins documents; readers of others find what they
//! look for. Knows nothing of how a run goes on.

use super::{calendar, result, why};
use crate::base::diagnostic::Severity;
use crate::base::events::TargetOutcome;
use crate::report::markup;
use crate::report::record::{Record, Target};
use std::fmt::Write;
use std::time::Duration;

/// `text` for an attribute or between tags. Characters that XML can't hold are replaced.
pub fn escaped(text: &str) -> String {
    markup::escaped(text, |c| match c {
        '\n' => Some("&#10;"),
        '\t' => Some("&#9;"),
        '\r' => Some("&#13;"),
        '\u{fffe}' | '\u{ffff}' => Some("\u{fffd}"),
        _ => None,
    })
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

/// What ended the run without being a target's failure: there is no rule for a goal, a makefile can't be read.
fn fatal(record: &Record) -> Vec<&str> {
    let fatal = record.messages.iter().filter(|message| message.severity == Severity::Fatal);
    fatal.map(|message| message.text.as_str()).collect()
}

fn case(target: &Target, suite: &str) -> String {
    let mut out = format!(
        "    <testcase name=\"{}\" classname=\"{}\" time=\"{}\"",
        escaped(&target.name),
        escaped(suite),
        seconds(target.took())
    );
    let inside = match target.outcome {
        Some(TargetOutcome::Failed) => {
            let mut text = String::new();
            if let Some(process) = target.culprit() {
                if let Some(place) = &process.place {
                    let _ = writeln!(text, "{}:{}", place.file, place.number);
                }
                text.push_str(&process.text);
            }
            let message = target.failure();
            format!(
                "      <failure message=\"{}\" type=\"{}\">{}</failure>\n",
                escaped(&message),
                escaped(result(target)),
                escaped(&text)
            )
        }
        Some(TargetOutcome::Made) => String::new(),
        Some(TargetOutcome::GivenUp) => "      <skipped message=\"a prerequisite failed\"/>\n".to_owned(),
        _ => format!("      <skipped message=\"{}\"/>\n", result(target)),
    };
    let why = why(target);
    let inside = match why.is_empty() || target.outcome != Some(TargetOutcome::Made) {
        true => inside,
        false => format!("{inside}      <system-out>{}</system-out>\n", escaped(&why)),
    };
    match inside.is_empty() {
        true => out.push_str("/>\n"),
        false => {
            let _ = write!(out, ">\n{inside}    </testcase>\n");
        }
    }
    out
}

/// The report.
pub fn write(record: &Record) -> String {
    let fatal = fatal(record);
    let failures = record.count(TargetOutcome::Failed);
    let skipped = record.targets.len() - failures - record.count(TargetOutcome::Made);
    let tests = record.targets.len() + fatal.len();
    let took = seconds(record.end.map_or(Duration::ZERO, |(took, _)| took));
    let suite =
        if record.goals.is_empty() { "imk".to_owned() } else { format!("imk {}", record.goals.join(" ")) };
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{}\"", fatal.len());
    let _ = writeln!(out, "<testsuites name=\"imk\" {counts} time=\"{took}\">");
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" {counts} skipped=\"{skipped}\" time=\"{took}\" timestamp=\"{}\">",
        escaped(&suite),
        calendar(record.began)
    );
    for target in &record.targets {
        out.push_str(&case(target, &suite));
    }
    for text in fatal {
        let _ = writeln!(
            out,
            "    <testcase name=\"imk\" classname=\"{}\" time=\"0.000\">\n      <error message=\"{}\" \
             type=\"fatal\"/>\n    </testcase>",
            escaped(&suite),
            escaped(text)
        );
    }
    let said: Vec<&str> = record.messages.iter().map(|message| message.text.as_str()).collect();
    if !said.is_empty() {
        let _ = writeln!(out, "    <system-err>{}</system-err>", escaped(&said.join("\n")));
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_stays_xml() {
        assert_eq!(
            escaped("a<b>&\"c\"\n\u{1b}[1m\u{0}"),
            "a&lt;b&gt;&amp;&quot;c&quot;&#10;\u{fffd}[1m\u{fffd}"
        );
    }
}
