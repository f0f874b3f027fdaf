//! A plain recipe's scripts read for what they make and remove again themselves: which script makes it, which removes it, on
//! which engine. Asks no engine and runs nothing.
//!
//! Only what the recipe's own commands remove is of interest. Where the reading is uncertain (an option that is not known, a
//! name that only the shell knows, a command in a branch, another user's engine by sudo), nothing is claimed.

use super::engines::{self, Lookup};
use crate::image::command::lifecycle::{Identity, Made, OwnRemoval, Thing as MadeThing};
use crate::image::command::recognise::Reading;
use crate::image::command::text::Text;
use crate::image::command::variables::Inherited;
use crate::image::command::{Client, ImageCommand, Recognised, lifecycle, mentions_client, recognise};
use crate::image::engine::EngineError;
use crate::image::journal::Thing;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::ledger::Ticket;
use crate::image::command::kinds::Reach;

/// A recipe that is followed while its lines run.
pub struct Watch {
    /// The lines as they were expanded, until they are read.
    pub lines: Vec<Vec<u8>>,
    /// Scripts that were begun so far: a line that expands to several is several.
    pub begun: usize,
    /// What they make, once the environment of the commands is known.
    pub plan: Option<Plan>,
    /// Why something that the recipe made can't be removed.
    pub unseen: Option<EngineError>,
}

impl Watch {
    /// Follows a recipe whose lines name an engine's client; any other costs no more than this look.
    pub fn of(lines: &[Vec<u8>]) -> Option<Box<Watch>> {
        lines
            .iter()
            .any(|line| mentions_client(line))
            .then(|| Box::new(Watch { lines: lines.to_vec(), begun: 0, plan: None, unseen: None }))
    }
}

/// What a recipe makes and removes again.
#[derive(Debug, Default)]
pub struct Plan {
    /// Whether it has engine commands at all.
    pub any_command: bool,
    /// The things, in order of their making.
    pub things: Vec<Planned>,
}

/// A thing that a recipe makes and removes again.
#[derive(Debug)]
pub struct Planned {
    /// The thing.
    pub thing: Thing,
    /// Address of the engine.
    pub engine: String,
    /// Index of the script that makes it.
    pub made_in: usize,
    /// Index of the script that removes it.
    pub removed_in: usize,
    /// A file that the making command writes its id to.
    pub id_file: Option<PathBuf>,
    /// Whether the command that makes it may go on when its script has ended.
    pub background: bool,
    /// Its number in the ledger, once it was entered.
    pub ticket: Option<Ticket>,
}

/// Reads the scripts of one recipe. `chosen` is the engine of `--engine`.
pub fn plan(scripts: &[Vec<u8>], chosen: Option<Client>, environment: &Lookup<'_>) -> Plan {
    let inherited = |name: &[u8]| {
        let value = std::str::from_utf8(name).ok().and_then(environment);
        value.map_or(Inherited::Unset, Inherited::Value)
    };
    let readings: Vec<Reading> = scripts
        .iter()
        .map(|script| match mentions_client(script) {
            true => recognise(script, &inherited),
            false => Reading::default(),
        })
        .collect();
    let any_command = readings.iter().any(|reading| !reading.commands.is_empty());
    let life = lifecycle(&readings);
    let command =
        |line: usize, index: usize| readings.get(line).and_then(|reading| reading.commands.get(index));
    let mut things = Vec::new();
    for (number, made) in life.made.iter().enumerate() {
        let Some(maker) = command(made.by.line, made.by.command) else { continue };
        let is_own = |removal: &&OwnRemoval| {
            removal.removes.contains(&number)
                && removal.reach != Reach::Perhaps
                && command(removal.by.line, removal.by.command)
                    // What is not known of the operands alone was weighed when they were found to name its own.
                    .is_some_and(|command| is_certain(command) || (!removal.more && !command.elevated))
        };
        let removed_in = match life.removals.iter().find(is_own) {
            Some(removal) => removal.by.line,
            None if removes_itself(made, maker) => made.by.line,
            None => continue,
        };
        if made.reach == Reach::Perhaps || made.reach == Reach::OnExit || !is_certain(maker) {
            continue;
        }
        let Some((thing, id_file)) = named(&made.thing, maker) else { continue };
        let Some(engine) = engines::of_command(&made.engine, chosen, environment) else { continue };
        things.push(Planned {
            thing,
            engine,
            made_in: made.by.line,
            removed_in,
            id_file,
            background: maker.background,
            ticket: None,
        });
    }
    Plan { any_command, things }
}

/// Whether a command does for certain what it was read to do, with this user's own engine.
fn is_certain(command: &Recognised) -> bool {
    command.doubts.is_empty() && !command.elevated
}

/// Whether a container is the engine's to remove when the command that runs it ends: `run --rm`, waited for.
fn removes_itself(made: &Made, maker: &Recognised) -> bool {
    let waits = matches!(&maker.command, ImageCommand::Run(run) if run.detach == Some(false));
    made.removes_itself && waits && !maker.background
}

