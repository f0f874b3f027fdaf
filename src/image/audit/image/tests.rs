//! For each criterion a good and a bad image that differ in just that.

use super::expect::{Expectation, broken, setting};
use super::*;
use crate::image::audit::StageName;
use crate::image::audit::releases::Date;
use crate::image::dockerfile::{NoBases, Request, analyse};
use crate::image::engine::ImageConfig;
use crate::image::engine::fake::FakeEngine;
use crate::image::layers::build::{ImageBuilder, LayerBuilder};
use serde_json::json;
use tar::EntryType;

const TODAY: Date = Date { year: 2026, month: 11, day: 22 };

fn base() -> LayerBuilder {
    LayerBuilder::new()
        .file(
            "etc/passwd",
            b"root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n",
        )
        .file("etc/group", b"root:x:0:\napp:x:1000:\nstaff:x:50:app\n")
        .file("etc/os-release", b"ID=debian\nVERSION_ID=\"13\"\nPRETTY_NAME=\"Debian 13\"\n")
        .program("usr/bin/python3.11")
        .symlink("usr/bin/python3", "python3.11")
        .symlink("bin", "usr/bin")
        .folder("srv", 0, 0o755)
}

fn image(base: LayerBuilder, upper: LayerBuilder) -> ImageBuilder {
    ImageBuilder::new()
        .layer("ADD file:base in /", base)
        .layer("RUN /bin/sh -c make things # buildkit", upper)
        .config(json!({ "User": "app", "Cmd": ["python3"], "WorkingDir": "/srv" }))
}

const DOCKERFILE: &str = "FROM base\nUSER app\nRUN make things\nCMD [\"python3\"]\n";

fn written_of(text: &str) -> Vec<Written> {
    let request =
        Request { target: None, build_args: &[], named_contexts: &[], platform_args: &[], bases: &NoBases };
    let analysis = analyse(text.as_bytes(), &request).unwrap();
    let (written, base) = written_in(text.as_bytes(), "Dockerfile", &analysis);
    assert_eq!(base.as_deref(), Some("base"));
    written
}

fn judged(image: &ImageBuilder, setting: &Setting) -> Judged {
    let config = image.config_document();
    let words = |value: &serde_json::Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let of_engine = ImageConfig {
        entrypoint: words(&config["config"]["Entrypoint"]),
        command: words(&config["config"]["Cmd"]),
        ..ImageConfig::default()
    };
    let saved = layers::read(&image.docker()[..], &keep::Checks::of(&of_engine), &Limits::default()).unwrap();
    let written = written_of(DOCKERFILE);
    let subject = Subject {
        target: "build",
        reference: "app:latest",
        id: "sha256:1",
        written: &written,
        base: BaseImage {
            name: "docker.io/library/base:3.11-slim".into(),
            diff_ids: saved.config.diff_ids[..1].to_vec(),
            created: Some(TODAY.days() * 86_400),
        },
    };
    judge(&saved, &subject, setting)
}

fn audit() -> Setting {
    Setting { today: TODAY, ..Setting::default() }
}

fn findings(image: &ImageBuilder) -> Vec<Finding> {
    judged(image, &audit()).findings
}

fn codes(image: &ImageBuilder) -> Vec<(&'static str, Level)> {
    findings(image).iter().map(|finding| (finding.kind.code(), finding.level)).collect()
}

fn upper(layer: LayerBuilder) -> Vec<(&'static str, Level)> {
    codes(&image(base(), layer))
}

fn filler(layer: LayerBuilder, name: &str, size: usize) -> LayerBuilder {
    layer.file(name, &vec![b'x'; size])
}

use Level::{Error, Info, Warning};

#[test]
fn a_good_image_has_no_finding() {
    assert_eq!(upper(LayerBuilder::new().file("srv/app.py", b"print()")), []);
}

