//! How a build goes on, read from what the engine's client prints of it (BuildKit's `plain` progress, and the steps of podman and buildah).
//! Knows nothing of who wants to know.

use std::time::Duration;

/// How a step stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Started,
    /// It is over; how long it took, where the engine tells.
    Done(Option<Duration>),
    /// Its program wrote a line; the time since it began, where the engine tells.
    Said(Option<Duration>, String),
    /// It was taken from the cache.
    Cached,
    /// It failed, in the engine's words.
    Failed(String),
}

/// Something that happened to a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The engine's number of the step.
    pub number: u32,
    /// Its name: `[build 2/5] RUN make`.
    pub name: String,
    /// How it stands.
    pub state: State,
}

/// Reads a client's output piece by piece.
#[derive(Default)]
pub struct Reader {
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    /// The names of the steps met.
    steps: Vec<(u32, String)>,
    /// Whether the client numbers its steps, and passes on bare what their programs write.
    bare: bool,
}

/// What is longer is no line of progress: a name is that of an instruction.
const LONGEST: usize = 1 << 14;

impl Reader {
    /// Takes a piece of output, and says what happened.
    pub fn read(&mut self, text: &[u8]) -> Vec<News> {
        let mut news = Vec::new();
        let mut rest = text;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.line.extend_from_slice(&rest[..end]);
            let line = std::mem::take(&mut self.line);
            self.take(&line, &mut news);
            rest = &rest[end + 1..];
        }
        if self.line.len() + rest.len() <= LONGEST {
            self.line.extend_from_slice(rest);
        } else {
            self.line.clear();
        }
        news
    }

    fn take(&mut self, line: &[u8], news: &mut Vec<News>) {
        let Ok(line) = std::str::from_utf8(line) else { return };
        let line = line.trim_end();
        if let Some((number, rest)) = line.strip_prefix('#').and_then(|rest| rest.split_once(' ')) {
            if let Ok(number) = number.parse() {
                self.vertex(number, rest, news);
            }
        } else if let Some(step) = line.strip_prefix("STEP ").or_else(|| line.strip_prefix("Step ")) {
            self.numbered(step, news);
        } else if line.starts_with("--> Using cache ") || line == " ---> Using cache" {
            self.last_is(State::Cached, news);
        } else if self.bare {
            self.last_is(State::Said(None, line.to_owned()), news);
        }
    }

    /// A line of BuildKit: `#5 [2/3] RUN make`, then `#5 DONE 0.3s`.
    fn vertex(&mut self, number: u32, rest: &str, news: &mut Vec<News>) {
        let known = self.steps.iter().find(|(known, _)| *known == number).map(|(_, name)| name.clone());
        let Some(name) = known else {
            let name = rest.split_whitespace().collect::<Vec<_>>().join(" ");
            self.steps.push((number, name.clone()));
            news.push(News { number, name, state: State::Started });
            return;
        };
        let first = rest.split(' ').next().unwrap_or_default();
        let state = match first {
            "DONE" => State::Done(rest.split(' ').nth(1).and_then(|text| seconds(text.strip_suffix('s')?))),
            "CACHED" => State::Cached,
            "CANCELED" => State::Failed("canceled".to_owned()),
            "ERROR:" => State::Failed(rest["ERROR:".len()..].trim().to_owned()),
            _ => match seconds(first) {
                Some(time) => State::Said(Some(time), rest[first.len()..].trim_start().to_owned()),
                None => return,
            },
        };
        news.push(News { number, name, state });
    }

    /// A line that begins the next of numbered steps: `2/5: RUN make`.
    fn numbered(&mut self, step: &str, news: &mut Vec<News>) {
        let Some((count, name)) = step.split_once(':') else { return };
        let Some(number) = count.split('/').next().and_then(|number| number.trim().parse().ok()) else {
            return;
        };
        self.last_is(State::Done(None), news);
        self.bare = true;
        let name = format!("[{}] {}", count.trim(), name.trim());
        self.steps.push((number, name.clone()));
        news.push(News { number, name, state: State::Started });
    }

    /// The step that began last has come to `state`.
    fn last_is(&mut self, state: State, news: &mut Vec<News>) {
        if let Some((number, name)) = self.steps.last().cloned() {
            news.push(News { number, name, state });
        }
    }
}

