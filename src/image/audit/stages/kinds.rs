//! What is found on stages, as data. Finds nothing by itself.

use super::super::finding::Criterion;
use std::rc::Rc;

/// Kinds of finding on a Dockerfile's stages. Texts are the words at fault, ready to be shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The base's release, or its Python, is no longer maintained, or soon will not be.
    EndOfLife {
        /// The base, as the Dockerfile names it.
        image: String,
        /// What ends: `Debian 10`, `Python 3.7`.
        release: String,
        /// Its last day, `YYYY-MM-DD`.
        until: String,
        /// Whether that day has passed.
        over: bool,
    },
    /// Neither the Dockerfile nor the recipes ever ask for a newer base.
    NeverRefreshed {
        /// The base.
        image: String,
    },
    /// A base whose tag means another image tomorrow.
    FloatingTag {
        /// The base.
        image: String,
        /// Its tag; none where it has none.
        tag: Option<String>,
        /// Whether it moves between releases, rather than within one.
        moves: bool,
    },
    /// A repository that is fetched by branch or tag, not by commit.
    GitBranch {
        /// The repository.
        source: String,
    },
    /// Packages that are installed in whatever version is newest.
    UnpinnedPackages {
        /// The packages, as they are written.
        names: Rc<[String]>,
        /// The requirements file and its first such line; none where the command names them.
        file: Option<(String, usize)>,
        /// The program that installs.
        tool: String,
    },
    /// A project is installed without the lock file that its tool keeps.
    NoLockFile {
        /// The program that installs.
        tool: String,
        /// The lock file.
        lock: String,
    },
    /// The distribution's packages are upgraded to whatever is newest.
    PackageUpgrade {
        /// The command.
        command: String,
    },
    /// A compiler is installed where the image is made.
    CompilerInstalled {
        /// The package.
        package: String,
        /// The line that removes it again, from a layer above.
        removed: Option<usize>,
    },
    /// A base that is published with compilers.
    CompilerInBase {
        /// The base.
        image: String,
        /// What it has.
        compilers: String,
        /// The same without.
        instead: Option<String>,
    },
    /// The index of the distribution's packages stays in a layer.
    PackageIndexKept {
        /// The program that fetches it.
        tool: String,
        /// Where it lies.
        path: String,
    },
    /// Packages are installed with all that they merely recommend.
    RecommendedPackages,
    /// What an installer downloaded stays in a layer.
    PackageCacheKept {
        /// The installer.
        tool: String,
        /// What makes it keep nothing.
        option: String,
    },
    /// Files are removed in a layer above the one that holds them.
    CleanedTooLate {
        /// The files.
        path: String,
        /// The line that brought them.
        line: usize,
    },
    /// The image runs as root.
    RunsAsRoot {
        /// What the last USER says; none where there is none.
        user: Option<String>,
        /// The base whose user it is; none for USER's own.
        base: Option<String>,
    },
    /// The image's user is the base's, which is not known here, or a variable's value.
    UserUnknown {
        /// The base; none where USER has the variable.
        base: Option<String>,
    },
    /// The image starts as root, and its entry point steps down.
    StepsDown {
        /// What steps down.
        program: String,
    },
    /// The user that runs can write what it runs.
    WritableEnvironment {
        /// The folder.
        path: String,
        /// The user.
        user: String,
    },
    /// An install step that runs again for every change of a source.
    InstallAfterSources {
        /// The command.
        install: String,
        /// What brings the sources.
        copy: String,
        /// The line of that.
        line: usize,
        /// A file whose change does it.
        example: Option<String>,
        /// How long the command's step took in a build that was seen.
        seconds: Option<u64>,
    },
    /// Python packages on musl, which takes few binary wheels.
    AlpineWithPip {
        /// The base.
        image: String,
        /// The program that installs.
        tool: String,
    },
    /// A base without releases.
    RollingBase {
        /// The base.
        image: String,
    },
    /// A base whose release is supported for months rather than years.
    ShortSupport {
        /// The base.
        image: String,
        /// The release.
        release: String,
        /// Its last day, `YYYY-MM-DD`.
        until: String,
    },
    /// Many layers above the base.
    ManyLayers {
        /// How many.
        count: usize,
        /// How many are taken for few.
        most: usize,
    },
    /// A stage's files are copied bit by bit.
    CopiesFromOneStage {
        /// The stage.
        from: String,
        /// How often.
        count: usize,
        /// The lines.
        lines: Vec<usize>,
    },
    /// A stage that nothing can build.
    DeadStage {
        /// The line of the later stage that has its name; none where it has no name.
        shadowed: Option<usize>,
    },
    /// Something is compiled where the image is made.
    CompilesInFinal {
        /// The command.
        command: String,
    },
    /// Something is downloaded, and used as it came.
    UnverifiedDownload {
        /// What is downloaded.
        source: String,
        /// Whether nothing that runs can have checked it.
        certain: bool,
    },
    /// A connection that anybody on the way can change.
    InsecureDownload {
        /// The option, or the URL.
        what: String,
    },
    /// A download that is run as it arrives.
    PipedToShell {
        /// What is downloaded.
        source: String,
        /// What runs it.
        program: String,
    },
    /// The stage that tests is not on the way to the image.
    TestStageSkipped {
        /// The test stage.
        stage: String,
        /// The target stage.
        target: String,
        /// The goal that builds it and need not have run; none where none is known.
        by: Option<String>,
    },
    /// A secret in a variable, which stays in the image's history.
    SecretVariable {
        /// The variable.
        name: String,
        /// Whether it is ENV's, which stays in the config as well.
        env: bool,
        /// Whether its value stands in the Dockerfile.
        literal: bool,
    },
    /// A file of credentials is copied.
    SecretFile {
        /// The file in the context.
        path: String,
    },
    /// A user's password stands in a URL.
    CredentialsInUrl {
        /// The URL, its password masked.
        source: String,
    },
}

