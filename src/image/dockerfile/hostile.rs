//! Dockerfiles that mean harm: imk stops reading each, in time and memory that their text is in proportion to.

use super::value::LONGEST_VALUE;
use super::*;

fn analysed(text: &str, build_args: &[(Vec<u8>, Value)]) -> Result<Analysis, Error> {
    let request =
        Request { target: None, build_args, named_contexts: &[], platform_args: &[], bases: &NoBases };
    analyse(text.as_bytes(), &request)
}

/// Where and at which bound imk stops reading `text`, which BuildKit would build: what it reads is not known.
fn beyond(text: &str) -> (usize, Bound) {
    match analysed(text, &[]) {
        Ok(Analysis { opaque: Some(Opaque::Beyond { bound, span }), .. }) => {
            (crate::base::source::line_column(text.as_bytes(), span.start).line, bound)
        }
        other => panic!("{:.200}", format!("{other:?}")),
    }
}

#[test]
fn variables_that_double_end_at_a_bound() {
    // Sixteen bytes, doubled 17 times, are more than 1 MiB.
    let seed = "x".repeat(16);
    let env = format!("FROM scratch\nENV A={seed}\n{}", "ENV A=$A$A\n".repeat(60));
    assert_eq!(beyond(&env), (19, Bound::Length));
    let arg = format!("FROM scratch\nARG A={seed}\n{}", "ARG A=${A}${A:-}\n".repeat(60));
    assert_eq!(beyond(&arg), (19, Bound::Length));
    let global = format!("ARG A={seed}\n{}FROM $A\n", "ARG A=\"$A$A\"\n".repeat(60));
    assert_eq!(beyond(&global), (18, Bound::Length));
    let stages: String = (1..60).map(|at| format!("FROM s{} AS s{at}\nENV A=$A$A\n", at - 1)).collect();
    assert_eq!(beyond(&format!("FROM scratch AS s0\nENV A={seed}\n{stages}")), (36, Bound::Length));
    let body = format!("FROM scratch\nENV A={}\nCOPY <<E /x\n{}\nE\n", "x".repeat(60_000), "$A".repeat(30));
    assert_eq!(beyond(&body).1, Bound::Length);
    let replaced = format!("FROM scratch\nENV A={0} B={0}\nENV C=${{A//x/$B}}\n", "x".repeat(2000));
    assert_eq!(beyond(&replaced), (3, Bound::Length));
}

#[test]
fn many_values_end_at_a_bound() {
    let large = "x".repeat(60_000);
    let named: String = (0..400).map(|at| format!("COPY a{at}$A /\n")).collect();
    let (line, why) = beyond(&format!("FROM scratch\nENV A={large}\n{named}"));
    assert_eq!((why, 250 < line && line < 300), (Bound::Total, true), "{line}");
    let matched = "ENV B=${A##*a*b*c*d*e*f*g*h*i*j*k}\n".repeat(400);
    assert_eq!(beyond(&format!("FROM scratch\nENV A={large}\n{matched}")).1, Bound::Total);
    // A trigger runs in each stage that starts from its own.
    let triggers = "ONBUILD RUN true\n".repeat(1000);
    let stages: String = (0..1000).map(|at| format!("FROM base AS s{at}\n")).collect();
    let reads: String = (0..1000).map(|at| format!("COPY --from=s{at} a b\n")).collect();
    let text = format!("FROM scratch AS base\n{triggers}{stages}FROM scratch\n{reads}");
    assert_eq!(beyond(&text).1, Bound::Total);
}

#[test]
fn nesting_ends_at_a_bound() {
    let deep = |levels: usize| "${A:-".repeat(levels) + "x" + &"}".repeat(levels);
    assert_eq!(beyond(&format!("FROM scratch\nENV B={}\n", deep(100))), (2, Bound::Depth));
    // Whether here-documents follow is not known.
    let text = format!("FROM scratch\nRUN a {} <<E\nCOPY a /\nE\n", deep(100));
    assert_eq!(beyond(&text), (2, Bound::Depth));
    assert!(parse(text.as_bytes()).is_err_and(|error| error.bound() == Some(Bound::Depth)));
    // A stage that is not reached is not expanded.
    assert!(
        analysed(&format!("FROM scratch\nENV B={}\nFROM scratch\n", deep(100)), &[])
            .unwrap()
            .opaque
            .is_none()
    );
}

#[test]
fn what_people_write_is_within_the_bounds() {
    // A search path that grows in each of a thousand instructions, and arguments of a hundred stages.
    let path = "ENV PATH=/usr/local/lib/a:$PATH\n".repeat(1000);
    assert!(analysed(&format!("FROM scratch\n{path}"), &[]).is_ok());
    let args: String = (0..100).map(|at| format!("ARG a{at}=value-of-{at}\n")).collect();
    let stages: String =
        (0..100).map(|at| format!("FROM s{at} AS s{}\n{args}COPY $a1 $a2\n", at + 1)).collect();
    assert!(analysed(&format!("FROM scratch AS s0\n{stages}"), &[]).is_ok());
    // A text that is long itself is no growth.
    let body = "text $A\n".repeat(LONGEST_VALUE / 4);
    assert!(analysed(&format!("FROM scratch\nENV A=x\nCOPY <<E /x\n{body}E\n"), &[]).is_ok());
}

#[test]
fn to_declare_an_argument_costs_nothing() {
    let large = vec![(b"A".to_vec(), Value::from(&b"x".repeat(100_000)[..]))];
    let stages = "FROM scratch\nARG A\nCOPY a /\n".repeat(200);
    let stages = format!(
        "{stages}FROM scratch\n{}",
        (0..200).map(|at| format!("COPY --from={at} a b\n")).collect::<String>()
    );
    let analysis = analysed(&stages, &large).expect("an analysis");
    assert_eq!((analysis.opaque, analysis.args.len()), (None, 200));
    let global = format!("ARG A={}\n{stages}", "x".repeat(60_000));
    let analysis = analysed(&global, &[]).expect("an analysis");
    assert_eq!((analysis.opaque, analysis.args.len()), (None, 201));
    // All have the one text.
    let texts: crate::base::tables::HashSet<*const u8> =
        analysis.args.iter().filter_map(|arg| Some(arg.value.as_ref()?.known()?.as_ptr())).collect();
    assert_eq!(texts.len(), 1);
}

#[test]
fn a_chain_of_stages_shares_what_it_inherits() {
    // Each stage sets variables of its own; all of them would be copied 25 million times.
    let first: String = (0..5000).map(|at| format!("ENV V{at}=x\n")).collect();
    let stages: String =
        (1..5000).map(|at| format!("FROM s{} AS s{at}\nENV W{at}=$V{at}\n", at - 1)).collect();
    let text = format!("FROM scratch AS s0\n{first}{stages}COPY $V7$W4000 $W1 /\n");
    let analysis = analysed(&text, &[]).expect("an analysis");
    assert_eq!((analysis.stages.len(), &analysis.reads[0].source[..]), (5000, &b"xx"[..]));
}
