//! The daemon's side played by a thread, and the real daemon where one answers.

use super::*;
use crate::base::system_error::SystemError;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

const PING: &str = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK";

/// A socket in a folder of its own, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("imk-socket-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Place(folder)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("s")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Answers each request on each connection with the next of `answers`, then closes; the requests' first lines come back.
fn daemon(place: &Place, connections: Vec<Vec<Vec<u8>>>) -> std::thread::JoinHandle<Vec<String>> {
    let listener = UnixListener::bind(place.socket()).unwrap();
    std::thread::spawn(move || {
        let mut seen = Vec::new();
        for answers in connections {
            let (mut stream, _) = listener.accept().unwrap();
            for answer in answers {
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read(&mut byte) {
                        Ok(1) => request.push(byte[0]),
                        _ => break,
                    }
                }
                seen.push(String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned());
                // The client may have turned away.
                let _ = stream.write_all(&answer);
            }
        }
        seen
    })
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn engine(place: &Place) -> DockerSocket {
    DockerSocket::new(&place.socket()).with_patience(Duration::from_millis(500), Duration::from_millis(500))
}

/// The result of looking up image `app:1` where the daemon answers so.
fn looked_up(answer: &[u8]) -> Result<Option<Image>, EngineError> {
    let place = Place::new();
    let thread = daemon(&place, vec![vec![PING.as_bytes().to_vec(), answer.to_vec()]]);
    let result = engine(&place).image("app:1");
    thread.join().unwrap();
    result
}

const IMAGE: &str = r#"{"Id":"sha256:1","RepoTags":["app:1"],"Os":"linux","Architecture":"arm64","Variant":"v8",
    "Created":"1970-01-01T00:01:00Z","Size":7,"RootFS":{"Layers":["sha256:a"]},
    "Config":{"Labels":{"k":"v"},"Env":["A=b"],"OnBuild":["RUN x"],"User":"u","Entrypoint":["e"],"Cmd":null}}"#;

#[test]
fn an_image_is_read_whole() {
    let image = looked_up(&answer("200 OK", IMAGE)).unwrap().unwrap();
    assert_eq!(
        (image.id.as_str(), image.platform.as_str(), image.created),
        ("sha256:1", "linux/arm64/v8", Some(60))
    );
    assert_eq!((image.size, image.layers.len(), image.labels["k"].as_str()), (7, 1, "v"));
    assert_eq!((image.config.user.as_str(), image.config.on_build[0].as_str()), ("u", "RUN x"));
    assert_eq!(image.config_digest.as_deref(), Some("sha256:1"));
}

#[test]
fn chunked_and_unbounded_bodies_are_read() {
    let (first, second) = IMAGE.split_at(20);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:X};x=y\r\n{second}\r\n0\r\nT: r\r\n\r\n",
        first.len(),
        second.len()
    );
    assert!(looked_up(chunked.as_bytes()).unwrap().is_some());
    assert!(looked_up(format!("HTTP/1.0 200 OK\r\n\r\n{IMAGE}").as_bytes()).unwrap().is_some());
    let interim = [b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), answer("200 OK", IMAGE)].concat();
    assert!(looked_up(&interim).unwrap().is_some());
    let endless = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000);
    assert_eq!(looked_up(&endless), Err(EngineError::Garbage("HTTP answer")));
}

