//! What CI services read in a log: groups of lines, annotations of source lines. Knows nothing of when it is printed.

pub mod github;
pub mod gitlab;

use std::time::{Duration, SystemTime};

/// A CI service whose log has forms of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// GitHub Actions.
    GitHub,
    /// GitLab CI.
    GitLab,
}

impl Service {
    /// The service that `--ci` names, or else that the environment is of.
    pub fn chosen(choice: Option<&str>, variable: &dyn Fn(&str) -> Option<Vec<u8>>) -> Option<Service> {
        let is_set = |name: &str| variable(name).is_some_and(|value| value == b"true");
        match choice {
            Some("github") => Some(Service::GitHub),
            Some("gitlab") => Some(Service::GitLab),
            Some(_) => None,
            None if is_set("GITHUB_ACTIONS") => Some(Service::GitHub),
            None if is_set("GITLAB_CI") => Some(Service::GitLab),
            None => None,
        }
    }

    /// The entry of the environment that says so.
    pub fn entry(self) -> &'static str {
        match self {
            Service::GitHub => "GITHUB_ACTIONS=true",
            Service::GitLab => "GITLAB_CI=true",
        }
    }

    /// What begins a group of lines; `number` is its own in the run, which is process `run`.
    pub fn group_start(self, name: &[u8], number: u32, run: u32, now: SystemTime) -> Vec<u8> {
        match self {
            Service::GitHub => github::group_start(name),
            Service::GitLab => gitlab::section_start(name, number, run, now),
        }
    }

    /// What ends it.
    pub fn group_end(self, number: u32, run: u32, now: SystemTime) -> Vec<u8> {
        match self {
            Service::GitHub => github::GROUP_END.to_vec(),
            Service::GitLab => gitlab::section_end(number, run, now),
        }
    }
}

/// Seconds since 1970.
fn seconds(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}
