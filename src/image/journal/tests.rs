//! Journals of runs that end well, fail, and die at each step, on the fake engine.

use super::*;
use crate::image::engine::fake::FakeEngine;
use crate::image::engine::{Network, Volume};
use proptest::prelude::*;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of the test's own, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("imk-journal-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Place(folder)
    }

    fn journals(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.0.join(FOLDER)).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("journal-")).collect()
    }

    fn reap(&self, engine: &FakeEngine) -> Report {
        reap(&self.0, &|_| Ok(engine as &dyn Engine)).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn container(name: &str) -> Intent {
    Intent::new(Thing::Container { name: Some(name.to_owned()) }, "target", "fake")
}

fn image(tag: &str) -> Intent {
    Intent::new(Thing::Image { tag: tag.to_owned() }, "target", "fake")
}

/// Leaves the journal as a killed run does: its lock is gone, its file stays.
fn die(journal: Journal) {
    drop(journal);
}

#[test]
fn the_files_are_private_and_ignored_and_go_at_the_end() {
    let place = Place::new();
    let mut journal = Journal::begin(&place.0).unwrap();
    let folder = std::fs::metadata(place.0.join(FOLDER)).unwrap();
    assert_eq!(folder.permissions().mode() & 0o077, 0);
    assert_eq!(std::fs::read(place.0.join(".imk/.gitignore")).unwrap(), b"*\n");
    let [path] = place.journals().try_into().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert!(path.to_string_lossy().contains(&format!("journal-{}-", std::process::id())));
    assert_eq!(journal.token().len(), 32);
    let intent = journal.intends(container("c")).unwrap();
    assert_eq!(journal.outstanding().count(), 1);
    journal.settled(intent).unwrap();
    assert_eq!(journal.made(IntentId(9), "x"), Err(JournalError::NoIntent(IntentId(9))));
    journal.finish();
    assert_eq!(place.journals().len(), 0);
}

#[test]
fn a_link_or_file_in_the_folders_place_is_refused() {
    let (place, elsewhere) = (Place::new(), Place::new());
    symlink(&elsewhere.0, place.0.join(FOLDER)).unwrap();
    assert!(matches!(Journal::begin(&place.0).err(), Some(JournalError::Folder(..))));
    assert!(reap(&place.0, &|_| Err(EngineError::NoEngine)).is_err());
    std::fs::remove_file(place.0.join(FOLDER)).unwrap();
    std::fs::write(place.0.join(FOLDER), b"").unwrap();
    assert!(matches!(Journal::begin(&place.0).err(), Some(JournalError::Folder(..))));
    let empty = Place::new();
    assert_eq!(reap(&empty.0, &|_| Err(EngineError::NoEngine)).unwrap(), Report::default());
}

#[test]
fn a_link_in_a_journals_place_is_not_read() {
    let place = Place::new();
    let engine = FakeEngine::default();
    let id = engine.make_container("c");
    let mut journal = Journal::begin(&place.0).unwrap();
    let intent = journal.intends(container("c")).unwrap();
    journal.made(intent, &id).unwrap();
    die(journal);
    let [path] = place.journals().try_into().unwrap();
    let moved = place.0.join("moved");
    std::fs::rename(&path, &moved).unwrap();
    symlink(&moved, &path).unwrap();
    assert_eq!(place.reap(&engine), Report::default());
    assert_eq!(engine.state().containers.len(), 1);
}

#[test]
fn a_live_run_is_left_alone_and_a_dead_one_reaped() {
    let place = Place::new();
    let engine = FakeEngine::default();
    let mut live = Journal::begin(&place.0).unwrap();
    let mut dead = Journal::begin(&place.0).unwrap();
    for (journal, name) in [(&mut live, "live"), (&mut dead, "dead")] {
        let intent = journal.intends(container(name)).unwrap();
        journal.made(intent, &engine.make_container(name)).unwrap();
    }
    die(dead);
    let report = place.reap(&engine);
    assert_eq!(report.removed, [(Thing::Container { name: Some("dead".into()) }, "target".to_owned())]);
    let left: Vec<String> = engine.state().containers.iter().map(|one| one.name.clone()).collect();
    assert_eq!(left, ["live"]);
    assert_eq!(place.journals().len(), 1);
    assert_eq!(place.reap(&engine), Report::default());
    let report = live.clean(&|_| Ok(&engine as &dyn Engine), |_, _| true).unwrap();
    assert_eq!(report.removed.len(), 1);
    live.finish();
    assert_eq!(engine.state().containers.len(), 0);
    assert_eq!(place.journals().len(), 0);
}

#[test]
fn things_are_removed_last_made_first_and_only_those_wanted() {
    let place = Place::new();
    let engine = FakeEngine::default();
    let mut journal = Journal::begin(&place.0).unwrap();
    let first = journal.intends(image("app:1")).unwrap();
    journal.made(first, &engine.make_image("app:1")).unwrap();
    let second = journal.intends(container("c")).unwrap();
    let id = engine.make_container("c");
    journal.made(second, &id).unwrap();
    journal.clean(&|_| Ok(&engine as &dyn Engine), |_, _| true).unwrap();
    assert_eq!(engine.state().log, [format!("remove container {id}"), "remove image app:1".to_owned()]);
    assert_eq!(journal.outstanding().count(), 0);

    let kept = journal.intends(container("kept")).unwrap();
    journal.made(kept, &engine.make_container("kept")).unwrap();
    assert_eq!(
        journal.clean(&|_| Ok(&engine as &dyn Engine), |id, _| id != kept).unwrap(),
        Report::default()
    );
    assert_eq!(engine.state().containers.len(), 1);
}

#[test]
fn what_the_user_has_under_the_same_name_survives() {
    let place = Place::new();
    let engine = FakeEngine::default();
    let (own_container, own_image) = (engine.make_container("c"), engine.make_image("app:1"));
    let before = engine.state().clone();
    let mut journal = Journal::begin(&place.0).unwrap();
    journal.intends(container("c").look_before(&engine).unwrap()).unwrap();
    journal.intends(image("app:1").look_before(&engine).unwrap()).unwrap();
    // A build that finds everything cached ends with the image that was there.
    let cached = journal.intends(image("app:1").look_before(&engine).unwrap()).unwrap();
    journal.made(cached, &own_image).unwrap();
    die(journal);
    let report = place.reap(&engine);
    assert_eq!((report.removed.len(), report.left.len(), report.not_there), (0, 0, 3));
    assert_eq!(*engine.state(), before);
    assert_eq!(before.containers[0].id, own_container);
}

#[test]
fn a_tag_that_was_moved_is_given_back() {
    let place = Place::new();
    let engine = FakeEngine::default();
    let own = engine.at(now() - 1000).make_image("app:1");
    let mut journal = Journal::begin(&place.0).unwrap();
    let intent = journal.intends(image("app:1").look_before(&engine).unwrap()).unwrap();
    let made = engine.at(now()).make_image("app:1");
    journal.made(intent, &made).unwrap();
    die(journal);
    assert_eq!(place.reap(&engine).removed.len(), 1);
    let state = engine.state();
    assert_eq!((state.images.len(), state.images[0].id.as_str()), (1, own.as_str()));
    assert_eq!(state.images[0].tags, ["app:1"]);
}

#[test]
fn a_run_that_dies_before_the_id_is_written_is_proven_by_time_label_and_image() {
    let start = now();
    let reaped = |intent: fn(&Journal) -> Intent, make: fn(&FakeEngine, &str, i64)| {
        let place = Place::new();
        let engine = FakeEngine::default();
        let mut journal = Journal::begin(&place.0).unwrap();
        let token = journal.token().to_owned();
        let intent = intent(&journal).look_before(&engine).unwrap();
        journal.intends(intent).unwrap();
        make(&engine, &token, now());
        die(journal);
        let report = place.reap(&engine);
        let state = engine.state().clone();
        let there = state.containers.len() + state.images.len() + state.volumes.len();
        assert_eq!(place.journals().len(), 0);
        (report.removed.len(), report.left.len(), there)
    };
    let make: fn(&FakeEngine, &str, i64) = |engine, _, now| drop(engine.at(now).make_container("c"));
    let late: fn(&FakeEngine, &str, i64) = |engine, _, now| drop(engine.at(now + 3600).make_container("c"));
    let early: fn(&FakeEngine, &str, i64) = |engine, _, now| drop(engine.at(now - 3600).make_container("c"));
    assert_eq!(reaped(|_| container("c"), make), (1, 0, 0));
    assert_eq!(reaped(|_| container("c"), late), (0, 1, 1));
    assert_eq!(reaped(|_| container("c"), early), (0, 1, 1));
    assert_eq!(reaped(|_| container("c"), |_, _, _| {}), (0, 0, 0));
    assert_eq!(reaped(|_| Intent { image: Some("sha256:other".into()), ..container("c") }, make), (0, 1, 1));
    // Without name and label there is nothing to look for.
    let nameless: fn(&Journal) -> Intent = |_| Intent::new(Thing::Container { name: None }, "t", "fake");
    assert_eq!(reaped(nameless, make), (0, 1, 1));
    let labelled: fn(&Journal) -> Intent = |journal| Intent {
        label: Some(("imk.run".into(), journal.token().to_owned())),
        ..Intent::new(Thing::Container { name: None }, "t", "fake")
    };
    let make_labelled: fn(&FakeEngine, &str, i64) = |engine, token, _| {
        engine.make_container("random");
        engine.make_container("stranger");
        engine.state().containers[0].labels.insert("imk.run".into(), token.to_owned());
    };
    assert_eq!(reaped(labelled, make_labelled), (1, 0, 1));
    assert_eq!(
        reaped(|_| image("app:1"), |engine, _, now| drop(engine.at(now).make_image("app:1"))),
        (1, 0, 0)
    );
    assert_eq!(
        reaped(|_| image("app:1"), |engine, _, now| drop(engine.at(now + 99).make_image("app:1"))),
        (0, 1, 1)
    );
    assert!(now() - start < 60, "the test's clock ran on");
}

#[test]
fn an_engine_that_fails_leaves_the_journal_for_the_next_time() {
    let place = Place::new();
    let engine = FakeEngine::default();
    let mut journal = Journal::begin(&place.0).unwrap();
    let intent = journal.intends(container("c")).unwrap();
    journal.made(intent, &engine.make_container("c")).unwrap();
    engine.state().fails_after = Some(0);
    let report = journal.clean(&|_| Ok(&engine as &dyn Engine), |_, _| true).unwrap();
    assert_eq!(report.left[0].reason, LeftReason::Engine(EngineError::Closed));
    assert!(report.left[0].message().contains("container c of target"));
    journal.finish();
    assert_eq!(place.journals().len(), 1);
    let none = reap(&place.0, &|_| Err(EngineError::NoEngine)).unwrap();
    assert_eq!((none.left.len(), place.journals().len()), (1, 1));
    engine.state().fails_after = None;
    assert_eq!(place.reap(&engine).removed.len(), 1);
    assert_eq!(place.journals().len(), 0);
}

#[test]
fn what_an_engine_only_says_that_it_removed_is_left_and_told() {
    let place = Place::new();
    let engine = FakeEngine::default();
    let mut journal = Journal::begin(&place.0).unwrap();
    engine.state().volumes.push(Volume { name: "v".into(), made: "m".into(), ..Volume::default() });
    engine.state().networks.push(Network { id: "1".into(), name: "n".into(), ..Network::default() });
    for (intent, id) in [
        (container("c"), engine.make_container("c")),
        (image("app:1"), engine.make_image("app:1")),
        (Intent::new(Thing::Volume { name: "v".to_owned() }, "target", "fake"), "m".to_owned()),
        (Intent::new(Thing::Network { name: "n".to_owned() }, "target", "fake"), "1".to_owned()),
    ] {
        let number = journal.intends(intent).unwrap();
        journal.made(number, &id).unwrap();
    }
    die(journal);
    engine.state().keeps_all = true;
    let report = place.reap(&engine);
    assert_eq!((report.removed.len(), report.left.len(), report.not_there), (0, 4, 0));
    assert!(report.left.iter().all(|left| left.reason == LeftReason::Engine(EngineError::NotRemoved)));
    assert_eq!(place.journals().len(), 1);
    engine.state().keeps_all = false;
    assert_eq!(place.reap(&engine).removed.len(), 4);
    let state = engine.state();
    assert_eq!((state.containers.len(), state.images.len()), (0, 0));
    assert_eq!((state.volumes.len(), state.networks.len(), place.journals().len()), (0, 0, 0));
}

#[test]
fn a_silent_engine_is_waited_for_once_in_a_clean_up() {
    let place = Place::new();
    let engine = FakeEngine::default();
    let mut journal = Journal::begin(&place.0).unwrap();
    for name in ["a", "b", "c"] {
        let number = journal.intends(container(name)).unwrap();
        journal.made(number, &engine.make_container(name)).unwrap();
    }
    die(journal);
    engine.state().is_silent = true;
    let report = place.reap(&engine);
    assert!(report.left.iter().all(|left| left.reason == LeftReason::Engine(EngineError::Timeout(1))));
    assert_eq!((report.left.len(), engine.calls()), (3, 1));
    engine.state().is_silent = false;
    assert_eq!(place.reap(&engine).removed.len(), 3);
}

#[test]
fn another_removal_of_a_container_may_be_at_it() {
    let place = Place::new();
    let engine = FakeEngine::default();
    let mut journal = Journal::begin(&place.0).unwrap();
    let number = journal.intends(container("c")).unwrap();
    journal.made(number, &engine.make_container("c")).unwrap();
    die(journal);
    engine.state().keeps_all = true;
    engine.state().containers[0].going = true;
    assert_eq!(place.reap(&engine).left, []);
    assert_eq!(place.journals().len(), 0);
}

#[test]
fn temporary_files_go_only_with_the_runs_token_in_their_name() {
    let place = Place::new();
    let engine = FakeEngine::default();
    let mut journal = Journal::begin(&place.0).unwrap();
    let own = format!("lock.{}.tmp", journal.token());
    for name in [own.as_str(), "poetry.lock"] {
        std::fs::write(place.0.join(name), b"x").unwrap();
        journal.intends(Intent::new(Thing::File { path: name.into() }, "t", "")).unwrap();
    }
    die(journal);
    let report = place.reap(&engine);
    assert_eq!((report.removed.len(), report.left.len()), (1, 1));
    assert!(!place.0.join(own).exists() && place.0.join("poetry.lock").exists());
}

#[test]
fn volumes_and_networks_are_known_by_their_making() {
    let place = Place::new();
    let engine = FakeEngine::default();
    let volume = |name: &str, made: &str| crate::image::engine::Volume {
        name: name.into(),
        made: made.into(),
        ..Default::default()
    };
    engine.state().volumes = vec![volume("own", "t1"), volume("run", "t2"), volume("again", "t3")];
    let network =
        |id: &str| crate::image::engine::Network { id: id.into(), name: "n".into(), created: Some(0) };
    engine.state().networks = vec![network("n1"), network("n2")];
    let mut journal = Journal::begin(&place.0).unwrap();
    let named = |name: &str| Intent::new(Thing::Volume { name: name.into() }, "t", "fake");
    journal.intends(Intent { before: Some("t1".into()), ..named("own") }).unwrap();
    for (name, made) in [("run", "t2"), ("again", "t0")] {
        let intent = journal.intends(named(name)).unwrap();
        journal.made(intent, made).unwrap();
    }
    let intent = journal.intends(Intent::new(Thing::Network { name: "n".into() }, "t", "fake")).unwrap();
    journal.made(intent, "n2").unwrap();
    die(journal);
    place.reap(&engine);
    let volumes: Vec<String> = engine.state().volumes.iter().map(|volume| volume.name.clone()).collect();
    let networks: Vec<String> = engine.state().networks.iter().map(|network| network.id.clone()).collect();
    assert_eq!((volumes, networks), (vec!["own".to_owned(), "again".to_owned()], vec!["n1".to_owned()]));
}

/// Steps of a run: making things, under names that the user may have too, and where it dies.
#[derive(Clone, Debug)]
struct Step {
    is_image: bool,
    name: u8,
    writes_id: bool,
    settles: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (any::<bool>(), 0u8..3, any::<bool>(), any::<bool>());
    let step =
        step.prop_map(|(is_image, name, writes_id, settles)| Step { is_image, name, writes_id, settles });
    proptest::collection::vec(step, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Whatever a run does, wherever it dies and however torn its journal is: the user's things survive, and with a whole
    /// journal and an engine that answers in the end, nothing of the run's is left.
    #[test]
    fn the_users_things_survive_and_the_runs_go(
        users in proptest::collection::vec(0u8..3, 0..3),
        steps in steps(),
        cut in proptest::option::of(0usize..2000),
        fails_after in proptest::option::of(0usize..12),
    ) {
        let place = Place::new();
        let engine = FakeEngine::default();
        engine.at(now() - 10_000);
        let mut own = Vec::new();
        for name in users {
            let (container, tag) = (format!("c{name}"), format!("app:{name}"));
            if engine.container(&container).unwrap().is_none() {
                own.push(engine.make_container(&container));
                own.push(engine.make_image(&tag));
            }
        }
        let users_tags: Vec<(String, Vec<String>)> =
            engine.state().images.iter().map(|image| (image.id.clone(), image.tags.clone())).collect();
        engine.at(now());
        let mut journal = Journal::begin(&place.0).unwrap();
        let mut kept = Vec::new();
        for step in &steps {
            let name = if step.is_image { format!("app:{}", step.name) } else { format!("c{}", step.name) };
            let intent = if step.is_image { image(&name) } else { container(&name) };
            let intent = journal.intends(intent.look_before(&engine).unwrap()).unwrap();
            let id = match step.is_image {
                true => engine.make_image(&name),
                // The engine refuses a name that is in use.
                false if engine.container(&name).unwrap().is_some() => continue,
                false => engine.make_container(&name),
            };
            if step.writes_id {
                journal.made(intent, &id).unwrap();
            }
            if step.settles {
                journal.settled(intent).unwrap();
                kept.push(id);
            }
        }
        die(journal);
        let whole = cut.is_none();
        if let (Some(cut), [path]) = (cut, place.journals().as_slice()) {
            let text = std::fs::read(path).unwrap();
            std::fs::write(path, &text[..cut.min(text.len())]).unwrap();
        }
        engine.state().fails_after = fails_after;
        place.reap(&engine);
        engine.state().fails_after = None;
        place.reap(&engine);
        let state = engine.state().clone();
        let there: Vec<&String> =
            state.containers.iter().map(|one| &one.id).chain(state.images.iter().map(|one| &one.id)).collect();
        for id in &own {
            prop_assert!(there.contains(&id), "the user's {id} is gone: {:?}", state.log);
        }
        if whole {
            for id in &there {
                prop_assert!(own.contains(id) || kept.contains(id) || steps.iter().any(|step| step.settles), "{id} is left");
            }
            prop_assert_eq!(place.journals().len(), 0);
            if !steps.iter().any(|step| step.settles) {
                for (id, tags) in users_tags {
                    let now = &state.images.iter().find(|image| image.id == id).unwrap().tags;
                    prop_assert_eq!(now, &tags);
                }
            }
        }
    }
}

#[test]
fn on_a_real_daemon_a_dead_runs_things_go_and_the_users_stay() {
    use crate::image::engine::choose::{Surroundings, docker_socket};
    let Ok(engine) = docker_socket(&Surroundings::of_process()) else {
        return eprintln!("skipped: no socket");
    };
    let Ok(images) = engine.images(&Default::default()) else {
        return eprintln!("skipped: no daemon answers");
    };
    let Some(base) = images.into_iter().find(|image| !image.tags.is_empty()) else {
        return eprintln!("skipped: the daemon has no image");
    };
    let docker = |arguments: &[&str]| {
        let output = std::process::Command::new("docker").args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let place = Place::new();
    let names = ["imk-journal-user", "imk-journal-run", "imk-journal-later"];
    names.iter().for_each(|name| drop(engine.remove_container(name)));
    docker(&["create", "--name", names[0], &base.id, "true"]);
    let mut journal = Journal::begin(&place.0).unwrap();
    for name in names {
        journal.intends(container(name).look_before(&engine).unwrap()).unwrap();
    }
    let tag = format!("imk-journal:{}", std::process::id());
    journal.intends(image(&tag).look_before(&engine).unwrap()).unwrap();
    docker(&["create", "--name", names[1], &base.id, "true"]);
    docker(&["tag", &base.id, &tag]);
    die(journal);
    // Long after the run's last sign of life the user makes a container of the name that the run meant to use.
    let [path] = place.journals().try_into().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(5));
    docker(&["create", "--name", names[2], &base.id, "true"]);
    let report = reap(&place.0, &|_| Ok(&engine as &dyn Engine)).unwrap();
    let removed: Vec<String> = report.removed.iter().map(|(thing, _)| thing.shown()).collect();
    assert_eq!(removed, [format!("image {tag}"), format!("container {}", names[1])]);
    assert_eq!(report.left.len(), 1);
    assert!(!path.exists() && engine.image(&base.id).unwrap().is_some());
    let there = names.map(|name| engine.container(name).unwrap().is_some());
    names.iter().for_each(|name| drop(engine.remove_container(name)));
    assert_eq!(there, [true, false, true]);
}

#[test]
fn a_journal_that_came_from_elsewhere_removes_nothing() {
    let place = Place::new();
    let engine = FakeEngine::default();
    let id = engine.at(1000).make_container("production");
    let mut journal = Journal::begin_by(&place.0, || 1000).unwrap();
    let intent = journal.intends(container("production")).unwrap();
    journal.made(intent, &id).unwrap();
    die(journal);
    // Copied as an archive or a checkout would bring it: another file of the same text.
    let [path] = place.journals().try_into().unwrap();
    let text = std::fs::read(&path).unwrap();
    let other = path.with_file_name("journal-1-2-copy");
    std::fs::write(&other, &text).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(place.reap(&engine), Report::default(), "one that others may read is not looked at");
    std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o600)).unwrap();
    let report = place.reap(&engine);
    assert_eq!((report.removed.len(), report.left.len()), (0, 1));
    assert_eq!(report.left[0].reason, LeftReason::Unproven);
    assert!(engine.container("production").unwrap().is_some());
    assert_eq!(place.journals().len(), 0, "it is told once");
}