#[test]
fn compilers_are_told_with_line_and_layer() {
    let compiler = LayerBuilder::new()
        .program("usr/bin/x86_64-linux-gnu-gcc-12")
        .symlink("usr/bin/gcc", "x86_64-linux-gnu-gcc-12")
        .program("usr/lib/gcc/x86_64-linux-gnu/12/cc1");
    let found = findings(&image(base(), compiler));
    let [one] = &found[..] else { panic!("{found:?}") };
    let paths = ["usr/bin/gcc", "usr/bin/x86_64-linux-gnu-gcc-12", "usr/lib/gcc/x86_64-linux-gnu/12/cc1"];
    assert_eq!(
        one.kind,
        Kind::CompilersShip { paths: paths.map(str::to_owned).to_vec(), certain: true }.into()
    );
    assert_eq!((one.level, one.inherited, one.bytes), (Warning, false, Some(24)));
    assert_eq!(one.place.as_ref().map(|place| place.line), Some(3));
    assert_eq!(one.stage, Some(StageName { index: 0, name: None }));
    let layer = one.layer.as_ref().unwrap();
    assert_eq!((layer.index, &layer.created_by[..]), (1, "RUN /bin/sh -c make things # buildkit"));
    // Packages named like it, libraries, dangling links, and sources.
    let harmless = LayerBuilder::new()
        .folder("usr/share/doc/gcc-12-base", 0, 0o755)
        .file("usr/lib/x86_64-linux-gnu/libgcc_s.so.1", b"\x7fELF")
        .file("usr/bin/gcc-not-executable", b"\x7fELF")
        .file("usr/share/bash-completion/completions/gcc", b"complete")
        .symlink("usr/bin/cc", "/etc/alternatives/cc");
    assert_eq!(upper(harmless), []);
    let script = LayerBuilder::new().raw(b"usr/bin/go", EntryType::Regular, 0o755, 0, b"", b"#!/bin/sh\n");
    assert_eq!(upper(script), [("image-compilers", Info)]);
    // Inherited from the base.
    let found = findings(&image(base().program("usr/bin/gcc"), LayerBuilder::new()));
    assert!(matches!(&found[..], [one] if one.inherited && one.level == Warning));
}

#[test]
fn a_compiler_under_a_whiteout_ships_all_the_same() {
    let image = image(base(), LayerBuilder::new().program("usr/bin/gcc"))
        .layer("RUN apt-get purge gcc", LayerBuilder::new().whiteout("usr/bin/gcc"));
    assert_eq!(codes(&image), [("image-compilers-hidden", Warning)]);
}

#[test]
fn names_of_compilers() {
    for name in [
        "gcc",
        "g++-12",
        "clang-14",
        "aarch64-linux-gnu-gcc-13",
        "cc1",
        "cc1plus",
        "c99",
        "go",
        "rustc",
        "javac",
        "c++",
    ] {
        assert!(compilers::is_compiler(name.as_bytes()), "{name}");
    }
    for name in ["gcc-ar", "gcc-12-base", "cargo-go", "my-gcc", "ccache", "pygo", "cc.py", "", "12", "gccc"] {
        assert!(!compilers::is_compiler(name.as_bytes()), "{name}");
    }
}

#[test]
fn the_budget_counts_all_layers() {
    let built = image(base(), LayerBuilder::new().file("srv/data", &[b'x'; 5000]));
    let small = Setting { budget: 4000, ..audit() };
    let found = judged(&built, &small).findings;
    let [one] = &found[..] else { panic!("{found:?}") };
    assert!(matches!(one.kind, crate::image::audit::Kind::Image(Kind::OverBudget { budget: 4000, .. })));
    assert_eq!((one.inherited, one.place.as_ref().map(|place| place.line)), (false, Some(3)));
    assert_eq!(judged(&built, &Setting { budget: 6000, ..audit() }).findings, []);
}

#[test]
fn hidden_bytes_are_told_with_what_hides_them() {
    let built = image(base(), filler(LayerBuilder::new(), "srv/wheel", 6_000_000))
        .layer("RUN rm /srv/wheel", LayerBuilder::new().whiteout("srv/wheel"));
    let judged = judged(&built, &audit());
    let [one] = &judged.findings[..] else { panic!("{judged:?}") };
    let kind =
        Kind::HiddenBytes { biggest: "srv/wheel".into(), files: 1, hidden_by: "RUN rm /srv/wheel".into() };
    assert_eq!((&one.kind, one.bytes), (&kind.into(), Some(6_000_000)));
    assert_eq!((judged.sizes.hidden, judged.sizes.layers[1].hidden), (6_000_000, 6_000_000));
    assert_eq!(judged.sizes.layers[1].place.as_ref().map(|place| place.line), Some(3));
    assert_eq!(upper(LayerBuilder::new()), []);
}