#[test]
fn what_is_not_there_is_none_and_errors_are_told() {
    assert_eq!(looked_up(&answer("404 Not Found", r#"{"message":"No such image"}"#)), Ok(None));
    let refused = looked_up(&answer("500 Oops", r#"{"message":"disk full"}"#));
    assert_eq!(refused, Err(EngineError::Refused(500, "disk full".into())));
    // The id begins with the name that was asked for: a stranger.
    assert_eq!(looked_up(&answer("200 OK", r#"{"Id":"sha256:a991","RepoTags":["other:1"]}"#)), Ok(None));
}

#[test]
fn garbage_is_a_typed_error() {
    let garbage = |bytes: &[u8]| looked_up(bytes).unwrap_err();
    assert_eq!(garbage(b"SSH-2.0-x\r\n"), EngineError::Garbage("HTTP answer"));
    assert_eq!(garbage(b"\0\xff\xfe\r\n\r\n"), EngineError::Garbage("HTTP answer"));
    assert_eq!(garbage(&answer("200 OK", "{")), EngineError::Garbage("JSON"));
    assert_eq!(garbage(&answer("200 OK", "[]")), EngineError::Garbage("image id"));
    assert_eq!(garbage(&answer("200 OK", &"[".repeat(5000))), EngineError::Garbage("JSON"));
    let option = r#"{"Id":"--all","RepoTags":["app:1"]}"#;
    assert_eq!(garbage(&answer("200 OK", option)), EngineError::Garbage("image id"));
    let name = r#"{"Id":"sha256:1","RepoTags":["app:1","--all"]}"#;
    assert_eq!(garbage(&answer("200 OK", name)), EngineError::Garbage("image name"));
    assert_eq!(
        garbage(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        EngineError::Garbage("content length")
    );
    assert_eq!(
        garbage(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        EngineError::Garbage("content length")
    );
    let chunks = |size: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\n");
    assert_eq!(garbage(chunks("xyz").as_bytes()), EngineError::Garbage("chunk size"));
    assert_eq!(garbage(chunks("-1").as_bytes()), EngineError::Garbage("chunk size"));
    assert_eq!(garbage(chunks("fffffffff").as_bytes()), EngineError::Garbage("chunk size"));
    assert_eq!(garbage(chunks("ffffffff").as_bytes()), EngineError::TooLarge(64 * 1024 * 1024));
    assert_eq!(garbage(chunks(&"1".repeat(5000)).as_bytes()), EngineError::Garbage("chunk size"));
    assert_eq!(
        garbage(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
        EngineError::TooLarge(64 * 1024 * 1024)
    );
    let endless = [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'a'; 200_000]].concat();
    assert_eq!(garbage(&endless), EngineError::TooLarge(64 * 1024));
}

#[test]
fn an_engine_that_breaks_off_or_is_silent_is_told() {
    assert_eq!(looked_up(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), Err(EngineError::Closed));
    assert_eq!(looked_up(b"HTTP/1.1 200"), Err(EngineError::Closed));
    // A connection that ends without an answer may have been an old one: a fresh one is tried, and ends alike.
    let place = Place::new();
    let thread = daemon(&place, vec![vec![PING.as_bytes().to_vec(), Vec::new()], vec![Vec::new()]]);
    assert_eq!(engine(&place).image("app:1"), Err(EngineError::Closed));
    thread.join().unwrap();

    let place = Place::new();
    let listener = UnixListener::bind(place.socket()).unwrap();
    let start = Instant::now();
    assert_eq!(engine(&place).image("app:1"), Err(EngineError::Timeout(500)));
    assert!(start.elapsed() < Duration::from_secs(10));
    drop(listener);
    std::fs::remove_file(place.socket()).unwrap();
    let gone = engine(&place).image("app:1");
    assert_eq!(gone, Err(EngineError::Unreachable(place.socket(), SystemError::of(libc::ENOENT))));
    std::fs::write(place.socket(), b"").unwrap();
    assert!(matches!(engine(&place).image("app:1"), Err(EngineError::Unreachable(..))));
}

#[test]
fn the_version_spoken_is_the_older_one_and_connections_are_used_again() {
    let place = Place::new();
    let none = answer("404 Not Found", "{}");
    let new = PING.replace("1.41", "9.99").into_bytes();
    // The daemon closes the first connection after two answers: the third request goes on a fresh one.
    let thread = daemon(&place, vec![vec![new, none.clone()], vec![none]]);
    let engine = engine(&place);
    assert_eq!(engine.image("app:1"), Ok(None));
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(engine.container("a b/é"), Ok(None));
    let seen = thread.join().unwrap();
    let expected = [
        "GET /_ping HTTP/1.1",
        "GET /v1.47/images/app:1/json HTTP/1.1",
        "GET /v1.47/containers/a%20b/%C3%A9/json HTTP/1.1",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn removals_say_how_they_went() {
    let removed = |answer: Vec<u8>| {
        let place = Place::new();
        let thread = daemon(&place, vec![vec![PING.as_bytes().to_vec(), answer]]);
        let result = engine(&place).remove_container("0f");
        (result, thread.join().unwrap().pop().unwrap())
    };
    let (result, request) = removed(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec());
    assert_eq!(
        (result, request.as_str()),
        (Ok(Removed::Done), "DELETE /v1.41/containers/0f?force=1&v=1 HTTP/1.1")
    );
    assert_eq!(removed(answer("404 Not Found", "{}")).0, Ok(Removed::NotThere));
    let busy = r#"{"message":"removal of container 0f is already in progress"}"#;
    assert_eq!(removed(answer("409 Conflict", busy)).0, Ok(Removed::Done));
    let conflict = removed(answer("409 Conflict", r#"{"message":"in use"}"#)).0;
    assert_eq!(conflict, Err(EngineError::Conflict("in use".into())));
    assert_eq!(DockerSocket::new(Path::new("/nonexistent")).remove_container(""), Ok(Removed::NotThere));
}

#[test]
fn the_real_daemon_answers() {
    let Some(path) =
        std::env::var("DOCKER_HOST").ok().and_then(|host| Some(host.strip_prefix("unix://")?.to_owned()))
    else {
        return eprintln!("skipped: DOCKER_HOST names no socket");
    };
    let engine = DockerSocket::new(Path::new(&path));
    let Ok(version) = engine.version() else { return eprintln!("skipped: no daemon answers") };
    assert!(!version.version.is_empty());
    assert_eq!(engine.image("imk-no-such-image:1").unwrap(), None);
    assert_eq!(engine.container("imk-no-such-container").unwrap(), None);
    assert_eq!(engine.remove_container("imk-no-such-container").unwrap(), Removed::NotThere);
    assert_eq!(engine.remove_image("imk-no-such-image:1").unwrap(), Removed::NotThere);
    assert_eq!(engine.volume("imk-no-such-volume").unwrap(), None);
    assert_eq!(engine.network("imk-no-such-network").unwrap(), None);
    engine.containers(&Filter::label("imk.none", "x")).unwrap();
    let tagged =
        engine.images(&Filter::default()).unwrap().into_iter().find_map(|image| image.tags.first().cloned());
    if let Some(tag) = tagged {
        let image = engine.image(&tag).unwrap().unwrap();
        assert!(image.id.starts_with("sha256:") && !image.layers.is_empty() && image.created.is_some());
        assert_eq!(engine.image(&image.id).unwrap().map(|same| same.id), Some(image.id));
        let start = Instant::now();
        for _ in 0..200 {
            engine.image(&tag).unwrap();
        }
        eprintln!("a look-up takes {:?}", start.elapsed() / 200);
    }
}

#[test]
fn an_engine_that_takes_up_no_connection_is_given_up() {
    let place = Place::new();
    let _listener = UnixListener::bind(place.socket()).unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = connect(&place.socket()) {
        waiting.push(stream);
    }
    let start = Instant::now();
    assert_eq!(engine(&place).image("app:1"), Err(EngineError::Timeout(500)));
    assert!(start.elapsed() < Duration::from_secs(20));
}
