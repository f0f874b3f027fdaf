//! Tests of gathering, comparing and judging together, on real files and an engine in memory.

use super::*;
use crate::image::context::Convention;
use crate::image::dockerfile::{Request, Value, analyse};
use crate::image::engine::fake::FakeEngine;
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

type Texts = Vec<(Vec<u8>, Vec<u8>)>;

/// A folder with a context, and what a build of it is given.
struct Place {
    at: tempfile::TempDir,
    engine: FakeEngine,
    dockerfile: String,
    target: &'static str,
    args: Vec<(Vec<u8>, Value)>,
    named: Texts,
    attributes: Attributes,
}

impl Place {
    fn new(dockerfile: &str, files: &[&str]) -> Place {
        let place = Place {
            at: tempfile::tempdir().unwrap(),
            engine: FakeEngine::default(),
            dockerfile: dockerfile.to_owned(),
            target: "",
            args: Vec::new(),
            named: Vec::new(),
            attributes: Attributes::default(),
        };
        files.iter().for_each(|file| place.write(file, file));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.at.path().join("context").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn arg(&mut self, name: &str, value: &str) {
        self.args.retain(|(other, _)| other != name.as_bytes());
        self.args.push((name.into(), Value::from(value.as_bytes())));
    }

    fn look(&self) -> Components {
        std::fs::create_dir_all(self.path("")).unwrap();
        let bases = EngineBases::new(&self.engine);
        let request = Request {
            target: Some(self.target.as_bytes()),
            build_args: &self.args,
            named_contexts: &self.named,
            platform_args: &[],
            bases: &bases,
        };
        let analysis = analyse(self.dockerfile.as_bytes(), &request).unwrap();
        let inputs = Inputs {
            analysis: &analysis,
            dockerfile: self.dockerfile.as_bytes(),
            dockerfile_path: None,
            context: Context::Folder(&self.path("")),
            build_args: &self.args,
            named_contexts: &self.named,
            directory: self.at.path(),
            convention: Convention::Docker,
            platform: None,
            whole_file: false,
            attributes: self.attributes.clone(),
        };
        gather(&inputs, &bases, &DigestCache::new(self.at.path())).unwrap()
    }

    fn memory(&self) -> Memory {
        Memory::new(self.at.path())
    }

    fn ask(&self, components: &Components, proof: Proof, tags: &[&str]) -> Result<String, Vec<Reason>> {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let wanted = Wanted { name: "build", tags: &tags, components, proof, found: None };
        match fresh(&self.engine, &wanted, &self.memory()).unwrap() {
            Verdict::Fresh(image) => Ok(image.id),
            Verdict::Stale(reasons) => Err(reasons),
        }
    }

    /// An image as imk would build it.
    fn build(&self, tag: &str, components: &Components) -> String {
        let id = self.engine.make_image(tag);
        for image in self.engine.state().images.iter_mut().filter(|image| image.id == id) {
            image.labels.insert(LABEL.to_owned(), components.digest().to_string());
        }
        self.memory().remember("build", components);
        id
    }
}

fn told(old: &Components, new: &Components) -> Vec<String> {
    changes(old, new).iter().map(|change| change.message("Dockerfile")).collect()
}

#[test]
fn every_kind_of_change_is_told_with_its_place() {
    let text =
        "ARG v=1\nFROM base:1 AS b\nARG v\nRUN a $v\n# c\nCOPY src *.txt /s/\nFROM scratch\nCOPY no /\n";
    let mut place = Place::new(text, &["src/a", "src/b", "x.txt", "no"]);
    place.target = "b";
    place.engine.make_image("base:1");
    let first = place.look();
    assert!(first.unknown.is_empty());
    place.write("src/a", "other");
    place.write("src/c", "new");
    std::fs::remove_file(place.path("x.txt")).unwrap();
    std::fs::set_permissions(place.path("src/b"), std::fs::Permissions::from_mode(0o600)).unwrap();
    place.write("no", "not read");
    place.dockerfile = text.replace("RUN a", "RUN b").replace("COPY no", "COPY none");
    place.arg("v", "2");
    place.arg("nobody", "2");
    place.engine.make_image("base:1");
    place.attributes.set("labels", [b"a=b".to_vec(), b"imk.inputs=x".to_vec()]);
    let second = place.look();
    assert_eq!(
        told(&first, &second),
        [
            "RUN (Dockerfile:4) changed",
            "ARG v (Dockerfile:3) was '1', now '2'",
            "base base:1 (Dockerfile:2) moved",
            "labels was not set, now 'a=b'",
            "COPY (Dockerfile:6): src/a changed",
            "COPY (Dockerfile:6): src/b had mode 0644, now 0600",
            "COPY (Dockerfile:6): src/c is new",
            "COPY (Dockerfile:6): x.txt is gone",
        ]
    );
    assert_ne!(first.digest(), second.digest());
}

#[test]
fn what_does_not_count_changes_nothing() {
    let mut place =
        Place::new("FROM scratch\nCOPY a /\nFROM scratch AS u\nCOPY b /\n", &["a", "b", ".imk/x"]);
    place.target = "0";
    let first = place.look();
    place.dockerfile = format!("# more\n\n{}RUN x\n", place.dockerfile.replace("COPY a", "copy  a"));
    place.write("b", "other");
    place.write("c", "new");
    place.arg("nobody", "x");
    let file = std::fs::File::options().append(true).open(place.path("a")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let second = place.look();
    assert_eq!(first.digest(), second.digest());
    assert!(changes(&first, &second).is_empty());
    assert!(!first.untouched_until(&second, &[]), "a file was touched");
    assert!(second.untouched_until(&place.look(), &[]));
    let all = Place::new("FROM scratch\nCOPY . /\n", &["a", ".imk/x", "d/.imk/y"]);
    let first = all.look();
    all.write(".imk/x", "other");
    all.write("d/.imk/z", "other");
    assert_eq!(first.digest(), all.look().digest());
}

#[test]
fn secrets_never_show() {
    let mut place = Place::new("FROM scratch\nARG API_TOKEN\nARG plain\n", &[]);
    place.arg("API_TOKEN", "hunter2");
    place.arg("plain", "seen");
    place.attributes.set("secrets", [b"id=npm,src=/home/hunter2,env=hunter2".to_vec()]);
    place.attributes.set("ssh", [b"default=/home/hunter2".to_vec()]);
    let first = place.look();
    place.memory().remember("build", &first);
    let shown = format!("{first:?}{}", String::from_utf8_lossy(&first.record()));
    assert!(!shown.contains("hunter2") && shown.contains("npm") && shown.contains("seen"), "{shown}");
    place.arg("API_TOKEN", "hunter3");
    assert_eq!(
        told(&first, &place.look()),
        ["ARG API_TOKEN (Dockerfile:2) changed (its value is not shown)"]
    );
}

#[test]
fn what_cannot_be_known_is_stale() {
    let stale = |dockerfile: &str| {
        let place = Place::new(dockerfile, &["a"]);
        let components = place.look();
        place.build("t:1", &components);
        let asked = place.ask(&components, Proof::Label, &["t:1"]);
        asked.err().unwrap_or_default().iter().any(|reason| matches!(reason, Reason::CannotKnow(_)))
    };
    let digest = "a".repeat(64);
    assert!(stale("FROM nowhere\n"));
    assert!(stale("FROM scratch\nADD https://h/x /\n"));
    assert!(stale("# syntax=me/mine\nFROM scratch\n"));
    assert!(!stale(&format!("FROM scratch\nADD --checksum=sha256:{digest} https://h/x /\n")));
    assert!(!stale("FROM scratch\nCOPY a /\n"));
}

#[test]
fn a_base_that_is_named_by_digest_need_not_be_there() {
    let place = Place::new(&format!("FROM base@sha256:{}\n", "a".repeat(64)), &["a"]);
    // Its triggers are not known, so that all of the context counts; its content is.
    let components = place.look();
    assert!(components.unknown.is_empty() && components.whole_file.is_some());
    place.write("b", "x");
    assert_eq!(told(&components, &place.look()), ["context: b is new"]);
}

#[test]
fn named_contexts_count_by_what_is_in_them() {
    let mut place = Place::new("FROM scratch\nCOPY --from=lib f /\n", &[]);
    std::fs::create_dir(place.at.path().join("lib")).unwrap();
    let write =
        |place: &Place, name: &str, text: &str| std::fs::write(place.at.path().join("lib").join(name), text);
    write(&place, "f", "1").unwrap();
    place.named = vec![(b"lib".to_vec(), b"lib".to_vec())];
    let first = place.look();
    write(&place, "g", "1").unwrap();
    assert_eq!(told(&first, &place.look()), Vec::<String>::new());
    write(&place, "f", "2").unwrap();
    assert_eq!(told(&first, &place.look()), ["COPY (Dockerfile:2): f of lib changed"]);
}

#[test]
fn a_block_is_fresh_under_every_tag_until_something_changes() {
    let place = Place::new("FROM scratch\nCOPY a /\n", &["a"]);
    let first = place.look();
    assert_eq!(place.ask(&first, Proof::Label, &["t:1"]), Err(vec![Reason::NeverBuilt]));
    let id = place.build("t:1", &first);
    assert_eq!(place.ask(&first, Proof::Label, &["t:1"]), Ok(id.clone()));
    assert_eq!(place.ask(&first, Proof::Label, &[]), Ok(id.clone()));
    let missing = Reason::TagMissing { tag: Some("t:2".to_owned()) };
    assert_eq!(place.ask(&first, Proof::Label, &["t:1", "t:2"]), Err(vec![missing]));
    place.write("a", "other");
    let second = place.look();
    let Err(reasons) = place.ask(&second, Proof::Label, &["t:1"]) else { panic!("it is stale") };
    let [Reason::InputsChanged { changes }] = reasons.as_slice() else { panic!("{reasons:?}") };
    assert_eq!(changes.len(), 1);
    // Without the record it is known that they changed, but not what.
    std::fs::remove_dir_all(place.at.path().join(".imk")).unwrap();
    let gone = place.ask(&second, Proof::Label, &["t:1"]);
    assert_eq!(gone, Err(vec![Reason::InputsChanged { changes: Vec::new() }]));
    assert_eq!(place.ask(&first, Proof::Label, &["t:1"]), Ok(id));
    place.build("t:2", &second);
    let moved = place.ask(&first, Proof::Label, &["t:1", "t:2"]);
    assert_eq!(moved, Err(vec![Reason::TagMoved { tag: "t:2".to_owned() }]));
    place.engine.make_image("t:1");
    let foreign = place.ask(&first, Proof::Label, &["t:1"]);
    // What was built last was built from the other inputs.
    let Err(reasons) = foreign else { panic!("it is not ours") };
    let [Reason::NotOurs { tag }, Reason::InputsChanged { changes }] = reasons.as_slice() else {
        panic!("{reasons:?}")
    };
    assert_eq!((tag.as_str(), changes.len()), ("t:1", 1));
}

#[test]
fn an_image_of_a_build_that_was_never_looked_at_is_not_fresh() {
    let place = Place::new("FROM scratch\nCOPY a /\n", &["a"]);
    let first = place.look();
    let fresh = |components: &Components| place.ask(components, Proof::Label, &["t:1"]).is_ok();
    place.memory().doubt("build", &first);
    place.build("t:1", &first);
    assert!(
        place.ask(&first, Proof::Label, &["t:1"]) == Err(vec![Reason::CutShort { tag: "t:1".to_owned() }])
    );
    // Another build that fails has nothing to say of the first.
    place.write("a", "other");
    let second = place.look();
    place.memory().doubt("build", &second);
    place.memory().not_built("build", &second);
    assert!(!fresh(&first));
    place.memory().doubt("build", &second);
    let memory = place.memory();
    assert!(memory.is_doubted("build", first.digest()) && memory.is_doubted("build", second.digest()));
    assert!(!memory.is_doubted("other", first.digest()), "another target's");
    memory.trust("build");
    assert!(fresh(&first) && !place.at.path().join(".imk/doubts").exists());
}

#[test]
fn a_removed_tag_and_a_change_are_both_told() {
    let place = Place::new("FROM scratch\nCOPY a /\n", &["a"]);
    place.memory().remember("build", &place.look());
    place.write("a", "other");
    let reasons = place.ask(&place.look(), Proof::Label, &["t:1"]).unwrap_err();
    let words: Vec<String> = reasons.iter().flat_map(|reason| reason.messages("Dockerfile")).collect();
    assert_eq!(words, ["there is no image t:1", "COPY (Dockerfile:2): a changed"]);
}

#[test]
fn a_recipe_is_fresh_by_the_record_of_its_image() {
    let place = Place::new("FROM scratch\nCOPY a /\n", &["a"]);
    let tags = ["t:1".to_owned()];
    let before = place.look();
    let note = |before: &Components, after: &Components| {
        place.memory().note(&place.engine, "build", &tags, [before, after], &[]).unwrap()
    };
    assert_eq!(note(&before, &before), Noted::TagMissing("t:1".to_owned()));
    let id = place.engine.make_image("t:1");
    place.write("a", "changed while the build ran");
    assert!(matches!(note(&before, &place.look()), Noted::InputsChanged(changes) if changes.len() == 1));
    place.write("a", "a");
    assert_eq!(note(&before, &place.look()), Noted::InputsChanged(Vec::new()), "changed back");
    let before = place.look();
    assert!(
        matches!(place.ask(&before, Proof::Record, &["t:1"]), Err(reasons) if matches!(reasons[0], Reason::NotOurs { .. }))
    );
    assert_eq!(note(&before, &place.look()), Noted::Image(id.clone()));
    assert_eq!(place.ask(&before, Proof::Record, &["t:1"]), Ok(id.clone()));
    assert!(place.ask(&before, Proof::Label, &["t:1"]).is_err());
    // The same image by other inputs, and back.
    place.write("a", "other");
    let other = place.look();
    assert!(place.ask(&other, Proof::Record, &["t:1"]).is_err());
    assert_eq!(note(&other, &place.look()), Noted::Image(id.clone()));
    assert_eq!(place.ask(&before, Proof::Record, &["t:1"]), Ok(id.clone()));
    assert_eq!(place.ask(&other, Proof::Record, &["t:1"]), Ok(id));
    std::fs::remove_dir_all(place.at.path().join(".imk")).unwrap();
    assert!(place.ask(&other, Proof::Record, &["t:1"]).is_err());
}

#[test]
fn a_base_that_was_built_again_to_the_same_content_changes_nothing() {
    let place = Place::new("FROM base:1\nCOPY a /\n", &["a"]);
    let made = |created: i64, layer: &str| {
        let id = place.engine.make_image("base:1");
        for image in place.engine.state().images.iter_mut().filter(|image| image.id == id) {
            image.created = Some(created);
            image.settings = "{}".to_owned();
            image.layers = vec![layer.to_owned()];
            image.labels.insert(LABEL.to_owned(), created.to_string());
        }
    };
    made(1, "x");
    let first = place.look();
    made(2, "x");
    assert_eq!(first.digest(), place.look().digest());
    made(3, "y");
    assert_eq!(told(&first, &place.look()), ["base base:1 (Dockerfile:1) moved"]);
}

#[test]
fn records_are_read_as_written_and_garbage_is_none() {
    let mut place = Place::new(
        "ARG v=1\nFROM scratch AS s\nARG v\nARG w\nCOPY a d /\nFROM s\nCOPY --from=0 a /\n",
        &["a", "d/b"],
    );
    place.arg("API_KEY", "x");
    place.attributes.set("network", [b"host".to_vec()]);
    std::os::unix::fs::symlink("a", place.path("d/l")).unwrap();
    let first = place.look();
    let record = first.record();
    let read = Components::from_record(&record).unwrap();
    assert_eq!(read, Components { moment: Vec::new(), ..first.clone() });
    assert_eq!(read.digest(), first.digest());
    for at in 0..record.len() {
        assert_eq!(Components::from_record(&record[..at]), None);
        let mut garbled = record.clone();
        garbled[at] ^= 0x81;
        // Never a panic, and never taken for the same.
        assert_ne!(Components::from_record(&garbled).as_ref(), Some(&read), "{at}");
    }
    place.memory().remember("build", &first);
    assert_eq!(place.memory().recall(first.digest()), Some(read));
}

/// A small context and build, by numbers.
fn laid_out(files: &[(u8, u8, bool)], arg: u8, text: u8) -> Components {
    let lines = ["COPY f0 d* /x/\n", "COPY . /x/\n", "WORKDIR /y\n", "COPY d /z/\nARG v=1\n"];
    let mut place = Place::new(&format!("FROM scratch\n{}", lines[usize::from(text) % 4]), &[]);
    place.arg("v", &arg.to_string());
    for (name, content, is_private) in files {
        let name = if *name % 2 == 0 { format!("f{name}") } else { format!("d/f{name}") };
        place.write(&name, &content.to_string());
        let mode = if *is_private { 0o600 } else { 0o644 };
        std::fs::set_permissions(place.path(&name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    place.look()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// There is a difference to tell just where the digests differ; and the same inputs elsewhere have the same digest.
    #[test]
    fn changes_are_told_just_where_digests_differ(
        one in (proptest::collection::vec((0u8..4, 0u8..2, any::<bool>()), 0..4), 0u8..2, 0u8..4),
        other in (proptest::collection::vec((0u8..4, 0u8..2, any::<bool>()), 0..4), 0u8..2, 0u8..4),
    ) {
        let first = laid_out(&one.0, one.1, one.2);
        prop_assert_eq!(first.digest(), laid_out(&one.0, one.1, one.2).digest());
        let second = laid_out(&other.0, other.1, other.2);
        prop_assert_eq!(changes(&first, &second).is_empty(), first.digest() == second.digest());
    }
}

#[test]
fn a_context_that_is_no_folder_is_told() {
    let place = Place::new("FROM scratch\nCOPY a /\n", &["a"]);
    std::fs::remove_dir_all(place.path("")).unwrap();
    let request = Request {
        target: None,
        build_args: &[],
        named_contexts: &[],
        platform_args: &[],
        bases: &EngineBases::new(&place.engine),
    };
    let analysis = analyse(place.dockerfile.as_bytes(), &request).unwrap();
    let look = |context| {
        let inputs = Inputs {
            analysis: &analysis,
            dockerfile: place.dockerfile.as_bytes(),
            dockerfile_path: None,
            context,
            build_args: &[],
            named_contexts: &[],
            directory: Path::new("/"),
            convention: Convention::Docker,
            platform: None,
            whole_file: true,
            attributes: Attributes::default(),
        };
        gather(&inputs, &EngineBases::new(&place.engine), &DigestCache::new(place.at.path()))
    };
    let folder = place.path("");
    let missing = look(Context::Folder(&folder));
    assert!(matches!(missing, Err(GatherError::Context(path, _)) if path == folder));
    let remote = look(Context::Other(b"https://h/r.git")).unwrap();
    assert_eq!(remote.unknown, [Unknown::Context { value: b"https://h/r.git".to_vec() }]);
    assert!(look(Context::None).unwrap().unknown.is_empty());
}

#[test]
fn a_dockerfile_beyond_a_bound_is_never_fresh() {
    let doubled = format!("FROM scratch\nENV A=0123456789abcdef\n{}COPY a /\n", "ENV A=$A$A\n".repeat(17));
    let place = Place::new(&doubled, &["a", "b"]);
    let inputs = place.look();
    assert_eq!(inputs.unknown, [Unknown::Bounds]);
    // All that there is may be read.
    assert_eq!(inputs.files.len(), 2);
}

#[test]
fn a_long_argument_counts_by_its_digest() {
    let stages = "FROM scratch AS a\nARG BIG\nFROM scratch\nARG BIG\nCOPY --from=a a /\n";
    let mut place = Place::new(stages, &[]);
    place.arg("BIG", &"x".repeat(100_000));
    let first = place.look();
    let known = |components: &Components| {
        components.args.iter().filter(|arg| matches!(arg.value, ArgValue::Known(_))).count()
    };
    assert_eq!((first.args.len(), known(&first), first.digest()), (2, 0, place.look().digest()));
    place.arg("BIG", &("y".to_owned() + &"x".repeat(99_999)));
    let second = place.look();
    assert_ne!(first.digest(), second.digest());
    assert_eq!(told(&first, &second).len(), 1);
    place.arg("BIG", &"x".repeat(1024));
    assert_eq!(known(&place.look()), 2);
}
