//! The audit as one HTML file that needs nothing besides: no script, no font, no picture of anywhere else. Knows no other form.

use super::super::style::{bytes, counted};
use super::words::{mended, title, unread_at};
use super::{Report, bars, verdict};
use crate::base::secret;
use crate::image::audit::{Audit, Criterion, Finding, Sizes};
use crate::image::recipe::Place;
use crate::report::markup;

/// Files that are listed.
const MOST_FILES: usize = 20;

/// Colours by role, in light and dark; text on them has a contrast of 4.5 at least.
const STYLE: &str = include_str!("page.css");

/// The page's head up to its title: a policy under which whatever gets into the page by mistake fetches and runs nothing.
const HEAD: &str = include_str!("page-head.html");

/// The report.
pub fn html(report: &Report<'_>) -> String {
    let names: Vec<String> = report.audits.iter().map(|audit| escaped(&name(audit))).collect();
    let passed = report.passes();
    let mut out = String::new();
    out.push_str(HEAD);
    out.push_str(&format!(
        "<title>Audit of {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        names.join(", ")
    ));
    let badge = if passed { ("ok", "passed") } else { ("error", "not passed") };
    out.push_str(&format!(
        "<header><h1>Audit</h1><span class=\"badge {}\">{}</span><p>{}{}</p></header>\n<main>\n",
        badge.0,
        badge.1,
        escaped(&report.sums().join(", ")),
        if report.is_static { ". Of the stages alone: no image was looked at" } else { "" },
    ));
    for audit in report.audits {
        one(audit, &mut out);
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn name(audit: &Audit) -> String {
    audit.reference.clone().unwrap_or_else(|| audit.target.clone())
}

fn one(audit: &Audit, out: &mut String) {
    out.push_str(&format!("<article>\n<h2>{}</h2>\n", escaped(&name(audit))));
    let mut about = vec![format!("target <b>{}</b>", escaped(&audit.target))];
    about.extend(audit.dockerfile.as_ref().map(|file| escaped(file)));
    about.extend(audit.stage.as_ref().map(|stage| format!("stage <b>{}</b>", escaped(stage))));
    if let Some(sizes) = &audit.sizes {
        about.push(format!("{} in {}", bytes(sizes.total), counted(sizes.layers.len() as u64, "layer")));
    }
    out.push_str(&format!("<p class=\"about\">{}</p>\n", about.join(" · ")));
    for why in &audit.unread {
        let (place, message) = unread_at(why);
        out.push_str(&format!(
            "<p class=\"unread\">Not judged: {}</p>\n",
            escaped(&secret::masked(&message.text))
        ));
        if let Some(place) = place {
            source(place, out);
        }
        if let Some(mend) = &message.hint {
            out.push_str(&format!("<p class=\"mend\">{}</p>\n", escaped(mend)));
        }
    }
    out.push_str("<ul class=\"verdicts\">\n");
    for criterion in Criterion::ALL {
        let word = verdict(audit, criterion);
        let count = audit.findings.iter().filter(|finding| finding.criterion() == criterion).count();
        let mark = match word {
            "ok" => "✓",
            "unjudged" => "–",
            "info" => "i",
            "warning" => "!",
            _ => "✗",
        };
        let number = if count > 1 { format!(" · {count}") } else { String::new() };
        out.push_str(&format!(
            "<li class=\"{word}\"><i>{mark}</i><span>{}</span><em>{word}{number}</em></li>\n",
            title(criterion)
        ));
    }
    out.push_str("</ul>\n");
    if let Some(found) = &audit.sizes {
        sizes(found, out);
    }
    if audit.findings.is_empty() && audit.unread.is_empty() {
        out.push_str("<p class=\"none\">Nothing was found.</p>\n");
    }
    let mut last = None;
    for finding in &audit.findings {
        if last != Some(finding.criterion()) {
            out.push_str(&format!("<h3>{}</h3>\n", title(finding.criterion())));
            last = Some(finding.criterion());
        }
        one_finding(finding, out);
    }
    out.push_str("</article>\n");
}

fn one_finding(finding: &Finding, out: &mut String) {
    let level = finding.level.name();
    let message = mended(finding);
    out.push_str(&format!(
        "<section class=\"finding {level}\">\n<p><span class=\"badge {level}\">{level}</span> {} <code class=\"code\">{}</code></p>\n",
        escaped(&secret::masked(&message.text)),
        finding.kind.code()
    ));
    if let Some(place) = &finding.place {
        source(place, out);
    }
    let mut about = Vec::new();
    if let Some(stage) = &finding.stage {
        let name = stage.name.clone().unwrap_or_else(|| stage.index.to_string());
        about.push(format!("stage {}", escaped(&name)));
    }
    if let Some(layer) = &finding.layer {
        about.push(format!("layer {}", layer.index + 1));
    }
    about.extend(finding.bytes.map(bytes));
    if !about.is_empty() {
        out.push_str(&format!("<p class=\"where\">{}</p>\n", about.join(" · ")));
    }
    if let Some(mend) = &message.hint {
        out.push_str(&format!("<p class=\"mend\">{}</p>\n", escaped(mend)));
    }
    out.push_str("</section>\n");
}

/// The line of a place, what is meant marked.
fn source(place: &Place, out: &mut String) {
    let head = format!("{}:{}", escaped(&place.file), place.line);
    let Some(text) = &place.text else {
        out.push_str(&format!("<p class=\"where\">{head}</p>\n"));
        return;
    };
    let text = secret::masked(text);
    let line = match place.column {
        Some(column) => {
            let cut =
                |at: usize| (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            let (start, end) = (cut(column - 1), cut(column - 1 + place.length));
            let (start, end) = (start.min(end), end);
            format!(
                "{}<mark>{}</mark>{}",
                escaped(&text[..start]),
                escaped(&text[start..end]),
                escaped(&text[end..])
            )
        }
        None => escaped(&text),
    };
    out.push_str(&format!("<pre><b>{head}</b>{line}</pre>\n"));
}

/// Where the bytes are, as bars.
fn sizes(found: &Sizes, out: &mut String) {
    let rows = bars::rows(found);
    let most = rows.iter().map(|row| row.bytes).max().unwrap_or(0).max(1);
    let share = |part: u64, most: u64| part as f64 * 100.0 / most as f64;
    out.push_str("<section class=\"sizes\">\n<h3>Where the bytes are</h3>\n<table>\n");
    for row in &rows {
        let class = if row.base { "bar base" } else { "bar" };
        let line = row.line.map_or(String::new(), |line| format!("<b>{line}</b> "));
        let hidden = match row.hidden {
            0 => String::new(),
            hidden => format!(
                "<span class=\"bar hidden\" style=\"width:{:.2}%\" title=\"{} hidden by later layers\"></span>",
                share(hidden, most),
                bytes(hidden)
            ),
        };
        out.push_str(&format!(
            "<tr><th>{line}{}</th><td class=\"bars\"><span class=\"{class}\" style=\"width:{:.2}%\"></span>{hidden}</td>\
             <td class=\"size\">{}</td></tr>\n",
            escaped(&row.label),
            share(row.bytes.saturating_sub(row.hidden), most),
            bytes(row.bytes)
        ));
    }
    out.push_str("</table>\n");
    if found.hidden > 0 {
        out.push_str(&format!(
            "<p class=\"where\"><span class=\"bar hidden key\"></span> {} are hidden: a later layer overwrites or removes them, and they \
             ship all the same</p>\n",
            bytes(found.hidden)
        ));
    }
    if !found.files.is_empty() {
        let most = found.files.first().map_or(1, |file| file.bytes.max(1));
        out.push_str("<h3>The biggest files</h3>\n<table>\n");
        for file in found.files.iter().take(MOST_FILES) {
            let class = if file.inherited { "bar base" } else { "bar" };
            out.push_str(&format!(
                "<tr><th>{}</th><td class=\"bars\"><span class=\"{class}\" style=\"width:{:.2}%\"></span></td>\
                 <td class=\"size\">{}</td></tr>\n",
                escaped(&file.path),
                share(file.bytes, most),
                bytes(file.bytes)
            ));
        }
        out.push_str("</table>\n");
    }
    out.push_str("</section>\n");
}

/// `text` as HTML text and as an attribute's value; control characters made visible.
fn escaped(text: &str) -> String {
    markup::escaped(text, |c| match c {
        '\'' => Some("&#39;"),
        '\t' => Some("    "),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::audit::stages::Kind;
    use crate::image::audit::{FileSize, Layer, LayerSize, Level, Unread};

    #[test]
    fn everything_is_escaped() {
        let evil = "<script>alert(\"1\")</script>&'\u{1b}";
        let mut finding = Finding::new(Level::Warning, Kind::RollingBase { image: evil.to_owned() }, evil);
        finding.place = Some(Place {
            file: evil.to_owned(),
            line: 1,
            column: Some(2),
            length: 500,
            text: Some(format!("é{evil}")),
        });
        let layer = Layer { index: 0, digest: String::new(), created_by: evil.to_owned() };
        let sizes = Sizes {
            layers: vec![LayerSize {
                layer,
                bytes: 3,
                hidden: 1,
                files: 1,
                inherited: false,
                stage: None,
                place: None,
            }],
            files: vec![FileSize { path: evil.to_owned(), bytes: 3, layer: 0, inherited: false }],
            ..Sizes::default()
        };
        let audit = Audit {
            target: evil.to_owned(),
            reference: Some(evil.to_owned()),
            dockerfile: Some(evil.to_owned()),
            stage: Some(evil.to_owned()),
            unread: vec![Unread::Image(evil.to_owned())],
            findings: vec![finding],
            sizes: Some(sizes),
            ..Audit::default()
        };
        let text = html(&Report { audits: &[audit], goals: &[], is_static: false });
        assert!(
            !text.contains("<script") && !text.contains("alert(\"") && !text.contains('\u{1b}'),
            "{text}"
        );
        assert!(text.contains("Not judged: &lt;script"), "{text}");
        assert!(!text.contains("http://") && !text.contains("https://") && !text.contains("url("));
    }
}