#[test]
fn leftovers_by_their_folders() {
    for (path, code) in [
        ("var/lib/apt/lists/deb.debian.org_main_Packages.lz4", "image-package-lists"),
        ("var/cache/apt/archives/gcc.deb", "image-package-lists"),
        ("root/.cache/pip/http/a/b", "image-pip-cache"),
        ("usr/lib/python3.11/config-3.11/libpython3.11.a", "image-static-libraries"),
        ("srv/venv/lib/python3.11/site-packages/numpy/tests/test_a.py", "image-tests"),
    ] {
        assert_eq!(upper(filler(LayerBuilder::new(), path, 1_000_000)), [(code, Warning)], "{path}");
        assert_eq!(
            codes(&image(filler(base(), path, 1_000_000), LayerBuilder::new())),
            [(code, Info)],
            "{path}"
        );
    }
    let harmless =
        LayerBuilder::new().folder("var/lib/apt/lists/partial", 0, 0o755).file("var/lib/apt/lists/lock", b"");
    assert_eq!(upper(harmless), []);
    assert_eq!(upper(filler(LayerBuilder::new(), "srv/tests/data", 1_000_000)), []);
}

#[test]
fn root_goes_by_many_names() {
    let as_user = |user: &str| {
        codes(&image(base(), LayerBuilder::new()).config(json!({ "User": user, "Cmd": ["python3"] })))
    };
    for user in ["", "root", "0", "0:0", "toor", "root:app"] {
        assert_eq!(as_user(user), [("image-runs-as-root", Warning)], "{user}");
    }
    for user in ["app", "1000", "app:staff", "4711", "1000:1000"] {
        assert_eq!(as_user(user), [], "{user}");
    }
    assert_eq!(as_user("nobody-knows"), [("image-user-unknown", Error)]);
    let script = LayerBuilder::new().program("usr/bin/sh").raw(
        b"entry.sh",
        EntryType::Regular,
        0o755,
        0,
        b"",
        b"#!/bin/sh\nexec gosu app \"$@\"\n",
    );
    let steps = image(base(), script).config(json!({ "Entrypoint": ["/entry.sh"] }));
    assert_eq!(codes(&steps), [("image-drops-root", Info)]);
}

fn venv(owner: u64, mode: u32) -> LayerBuilder {
    LayerBuilder::new()
        .folder("opt/venv", 0, 0o755)
        .file("opt/venv/pyvenv.cfg", b"home = /usr/bin\nversion = 3.11.2\n")
        .symlink("opt/venv/bin/python", "/usr/bin/python3")
        .folder("opt/venv/lib/python3.11/site-packages/yaml", owner, mode)
        .owned("opt/venv/lib/python3.11/site-packages/yaml/__init__.py", 0, 0o644)
}

#[test]
fn an_environment_is_for_reading() {
    assert_eq!(upper(venv(0, 0o755)), []);
    for (owner, mode, how) in
        [(1000, 0o755, Access::Owns), (0, 0o777, Access::WritesFolder), (50, 0o775, Access::WritesFolder)]
    {
        let found = findings(&image(base(), venv(owner, mode)));
        let [one] = &found[..] else { panic!("{found:?}") };
        let kind = Kind::EnvironmentWritable {
            root: "opt/venv".into(),
            user: "app".into(),
            path: "opt/venv/lib/python3.11/site-packages/yaml".into(),
            how,
            entries: 1,
        };
        assert_eq!((&one.kind, one.place.as_ref().map(|place| place.line)), (&kind.into(), Some(3)));
    }
    let writable = venv(0, 0o755).owned("opt/venv/bin/tool", 0, 0o666);
    assert_eq!(upper(writable), [("image-env-writable", Warning)]);
    // The folder that the environment is in: its user can put another in its place.
    assert_eq!(upper(venv(0, 0o755).folder("opt", 1000, 0o755)), [("image-env-writable", Warning)]);
    assert_eq!(upper(venv(0, 0o755).folder("opt", 0, 0o1777)), []);
    let packages = LayerBuilder::new().folder("usr/lib/python3.11/site-packages", 1000, 0o755);
    assert_eq!(upper(packages), [("image-env-writable", Warning)]);
    // Root may write anything: the finding is that it is root.
    let root = image(base(), venv(1000, 0o755)).config(json!({ "Cmd": ["python3"] }));
    assert_eq!(codes(&root), [("image-runs-as-root", Warning)]);
}

