//! `--report` and `--trace-file`: each form read as its readers read it, and what docs/reports.md says of it.
//! `scripts/check-reports` holds JUnit's to a schema, and the page to a browser.

use std::collections::BTreeMap;
use std::fs;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::builder::Failure;
use crate::program;
use crate::run::{Invocation, Outcome, Workplace};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        junit_has_a_case_for_each_target,
        json_is_as_documented,
        markdown_and_html_hold_odd_names,
        the_trace_has_slots_and_imks_own_time,
        endings_and_files_that_cannot_be_are_refused,
        output_and_status_stay,
    ]
}

fn words(error: impl std::fmt::Display) -> Failure {
    error.to_string()
}

const MAKEFILE: &str = "all: good bad fresh held\n\t@:;:\ngood: ; @echo '<&\">'\nbad:\n\t@echo no; \\\n\texit 3\nfresh:\n\
    held: bad ; @:\n'<b>|*': ; @echo odd\n";

/// Its first recipe goes on until imk waits for it, so that a run of any machine has waited.
const WAITED_FOR: &str = "all: good bad\n\t@:;:\ngood:\n\t@for n in $$(seq 500); do grep -q '\"waiting\"' events && break; sleep 0.01; done\n\
    bad:\n\t@exit 3\n";

fn run(args: &[&str]) -> Result<(Outcome, Workplace), Failure> {
    run_on(MAKEFILE, args)
}

fn run_on(makefile: &str, args: &[&str]) -> Result<(Outcome, Workplace), Failure> {
    let place = Workplace::new(&program::imk()).map_err(words)?;
    fs::write(place.dir().join("Makefile"), makefile).map_err(words)?;
    fs::write(place.dir().join("fresh"), "").map_err(words)?;
    let invocation = Invocation { args: args.iter().map(Into::into).collect(), ..Invocation::default() };
    let outcome = place.run(&invocation).map_err(words)?;
    Ok((outcome, place))
}

fn read(place: &Workplace, name: &str) -> Result<String, Failure> {
    fs::read_to_string(place.dir().join(name)).map_err(|error| format!("{name}: {error}"))
}

fn same<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Result<(), Failure> {
    if found == expected { Ok(()) } else { Err(format!("found {found:#?}\nexpected {expected:#?}")) }
}

/// An element of XML: its name, attributes, elements within, text.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Element>,
    text: String,
}

/// Reads the part of XML that the report may use: elements, attributes in double quotes, the five entities and numbers.
fn xml(text: &str) -> Result<Element, Failure> {
    let text = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").ok_or("no declaration")?;
    let mut stack = vec![Element::default()];
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, tag) = rest.split_at(start);
        let (tag, after) = tag[1..].split_once('>').ok_or("a tag is not closed")?;
        stack.last_mut().ok_or("too many ends")?.text.push_str(&unescaped(before)?);
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            let done =
                stack.pop().filter(|open| open.name == name).ok_or(format!("</{name}> ends nothing"))?;
            stack.last_mut().ok_or("too many ends")?.children.push(done);
            continue;
        }
        let (inside, is_empty) = tag.strip_suffix('/').map_or((tag, false), |inside| (inside, true));
        let (name, mut pairs) = inside.split_once(' ').unwrap_or((inside, ""));
        let mut element = Element { name: name.to_owned(), ..Element::default() };
        while !pairs.trim().is_empty() {
            let (key, value) = pairs.trim_start().split_once("=\"").ok_or(format!("attributes: {pairs}"))?;
            let (value, left) = value.split_once('"').ok_or("a quote is not closed")?;
            if element.attributes.insert(key.to_owned(), unescaped(value)?).is_some() {
                return Err(format!("{key} twice"));
            }
            pairs = left;
        }
        if is_empty {
            stack.last_mut().ok_or("too many ends")?.children.push(element);
        } else {
            stack.push(element);
        }
    }
    let mut root = stack.pop().filter(|_| stack.is_empty()).ok_or("an element is not closed")?;
    root.children.pop().filter(|_| root.children.is_empty()).ok_or_else(|| "not one root".to_owned())
}