impl Kind {
    /// The finding's stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Kind::EndOfLife { .. } => "end-of-life",
            Kind::NeverRefreshed { .. } => "never-refreshed",
            Kind::FloatingTag { .. } => "floating-tag",
            Kind::GitBranch { .. } => "git-branch",
            Kind::UnpinnedPackages { .. } => "unpinned-packages",
            Kind::NoLockFile { .. } => "no-lock-file",
            Kind::PackageUpgrade { .. } => "package-upgrade",
            Kind::CompilerInstalled { .. } => "compiler-installed",
            Kind::CompilerInBase { .. } => "compiler-in-base",
            Kind::PackageIndexKept { .. } => "package-index-kept",
            Kind::RecommendedPackages => "recommended-packages",
            Kind::PackageCacheKept { .. } => "package-cache-kept",
            Kind::CleanedTooLate { .. } => "cleaned-too-late",
            Kind::RunsAsRoot { .. } => "runs-as-root",
            Kind::UserUnknown { .. } => "user-unknown",
            Kind::StepsDown { .. } => "steps-down",
            Kind::WritableEnvironment { .. } => "writable-environment",
            Kind::InstallAfterSources { .. } => "install-after-sources",
            Kind::AlpineWithPip { .. } => "alpine-with-pip",
            Kind::RollingBase { .. } => "rolling-base",
            Kind::ShortSupport { .. } => "short-support",
            Kind::ManyLayers { .. } => "many-layers",
            Kind::CopiesFromOneStage { .. } => "copies-from-one-stage",
            Kind::DeadStage { .. } => "dead-stage",
            Kind::CompilesInFinal { .. } => "compiles-in-final",
            Kind::UnverifiedDownload { .. } => "unverified-download",
            Kind::InsecureDownload { .. } => "insecure-download",
            Kind::PipedToShell { .. } => "piped-to-shell",
            Kind::TestStageSkipped { .. } => "test-stage-skipped",
            Kind::SecretVariable { .. } => "secret-variable",
            Kind::SecretFile { .. } => "secret-file",
            Kind::CredentialsInUrl { .. } => "credentials-in-url",
        }
    }

    /// The criterion that it is judged by.
    pub fn criterion(&self) -> Criterion {
        match self {
            Kind::EndOfLife { .. } | Kind::NeverRefreshed { .. } => Criterion::UpToDate,
            Kind::FloatingTag { .. }
            | Kind::GitBranch { .. }
            | Kind::UnpinnedPackages { .. }
            | Kind::NoLockFile { .. }
            | Kind::PackageUpgrade { .. } => Criterion::Reproducible,
            Kind::CompilerInstalled { .. } | Kind::CompilerInBase { .. } => Criterion::NoCompilers,
            Kind::PackageIndexKept { .. }
            | Kind::RecommendedPackages
            | Kind::PackageCacheKept { .. }
            | Kind::CleanedTooLate { .. } => Criterion::Size,
            Kind::RunsAsRoot { .. } | Kind::UserUnknown { .. } | Kind::StepsDown { .. } => Criterion::NonRoot,
            Kind::WritableEnvironment { .. } => Criterion::ReadOnlyEnvironment,
            Kind::InstallAfterSources { .. } => Criterion::RebuildOrder,
            Kind::AlpineWithPip { .. } | Kind::RollingBase { .. } | Kind::ShortSupport { .. } => {
                Criterion::Base
            }
            Kind::ManyLayers { .. } | Kind::CopiesFromOneStage { .. } => Criterion::FewLayers,
            Kind::DeadStage { .. } | Kind::CompilesInFinal { .. } => Criterion::Stages,
            Kind::UnverifiedDownload { .. } | Kind::InsecureDownload { .. } | Kind::PipedToShell { .. } => {
                Criterion::Tarballs
            }
            Kind::TestStageSkipped { .. } => Criterion::SmokeTest,
            Kind::SecretVariable { .. } | Kind::SecretFile { .. } | Kind::CredentialsInUrl { .. } => {
                Criterion::Secrets
            }
        }
    }

    /// Whether the built image itself answers the question, so that the guess from the Dockerfile has no more to say.
    pub fn settled_by_image(&self) -> bool {
        matches!(
            self,
            Kind::ManyLayers { .. }
                | Kind::PackageIndexKept { .. }
                | Kind::PackageCacheKept { .. }
                | Kind::CleanedTooLate { .. }
                | Kind::WritableEnvironment { .. }
                | Kind::StepsDown { .. }
                | Kind::SecretFile { .. }
                | Kind::RunsAsRoot { .. }
                | Kind::UserUnknown { .. }
                | Kind::CompilerInBase { .. }
                | Kind::CompilerInstalled { .. }
        )
    }

    /// All codes, in the order of the manual.
    pub const CODES: [&'static str; 32] = [
        "end-of-life",
        "never-refreshed",
        "floating-tag",
        "git-branch",
        "unpinned-packages",
        "no-lock-file",
        "package-upgrade",
        "compiler-installed",
        "compiler-in-base",
        "package-index-kept",
        "recommended-packages",
        "package-cache-kept",
        "cleaned-too-late",
        "runs-as-root",
        "user-unknown",
        "steps-down",
        "writable-environment",
        "install-after-sources",
        "alpine-with-pip",
        "rolling-base",
        "short-support",
        "many-layers",
        "copies-from-one-stage",
        "dead-stage",
        "compiles-in-final",
        "unverified-download",
        "insecure-download",
        "piped-to-shell",
        "test-stage-skipped",
        "secret-variable",
        "secret-file",
        "credentials-in-url",
    ];
}