#[test]
fn an_environment_needs_its_interpreter() {
    let absent = venv(0, 0o755).symlink("opt/venv/bin/python", "/usr/local/bin/python3.11");
    let found = findings(&image(base(), absent));
    let kind = Kind::InterpreterAbsent { root: "opt/venv".into(), interpreter: "usr/local".into() };
    assert_eq!(found.iter().map(|one| (&one.kind, one.level)).collect::<Vec<_>>(), [(&kind.into(), Error)]);
    let other = venv(0, 0o755).program("usr/bin/python3.12").symlink("usr/bin/python3", "python3.12");
    let found = findings(&image(base(), other));
    let kind = Kind::InterpreterOther {
        root: "opt/venv".into(),
        wanted: "3.11".into(),
        interpreter: "usr/bin/python3.12".into(),
    };
    assert_eq!(found.iter().map(|one| &one.kind).collect::<Vec<_>>(), [&kind.into()]);
}

fn released(os_release: &str) -> Vec<(&'static str, Level)> {
    codes(&image(base().file("etc/os-release", os_release.as_bytes()), LayerBuilder::new()))
}

#[test]
fn releases_and_their_end() {
    assert_eq!(released("ID=debian\nVERSION_ID=\"11\"\n"), [("image-end-of-life", Warning)]);
    assert_eq!(released("ID=debian\nVERSION_ID=\"13\"\n"), []);
    assert_eq!(released("ID=ubuntu\nVERSION_ID=\"24.04\"\n"), []);
    assert_eq!(released("ID=arch\nNAME=\"Arch Linux\"\n"), [("image-rolling-release", Warning)]);
    assert_eq!(released("ID=alpine\nVERSION_ID=3.24_alpha20260101\n"), [("image-rolling-release", Warning)]);
    assert_eq!(released("ID=unheard\nVERSION_ID=1\n"), []);
    assert_eq!(released(""), []);
}

#[test]
fn musl_matters_to_pip_alone() {
    let alpine = || {
        base()
            .file("etc/os-release", b"ID=alpine\nVERSION_ID=3.23.1\nPRETTY_NAME=\"Alpine Linux v3.23\"\n")
            .program("lib/ld-musl-x86_64.so.1")
    };
    assert_eq!(codes(&image(alpine(), LayerBuilder::new())), []);
    let pip = LayerBuilder::new().folder("usr/lib/python3.11/site-packages/pip", 0, 0o755);
    assert_eq!(codes(&image(alpine(), pip)), [("image-musl-python", Warning)]);
}

#[test]
fn the_age_of_the_base() {
    let saved = layers::read(
        &image(base(), LayerBuilder::new()).docker()[..],
        &layers::NothingKept,
        &Limits::default(),
    );
    let saved = saved.unwrap();
    let days = |days: i64| {
        let created = Some((TODAY.days() - days) * 86_400);
        let base = BaseImage { name: "python:3.11".into(), diff_ids: Vec::new(), created };
        let subject = Subject { target: "t", reference: "r", id: "i", written: &[], base };
        let found = judge(&saved, &subject, &audit()).findings;
        found.into_iter().find(|finding| finding.kind.code() == "image-old-base").map(|finding| finding.kind)
    };
    assert_eq!(days(94), Some(Kind::OldBase { base: "python:3.11".into(), days: 94 }.into()));
    assert_eq!(days(90), None);
    // Created at the epoch: a reproducible build's.
    assert_eq!(days(TODAY.days()), None);
}

#[test]
fn layers_above_the_base_are_counted() {
    let many = |count: usize| {
        let first = image(base(), LayerBuilder::new());
        let all = (0..count).fold(first, |image, at| {
            image.layer("COPY x", LayerBuilder::new().file(&format!("srv/{at}"), b"x"))
        });
        codes(&all)
    };
    assert_eq!(many(12), []);
    assert_eq!(many(13), [("image-many-layers", Warning)]);
}