fn known(text: &Text) -> Option<String> {
    let text = String::from_utf8(text.known()?.to_vec()).ok()?;
    (!text.is_empty() && !text.starts_with('-')).then_some(text)
}

/// The thing by a name that is known before it is made, or by a file that will hold its id.
fn named(made: &MadeThing, maker: &Recognised) -> Option<(Thing, Option<PathBuf>)> {
    let name = |identity: &Identity| identity.name.as_ref().and_then(known);
    Some(match made {
        MadeThing::Container(identity) => match name(identity) {
            Some(name) => (Thing::Container { name: Some(name) }, None),
            None if identity.name.is_none() => {
                (Thing::Container { name: None }, Some(id_file(identity.file.as_ref()?, maker)?))
            }
            None => return None,
        },
        MadeThing::Image(identity) => (Thing::Image { tag: name(identity)? }, None),
        MadeThing::Volume(identity) => (Thing::Volume { name: name(identity)? }, None),
        MadeThing::Network(identity) => (Thing::Network { name: name(identity)? }, None),
        MadeThing::Builder(_) | MadeThing::Project(_) => return None,
    })
}

/// The path of a file that a command writes an id to, from the recipe's folder.
fn id_file(file: &Text, maker: &Recognised) -> Option<PathBuf> {
    let path = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
    Some(path(maker.directory.known()?).join(path(file.known()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each thing as `made→removed thing [engine]`.
    fn planned(scripts: &[&str], chosen: Option<Client>) -> Vec<String> {
        let scripts: Vec<Vec<u8>> = scripts.iter().map(|script| script.as_bytes().to_vec()).collect();
        let environment = |name: &str| match name {
            "DOCKER_HOST" => Some(b"unix:///e.sock".to_vec()),
            "NAME" => Some(b"app".to_vec()),
            _ => None,
        };
        let shown = |one: &Planned| {
            let file = one.id_file.as_ref().map_or(String::new(), |file| format!(" by {}", file.display()));
            format!("{}→{} {}{file} [{}]", one.made_in, one.removed_in, one.thing.shown(), one.engine)
        };
        plan(&scripts, chosen, &environment).things.iter().map(shown).collect()
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn what_a_recipe_removes_itself_is_followed() {
        let refresh = [
            "echo build",
            "docker build --network=host --no-cache \\\n\t--target smoke-test --tag app:refresh .",
            "docker create --name $NAME-refresh app:refresh",
            "docker cp app-refresh:/src/lock .",
            "docker rm app-refresh",
            "docker rmi app:refresh",
        ];
        let expected = [
            "1→5 image app:refresh [docker unix:///e.sock]",
            "2→4 container app-refresh [docker unix:///e.sock]",
        ];
        assert_eq!(planned(&refresh, None), expected);
        let on_podman = planned(&refresh, Some(Client::Podman));
        assert_eq!(on_podman[0], "1→5 image app:refresh [podman]");
        let file = [
            "cd x && docker create app > id",
            "docker rm `cat x/id`",
            "docker create a >i; docker rm $(cat i)",
        ];
        assert_eq!(planned(&file, None), ["2→2 container without a name by i [docker unix:///e.sock]"]);
        let volume =
            ["docker volume create v; docker network create n", "docker volume rm v; docker network rm n"];
        assert_eq!(planned(&volume, None).len(), 2);
        assert_eq!(planned(&["docker run --rm --name t app pytest"], None).len(), 1);
    }

    #[test]
    fn what_it_leaves_and_what_is_uncertain_is_not() {
        assert_eq!(planned(&["docker build -t app ."], None), NONE);
        assert_eq!(planned(&["docker run -d --rm --name t app"], None), NONE);
        assert_eq!(planned(&["sudo docker create --name c app", "sudo docker rm c"], None), NONE);
        assert_eq!(planned(&["docker create --name c app", "if x; then docker rm c; fi"], None), NONE);
        assert_eq!(planned(&["if x; then docker create --name c app; fi", "docker rm c"], None), NONE);
        let elsewhere = ["docker --tls -H tcp://h:1 create --name c app", "docker --tls -H tcp://h:1 rm c"];
        assert_eq!(planned(&elsewhere, None), ["0→1 container c [docker tcp://h:1]"]);
        let context = ["docker -c $(x) create --name c app", "docker -c $(x) rm c"];
        assert_eq!(planned(&context, None), NONE);
        assert_eq!(planned(&["docker compose up -d", "docker compose down"], None), NONE);
    }

    #[test]
    fn only_recipes_that_name_a_client_are_followed() {
        assert!(Watch::of(&[b"cc -c x.c".to_vec()]).is_none());
        assert!(Watch::of(&[b"cc -c x.c".to_vec(), b"docker ps".to_vec()]).is_some());
    }
}
