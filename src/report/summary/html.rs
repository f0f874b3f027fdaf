//! A run as a page of its own: everything is in the one file, and nothing is fetched. Knows nothing of how a run goes on.

use super::{calendar, duration, headline, image, result, size, why};
use crate::base::events::TargetOutcome;
use crate::report::markup;
use crate::report::record::{Record, Target};
use std::fmt::Write;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--bad:#c22;--good:#183;--bar:#48c}\
@media(prefers-color-scheme:dark){:root{--bad:#f66;--good:#5c7}}\
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em}\
h1{font-size:1.3em;margin:0}p{margin:.3em 0 1em}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3em .6em;border-bottom:1px solid var(--line);vertical-align:top}\
td.n{text-align:right;white-space:nowrap}tr.failed td:nth-child(2){color:var(--bad);font-weight:600}tr.made td:nth-child(2){color:var(--good)}\
td:nth-child(2){white-space:nowrap}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#8881;padding:.6em;margin:.4em 0;font-size:13px}summary{cursor:pointer}\
.time{position:relative;height:1.2em;min-width:6em}.time i{position:absolute;top:.25em;height:.7em;min-width:2px;background:var(--bar);border-radius:2px}\
tr.failed .time i{background:var(--bad)}";

/// `text` between tags and in attributes.
fn escaped(text: &str) -> String {
    markup::escaped(text, |c| match c {
        '\n' => Some("\n"),
        '\t' => Some("\t"),
        _ => None,
    })
}

fn details(target: &Target) -> String {
    let mut lines = String::new();
    for process in &target.processes {
        if let Some(place) = &process.place {
            let _ = writeln!(lines, "# {}:{}", place.file, place.number);
        }
        let _ = writeln!(lines, "{}", process.text);
        let usage = &process.usage;
        if let Some(took) = process.took {
            let how = match (process.signal, process.code) {
                (0, code) => format!("exit status {code}"),
                (signal, _) => format!("signal {signal}"),
            };
            let _ = writeln!(
                lines,
                "  {how} in {}, {} of processor time, {} of memory at most",
                duration(took),
                duration(usage.user + usage.system),
                crate::report::style::bytes(usage.peak_memory)
            );
        }
    }
    if let Some((step, words, place)) = target.failed_step() {
        let place = place.map(|(file, line)| format!("{file}:{line}: ")).unwrap_or_default();
        let _ = writeln!(lines, "{place}{}\n{words}", step.name);
    }
    if lines.is_empty() {
        return escaped(&target.name);
    }
    let open = if target.is_failed() { " open" } else { "" };
    format!(
        "<details{open}><summary>{}</summary><pre>{}</pre></details>",
        escaped(&target.name),
        escaped(lines.trim_end())
    )
}

fn row(target: &Target, whole: f64) -> String {
    let class = match target.outcome {
        Some(TargetOutcome::Failed) => "failed",
        Some(TargetOutcome::Made) => "made",
        _ => "other",
    };
    let (time, bar) = match target.slot {
        Some(_) => {
            let part =
                |seconds: f64| if whole > 0.0 { (seconds / whole * 100.0).clamp(0.0, 100.0) } else { 0.0 };
            let (left, width) = (part(target.began.as_secs_f64()), part(target.took().as_secs_f64()));
            (duration(target.took()), format!("<i style=\"left:{left:.2}%;width:{width:.2}%\"></i>"))
        }
        None => (String::new(), String::new()),
    };
    format!(
        "<tr class=\"{class}\"><td>{}</td><td>{}</td><td class=\"n\">{time}</td><td><div class=\"time\">{bar}</div></td>\
         <td>{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
        details(target),
        result(target),
        escaped(image(target)),
        size(target),
        escaped(&why(target))
    )
}

/// The report.
pub fn write(record: &Record) -> String {
    let title = format!("imk {}", record.goals.join(" "));
    let whole = record.end.map_or(0.0, |(took, _)| took.as_secs_f64());
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<style>{STYLE}</style></head><body>\n\
         <h1>{0}</h1>\n<p>{1}<br>{2}Z in {3}</p>\n",
        escaped(title.trim_end()),
        escaped(&headline(record)),
        calendar(record.began),
        escaped(&record.folder)
    );
    out.push_str(
        "<table><thead><tr><th>Target</th><th>Result</th><th>Time</th><th>When</th><th>Image</th><th>Size</th><th>Why</th>\
         </tr></thead><tbody>\n",
    );
    for target in record.failures_first() {
        out.push_str(&row(target, whole));
    }
    out.push_str("</tbody></table>\n");
    if !record.messages.is_empty() {
        out.push_str("<h2>Messages</h2>\n<pre>");
        for message in &record.messages {
            let place = message.place.as_ref().map(|place| format!("{}:{}: ", place.file, place.number));
            let _ = writeln!(out, "{}{}", escaped(&place.unwrap_or_default()), escaped(&message.text));
        }
        out.push_str("</pre>\n");
    }
    out.push_str("</body></html>\n");
    out
}
