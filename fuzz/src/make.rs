//! Make's own text: makefiles, expansion, options.

use imk::cli::{
    End, Form, Settings, Source, decode, decode_arguments, eval_flags, flag_words, makeflags, own_flags,
};
use imk::expand::{Origin, expand_text};
use imk::load::evaluate::{evaluate_file, evaluate_string};
use imk::syntax::properties;

use crate::reuse::{tidy, with_names, with_session};

/// The grammar and the fast paths: both say the same.
pub fn makefile(data: &[u8]) {
    properties::statements(data);
    properties::comparisons(data);
    properties::words(data);
    with_names(|names| properties::expressions(names, data));
    properties::lines(data);
}

/// Whether `text` could make more of itself than is worth waiting for: a few references to references double what they
/// hold each time, as in any make.
fn may_explode(text: &[u8]) -> bool {
    text.len() > 1024 || text.iter().filter(|byte| **byte == b'$').count() > 16
}

/// Whole makefiles, as a file and as a string. A reading that ends in an error ends as one.
pub fn load(data: &[u8]) {
    if may_explode(data) {
        return;
    }
    tidy();
    with_session(|session| {
        let _ = evaluate_file(session, b"Makefile", data, true);
    });
    with_session(|session| {
        if evaluate_string(session, data.to_vec(), None).is_ok() {
            let _ = expand_text(session, b"$(.VARIABLES) $(.DEFAULT_GOAL)");
        }
    });
}

/// An expression in the first part, the values of variables in the others: what it expands to is the same directly, as a
/// variable's value, and once it is kept.
pub fn expansion(data: &[u8]) {
    if may_explode(data) {
        return;
    }
    tidy();
    let mut parts = super::parts(data);
    let text = parts.next().unwrap_or_default();
    let values: Vec<&[u8]> = parts.collect();
    let expanded = |what: &[u8]| {
        with_session(|session| {
            for (name, value) in [b"a", b"b", b"c", b"d"].iter().zip(&values) {
                session.context.define_global(*name, value, Origin::File, true);
            }
            session.context.define_global(b"text", text, Origin::File, true);
            expand_text(session, what)
        })
    };
    let Ok(direct) = expanded(text) else { return };
    // What reads its own name, counts calls or changes variables need not say the same twice.
    let tells =
        [&b"eval"[..], b"text", b"call", b"origin", b"flavor", b".VARIABLES", b"shell", b"SHELL", b"file"];
    if tells.iter().any(|word| data.windows(word.len()).any(|window| window == *word)) {
        return;
    }
    let kept = expanded(b"$(text)");
    assert_eq!(Some(&direct), kept.ok().as_ref());
    let doubled: Vec<u8> =
        direct.iter().flat_map(|byte| std::iter::repeat_n(*byte, 1 + usize::from(*byte == b'$'))).collect();
    assert_eq!(expanded(&doubled).ok(), Some(direct));
}

/// Words of a command line, or a value of MAKEFLAGS: what is decoded, encoded and decoded again is encoded the same.
pub fn options(data: &[u8]) {
    let home = &|_: Option<&[u8]>| None;
    // A `$` is expanded by each of the makes that hand it on, as GNU make does it, and need not arrive.
    let arrives = !data.contains(&b'$');
    let mut settings = Settings::default();
    let decoded = match data.split_first() {
        Some((b'f', value)) => {
            decode(&mut settings, &flag_words(value), Source::Flags(imk::cli::Origin::Command), home)
        }
        Some((b'o', value)) => decode(&mut settings, &flag_words(value), Source::Own, home),
        Some((_, words)) => decode_arguments(&mut settings, &super::parts(words).collect::<Vec<_>>(), home),
        None => return,
    };
    // Settings that end the run go nowhere.
    if decoded.end != End::Go {
        return;
    }
    settings.settle_jobs(imk::cli::Jobs::Unset);
    if !arrives {
        return;
    }
    let written = makeflags(&settings, &Form::default()).makeflags;
    let expanded = expanded(&written, &settings);
    let mut again = Settings::default();
    let decoded = decode(&mut again, &flag_words(&expanded), Source::Flags(imk::cli::Origin::Command), home);
    again.settle_jobs(imk::cli::Jobs::Unset);
    assert_eq!(decoded.errors, [], "{:?}", String::from_utf8_lossy(&expanded));
    let rewritten = makeflags(&again, &Form::default()).makeflags;
    assert_eq!(String::from_utf8_lossy(&rewritten), String::from_utf8_lossy(&written));
    assert_eq!(eval_flags(&again), eval_flags(&settings));
    let own = own_flags(&settings);
    let mut again = Settings::default();
    decode(&mut again, &flag_words(&own), Source::Own, home);
    assert_eq!(String::from_utf8_lossy(&own_flags(&again)), String::from_utf8_lossy(&own));
}

/// The value of MAKEFLAGS as its reader gets it.
fn expanded(text: &[u8], settings: &Settings) -> Vec<u8> {
    with_session(|session| {
        session.context.define_global(b"-*-eval-flags-*-", &eval_flags(settings), Origin::Automatic, false);
        expand_text(session, text).unwrap_or_default()
    })
}
