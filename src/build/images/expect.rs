//! `expect` and `.EXPECT`: images held to what their target says of them, before its recipe's next line runs. Knows nothing of how an
//! image is judged, nor of how a finding is worded.
//!
//! That an image held is remembered by its id in `.imk/`, so that a fresh one costs a look at a file; the memory may be deleted at
//! any time.

use crate::base::diagnostic::{Complaint, Outcome, Place};
use crate::build::Build;
use crate::build::cleanup::engines;
use crate::build::images::sources::{Sources, of_environment};
use crate::build::job::Child;
use crate::expand::evaluate::expand_in;
use crate::image::audit::Finding;
use crate::image::audit::image::expect::{Expectation, broken, setting};
use crate::image::audit::image::{Subject, base_image, fetch, judge, written_in};
use crate::image::audit::releases::Date;
use crate::image::block::{Block, words};
use crate::image::command::lifecycle::{Identity, Thing};
use crate::image::command::variables::Inherited;
use crate::image::command::{ImageCommand, lifecycle, mentions_client, recognise, whole};
use crate::image::engine::Engine;
use crate::image::freshness::{EngineBases, Memory};
use crate::os::interruption;
use crate::os::words::is_space;
use crate::rules::file::FileId;
use crate::rules::images::Attribute;
use std::ffi::CString;
use std::path::Path;

/// The variable that holds a plain recipe's expectations.
const VARIABLE: &[u8] = b".EXPECT";

/// A finding in words, and how to mend it.
pub type Words = fn(&Finding) -> (String, Option<String>);

/// What an image is held to: each word as it is written, with its place.
type Held = Vec<(Expectation, String, Option<Place>)>;

/// An image to be held.
struct Subjected<'s> {
    target: &'s str,
    reference: &'s str,
    sources: Option<&'s Sources>,
}

impl Build {
    /// Holds the image of a block to its `expect`; whether it does not hold, which was said then.
    pub(super) fn breaks_block(&mut self, child: &mut Child, block: &Block, environment: &[CString]) -> bool {
        let held: Held = block
            .words(Attribute::Expect)
            .iter()
            .filter_map(|given| {
                let word = String::from_utf8_lossy(&given.text).into_owned();
                Some((Expectation::parse(&word).ok()?, word, given.place))
            })
            .collect();
        let program = self.engine_for(block).program;
        let sources = Sources::of_block(block, program.client, &of_environment(environment));
        let Some(address) = Build::address_of(&program, environment) else { return false };
        let Some(reference) = sources.tags.first().cloned() else { return false };
        let target = String::from_utf8_lossy(self.session.name_of(child.file)).into_owned();
        let image = Subjected { target: &target, reference: &reference, sources: Some(&sources) };
        self.breaks(child, &held, &image, &address)
    }

    fn breaks(&mut self, child: &mut Child, held: &Held, image: &Subjected<'_>, address: &str) -> bool {
        let complaints = match self.cleanup.engines.at(address) {
            Ok(engine) => self.judge_held(engine, held, image),
            Err(fault) => vec![(None, not_audited(image.reference, fault.message()))],
        };
        // The run is about to end: nothing was judged.
        if interruption::untaken().is_some() {
            return true;
        }
        self.enter(child);
        for (place, complaint) in &complaints {
            self.session.complain(place.or(child.step_place), complaint);
        }
        self.leave_output(child);
        !complaints.is_empty()
    }

    fn judge_held(
        &self,
        engine: &dyn Engine,
        held: &Held,
        image: &Subjected<'_>,
    ) -> Vec<(Option<Place>, Complaint)> {
        let failed = |why: String| vec![(None, Complaint::NotAudited(why.into_bytes()))];
        let id = match engine.image(image.reference) {
            Ok(Some(found)) => found.id,
            Ok(None) => return failed(format!("the engine has no image {}", image.reference)),
            Err(fault) => return vec![(None, not_audited(image.reference, fault.message()))],
        };
        let text = image.sources.and_then(Sources::text);
        let analysis = image
            .sources
            .zip(text.as_ref())
            .and_then(|(sources, text)| sources.analyse_on(engine, text, &EngineBases::new(engine)));
        let file = image
            .sources
            .and_then(|sources| sources.dockerfile.as_deref())
            .unwrap_or(Path::new("Dockerfile"));
        let shown = file.strip_prefix(".").unwrap_or(file).display().to_string();
        let (written, base) = match (&text, &analysis) {
            (Some(text), Some(analysis)) => written_in(text, &shown, analysis),
            _ => (Vec::new(), None),
        };
        let today = Date::today();
        let key = key(&id, held, base.as_deref(), today);
        let memory = Memory::new(Path::new("."));
        if memory.was_held(&key) {
            return Vec::new();
        }
        let saved = match fetch(engine, &id) {
            Ok((_, saved)) => saved,
            Err(why) => return failed(why.message(image.reference)),
        };
        let base = base_image(engine, base);
        let subject =
            Subject { target: image.target, reference: image.reference, id: &id, written: &written, base };
        let expectations: Vec<Expectation> = held.iter().map(|(one, ..)| one.clone()).collect();
        let judged = judge(&saved, &subject, &setting(&expectations, today));
        let broken = broken(&expectations, &judged, &subject);
        if broken.is_empty() {
            memory.note_held(&key);
        }
        let words = self.images.finding_words;
        let complaint = |(number, finding): (usize, Finding)| {
            let (_, word, place) = held.get(number)?;
            let (finding, hint) = match words {
                Some(words) => words(&finding),
                None => (finding.kind.code().to_owned(), None),
            };
            let hint = hint.map(String::into_bytes);
            let (word, finding) = (word.clone().into_bytes(), finding.into_bytes());
            Some((*place, Complaint::ExpectationBroken { word, finding, hint }))
        };
        broken.into_iter().filter_map(complaint).collect()
    }