#[test]
fn what_is_started_has_to_be_there() {
    let starts = |layer: LayerBuilder, entrypoint: &str| {
        codes(
            &image(base(), layer)
                .config(json!({ "User": "app", "WorkingDir": "/srv", "Entrypoint": [entrypoint] })),
        )
    };
    let script = |first: &[u8]| LayerBuilder::new().raw(b"srv/run", EntryType::Regular, 0o755, 0, b"", first);
    assert_eq!(starts(LayerBuilder::new(), "python3"), []);
    assert_eq!(starts(LayerBuilder::new(), "/bin/python3.11"), []);
    assert_eq!(starts(LayerBuilder::new(), "gunicorn"), [("image-entrypoint-absent", Error)]);
    assert_eq!(starts(script(b"#!/usr/bin/python3\n"), "./run"), []);
    assert_eq!(starts(script(b"#!/usr/bin/env -S python3 -u\n"), "/srv/run"), []);
    assert_eq!(
        starts(script(b"#!/opt/venv/bin/python\n"), "./run"),
        [("image-entrypoint-interpreter", Error)]
    );
    let plain = LayerBuilder::new().file("srv/run", b"#!/usr/bin/python3\n");
    assert_eq!(starts(plain, "./run"), [("image-entrypoint-not-executable", Error)]);
    let others = LayerBuilder::new().owned("srv/run", 0, 0o700);
    assert_eq!(starts(others, "./run"), [("image-entrypoint-not-executable", Error)]);
}

#[test]
fn secrets_in_any_layer() {
    const KEY: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----\n";
    for (path, content, level) in [
        ("root/.ssh/id_ed25519", KEY, Error),
        ("srv/server.key", KEY, Error),
        ("root/.netrc", b"machine a login b password c\n", Error),
        ("root/.config/pip/pip.conf", b"[global]\nindex-url = https://me:word@pypi.example/simple\n", Error),
        ("srv/.env", b"# comment\nDB_PASSWORD=hunter2\n", Error),
        ("usr/lib/python3.11/test/certdata/keycert.pem", KEY, Info),
    ] {
        assert_eq!(upper(LayerBuilder::new().file(path, content)), [("image-secret-file", level)], "{path}");
    }
    for (path, content) in [
        ("root/.ssh/id_ed25519.pub", &b"ssh-ed25519 AAAA"[..]),
        ("etc/ssl/certs/ca.pem", b"-----BEGIN CERTIFICATE-----"),
        ("etc/pip.conf", b"[global]\nindex-url = https://pypi.example/simple\n"),
        ("srv/.env", b"PORT=8000\nDB_PASSWORD=\n"),
        ("srv/.env.example", b"DB_PASSWORD=change-me\n"),
    ] {
        assert_eq!(upper(LayerBuilder::new().file(path, content)), [], "{path}");
    }
    let removed = image(base(), LayerBuilder::new().file("root/.netrc", b"password x"))
        .layer("RUN rm", LayerBuilder::new().whiteout("root/.netrc"));
    let found = findings(&removed);
    assert!(matches!(
        &found[..],
        [Finding { kind: crate::image::audit::Kind::Image(Kind::SecretFile { hidden: true, .. }), .. }]
    ));
    let setuid = |owner| LayerBuilder::new().owned("usr/bin/mount", owner, 0o4755);
    assert_eq!(upper(setuid(0)), [("image-setuid", Warning)]);
    assert_eq!(
        codes(&image(base().owned("usr/bin/su", 0, 0o4755), LayerBuilder::new())),
        [("image-setuid", Info)]
    );
}

#[test]
fn an_image_without_history_is_judged() {
    let mut built = image(base(), LayerBuilder::new().program("usr/bin/gcc"));
    built.history.clear();
    assert_eq!(codes(&built), [("image-no-history", Info), ("image-compilers", Warning)]);
}

#[test]
fn history_finds_its_instructions() {
    let text = "FROM base\nARG X=1\nENV A=b\nWORKDIR /src\nCOPY --chown=app a b ./\nRUN --mount=type=cache,target=/c \\\n  \
                pip install x && \\\n  pip check\nRUN true\nCOPY last .\nUSER app\n";
    let written = written_of(text);
    let steps = [
        ("/bin/sh -c #(nop) ADD file:abc in / ", false),
        ("/bin/sh -c #(nop)  CMD [\"bash\"]", true),
        ("ARG X=1", true),
        ("ENV A=b", true),
        ("WORKDIR /src", false),
        ("COPY a b ./ # buildkit", false),
        ("RUN |1 X=1 /bin/sh -c pip install x && \\\n  pip check # buildkit", false),
        ("RUN |1 X=1 /bin/sh -c true # buildkit", false),
        ("COPY last . # buildkit", false),
        ("USER app", true),
    ];
    let config = layers::Config {
        history: steps
            .iter()
            .map(|(by, empty)| layers::Step {
                created_by: (*by).to_owned(),
                empty: *empty,
                ..Default::default()
            })
            .collect(),
        diff_ids: (0..6).map(|number| number.to_string()).collect(),
        ..Default::default()
    };
    let lines = |base: &BaseImage| {
        let origins = Origins::find(&config, &written, base);
        let line = |at: &Option<usize>| at.map(|at| written[at].place.line);
        (origins.base, origins.instructions.iter().map(line).collect::<Vec<_>>())
    };
    let wanted = (1, vec![None, Some(4), Some(5), Some(6), Some(9), Some(10)]);
    let known = BaseImage { diff_ids: vec!["0".into()], ..BaseImage::default() };
    assert_eq!(lines(&known), wanted);
    // The engine does not have the base: the history tells where it ends.
    assert_eq!(lines(&BaseImage::default()), wanted);
}

