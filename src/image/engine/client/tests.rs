//! Stub clients, and every real client that is installed and answers.

use super::*;
use crate::image::engine::choose::{Surroundings, docker_socket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A client that is this shell script.
fn stub(name: &str, kind: Client, script: &str) -> (PathBuf, ClientEngine) {
    let folder = std::env::temp_dir().join(format!("imk-client-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join(kind.name());
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let patience = Duration::from_secs(5);
    (folder, ClientEngine::new(kind, program, Vec::new()).with_patience(patience, patience))
}

#[test]
fn answers_of_a_client_are_read() {
    let script = r#"case "$*" in
        "image inspect -- app") echo '[{"Id":"'$(printf %064d 7)'","RepoTags":["localhost/app:latest"]}]';;
        "image inspect -- dead") echo '[{"Id":"sha256:dead01","RepoTags":["other:1"]}]';;
        "image inspect -- none") echo "Error: No such image: none" >&2; exit 1;;
        "image inspect -- broken") echo '{';;
        "image rm -- used") echo "Error: conflict: image is being used by container x" >&2; exit 2;;
        "container rm --force --volumes -- gone") echo "Error: No such container: gone"; echo "no such container" >&2;;
        "version "*) echo '{"Client":{"Version":"5.1"}}';;
        *) echo "cannot connect to the daemon" >&2; exit 1;;
    esac"#;
    let (folder, engine) = stub("answers", Client::Podman, script);
    assert_eq!(engine.version().map(|version| version.version), Ok("5.1".into()));
    assert_eq!(engine.image("app").unwrap().map(|image| image.id), Some(format!("sha256:{:064}", 7)));
    assert_eq!(engine.image("dead"), Ok(None));
    assert_eq!(engine.image("none"), Ok(None));
    assert_eq!(engine.image(""), Ok(None));
    assert_eq!(engine.image("broken"), Err(EngineError::Garbage("JSON")));
    assert!(matches!(engine.remove_image("used"), Err(EngineError::Conflict(_))));
    assert_eq!(engine.remove_container("gone"), Ok(Removed::NotThere));
    let failed = EngineError::Failed("podman".into(), "cannot connect to the daemon".into());
    assert_eq!(engine.containers(&Filter::default()), Err(failed));
    std::fs::remove_dir_all(folder).unwrap();
}

/// Whatever a name is, clients are given it after `--`, where it is no option.
#[test]
fn a_name_is_no_option() {
    for kind in Client::ALL {
        let (folder, engine) = stub("option", kind, r#"echo "$@" >>"$0.log"; echo "[]""#);
        let name = "--privileged";
        let _ = (engine.image(name), engine.container(name), engine.volume(name), engine.network(name));
        let _ = (engine.remove_container(name), engine.remove_image(name), engine.tag(name, name));
        let _ = (engine.remove_volume(name), engine.remove_network(name));
        let log = std::fs::read_to_string(folder.join(format!("{}.log", kind.name()))).unwrap();
        assert!(log.lines().count() >= 4, "{log}");
        for line in log.lines().filter(|line| line.contains(name)) {
            assert!(line.contains(&format!(" -- {name}")), "{line}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}

/// Ids of 64 digits, in order.
fn ids_of(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("{number:064x}")).collect()
}

/// Lists what is in the file `listed`, tells of what is in `there`, and counts in the log what it was asked.
const LISTING: &str = r#"echo "$1 $2 $(($# - 3))" >>"$0.log"
    here=$(dirname "$0")
    case "$*" in
        *--quiet*) cat "$here/listed";;
        *) shift 3; IFS=,; told=; status=0
            while read -r id; do there="$there $id"; done <"$here/there"
            for id; do
                case "$there " in
                    *" ${id#sha256:} "*) told="$told,{\"Id\":\"$id\",\"Name\":\"/c$id\"}";;
                    *) echo "no such object: $id" >&2; status=1;;
                esac
            done
            echo "[${told#,}]"; exit $status;;
    esac"#;

/// What a listing finds where the client lists and has these, and what it was asked.
fn listing(kind: Client, listed: &[String], there: &[String]) -> (Result<Vec<String>, EngineError>, String) {
    static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let (folder, engine) = stub(&format!("listing-{number}"), kind, LISTING);
    let engine = engine.with_patience(Duration::from_secs(60), Duration::from_secs(60));
    std::fs::write(folder.join("listed"), listed.join("\n") + "\n").unwrap();
    std::fs::write(folder.join("there"), there.join("\n") + "\n").unwrap();
    let found = engine.containers(&Filter::default());
    let log = std::fs::read_to_string(folder.join(format!("{}.log", kind.name()))).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    (found.map(|all| all.into_iter().map(|one| one.id).collect()), log)
}

#[test]
fn a_listing_inspects_hundreds_at_once() {
    let all = ids_of(0..450);
    let (found, log) = listing(Client::Podman, &all, &all);
    assert_eq!(found, Ok(all));
    assert_eq!(log, "ps --all 1\ncontainer inspect 200\ncontainer inspect 200\ncontainer inspect 50\n");
    assert_eq!(listing(Client::Docker, &[], &[]), (Ok(Vec::new()), "ps --all 1\n".into()));
}

