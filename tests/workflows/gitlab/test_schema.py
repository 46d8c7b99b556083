"""All files of all profiles against GitLab's own schema: their headers, and the pipelines that they become."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mlops_ci.commands.render import gitlab
from mlops_ci.orchestrators.decay import all_files
from mlops_ci.orchestrators.gitlab.profile import load_profile, profile_names
from support.fixtures_testbed import found_or_skip
from support.gitlab_ci import expand, make_bundle, make_consumer
from support.testbed import tools

FILES = [file.name for file in all_files()]
REQUIRED = {"publish": "    inputs: {run-from: mlops-}\n"}


def includes(kind: str) -> str:
    """All files in one pipeline; each has a prefix of its own."""
    entries = [
        f"  - project: org/mlops-ci\n    ref: v1\n    file: ci/gitlab/{name}.yml\n"
        if kind == "file"
        else f"  - component: $CI_SERVER_FQDN/org/mlops-ci/{name}@v1\n"
        for name in FILES
    ]
    return "include:\n" + "".join(entry + REQUIRED.get(name, "") for name, entry in zip(FILES, entries, strict=True))


# This one with a login for the vulnerability database besides.
SITE = 'extends = "no-registry"\ndatabase = "job"\n'


def check(*paths: Path) -> None:
    command = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", "vendor.gitlab-ci"]
    done = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("profile", "kind"), [("default", "component"), *((profile, "file") for profile in profile_names())]
)
def test_the_pipeline_is_valid(tmp_path: Path, gitlab_ci_local: None, profile: str, kind: str) -> None:
    site = tmp_path / "site.toml"
    site.write_text(SITE)
    bundle = make_bundle(tmp_path / "bundle", profile=str(site) if profile == "no-registry" else profile)
    expanded = tmp_path / "expanded.yml"
    expanded.write_text(expand(make_consumer(tmp_path / "model", includes(kind)), bundle))
    jobs = YAML(typ="safe", pure=True).load(expanded.read_text())
    assert {f"mlops-{name}-plan" for name in FILES if name not in ("train", "decay", "rescan", "rollback")} < set(jobs)
    assert {"mlops-decay-evaluate", "mlops-rescan-rescan", "mlops-rollback-rollback"} < set(jobs)
    fetching = {name for name in jobs if name.endswith("-database")}
    assert ("mlops-rescan-database" in fetching) == bool(fetching) == (profile == "no-registry")
    check(expanded)
    if (profile, kind) == ("default", "file"):
        expanded.write_text(expanded.read_text().replace("max: 2", "max: 7", 1))
        with pytest.raises(AssertionError, match="retry"):
            check(expanded)


def test_the_scripts_are_clean(tmp_path: Path, gitlab_bundle: Path) -> None:
    tool = found_or_skip(tools.find("gitlab-ci-verify"), "gitlab-ci-verify")
    # The single quotes keep the job's token out of the arguments: they are meant.
    command = [str(tool), "--no-lint-api", "--exclude", "SC-2016"]
    consumer = make_consumer(tmp_path / "model", includes("file"))
    text = expand(consumer, gitlab_bundle)
    for tampered in (text, text.replace("- mkdir -p .mlops/gitlab", "- mkdir -p $UNQUOTED", 1)):
        (consumer / ".gitlab-ci.yml").write_text(tampered)
        done = subprocess.run(command, cwd=consumer, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode == 0) == (tampered == text), done.stdout + done.stderr
    assert "SC-2086" in done.stdout


@pytest.mark.parametrize("profile", profile_names())
def test_the_headers_are_valid(tmp_path: Path, profile: str) -> None:
    gitlab(profile, tmp_path, check=False)
    reader = YAML(typ="safe", pure=True)
    headers = []
    for path in sorted(tmp_path.glob("*/**/*.yml")):
        header = next(iter(reader.load_all(path.read_text())))
        headers.append(tmp_path / f"{path.parent.name}-{path.name}")
        text = io.StringIO()
        YAML().dump(header, text)
        headers[-1].write_text(text.getvalue())
    assert len(headers) == len(FILES) * (2 if load_profile(profile).components else 1)
    check(*headers)
