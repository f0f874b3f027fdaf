//! What builds of images say, read as it comes and remembered for the audit. Knows nothing of what is judged by it.

use crate::build::Build;
use crate::image::freshness::Memory;
use crate::image::log::{Log, Recorder};
use crate::os::relay::Listener;
use crate::rules::file::FileId;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The logs of a target's builds, one for each of its commands.
pub type Recorders = Vec<Arc<Mutex<Recorder>>>;

impl Build {
    /// Whether the output of builds is read for its own sake, so that the engine's client is to write lines and not to draw.
    pub fn wants_logs(&self) -> bool {
        !self.session.settings.own.audit.is_empty() && self.collector.is_none()
    }

    /// Reads what a build of `file` says, beside `other`; none where neither wants to hear it.
    pub(in crate::build) fn log_listener(
        &mut self,
        file: FileId,
        other: Option<Listener>,
    ) -> Option<Listener> {
        if other.is_none() && !self.wants_logs() {
            return None;
        }
        let recorder = Arc::<Mutex<Recorder>>::default();
        self.logs.entry(file).or_default().push(Arc::clone(&recorder));
        let mut other = other;
        Some(Box::new(move |text| {
            recorder.lock().unwrap_or_else(PoisonError::into_inner).take(text);
            if let Some(other) = &mut other {
                other(text);
            }
        }))
    }

    /// A build of `file` begins anew: what an earlier one of this run said is of no more use.
    pub(in crate::build) fn forget_log(&mut self, file: FileId) {
        self.logs.remove(&file);
    }

    /// What the build of `file` said that left image `id`: in this run, which is remembered then, or in an earlier one.
    pub fn log_of(&mut self, file: FileId, id: &str) -> Option<Log> {
        let memory = Memory::new(Path::new("."));
        let name = String::from_utf8_lossy(self.session.name_of(file)).into_owned();
        let earlier = memory.log_of(&name);
        let Some(own) = self.logs.remove(&file) else {
            return earlier.filter(|(other, _)| other == id).map(|(_, log)| log);
        };
        let mut log = Log::default();
        for recorder in own {
            let one = recorder.lock().unwrap_or_else(PoisonError::into_inner).log();
            log.steps.extend(one.steps);
            log.bases.extend(one.bases);
        }
        // It is kept.
        if let Some(masks) = &self.images.freshness.masks {
            let bases = log.bases.iter_mut().map(|(reference, _)| reference);
            for text in log.steps.iter_mut().map(|step| &mut step.name).chain(bases) {
                *text = masks.hide_text(text);
            }
        }
        if let Some((_, earlier)) = earlier {
            log.complete_from(&earlier);
        }
        if !log.steps.is_empty() {
            memory.note_log(&name, id, &log);
        }
        Some(log)
    }
}
