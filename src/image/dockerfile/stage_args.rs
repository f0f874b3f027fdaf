//! The arguments whose defaults choose stages. Reads no file, and knows no engine.

use super::analysis::{Analysis, ArgUse, Base, Origin};
use super::instruction::Kind;
use super::parse::Dockerfile;
use super::value::Value;
use crate::base::tables::{HashMap, HashSet};

/// The global arguments that have their defaults and stand in the FROM of a reached stage that starts from another stage, each
/// with its value. buildah to 1.28 looks for the stages that it needs before it has these defaults (`imagebuildah/executor.go`).
///
/// One that a stage gives another default, or that is declared twice, is not among them: given to the build, it would take the place of
/// each.
pub fn stage_args(file: &Dockerfile, analysis: &Analysis) -> Vec<(Vec<u8>, Vec<u8>)> {
    let from_stages = analysis.stages.iter().filter(|stage| matches!(stage.base, Base::Stage(_)));
    let choosing: HashSet<&[u8]> = from_stages
        .filter_map(|stage| file.stages.get(stage.index))
        .flat_map(|stage| names(&stage.from.base.bytes))
        .collect();
    let instructions = file.globals.iter().chain(file.stages.iter().flat_map(|stage| &stage.instructions));
    let pairs = instructions.flat_map(|instruction| match &instruction.kind {
        Kind::Arg(pairs) => &pairs[..],
        _ => &[],
    });
    let mut defaults: HashMap<&[u8], usize> = HashMap::default();
    for pair in pairs.filter(|pair| pair.value.is_some()) {
        *defaults.entry(&pair.name.bytes).or_default() += 1;
    }
    let mut seen = HashSet::default();
    let wanted = |arg: &&ArgUse| arg.stage.is_none() && arg.origin == Origin::Default;
    let mut out: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for arg in analysis.args.iter().filter(wanted) {
        if let Some(Value::Known(value)) = &arg.value
            && choosing.contains(&arg.name[..])
            && defaults.get(&arg.name[..]).is_none_or(|&count| count < 2)
            && seen.insert(&arg.name)
        {
            out.push((arg.name.clone(), value.to_vec()));
        }
    }
    out
}

/// The names that stand in `text` as `$name` or `${name…}`.
fn names(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    memchr::memchr_iter(b'$', text).map(|at| {
        let rest = &text[at + 1..];
        let rest = rest.strip_prefix(b"{").unwrap_or(rest);
        let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

#[cfg(test)]
mod tests {
    use super::super::{NoBases, Request, analyse, parse};
    use super::*;

    fn found(text: &str, given: &[(&str, &str)]) -> String {
        let given: Vec<(Vec<u8>, Value)> =
            given.iter().map(|(name, value)| ((*name).into(), Value::from(value.as_bytes()))).collect();
        let request = Request {
            target: None,
            build_args: &given,
            named_contexts: &[],
            platform_args: &[],
            bases: &NoBases,
        };
        let file = parse(text.as_bytes()).unwrap();
        let found = stage_args(&file, &analyse(text.as_bytes(), &request).unwrap());
        let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        found.iter().map(|(name, value)| format!("{}={} ", shown(name), shown(value))).collect()
    }

    #[test]
    fn defaults_that_name_stages_are_found() {
        let text = "ARG V=one\nARG W=two\nARG IMAGE=3\nFROM scratch AS pkg-one\nFROM pkg-${V:-x} AS b\nFROM app:$IMAGE\nCOPY --from=b / /\n";
        assert_eq!(found(text, &[]), "V=one ");
        assert_eq!(found(text, &[("V", "one")]), "");
    }

    #[test]
    fn a_default_of_a_stages_own_is_kept() {
        assert_eq!(found("ARG V=one\nFROM scratch AS one\nFROM $V\nARG V=two\n", &[]), "");
        assert_eq!(found("ARG V=one\nFROM scratch AS one\nFROM $V\nARG V\n", &[]), "V=one ");
        assert_eq!(found("ARG V=a\nARG V=one\nFROM scratch AS one\nFROM $V\n", &[]), "");
        assert_eq!(found("ARG VV=one\nARG V=two\nFROM scratch AS one\nFROM $VV\n", &[]), "VV=one ");
    }
}