fn unescaped(text: &str) -> Result<String, Failure> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (entity, after) = after.split_once(';').ok_or("an entity is not closed")?;
        out.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            number => {
                let number = number.strip_prefix('#').and_then(|number| number.parse().ok());
                number.and_then(char::from_u32).ok_or(format!("entity {entity}"))?
            }
        });
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn junit_has_a_case_for_each_target() -> Result<(), Failure> {
    let (_, place) = run(&["-k", "--report=r.xml"])?;
    let root = xml(&read(&place, "r.xml")?)?;
    let suite = root.children.first().ok_or("no suite")?;
    let number = |name: &str| suite.attributes.get(name).cloned().unwrap_or_default();
    let counts = ["tests", "failures", "errors", "skipped"].map(number);
    same(counts, ["5", "1", "0", "3"].map(str::to_owned))?;
    let cases = suite.children.iter().filter(|element| element.name == "testcase");
    let shown: Vec<(String, String)> = cases
        .map(|case| {
            let inside = case.children.first().map(|inside| inside.name.clone()).unwrap_or_default();
            (case.attributes.get("name").cloned().unwrap_or_default(), inside)
        })
        .collect();
    let expected = [
        ("good", "system-out"),
        ("bad", "failure"),
        ("fresh", "skipped"),
        ("held", "skipped"),
        ("all", "skipped"),
    ];
    same(shown, expected.map(|(name, inside)| (name.to_owned(), inside.to_owned())).to_vec())?;
    let failure =
        suite.children.iter().flat_map(|case| &case.children).find(|inside| inside.name == "failure");
    same(failure.map(|failure| failure.text.as_str()), Some("Makefile:5\necho no; \\\nexit 3"))?;
    // What ends the run and is no target's fault is an error.
    let (_, place) = run(&["nothing", "--report=r.xml"])?;
    let root = xml(&read(&place, "r.xml")?)?;
    let error = root.children.iter().flat_map(|suite| &suite.children).flat_map(|case| &case.children).next();
    same(
        error.and_then(|error| error.attributes.get("message").cloned()),
        Some("No rule to make target 'nothing'".to_owned()),
    )
}

fn json_is_as_documented() -> Result<(), Failure> {
    let (_, place) = run(&["-k", "--report=r.json"])?;
    let value: Value = serde_json::from_str(&read(&place, "r.json")?).map_err(words)?;
    let documentation = include_str!("../../docs/reports.md");
    let mut pending = vec![&value];
    let mut missing = Vec::new();
    while let Some(value) = pending.pop() {
        match value {
            Value::Object(fields) => {
                missing.extend(
                    fields.keys().filter(|key| !documentation.contains(&format!("`{key}`"))).cloned(),
                );
                pending.extend(fields.values());
            }
            Value::Array(items) => pending.extend(items),
            _ => {}
        }
    }
    same(missing, Vec::new())?;
    let outcomes: Vec<(&str, &str)> = value["targets"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|target| Some((target["name"].as_str()?, target["outcome"].as_str()?)))
        .collect();
    let expected = [
        ("good", "made"),
        ("bad", "failed"),
        ("fresh", "up-to-date"),
        ("held", "given-up"),
        ("all", "given-up"),
    ];
    same(outcomes, expected.to_vec())?;
    same((value["status"].clone(), value["version"].clone()), (2.into(), 1.into()))
}

fn markdown_and_html_hold_odd_names() -> Result<(), Failure> {
    let (_, place) = run(&["'<b>|*'", "--report=r.md", "--report=r.html"])?;
    let markdown = read(&place, "r.md")?;
    let row = "| '&lt;b&gt;\\|\\*' | made |";
    if !markdown.contains(row) {
        return Err(format!("{markdown}\nlacks {row}"));
    }
    let page = read(&place, "r.html")?;
    let fetches = ["http:", "https:", "src=", "@import", "url("].into_iter().find(|word| page.contains(word));
    same(fetches, None)?;
    if page.contains("'&lt;b&gt;|*'") && !page.contains("<b>") { Ok(()) } else { Err(page) }
}

