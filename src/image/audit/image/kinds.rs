//! What is found on built images, as data. Finds nothing by itself.

use super::super::finding::Criterion;

/// Kinds of finding on a built image. Paths have no leading slash and are ready to be shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Compilers can be run in the image.
    CompilersShip {
        /// Their paths.
        paths: Vec<String>,
        /// Whether they are programs for sure: scripts may have such a name as well.
        certain: bool,
    },
    /// Compilers lie in a layer that a later one hides: nobody can run them, and they are pulled with the image.
    CompilersHidden {
        /// Their paths.
        paths: Vec<String>,
    },
    /// The image is larger than its budget.
    OverBudget {
        /// Bytes of all layers.
        size: u64,
        /// The most it may have.
        budget: u64,
        /// The base image's share.
        base: u64,
    },
    /// A layer has files that later layers overwrite or remove.
    HiddenBytes {
        /// The biggest of them.
        biggest: String,
        /// How many there are.
        files: usize,
        /// What hides the biggest, as the image's history has it; empty where it does not tell.
        hidden_by: String,
    },
    /// Files that were useful to make the image, and are not to run it.
    Leftovers {
        /// What they are.
        what: Leftover,
        /// A folder or file of them.
        path: String,
        /// How many files there are.
        files: usize,
    },
    /// The image runs as root.
    UserIsRoot {
        /// `USER`; empty where there is none.
        user: String,
    },
    /// `USER` is a name that the image's passwd does not have.
    UserUnknown {
        /// The name.
        user: String,
    },
    /// The image starts as root, and its entry point gives that up.
    DropsRoot {
        /// The program that does it.
        program: String,
    },
    /// The user that the image runs as can change a Python environment.
    EnvironmentWritable {
        /// The environment: the folder of `pyvenv.cfg`, or a `site-packages`.
        root: String,
        /// The user.
        user: String,
        /// Something that it can change.
        path: String,
        /// How it can.
        how: Access,
        /// How many such entries there are.
        entries: usize,
    },
    /// The base image was made long ago.
    OldBase {
        /// Its name; empty where it is not known.
        base: String,
        /// Its age.
        days: i64,
    },
    /// The release that the image is made from is no longer supported, or soon will not be.
    EndOfLife {
        /// The release.
        release: String,
        /// The last day of its support.
        until: String,
        /// Days since then; negative while it is still to come.
        days: i64,
    },
    /// The distribution has no releases.
    RollingRelease {
        /// Its name.
        name: String,
    },
    /// Python and pip on musl: wheels made for glibc (manylinux) can't be used.
    MuslPython {
        /// The distribution.
        name: String,
    },
    /// Many layers above the base.
    ManyLayers {
        /// How many.
        layers: usize,
        /// How many are few enough.
        limit: usize,
    },
    /// A virtual environment whose interpreter is not in the image.
    InterpreterAbsent {
        /// The environment.
        root: String,
        /// The interpreter, as the environment names it.
        interpreter: String,
    },
    /// A virtual environment made for another minor version of Python than its interpreter is.
    InterpreterOther {
        /// The environment.
        root: String,
        /// The version that its packages are installed for.
        wanted: String,
        /// The interpreter's path.
        interpreter: String,
    },
    /// The program that the image starts is not in it.
    EntryPointAbsent {
        /// The program, as the configuration names it.
        program: String,
    },
    /// The program that the image starts can't be executed by its user.
    EntryPointNotExecutable {
        /// Its path.
        path: String,
    },
    /// The script that the image starts names an interpreter that is not in it.
    EntryPointInterpreter {
        /// The script's path.
        path: String,
        /// The interpreter.
        interpreter: String,
    },
    /// A secret, or what looks like one.
    SecretFile {
        /// Its path.
        path: String,
        /// What it is.
        what: Secret,
        /// Whether a later layer removes or overwrites it: it can be read all the same.
        hidden: bool,
    },
    /// Programs that run with their owner's or group's rights, whoever starts them.
    SetuidFiles {
        /// Their paths.
        paths: Vec<String>,
    },
    /// A second build gave other files.
    Differs {
        /// What sort of difference it is.
        class: Class,
        /// What differs.
        aspect: Aspect,
        /// The files.
        paths: Vec<String>,
        /// Whether compiled Python files tell the time of change of their sources, which differs.
        embeds_time: bool,
    },
    /// More bytes are hidden than the target's `expect` allows.
    HiddenOverBudget {
        /// Bytes above the base that later layers hide.
        hidden: u64,
        /// The most that there may be.
        budget: u64,
    },
    /// The base is not what the target's `expect` asks for.
    UnexpectedBase {
        /// The base: the name that FROM gives, and the distribution.
        base: String,
        /// The word of `expect`.
        expected: String,
    },
    /// The image has no history: its layers can't be traced to instructions.
    NoHistory,
    /// What the image starts fails without network, in a file system that can only be read.
    StartFails {
        /// The exit status.
        status: i32,
        /// The last line that was said.
        said: String,
    },
    /// pip built packages of an index from their sources.
    CompiledPackages {
        /// The packages.
        packages: Vec<String>,
        /// How long that took, in all.
        seconds: u64,
        /// Whether they hold machine code, so that a compiler was needed.
        native: bool,
    },
}