#[test]
fn what_goes_while_it_is_listed_is_left_out() {
    let (all, there) = (ids_of(0..40), ids_of(0..39));
    let (found, log) = listing(Client::Docker, &all, &there);
    assert_eq!(found, Ok(there));
    // Halves, down to the one that is gone.
    assert!(log.lines().count() < 15, "{log}");
    assert_eq!(listing(Client::Docker, &all[..1], &[]).0, Ok(Vec::new()));
}

/// What a client that succeeds does not tell of may be there all the same.
#[test]
fn a_listing_that_keeps_quiet_about_things_is_garbage() {
    let script = format!(
        r#"case "$*" in
        *inspect*) printf '[{{"Id":"%s"}}]' {};;
        *) printf '%s\n' {};;
        esac"#,
        ids_of(0..1).join(" "),
        ids_of(0..2).join(" ")
    );
    let (folder, engine) = stub("quiet", Client::Podman, &script);
    let found = engine.containers(&Filter::default()).err();
    std::fs::remove_dir_all(folder).unwrap();
    assert_eq!(found, Some(EngineError::Garbage("everything that was asked for")));
}

#[test]
fn a_listing_of_what_are_no_ids_is_garbage() {
    for bad in ["--all", "-f", "0a", "app", "sha256:", "\u{1b}[2J"] {
        let mut listed = ids_of(0..3);
        listed.push(bad.to_owned());
        let (found, log) = listing(Client::Podman, &listed, &listed);
        assert_eq!(found, Err(EngineError::Garbage("container id")), "{bad}");
        assert_eq!(log.lines().count(), 1, "{log}");
    }
}

/// What was not asked for does not come into a listing, and the tags of buildah's images are asked for once.
#[test]
fn a_listing_has_what_was_listed() {
    let id = |digit: &str| format!("sha256:{}", digit.repeat(64));
    let script = format!(
        r#"echo "$1 $2" >>"$0.log"; case "$*" in
            "images --quiet --no-trunc") echo {one}; echo {two}; echo {one};;
            "images --json --no-trunc") echo '[{{"id":"{one}","names":["localhost/a:1","localhost/b:1"]}}]';;
            "inspect --type image -- {one}") echo '{{"FromImageID":"{one}"}}';;
            "inspect --type image -- {two}") echo '{{"FromImageID":"{two}"}}';;
            "image inspect -- {one} {two}") echo '[{{"Id":"{three}"}},{{"Id":"{two}"}}]';;
            *) exit 1;;
        esac"#,
        one = id("1"),
        two = id("2"),
        three = id("3")
    );
    for (kind, expected, asked) in
        [(Client::Podman, vec![id("2")], 2), (Client::Buildah, vec![id("1"), id("2")], 4)]
    {
        let (folder, engine) = stub("listed", kind, &script);
        let found = engine.images(&Filter::default()).unwrap();
        assert_eq!(found.iter().map(|image| image.id.clone()).collect::<Vec<_>>(), expected);
        let tags: Vec<&[String]> = found.iter().map(|image| image.tags.as_slice()).collect();
        assert_eq!(tags.iter().map(|tags| tags.len()).sum::<usize>(), if asked == 4 { 2 } else { 0 });
        let log = std::fs::read_to_string(folder.join(format!("{}.log", kind.name()))).unwrap();
        assert_eq!(log.lines().count(), asked, "{log}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn ids_and_names_that_are_none_are_refused() {
    let script = r#"case "$*" in
        "image inspect -- id") echo '[{"Id":"--all","RepoTags":["id"]}]';;
        "image inspect -- tag") echo '[{"Id":"0a","RepoTags":["tag","-f:1"]}]';;
        "container inspect -- id") echo '[{"Id":"-f","Name":"/id"}]';;
        "container inspect -- name") echo '[{"Id":"0a","Name":"/--all"}]';;
        "container inspect -- image") echo '[{"Id":"0a","Name":"/image","Image":"--all"}]';;
        "container inspect -- nerdctl") echo '[{"Id":"0a","Name":"/nerdctl","Image":"docker.io/library/x:1"}]';;
        "volume inspect -- name") echo '[{"Name":"--all"}]';;
        "volume inspect -- cache") echo '[{"Name":"cache-of-mine","CreatedAt":"x"}]';;
        "volume inspect -- time") printf '[{"Name":"time","CreatedAt":"%0200d"}]' 0;;
        "network inspect -- id") echo '[{"Id":"--all","Name":"id"}]';;
        "network inspect -- 0a") echo '[{"Id":"0a1b","Name":"mine"}]';;
        *) echo '[{"Id":"0a1b","Name":"mine"}]';;
    esac"#;
    let (folder, engine) = stub("refused", Client::Podman, script);
    let refused = |what| EngineError::Garbage(what);
    assert_eq!(engine.image("id"), Err(refused("image id")));
    assert_eq!(engine.image("tag"), Err(refused("image name")));
    assert_eq!(engine.container("id"), Err(refused("container id")));
    assert_eq!(engine.container("name"), Err(refused("container name")));
    assert_eq!(engine.container("image"), Err(refused("image id")));
    assert_eq!(engine.container("nerdctl").unwrap().map(|found| found.image_id), Some(String::new()));
    assert_eq!(engine.volume("name"), Err(refused("volume name")));
    assert_eq!(engine.volume("time"), Err(refused("time of a volume")));
    assert_eq!(engine.network("id"), Err(refused("network id")));
    // podman completes names of volumes, and engines ids.
    assert_eq!((engine.volume("cache"), engine.network("0a")), (Ok(None), Ok(None)));
    assert_eq!(engine.container("0a"), Ok(None));
    // Neither the name nor the beginning of an id.
    assert_eq!(engine.container("other"), Err(refused("container of that name")));
    assert_eq!(engine.network("other"), Err(refused("network of that name")));
    assert_eq!(engine.volume("other"), Err(refused("volume of that name")));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn buildah_has_no_volumes() {
    let (folder, engine) = stub("buildah", Client::Buildah, "echo '[]'");
    assert_eq!(engine.volume("v"), Err(EngineError::Unsupported("volumes")));
    assert_eq!(engine.remove_network("n"), Err(EngineError::Unsupported("networks")));
    assert_eq!(engine.containers(&Filter::default()), Ok(Vec::new()));
    std::fs::remove_dir_all(folder).unwrap();
}