/// A time as BuildKit writes it: `12.3`.
fn seconds(text: &str) -> Option<Duration> {
    let is_time = text.contains('.') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    Duration::try_from_secs_f64(text.parse().ok().filter(|_| is_time)?).ok()
}

/// The line of a Dockerfile on which the instruction stands that a step of this name runs: `[build 2/5] RUN make`. None where no
/// instruction, or more than one, reads so: what it refers to may be in place of the references.
pub fn instruction_line(dockerfile: &[u8], name: &str) -> Option<u32> {
    let wanted = squeezed(name.strip_prefix('[')?.split_once("] ")?.1);
    let text = String::from_utf8_lossy(dockerfile);
    let (mut found, mut begun, mut instruction) = (None, 0, String::new());
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.starts_with('#') || (instruction.is_empty() && line.is_empty()) {
            continue;
        }
        if instruction.is_empty() {
            begun = number;
        }
        let (part, goes_on) = match line.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (line, false),
        };
        instruction.push_str(part);
        instruction.push(' ');
        if goes_on {
            continue;
        }
        if squeezed(&std::mem::take(&mut instruction)) == wanted {
            if found.is_some() {
                return None;
            }
            found = Some(begun);
        }
    }
    found
}

/// Words with one blank between, the first in capitals.
fn squeezed(text: &str) -> String {
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default().to_uppercase();
    [first.as_str()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instruction_of_a_step_is_found() {
        let dockerfile =
            b"FROM a AS build\n# c\nrun  make \\\n  # c\n  -j2\nRUN twice\nRUN twice\nCOPY $X .\n";
        let line = |name: &str| instruction_line(dockerfile, name);
        assert_eq!(line("[build 2/4] RUN make   -j2"), Some(3));
        assert_eq!(line("[build 1/4] FROM a AS build"), Some(1));
        assert_eq!(
            (line("[build 3/4] RUN twice"), line("[4/4] COPY y ."), line("RUN make")),
            (None, None, None)
        );
    }

    #[test]
    fn buildkit_steps_begin_and_end() {
        let text = "#0 building with \"default\" instance using docker driver\n\n\
            #1 [internal] load build definition from Dockerfile\n#1 transferring dockerfile: 98B done\n#1 DONE 0.0s\n\n\
            #5 [build 2/3] RUN make\n#5 0.201 cc -c a.c\n#5 DONE 1.2s\n\n#6 [build 3/3] COPY . .\n#6 CACHED\n\n\
            #7 [test 1/1] RUN false\n#7 ERROR: process \"/bin/sh -c false\" did not complete successfully: exit code: 1\n";
        let mut reader = Reader::default();
        // In small pieces: what is read does not hang on them.
        let news: Vec<News> = text.as_bytes().chunks(7).flat_map(|piece| reader.read(piece)).collect();
        let shown: Vec<String> =
            news.iter().map(|news| format!("{} {} {:?}", news.number, news.name, news.state)).collect();
        assert_eq!(
            shown[1..],
            [
                "1 [internal] load build definition from Dockerfile Started",
                "1 [internal] load build definition from Dockerfile Done(Some(0ns))",
                "5 [build 2/3] RUN make Started",
                "5 [build 2/3] RUN make Said(Some(201ms), \"cc -c a.c\")",
                "5 [build 2/3] RUN make Done(Some(1.2s))",
                "6 [build 3/3] COPY . . Started",
                "6 [build 3/3] COPY . . Cached",
                "7 [test 1/1] RUN false Started",
                "7 [test 1/1] RUN false Failed(\"process \\\"/bin/sh -c false\\\" did not complete successfully: exit code: 1\")",
            ]
        );
    }

    #[test]
    fn podman_steps_begin_and_are_cached() {
        let text = "STEP 1/2: FROM base\nSTEP 2/2: RUN make\ncc -c a.c\n--> Using cache 1234\n#x\n# 1 y\n";
        let news = Reader::default().read(text.as_bytes());
        let shown: Vec<String> = news.iter().map(|news| format!("{} {:?}", news.name, news.state)).collect();
        assert_eq!(
            shown,
            [
                "[1/2] FROM base Started",
                "[1/2] FROM base Done(None)",
                "[2/2] RUN make Started",
                "[2/2] RUN make Said(None, \"cc -c a.c\")",
                "[2/2] RUN make Cached",
                "[2/2] RUN make Said(None, \"#x\")",
            ]
        );
    }
}