#[test]
fn expectations_hold_or_break() {
    let bad = image(base(), LayerBuilder::new().program("usr/bin/gcc").file("srv/big", &[b'x'; 200_000]))
        .layer("RUN rm", LayerBuilder::new().whiteout("srv/big"))
        .config(json!({ "Cmd": ["python3"] }));
    let hold = |words: &str| {
        let all: Vec<Expectation> = words.split(' ').map(|word| Expectation::parse(word).unwrap()).collect();
        let judged = judged(&bad, &setting(&all, TODAY));
        let base = BaseImage { name: "docker.io/library/base:3.11-slim".into(), ..BaseImage::default() };
        let subject = Subject { target: "build", reference: "r", id: "i", written: &[], base };
        let broken = broken(&all, &judged, &subject);
        broken.into_iter().map(|(number, finding)| (number, finding.kind.code())).collect::<Vec<_>>()
    };
    assert_eq!(
        hold("size<=1GB layers<=2 base-age<=1d read-only-env no-secrets venv entrypoint supported"),
        []
    );
    assert_eq!(hold("base!=alpine base=debian base=slim hidden<=200kB no-setuid no-leftovers no-musl"), []);
    assert_eq!(hold("layers<=1 size<=100kB"), [(0, "image-many-layers"), (1, "image-over-budget")]);
    assert_eq!(hold("no-tests non-root no-compilers"), [(1, "image-runs-as-root"), (2, "image-compilers")]);
    assert_eq!(hold("hidden<=199999"), [(0, "image-hidden-over-budget")]);
    assert_eq!(
        hold("base!=debian base=alpine"),
        [(0, "image-unexpected-base"), (1, "image-unexpected-base")]
    );
    assert_eq!(hold("audit"), [(0, "image-compilers"), (0, "image-runs-as-root")]);
}

#[test]
fn words_that_are_none_are_told() {
    for word in [
        "size<=",
        "size<=lots",
        "size<=-1MB",
        "size>=1",
        "layers<=few",
        "base-age<=x",
        "base!=",
        "no-compiler",
        "x<=1",
        "",
    ] {
        assert!(Expectation::parse(word).is_err(), "{word}");
    }
    let near = Expectation::parse("no-compiler").unwrap_err().wanted;
    assert!(near.contains("'no-compilers'"), "{near}");
    assert_eq!(Expectation::parse("size<=1.5GB"), Ok(Expectation::Size(1_500_000_000)));
    assert_eq!(Expectation::parse("hidden<=10MiB"), Ok(Expectation::Hidden(10 << 20)));
}

#[test]
fn images_are_fetched_off_an_engine() {
    let engine = FakeEngine::default();
    let id = engine.make_image("app:latest");
    let archive = image(base(), LayerBuilder::new()).docker();
    engine.state().archives.insert(id, archive.clone());
    let (_, saved) = fetch(&engine, "app:latest").unwrap_or_else(|why| panic!("{}", why.message("app")));
    assert_eq!(saved.layers.len(), 2);
    assert_eq!(fetch(&engine, "absent:1").err(), Some(Unaudited::NotThere));
    let id = engine.make_image("cut:latest");
    engine.state().archives.insert(id, archive[..archive.len() / 2].to_vec());
    assert_eq!(fetch(&engine, "cut:latest").err(), Some(Unaudited::Unreadable(Fault::Truncated)));
}

#[test]
fn every_code_is_listed_once() {
    let mut codes = Kind::CODES.to_vec();
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), Kind::CODES.len());
    let named: Vec<&str> = expect::WORDS.iter().flat_map(|(_, _, codes)| codes.iter().copied()).collect();
    assert!(named.iter().all(|code| Kind::CODES.contains(code)), "{named:?}");
}
