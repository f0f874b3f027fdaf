//! Where layers come from: the base image's, or an instruction of the Dockerfile, found by the image's history. Reads no layer.

use super::super::finding::StageName;
use crate::image::dockerfile::Base;
use crate::image::layers::Config;
use crate::image::recipe::Place;
use crate::image::study::{BuildStudy, DockerfileUse};

/// An instruction of a Dockerfile on the way from the base image to the target.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Its stage.
    pub stage: StageName,
    /// Its place.
    pub place: Place,
    /// Its first word in upper case.
    pub keyword: String,
    /// What follows the first word.
    pub text: String,
}

/// The image that the target's first stage starts from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseImage {
    /// Its name, as FROM gives it.
    pub name: String,
    /// Digests of its layers; empty where the engine does not have it.
    pub diff_ids: Vec<String>,
    /// When it was made, in seconds since 1970, where that is known.
    pub created: Option<i64>,
}

/// The instructions that made the target of `build`, from the first stage of its FROM chain on, and the name of the image that
/// this stage starts from. Nothing where the Dockerfile is not known.
pub fn written(build: &BuildStudy) -> (Vec<Written>, Option<String>) {
    let (DockerfileUse::File(file), Some(Ok(analysis))) = (&build.dockerfile, &build.analysis) else {
        return (Vec::new(), None);
    };
    let Ok(text) = &file.text else { return (Vec::new(), None) };
    written_in(text, &file.shown, analysis)
}

/// As [`written`], of the Dockerfile `text`, which is shown as `name`.
pub fn written_in(
    text: &[u8],
    name: &str,
    analysis: &crate::image::dockerfile::Analysis,
) -> (Vec<Written>, Option<String>) {
    let mut chain = Vec::new();
    let mut base = None;
    let mut at = analysis.target;
    // Bounded, though stages can't need each other in a circle.
    for _ in 0..=analysis.stages.len() {
        let Some(stage) = analysis.stages.iter().find(|stage| stage.index == at) else { break };
        chain.push(stage);
        match &stage.base {
            Base::Stage(below) if stage.replaced_by.is_none() => at = *below,
            Base::Image(image) => {
                base = Some(String::from_utf8_lossy(image).into_owned());
                break;
            }
            _ => break,
        }
    }
    let mut all = Vec::new();
    for stage in chain.into_iter().rev().filter(|stage| stage.replaced_by.is_none()) {
        let own = StageName {
            index: stage.index,
            name: stage.name.as_ref().map(|name| String::from_utf8_lossy(name).into_owned()),
        };
        for &span in stage.instructions.iter().skip(1) {
            let whole = text.get(span.start..span.end).unwrap_or_default();
            let whole = String::from_utf8_lossy(whole);
            let (keyword, rest) = whole.split_once(char::is_whitespace).unwrap_or((&whole, ""));
            all.push(Written {
                stage: own.clone(),
                place: Place::of(name, text, span),
                keyword: keyword.to_ascii_uppercase(),
                text: rest.to_owned(),
            });
        }
    }
    (all, base)
}

/// Where each layer of an image comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// How many of the lowest layers are the base image's.
    pub base: usize,
    /// For each layer its step in the history; none where the history does not tell.
    pub steps: Vec<Option<usize>>,
    /// For each layer the instruction, as an index into those written.
    pub instructions: Vec<Option<usize>>,
}

impl Origins {
    /// Finds the layers' origins.
    pub fn find(config: &Config, written: &[Written], base: &BaseImage) -> Origins {
        let layers = config.diff_ids.len();
        let steps = config.steps_of_layers();
        let known = match base.diff_ids.len() {
            0 => None,
            count => config.diff_ids.starts_with(&base.diff_ids).then_some(count),
        };
        let Some(steps) = steps else {
            let (steps, instructions) = (vec![None; layers], vec![None; layers]);
            return Origins { base: known.unwrap_or(0), steps, instructions };
        };
        // Where the base's layers are known, its steps are no instructions of this Dockerfile.
        let first = known.and_then(|count| steps.get(count.checked_sub(1)?)).map_or(0, |step| step + 1);
        let aligned = align(config, first, written);
        let of_step = |step: &usize| aligned.iter().find(|(own, _)| own == step).map(|(_, written)| *written);
        let instructions: Vec<Option<usize>> = steps.iter().map(of_step).collect();
        let base = known.unwrap_or_else(|| match aligned.first() {
            Some((first, _)) => steps.iter().filter(|step| *step < first).count(),
            None => 0,
        });
        Origins { base, steps: steps.into_iter().map(Some).collect(), instructions }
    }
}

/// A history step's first word in upper case, and what follows.
fn step_words(created_by: &str) -> (String, String) {
    let text = created_by.trim().trim_end_matches("# buildkit").trim_end();
    // The classic builder and buildah write `/bin/sh -c #(nop) WORKDIR /src`.
    if let Some((_, rest)) = text.split_once("#(nop)") {
        let rest = rest.trim();
        let (keyword, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        return (keyword.to_ascii_uppercase(), text.to_owned());
    }
    if text.starts_with('/') || text.starts_with('|') {
        return ("RUN".to_owned(), text.to_owned());
    }
    let (keyword, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (keyword.to_ascii_uppercase(), rest.to_owned())
}

/// Text without white space, continuations and the options that history leaves out.
fn bare(text: &str) -> String {
    let words = text.split_whitespace().skip_while(|word| word.starts_with("--"));
    words.collect::<String>().replace(['\\', '"', '\'', ',', '[', ']'], "")
}

/// How well a step fits an instruction: 0 for not at all.
fn fit(step: &(String, String), written: &(String, String)) -> u32 {
    match step.0 == written.0 {
        false => 0,
        true if !written.1.is_empty() && step.1.ends_with(&written.1) => 8,
        true => 1,
    }
}

/// Pairs steps from `first` on with instructions, in order, so that they fit best; where it makes no difference, later steps.
fn align(config: &Config, first: usize, written: &[Written]) -> Vec<(usize, usize)> {
    const MOST: usize = 2000;
    let steps: Vec<(String, String)> = config
        .history
        .iter()
        .skip(first)
        .take(MOST)
        .map(|step| {
            let (keyword, text) = step_words(&step.created_by);
            (keyword, bare(&text))
        })
        .collect();
    let words: Vec<(String, String)> =
        written.iter().take(MOST).map(|one| (one.keyword.clone(), bare(&one.text))).collect();
    // best[s][w]: the best score of the first s steps with the first w instructions.
    let mut best = vec![vec![0_u32; words.len() + 1]; steps.len() + 1];
    for s in 1..=steps.len() {
        for w in 1..=words.len() {
            let fits = fit(&steps[s - 1], &words[w - 1]);
            let paired = if fits > 0 { best[s - 1][w - 1] + fits } else { 0 };
            best[s][w] = paired.max(best[s - 1][w]).max(best[s][w - 1]);
        }
    }
    let (mut s, mut w) = (steps.len(), words.len());
    let mut pairs = Vec::new();
    while s > 0 && w > 0 {
        let fits = fit(&steps[s - 1], &words[w - 1]);
        if fits > 0 && best[s][w] == best[s - 1][w - 1] + fits {
            pairs.push((first + s - 1, w - 1));
            (s, w) = (s - 1, w - 1);
        } else if best[s][w] == best[s][w - 1] {
            w -= 1;
        } else {
            s -= 1;
        }
    }
    pairs.reverse();
    pairs
}
