//! Ignore files against the answers of moby's own two matchers: `tests/data/dockerignore-cases.jsonl`.

use imk::image::context::Ignore;

/// One case, as a line of the file has it.
struct Case {
    file: Vec<u8>,
    path: Vec<u8>,
    /// By parents, by walk; nothing where the file is refused.
    answers: Option<(bool, bool)>,
}

#[test]
fn every_case_agrees_for_each_matcher() {
    let text = std::fs::read_to_string("tests/data/dockerignore-cases.jsonl").expect("the cases");
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in text.lines() {
        let case = case(line);
        count += 1;
        let ignore = Ignore::read(&case.file);
        let verdict = ignore.map(|ignore| ignore.verdict(&case.path)).ok();
        if verdict.map(|verdict| (verdict.by_parents, verdict.by_walk)) != case.answers {
            wrong.push(format!("{line}\n    {verdict:?}"));
        }
    }
    assert!(count >= 12_000, "only {count} cases");
    assert!(
        wrong.is_empty(),
        "{} of {count} disagree:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );
}

fn case(line: &str) -> Case {
    let field = |name: &str| {
        let key = format!("\"{name}\": ");
        let at = line.find(&key).unwrap_or_else(|| panic!("no {name} in {line}")) + key.len();
        &line[at..]
    };
    let text = |name: &str| {
        let body = &field(name)[1..];
        let mut end = 0;
        while body.as_bytes()[end] != b'"' {
            end += if body.as_bytes()[end] == b'\\' { 2 } else { 1 };
        }
        unescape(&body[..end])
    };
    let answer = |name: &str| field(name).starts_with("true");
    let refused = line.ends_with("\"error\": true}");
    let answers = (!refused).then(|| (answer("ignored_by_parents"), answer("ignored_by_walk")));
    Case { file: text("ignorefile"), path: text("path"), answers }
}

fn unescape(body: &str) -> Vec<u8> {
    let mut out = String::new();
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                out.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
            }
            other => out.extend(other),
        }
    }
    out.into_bytes()
}
