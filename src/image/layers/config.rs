//! A saved image's configuration and its list of layers, from JSON. Knows nothing of layers' content.

use super::fault::Fault;
use serde_json::Value;

/// The parts of an image's configuration that say what it runs and how it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `USER`; empty for root.
    pub user: String,
    /// `ENTRYPOINT`
    pub entrypoint: Vec<String>,
    /// `CMD`
    pub command: Vec<String>,
    /// `WORKDIR`
    pub working_directory: String,
    /// `ENV`, each `NAME=value`.
    pub environment: Vec<String>,
    /// When it was made, as it is written (RFC 3339); empty where it is not told.
    pub created: String,
    /// Digests of the layers' plain archives, lowest first.
    pub diff_ids: Vec<String>,
    /// The steps it was made by; empty where it does not tell.
    pub history: Vec<Step>,
}

/// A step of an image's history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The instruction, as the builder writes it down.
    pub created_by: String,
    /// When it was run, as it is written (RFC 3339).
    pub created: String,
    /// Whether it made no layer.
    pub empty: bool,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Config {
    /// Reads a configuration (OCI image specification, "Image Configuration").
    ///
    /// # Errors
    /// An image for Windows, and a configuration without layers.
    pub(super) fn read(name: &str, value: &Value) -> Result<Config, Fault> {
        if value["os"].as_str().is_some_and(|os| os.eq_ignore_ascii_case("windows")) {
            return Err(Fault::Windows);
        }
        let rootfs = &value["rootfs"]["diff_ids"];
        if !rootfs.is_array() {
            return Err(Fault::Senseless(name.to_owned(), "rootfs.diff_ids"));
        }
        let config = &value["config"];
        let step = |step: &Value| Step {
            created_by: text(&step["created_by"]),
            created: text(&step["created"]),
            empty: step["empty_layer"].as_bool() == Some(true),
        };
        Ok(Config {
            user: text(&config["User"]),
            entrypoint: texts(&config["Entrypoint"]),
            command: texts(&config["Cmd"]),
            working_directory: text(&config["WorkingDir"]),
            environment: texts(&config["Env"]),
            created: text(&value["created"]),
            diff_ids: texts(rootfs),
            history: value["history"].as_array().into_iter().flatten().map(step).collect(),
        })
    }

    /// Index in the history of each layer's step, lowest layer first; nothing where the history does not tell of each layer.
    pub fn steps_of_layers(&self) -> Option<Vec<usize>> {
        let steps: Vec<usize> =
            self.history.iter().enumerate().filter(|(_, step)| !step.empty).map(|(at, _)| at).collect();
        (steps.len() == self.diff_ids.len()).then_some(steps)
    }

    /// The value of a variable of the environment.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let own = self.environment.iter().filter_map(|entry| entry.split_once('='));
        own.into_iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }
}
