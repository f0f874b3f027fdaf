//! The user that an image runs as: resolved in its passwd and group, what it may write, whether it is root. Knows no layers.

use super::super::finding::{Finding, Level};
use super::kinds::Kind;
use super::view::View;
use crate::image::layers::{Config, Entry, SavedImage};

/// The user that the image runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Users {
    /// Its number; none where the image's passwd does not have its name.
    pub uid: Option<u32>,
    /// Its groups.
    pub groups: Vec<u32>,
    /// Its name, or its number where it has no name.
    pub name: String,
}

fn fields(line: &[u8]) -> Vec<&[u8]> {
    line.split(|&byte| byte == b':').collect()
}

fn number(field: Option<&&[u8]>) -> Option<u32> {
    std::str::from_utf8(field?).ok()?.trim().parse().ok()
}

impl Users {
    /// Resolves `USER` as engines do: a name by the image's passwd, a number as it is; without a group the user's own, and those
    /// that the image's group file puts it in.
    pub fn of(config: &Config, image: &SavedImage) -> Users {
        let passwd = image.content_at(b"etc/passwd").unwrap_or_default();
        let group = image.content_at(b"etc/group").unwrap_or_default();
        let (user, own_group) = config.user.split_once(':').unwrap_or((&config.user, ""));
        let user = if user.is_empty() { "0" } else { user };
        let lines = || passwd.split(|&byte| byte == b'\n').map(fields);
        let by_name = lines().find(|line| line.first() == Some(&user.as_bytes()));
        let numeric: Option<u32> = user.parse().ok();
        let entry =
            by_name.or_else(|| lines().find(|line| numeric.is_some() && number(line.get(2)) == numeric));
        let (uid, gid) = match &entry {
            Some(line) => (number(line.get(2)), number(line.get(3)).unwrap_or(0)),
            // Root is root without a passwd, too.
            None if user == "root" => (Some(0), 0),
            None => (numeric, 0),
        };
        let name = match &entry {
            Some(line) => String::from_utf8_lossy(line.first().copied().unwrap_or_default()).into_owned(),
            None => user.to_owned(),
        };
        let group_lines = || group.split(|&byte| byte == b'\n').map(fields);
        let group_number = |wanted: &str| {
            let named = group_lines().find(|line| line.first() == Some(&wanted.as_bytes()));
            wanted.parse().ok().or_else(|| number(named?.get(2)))
        };
        let mut groups = match own_group {
            "" => vec![gid],
            group => group_number(group).into_iter().collect(),
        };
        if own_group.is_empty() {
            let member = |line: &Vec<&[u8]>| {
                line.get(3)
                    .is_some_and(|all| all.split(|&byte| byte == b',').any(|one| one == name.as_bytes()))
            };
            groups.extend(group_lines().filter(member).filter_map(|line| number(line.get(2))));
        }
        Users { uid, groups, name }
    }

    /// Whether it is root, whatever its name.
    pub fn is_root(&self) -> bool {
        self.uid == Some(0)
    }

    /// Whether the permission bits `bits` (of `rwx`) are the user's on `entry`.
    pub fn may(&self, entry: &Entry, bits: u16) -> bool {
        let granted = match self.uid {
            Some(0) => return bits != 1 || entry.mode & 0o111 != 0,
            Some(uid) if uid == entry.uid => entry.mode >> 6,
            _ if self.groups.contains(&entry.gid) => entry.mode >> 3,
            _ => entry.mode,
        };
        granted & bits == bits
    }
}

/// Programs that start another as another user.
const DROPS_ROOT: [&str; 7] = ["gosu", "su-exec", "setpriv", "chpst", "s6-setuidgid", "runuser", "sudo"];

pub(super) fn check(view: &View<'_>, found: &mut Vec<Finding>) {
    let config = &view.image.config;
    let user = config.user.clone();
    if view.users.uid.is_none() {
        let mut finding = view.at_instruction(Level::Error, Kind::UserUnknown { user }, &["USER"]);
        finding.inherited = finding.place.is_none();
        return found.push(finding);
    }
    if !view.users.is_root() {
        return;
    }
    let drops = config.entrypoint.iter().chain(&config.command).find_map(|word| {
        let name = word.rsplit('/').next().unwrap_or(word);
        DROPS_ROOT.contains(&name).then(|| name.to_owned())
    });
    // An entry point that is a script may do the same: what it does is read, where it was kept.
    let script = config.entrypoint.first().or(config.command.first());
    let script = script.and_then(|program| view.image.content_at(program.as_bytes()));
    let within = script.filter(|text| text.starts_with(b"#!")).and_then(|text| {
        let mut words = text.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-');
        words
            .find_map(|word| DROPS_ROOT.iter().find(|name| name.as_bytes() == word))
            .map(|name| (*name).to_owned())
    });
    found.push(match drops.or(within) {
        Some(program) => {
            view.at_instruction(Level::Info, Kind::DropsRoot { program }, &["ENTRYPOINT", "CMD"])
        }
        None => {
            let mut finding =
                view.at_instruction(Level::Warning, Kind::UserIsRoot { user: user.clone() }, &["USER"]);
            finding.inherited = finding.place.is_none() && !user.is_empty();
            finding
        }
    });
}
