//! Findings as data: what is wrong, by which criterion, how bad it is, where. Finds nothing by itself.

use super::super::recipe::Place;
use super::{image, stages};

/// Something that makes an image less than good.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What it is.
    pub kind: Kind,
    /// The target whose image it is about.
    pub target: String,
    /// The stage whose instruction it is about; none where that is not known.
    pub stage: Option<StageName>,
    /// Where in the Dockerfile, or in a file that it uses; none for what has no place.
    pub place: Option<Place>,
    /// The layer that it is in; none where only the Dockerfile was looked at.
    pub layer: Option<Layer>,
    /// The bytes that are at stake, in the image.
    pub bytes: Option<u64>,
    /// Whether it comes with the base image: this Dockerfile did not do it, and can only choose another base.
    pub inherited: bool,
}

impl Finding {
    /// A finding about target `target` of which nothing else is known yet.
    pub fn new(level: Level, kind: impl Into<Kind>, target: &str) -> Finding {
        Finding {
            level,
            kind: kind.into(),
            target: target.to_owned(),
            stage: None,
            place: None,
            layer: None,
            bytes: None,
            inherited: false,
        }
    }

    /// The criterion that it is judged by.
    pub fn criterion(&self) -> Criterion {
        self.kind.criterion()
    }
}

/// How bad a finding is, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Worth knowing, or not certain. The audit passes.
    Info,
    /// It falls short of the criterion.
    Warning,
    /// It does harm: a secret in a layer, an image that can't start.
    Error,
}

impl Level {
    /// The level in JSON, and in texts.
    pub fn name(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

/// The criteria of a good container, in the order of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Criterion {
    /// It can be kept up to date, and is.
    UpToDate,
    /// The same source gives an equivalent image.
    Reproducible,
    /// It holds no compiler.
    NoCompilers,
    /// It is reasonably small.
    Size,
    /// It runs as a user of its own.
    NonRoot,
    /// That user can't write what it runs.
    ReadOnlyEnvironment,
    /// A change of the sources does not install packages again.
    RebuildOrder,
    /// Its base has long support, and takes binary wheels.
    Base,
    /// It adds few layers to its base.
    FewLayers,
    /// Its packages come as wheels.
    Wheels,
    /// Stages part what builds from what runs.
    Stages,
    /// What is downloaded is verified.
    Tarballs,
    /// It was tried before it goes anywhere.
    SmokeTest,
    /// It holds no secret.
    Secrets,
}

impl Criterion {
    /// All criteria, in the order of reports.
    pub const ALL: [Criterion; 14] = [
        Criterion::UpToDate,
        Criterion::Reproducible,
        Criterion::NoCompilers,
        Criterion::Size,
        Criterion::NonRoot,
        Criterion::ReadOnlyEnvironment,
        Criterion::RebuildOrder,
        Criterion::Base,
        Criterion::FewLayers,
        Criterion::Wheels,
        Criterion::Stages,
        Criterion::Tarballs,
        Criterion::SmokeTest,
        Criterion::Secrets,
    ];

    /// The criterion's stable name, in JSON and in `docs/audit.md`.
    pub fn code(self) -> &'static str {
        match self {
            Criterion::UpToDate => "up-to-date",
            Criterion::Reproducible => "reproducible",
            Criterion::NoCompilers => "no-compilers",
            Criterion::Size => "size",
            Criterion::NonRoot => "non-root",
            Criterion::ReadOnlyEnvironment => "read-only-env",
            Criterion::RebuildOrder => "rebuild-order",
            Criterion::Base => "base",
            Criterion::FewLayers => "few-layers",
            Criterion::Wheels => "wheels",
            Criterion::Stages => "stages",
            Criterion::Tarballs => "tarballs",
            Criterion::SmokeTest => "smoke-test",
            Criterion::Secrets => "secrets",
        }
    }
}

/// Kinds of finding, by what they are found on.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// On the stages of a Dockerfile.
    Stages(stages::Kind),
    /// On a built image.
    Image(image::Kind),
}

impl Kind {
    /// The criterion that it is judged by.
    pub fn criterion(&self) -> Criterion {
        match self {
            Kind::Stages(kind) => kind.criterion(),
            Kind::Image(kind) => kind.criterion(),
        }
    }

    /// The finding's stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Kind::Stages(kind) => kind.code(),
            Kind::Image(kind) => kind.code(),
        }
    }
}

impl From<stages::Kind> for Kind {
    fn from(kind: stages::Kind) -> Kind {
        Kind::Stages(kind)
    }
}

impl From<image::Kind> for Kind {
    fn from(kind: image::Kind) -> Kind {
        Kind::Image(kind)
    }
}

/// A stage of a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageName {
    /// Index among the file's stages.
    pub index: usize,
    /// Its name in lower case, where it has one.
    pub name: Option<String>,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Index among the image's layers, the base's lowest first.
    pub index: usize,
    /// The digest of its tar (`diff_id`), as `sha256:…`.
    pub digest: String,
    /// The instruction that made it, as the image's history has it; empty where it has none.
    pub created_by: String,
}
