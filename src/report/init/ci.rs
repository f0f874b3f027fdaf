//! CI files that run goals: a workflow of GitHub, a pipeline of GitLab. Knows nothing of makefiles.

/// The variable that says where imk comes from, with its comment, each line indented so far. imk is in no registry: where its manifest
/// names a repository, that is it, else whoever runs it has to say.
fn source(indent: &str) -> String {
    let value = repository().map(|url| format!("--git {url}")).unwrap_or_default();
    format!(
        "{indent}# What `cargo install` is told to find imk: `--git URL` of its repository, or `--path FOLDER` of a checkout.\n\
         {indent}IMK_SOURCE: {}\n",
        quoted(&value)
    )
}

/// How imk gets onto the machine.
const INSTALL: &str = "cargo install --locked ${IMK_SOURCE:?says what cargo install is told}";

/// The repository that imk's manifest names.
fn repository() -> Option<&'static str> {
    option_env!("CARGO_PKG_REPOSITORY").filter(|url| !url.is_empty())
}

/// Whether the files have to be told where imk comes from.
pub fn asks_for_source() -> bool {
    repository().is_none()
}

/// A scalar that YAML reads as this very text (YAML 1.2, "Single-Quoted Style").
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A word for a shell, quoted where it needs to be.
fn word(goal: &str) -> String {
    let mut out = Vec::new();
    crate::image::block::words::quote_to(goal.as_bytes(), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// `.github/workflows/imk.yml`: one step a goal, so that each has its own log and time.
pub fn github(goals: &[String]) -> String {
    let mut out = format!(
        "# Written by imk --init=github, and yours from now on.\nname: imk\non: [push, pull_request]\npermissions:\n  contents: read\n\
         env:\n{}jobs:\n  imk:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - name: Install imk\n        \
         run: {INSTALL}\n",
        source("  ")
    );
    for goal in goals {
        out.push_str(&format!(
            "      - name: {}\n        run: {}\n",
            quoted(goal),
            quoted(&format!("imk {}", word(goal)))
        ));
    }
    out
}

/// `.gitlab-ci.yml`: one job a goal. Each has an engine of its own beside it.
pub fn gitlab(goals: &[String]) -> String {
    let mut out = format!(
        "# Written by imk --init=gitlab, and yours from now on.\n.imk:\n  image: rust:1-trixie\n  services:\n    - docker:dind\n  variables:\n    \
         DOCKER_HOST: tcp://docker:2376\n    DOCKER_TLS_CERTDIR: /certs\n    DOCKER_CERT_PATH: /certs/client\n    DOCKER_TLS_VERIFY: '1'\n\
         {}  before_script:\n    - apt-get update -qq && apt-get install -y -qq --no-install-recommends docker-cli docker-buildx\n    - {}\n",
        source("    "),
        quoted(INSTALL)
    );
    for goal in goals {
        out.push_str(&format!(
            "\n{}:\n  extends: .imk\n  script:\n    - {}\n",
            quoted(goal),
            quoted(&format!("imk {}", word(goal)))
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_with_odd_names_stay_text() {
        assert!(
            source("").lines().count() == 2 && asks_for_source() == source("").ends_with("IMK_SOURCE: ''\n")
        );
        let text = github(&["it's: a #goal".to_owned()]);
        assert!(
            text.contains("- name: 'it''s: a #goal'\n        run: 'imk ''it''\\''''s: a #goal'''\n"),
            "{text}"
        );
    }
}
