"""Runs the steps of a composite action as a runner of GitHub would: expressions of inputs and outputs replaced, scripts run by bash.
Steps that use other actions are passed over.

    action.py ACTION-FOLDER NAME=VALUE...
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from ruamel.yaml import YAML


def main(folder, given):
    action = YAML(typ="safe").load(pathlib.Path(folder, "action.yml"))
    values = {f"inputs.{name}": field.get("default", "") for name, field in action["inputs"].items()}
    values |= {f"inputs.{name}": value for name, value in given.items()}

    def filled(text):
        return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda match: values[match[1]], text)

    for step in action["runs"]["steps"]:
        if "run" not in step:
            continue
        assert step["shell"] == "bash", step
        with tempfile.NamedTemporaryFile() as output:
            own = {name: filled(value) for name, value in step.get("env", {}).items()}
            surroundings = os.environ | own | {"GITHUB_ACTION_PATH": os.path.abspath(folder), "GITHUB_OUTPUT": output.name}
            command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", filled(step["run"])]
            subprocess.run(command, env=surroundings, cwd=filled(step.get("working-directory", ".")), check=True)
            for line in pathlib.Path(output.name).read_text().splitlines():
                name, value = line.split("=", 1)
                values[f"steps.{step['id']}.outputs.{name}"] = value


if __name__ == "__main__":
    main(sys.argv[1], dict(word.split("=", 1) for word in sys.argv[2:]))