/// Files that are of no use to a running image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leftover {
    /// Lists and archives of the distribution's packages.
    PackageLists,
    /// The cache of pip, uv or poetry.
    PipCache,
    /// Static libraries.
    StaticLibraries,
    /// Tests of Python or of its packages.
    Tests,
}

/// Sorts of differences between two builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Logs of what was done.
    Log,
    /// Caches of tools.
    Cache,
    /// Compiled Python files.
    Bytecode,
    /// The same lines in another order.
    Order,
    /// Anything else.
    Content,
    /// Times of change alone.
    Time,
}

/// What of a file differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// It is in one image alone.
    Presence,
    /// It is a file in one, and a folder or link in the other.
    Type,
    /// Where a link leads.
    Link,
    /// Its bytes.
    Content,
    /// Its permissions.
    Mode,
    /// Its owner or group.
    Owner,
    /// Its time of change.
    Time,
}

/// How a user can change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It owns it, and may give itself any permission.
    Owns,
    /// It may write it.
    Writes,
    /// It may write the folder that it is in, and so replace it.
    WritesFolder,
}

/// What kind of secret a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// A private key.
    PrivateKey,
    /// Passwords or tokens of a tool.
    Credentials,
    /// Variables with names of secrets.
    Variables,
}

impl Kind {
    /// The finding's stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Kind::CompilersShip { .. } => "image-compilers",
            Kind::CompilersHidden { .. } => "image-compilers-hidden",
            Kind::OverBudget { .. } => "image-over-budget",
            Kind::HiddenBytes { .. } => "image-hidden-bytes",
            Kind::Leftovers { what: Leftover::PackageLists, .. } => "image-package-lists",
            Kind::Leftovers { what: Leftover::PipCache, .. } => "image-pip-cache",
            Kind::Leftovers { what: Leftover::StaticLibraries, .. } => "image-static-libraries",
            Kind::Leftovers { what: Leftover::Tests, .. } => "image-tests",
            Kind::UserIsRoot { .. } => "image-runs-as-root",
            Kind::UserUnknown { .. } => "image-user-unknown",
            Kind::DropsRoot { .. } => "image-drops-root",
            Kind::EnvironmentWritable { .. } => "image-env-writable",
            Kind::OldBase { .. } => "image-old-base",
            Kind::EndOfLife { .. } => "image-end-of-life",
            Kind::RollingRelease { .. } => "image-rolling-release",
            Kind::MuslPython { .. } => "image-musl-python",
            Kind::ManyLayers { .. } => "image-many-layers",
            Kind::InterpreterAbsent { .. } => "image-venv-broken",
            Kind::InterpreterOther { .. } => "image-venv-other-python",
            Kind::EntryPointAbsent { .. } => "image-entrypoint-absent",
            Kind::EntryPointNotExecutable { .. } => "image-entrypoint-not-executable",
            Kind::EntryPointInterpreter { .. } => "image-entrypoint-interpreter",
            Kind::SecretFile { .. } => "image-secret-file",
            Kind::SetuidFiles { .. } => "image-setuid",
            Kind::Differs { class: Class::Log, .. } => "image-differs-log",
            Kind::Differs { class: Class::Cache, .. } => "image-differs-cache",
            Kind::Differs { class: Class::Bytecode, .. } => "image-differs-bytecode",
            Kind::Differs { class: Class::Order, .. } => "image-differs-order",
            Kind::Differs { class: Class::Content, .. } => "image-differs-content",
            Kind::Differs { class: Class::Time, .. } => "image-differs-mtime",
            Kind::HiddenOverBudget { .. } => "image-hidden-over-budget",
            Kind::UnexpectedBase { .. } => "image-unexpected-base",
            Kind::NoHistory => "image-no-history",
            Kind::CompiledPackages { .. } => "image-compiled-packages",
            Kind::StartFails { .. } => "image-start-fails",
        }
    }

    /// The criterion that it is judged by.
    pub fn criterion(&self) -> Criterion {
        match self {
            Kind::CompilersShip { .. } | Kind::CompilersHidden { .. } => Criterion::NoCompilers,
            Kind::OverBudget { .. }
            | Kind::HiddenBytes { .. }
            | Kind::HiddenOverBudget { .. }
            | Kind::Leftovers { .. } => Criterion::Size,
            Kind::UserIsRoot { .. } | Kind::UserUnknown { .. } | Kind::DropsRoot { .. } => Criterion::NonRoot,
            Kind::EnvironmentWritable { .. } => Criterion::ReadOnlyEnvironment,
            Kind::OldBase { .. } | Kind::EndOfLife { .. } => Criterion::UpToDate,
            Kind::RollingRelease { .. } | Kind::MuslPython { .. } | Kind::UnexpectedBase { .. } => {
                Criterion::Base
            }
            Kind::ManyLayers { .. } => Criterion::FewLayers,
            Kind::InterpreterAbsent { .. } | Kind::InterpreterOther { .. } => Criterion::Stages,
            Kind::EntryPointAbsent { .. }
            | Kind::EntryPointNotExecutable { .. }
            | Kind::EntryPointInterpreter { .. }
            | Kind::StartFails { .. } => Criterion::SmokeTest,
            Kind::SecretFile { .. } | Kind::SetuidFiles { .. } => Criterion::Secrets,
            Kind::Differs { .. } | Kind::NoHistory => Criterion::Reproducible,
            Kind::CompiledPackages { .. } => Criterion::Wheels,
        }
    }

    /// All codes, in the order of the manual.
    pub const CODES: [&'static str; 35] = [
        "image-compilers",
        "image-compilers-hidden",
        "image-over-budget",
        "image-hidden-bytes",
        "image-package-lists",
        "image-pip-cache",
        "image-static-libraries",
        "image-tests",
        "image-runs-as-root",
        "image-user-unknown",
        "image-drops-root",
        "image-env-writable",
        "image-old-base",
        "image-end-of-life",
        "image-rolling-release",
        "image-musl-python",
        "image-many-layers",
        "image-venv-broken",
        "image-venv-other-python",
        "image-entrypoint-absent",
        "image-entrypoint-not-executable",
        "image-entrypoint-interpreter",
        "image-secret-file",
        "image-setuid",
        "image-differs-log",
        "image-differs-cache",
        "image-differs-bytecode",
        "image-differs-order",
        "image-differs-content",
        "image-differs-mtime",
        "image-hidden-over-budget",
        "image-unexpected-base",
        "image-no-history",
        "image-compiled-packages",
        "image-start-fails",
    ];
}