    /// The words of `.EXPECT` for `file`; none where it has no such variable.
    fn expected_of(&mut self, file: FileId) -> Outcome<Held> {
        let Some(scope) = self.session.rules.files[file].scope else { return Ok(Vec::new()) };
        let text = expand_in(&mut self.session, scope, &[b"$(", VARIABLE, b")"].concat())?;
        let words = words::split(&text).unwrap_or_else(|_| {
            text.split(|&byte| is_space(byte)).filter(|word| !word.is_empty()).map(<[u8]>::to_vec).collect()
        });
        let mut held = Vec::new();
        let place =
            self.session.rules.files[file].recipe.and_then(|recipe| self.session.rules.recipes[recipe].place);
        for word in words {
            let shown = String::from_utf8_lossy(&word).into_owned();
            match Expectation::parse(&shown) {
                Ok(one) => held.push((one, shown, place)),
                Err(wrong) => {
                    let complaint =
                        Complaint::AttributeValue { attribute: ".EXPECT", value: word, wanted: wrong.wanted };
                    return Err(crate::base::diagnostic::Stop::fatal(place, complaint));
                }
            }
        }
        Ok(held)
    }

    /// A plain recipe's lines were expanded: notes whether what they build is held to anything.
    ///
    /// # Errors
    /// A word of `.EXPECT` that is none, before any line runs.
    pub fn note_expected(&mut self, child: &mut Child) -> Outcome {
        if self.session.context.names.find(VARIABLE).is_none() || self.block_of(child.file).is_some() {
            return Ok(());
        }
        if self.expected_of(child.file)?.is_empty() || self.session.settings.just_print {
            return Ok(());
        }
        child.expects = Some(false);
        Ok(())
    }

    /// A recipe with `.EXPECT` came to a good end without any image that was held: nothing is known of what it made.
    pub fn say_nothing_held(&mut self, child: &mut Child) {
        let name = self.session.name_of(child.file).to_vec();
        let place = self.session.rules.recipes[child.recipe].place;
        self.enter(child);
        self.session.complain(place, &Complaint::NothingHeld(name));
        self.leave_output(child);
    }

    /// A script of a recipe with `.EXPECT` ended well: the images that it built are held to it. Whether one does not hold.
    pub fn breaks_expected(&mut self, child: &mut Child, script: &[u8]) -> Outcome<bool> {
        if !mentions_client(script) {
            return Ok(false);
        }
        let environment = child.environment.clone().unwrap_or_default();
        let value = |name: &str| {
            let mut entries = environment.iter().map(|entry| entry.as_bytes());
            entries
                .find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
                .map(<[u8]>::to_vec)
        };
        let inherited = |name: &[u8]| {
            let value = std::str::from_utf8(name).ok().and_then(value);
            value.map_or(Inherited::Unset, Inherited::Value)
        };
        let reading = recognise(script, &inherited);
        let life = lifecycle(std::slice::from_ref(&reading));
        let mut images = Vec::new();
        for made in &life.made {
            let Some(command) = reading.commands.get(made.by.command) else { continue };
            let (ImageCommand::Build(build), Thing::Image(Identity { name: Some(name), .. })) =
                (&command.command, &made.thing)
            else {
                continue;
            };
            let Some(tag) = name.known().and_then(|name| String::from_utf8(name.to_vec()).ok()) else {
                continue;
            };
            let Some(address) = engines::of_command(&made.engine, self.engine.client, &value) else {
                continue;
            };
            let sources = whole::whole(build, command, made.by.command).ok();
            let sources = sources.map(|whole| Sources::of_command(&whole, &of_environment(&environment)));
            images.push((tag, address, sources));
        }
        if images.is_empty() {
            return Ok(false);
        }
        child.expects = Some(true);
        let held = self.expected_of(child.file)?;
        let target = String::from_utf8_lossy(self.session.name_of(child.file)).into_owned();
        let mut broken = false;
        for (tag, address, sources) in images {
            let image = Subjected { target: &target, reference: &tag, sources: sources.as_ref() };
            broken |= self.breaks(child, &held, &image, &address);
        }
        Ok(broken)
    }
}

fn not_audited(reference: &str, why: String) -> Complaint {
    Complaint::NotAudited(format!("{reference}: {why}").into_bytes())
}

/// What a verdict hangs on: the image, the words, its base's name, the day.
fn key(id: &str, held: &Held, base: Option<&str>, today: Date) -> String {
    let words: Vec<&str> = held.iter().map(|(_, word, _)| word.as_str()).collect();
    let version = env!("CARGO_PKG_VERSION");
    format!("{id}\n{}\n{}\n{today}\n{version}", words.join(" "), base.unwrap_or_default())
}
