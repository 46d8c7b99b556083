"""The composite action that installs the very checkout it lies in."""

from __future__ import annotations

from mlops_ci.orchestrators.github.frame import MARK
from mlops_ci.orchestrators.yaml_text import comment, item, pair, section

PATH = ".github/actions/setup/action.yml"


def setup_action() -> str:
    """The text of `action.yml`; what it does stands in `setup.py` beside it."""
    step = [
        *pair("name", "Install"),
        "id: setup",
        "shell: bash",
        *section("env", ["MLOPS_CI_SETUP_REF: ${{ inputs.ref }}", "MLOPS_CI_SETUP_PYTHON: ${{ inputs.python }}"]),
        *pair("run", '"${MLOPS_CI_SETUP_PYTHON:-python3}" "$GITHUB_ACTION_PATH/setup.py"'),
    ]
    lines = [
        *comment(MARK),
        "",
        "name: Set up mlops-ci",
        "description: Puts the command mlops-ci of this very checkout on PATH, with its hash-pinned requirements.",
        *section(
            "inputs",
            [
                *section(
                    "ref",
                    [
                        *pair("description", "the commit that was asked for; a full one must be the one checked out"),
                        *pair("default", ""),
                    ],
                ),
                *section(
                    "python",
                    [*pair("description", "a Python 3.11 or newer; empty: found on PATH"), *pair("default", "")],
                ),
            ],
        ),
        *section(
            "outputs",
            section(
                "python",
                [
                    *pair("description", "the interpreter that runs mlops-ci"),
                    *pair("value", "${{ steps.setup.outputs.python }}"),
                ],
            ),
        ),
        *section("runs", ["using: composite", *section("steps", item(step))]),
    ]
    return "\n".join(lines) + "\n"