fn the_trace_has_slots_and_imks_own_time() -> Result<(), Failure> {
    let (_, place) = run_on(WAITED_FOR, &["-k", "-j2", "--trace-file=t.json", "--events=events"])?;
    let trace: Value = serde_json::from_str(&read(&place, "t.json")?).map_err(words)?;
    let events = trace["traceEvents"].as_array().ok_or("no events")?;
    let mut threads: BTreeMap<(u64, u64), Vec<(f64, f64, String)>> = BTreeMap::new();
    let mut names = BTreeMap::new();
    for event in events {
        let thread = (event["pid"].as_u64().ok_or("no pid")?, event["tid"].as_u64().ok_or("no tid")?);
        let name = event["name"].as_str().ok_or("no name")?.to_owned();
        match event["ph"].as_str() {
            Some("M") if name == "thread_name" => {
                names.insert(thread, event["args"]["name"].as_str().unwrap_or_default().to_owned());
            }
            Some("M") => {}
            Some("X") => {
                let (ts, dur) =
                    (event["ts"].as_f64().ok_or("no ts")?, event["dur"].as_f64().ok_or("no dur")?);
                threads.entry(thread).or_default().push((ts, ts + dur, name));
            }
            other => return Err(format!("phase {other:?}")),
        }
    }
    // The stretches of a thread lie within one another or beside, as the format asks; a thousandth is rounding.
    for stretches in threads.values() {
        for (at, (began, ended, name)) in stretches.iter().enumerate() {
            for (other_began, other_ended, other) in &stretches[at + 1..] {
                let beside = *other_began >= ended - 0.002 || *began >= other_ended - 0.002;
                let within = (*other_began >= began - 0.002 && *other_ended <= ended + 0.002)
                    || (*began >= other_began - 0.002 && *ended <= other_ended + 0.002);
                if !beside && !within {
                    return Err(format!("{name} and {other} cross: {stretches:?}"));
                }
            }
        }
    }
    let shown: Vec<String> = names.values().cloned().collect();
    if shown.first().map(String::as_str) != Some("imk") || !shown.contains(&"slot 0".to_owned()) {
        return Err(format!("{shown:?}"));
    }
    // Perfetto shows a thread with the number 0 within the first one of its process.
    if let Some(thread) = threads.keys().find(|(_, thread)| *thread == 0) {
        return Err(format!("a thread has the number 0: {thread:?}"));
    }
    let own: Vec<&String> = threads.get(&(1, 1)).into_iter().flatten().map(|(_, _, name)| name).collect();
    let expected = ["reading", "remaking", "goals", "waiting"];
    match expected.iter().all(|phase| own.iter().any(|name| name == phase)) {
        true => Ok(()),
        false => Err(format!("{own:?}")),
    }
}

fn endings_and_files_that_cannot_be_are_refused() -> Result<(), Failure> {
    let (outcome, _) = run(&["--report=r.txt"])?;
    let expected = "imk: *** --report=r.txt: the ending is none of .xml, .json, .md and .html.  Stop.\n";
    same(String::from_utf8_lossy(&outcome.stderr).into_owned(), expected.to_owned())?;
    let (outcome, _) = run(&["--trace-file=none/t.json"])?;
    let expected = "imk: *** none/t.json: No such file or directory.  Stop.\n";
    same(String::from_utf8_lossy(&outcome.stderr).into_owned(), expected.to_owned())
}

fn output_and_status_stay() -> Result<(), Failure> {
    let (plain, _) = run(&["-k"])?;
    let (reported, _) = run(&["-k", "--report=r.xml", "--report=r.html", "--trace-file=t.json"])?;
    same(reported, plain)
}
