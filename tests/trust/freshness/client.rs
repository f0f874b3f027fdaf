//! The engine's client, which is this program under another name, and what its command lines ask for. Knows nothing of what the engine
//! does with that.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use super::builder::Request;

/// The variable that has this program be the client of the engine whose socket it names.
pub const CLIENT: &str = "TRUST_CLIENT_OF";

/// The client: hands its words, its folder and its environment over, says what it is told, and ends with that status.
pub fn be_client(socket: &Path) -> i32 {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    words.insert(0, std::env::current_dir().unwrap_or_default().display().to_string());
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let text = json!({"words": words, "environment": environment}).to_string();
    let exchange = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        stream.write_all(format!("{} {text}", text.len()).as_bytes())?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said)
    };
    let said = exchange().unwrap_or_default();
    match said.split_once(' ').and_then(|(status, said)| Some((status.parse().ok()?, said))) {
        Some((status, said)) => {
            eprint!("{said}");
            status
        }
        None => {
            eprintln!("docker: the engine is gone");
            1
        }
    }
}

/// What a command line of `docker build` asks for.
pub fn request(folder: &Path, words: &[String], environment: &Value) -> Request {
    let context = folder.join(words.last().map_or(".", String::as_str));
    let mut request = Request { file: context.join("Dockerfile"), context, ..Request::default() };
    let pair = |text: &str| {
        let (name, value) = text.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    for (option, value) in words.iter().zip(words.iter().skip(1)) {
        match option.as_str() {
            "--file" => request.file = folder.join(value),
            "--target" => request.target = Some(value.clone()),
            "--tag" => request.tags.push(value.clone()),
            "--build-arg" => {
                let inherited = || Some((value.clone(), environment[value].as_str()?.to_owned()));
                request.args.extend(pair(value).or_else(inherited));
            }
            "--build-context" => {
                request.contexts.extend(pair(value).map(|(name, path)| (name, folder.join(path))));
            }
            "--label" => request.labels.extend(pair(value)),
            "--secret" => {
                let id = value.split(',').find_map(|field| field.strip_prefix("id="));
                request.secrets.extend(id.map(str::to_owned));
            }
            _ => {}
        }
    }
    request
}