/// Runs a client for the test's own ends; its output where it succeeds.
fn run(program: &Path, arguments: &[&str]) -> Option<String> {
    let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
    let finished = process::run(program, &arguments, &[], Duration::from_secs(120)).ok()?;
    finished.success.then(|| String::from_utf8_lossy(&finished.output).trim().to_owned())
}

/// Makes a container by the client and looks it up and removes it by `engine`.
fn lives_up_to_the_trait(engine: &dyn Engine, kind: Client, program: &Path, image: &str) {
    let name = format!("imk-contract-{}-{}", kind.name(), engine.description().len());
    let _ = engine.remove_container(&name);
    let made = match kind {
        Client::Buildah => run(program, &["from", "--name", &name, image]),
        _ => run(program, &["create", "--name", &name, "--label", "imk.contract=1", image, "true"]),
    };
    assert!(made.is_some(), "{name} from {image}");
    let container = engine.container(&name).unwrap().unwrap();
    assert_eq!(container.name, name);
    assert_eq!(engine.container(&container.id).unwrap().as_ref(), Some(&container));
    let by_name = Filter { name: Some(name.clone()), ..Filter::default() };
    let listed: Vec<String> = engine.containers(&by_name).unwrap().into_iter().map(|one| one.id).collect();
    assert_eq!(listed, std::slice::from_ref(&container.id));
    if kind != Client::Buildah {
        assert!(!container.running && container.created.is_some());
        let by_label = engine.containers(&Filter::label("imk.contract", "1")).unwrap();
        assert!(by_label.iter().any(|one| one.id == container.id));
        assert_eq!(engine.containers(&Filter::label("imk.contract", "2")).unwrap(), []);
    }
    assert_eq!(engine.container(&container.id[..8]).unwrap(), None);
    let base = engine.image(image).unwrap().unwrap();
    assert_eq!(container.image_id, base.id);
    assert_eq!(engine.remove_container(&container.id).unwrap(), Removed::Done);
    assert_eq!(engine.container(&name).unwrap(), None);
    assert_eq!(engine.remove_container(&container.id).unwrap(), Removed::NotThere);

    let tag = format!("imk-contract:{}", kind.name());
    assert!(run(program, &["tag", image, &tag]).is_some());
    assert_eq!(engine.image(&tag).unwrap().map(|image| image.id), Some(base.id.clone()));
    assert_eq!(engine.remove_image(&tag).unwrap(), Removed::Done);
    assert_eq!(engine.image(&tag).unwrap(), None);
    engine.tag(&base.id, &tag).unwrap();
    assert_eq!(engine.image(&tag).unwrap().map(|image| image.id), Some(base.id));
    assert_eq!(engine.remove_image(&tag).unwrap(), Removed::Done);
    assert!(engine.image(image).unwrap().is_some());
}

#[test]
fn every_engine_that_answers_lives_up_to_the_trait() {
    let surroundings = Surroundings::of_process();
    for kind in Client::ALL {
        let Ok(program) = which::which(kind.name()) else { continue };
        let client = ClientEngine::new(kind, program.clone(), Vec::new());
        let images = match client.version() {
            Ok(_) => client.images(&Filter::default()).unwrap_or_default(),
            Err(_) => continue,
        };
        let Some(image) = images.iter().find_map(|image| image.tags.first()) else { continue };
        eprintln!("{}: {:?}, with {image}", client.description(), client.version());
        lives_up_to_the_trait(&client, kind, &program, image);
        // What is called docker may be podman in disguise.
        if let (Client::Docker, Ok(socket)) = (kind, docker_socket(&surroundings))
            && socket.image(image).ok().flatten().map(|image| image.id)
                == client.image(image).ok().flatten().map(|image| image.id)
        {
            eprintln!("{}", socket.description());
            lives_up_to_the_trait(&socket, kind, &program, image);
        }
    }
}
