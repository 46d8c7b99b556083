"""The same commit by nox, GitHub Actions and GitLab CI, on Docker, with a registry, an object store and MLflow.

Each of the three ends green with all records; and the records are equal but for what their schema marks as volatile.
The two CI systems hand the run on through the object store; other tests do so by artifacts. At GitHub a person approves
before the champion moves; everywhere the new champion is served by an image. What nox has trained another of GitHub's
files publishes, by artifacts and without an approval.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from mlops_ci import pipeline
from mlops_ci.publishing.gather import gather
from mlops_ci.publishing.parts import newest_parts
from mlops_ci.publishing.verify import verify
from mlops_ci.records.codec import from_json
from mlops_ci.records.lasting import lasting
from mlops_ci.records.record import Record
from mlops_ci.registry.client import Registry
from mlops_ci.run.handover import Handover
from mlops_ci.stores.open import open_store
from support import act, gitlab_ci, signing
from support.act import Acted
from support.cli import records
from support.fixtures_servers import S3Endpoint
from support.gitlab_ci import Pipeline
from support.oci_server import OciServer
from support.s3_places import use_credentials
from support.same_commit import REVIEWERS, Site, by_act, by_gitlab, by_sessions, published, rescanned

Records = dict[str, dict[str, Any]]
BY_STORE = "object-store"
JOBS = ("plan", "build", "scan", "prepare", "train", "evaluate", "publish", "promote")
CHECKS = dict.fromkeys(("health", "predict", "refuse", "metrics", "stop"), "PASS")


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    shared_cache: Path,
    database: OciServer,
    docker_host: str,
    base_image: str,
    image_registry: str,
    s3_server: S3Endpoint,
    mlflow_server: str,
) -> Site:
    """Real servers, and machines with Docker."""
    machine = {
        "MLOPS_CI_CACHE": str(shared_cache),
        "MLOPS_CI_MIRRORS__TRIVY_DB": database.trivy_repository,
        "MLOPS_CI_MIRRORS__IMAGES": f'{{"debian:bookworm-slim" = "{base_image}"}}',
        "DOCKER_HOST": docker_host,
    }
    folder = tmp_path_factory.mktemp("same")
    made = Site(
        folder=folder,
        machine=machine,
        registry=image_registry,
        s3=s3_server,
        mlflow=mlflow_server,
        signer=signing.signer(folder / "signer"),
    )
    made.prepare()
    return made


@pytest.fixture(scope="module")
def by_nox(site: Site) -> Records:
    """What the sessions of nox left."""
    done, project = by_sessions(site)
    assert done.exit_code == 0, done.said[-8000:]
    found = records(project)
    assert served(site, "nox", found) == known_to_serve(site)
    return found


@pytest.fixture(scope="module")
def by_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle whose jobs hand the run on through the object store."""
    return act.make_bundle(tmp_path_factory.mktemp("store") / act.BUNDLE, profile=BY_STORE)


@pytest.fixture(scope="module")
def github(site: Site, by_nox: Records, program: Path, by_store: Path) -> Acted:
    """The workflow, which begins when nox has ended."""
    return by_act(site, program, by_store)


@pytest.fixture(scope="module")
def by_workflow(site: Site, github: Acted, tmp_path_factory: pytest.TempPathFactory) -> Records:
    """What all of its jobs left, those after the approval too: as a person fetches it from the store."""
    assert github.exit_code == 0, github.log[-8000:]
    with pytest.MonkeyPatch.context() as patch:
        use_credentials(patch, site.s3)
        store = open_store(site.store("github"), endpoint=site.s3.endpoint)
        run = gather(store, github.outputs["run-id"], tmp_path_factory.mktemp("fetched"), light=True).run
    return {path.stem: json.loads(path.read_text()) for path in run.path("records").glob("*.json")}


@pytest.fixture(scope="module")
def gitlab(site: Site, github: Acted, gitlab_ci_local: None, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The pipeline, which begins when the workflow has ended."""
    bundle = gitlab_ci.make_bundle(tmp_path_factory.mktemp("store") / "mlops-ci", profile=BY_STORE)
    return by_gitlab(site, bundle)


def in_the_store(site: Site, who: str, run: str) -> list[Handover]:
    """What the jobs of a run handed on there."""
    store = open_store(site.store(who), endpoint=site.s3.endpoint)
    return sorted(newest_parts(store, run), key=lambda one: min(map(pipeline.NAMES.index, one.stages)))


def what_lasts(found: Records) -> Records:
    return {name: lasting(from_json(Record, one)) for name, one in found.items()}


def signed(site: Site, found: Records, said: str) -> bool:
    """Everything that was built was signed, and ran because it was; nothing of the key was said."""
    whose = f"key {site.signer.key.public.id}"
    build = found["build"]["outputs"]
    assert build["signing"]["by"] == whose
    assert set(build["signing"]["images"]) == set(build["images"])
    assert build["signing"]["images"][build["top"]]["what"] == ["image", "provenance", "sbom"]
    assert {found[stage]["outputs"]["signed_by"] for stage in ("verify", "train")} == {whose}
    secrets = [line for text in site.key.values() for line in text.splitlines() if not line.startswith("-----")]
    assert not [one for one in secrets if one in said or one in json.dumps(found)]
    return True


def served(site: Site, who: str, found: Records) -> str:
    """The image that serves the champion: tested, scanned, signed, and in the registry under its names."""
    deploy, key = found["deploy"]["outputs"], f"key {site.signer.key.public.id}"
    assert {one["id"]: one["status"] for one in deploy["smoke"]} == CHECKS
    assert (deploy["version"], deploy["scan"]["verdict"], deploy["signed_by"]) == ("1", "passed", key)
    image, place = deploy["image"], f"{site.registry}/{site.images(who)}/"
    repository, _, digest = image["pinned"].partition("@")
    assert (repository.startswith(place), digest) == (True, image["digest"])
    assert image["tags"] == [f"{repository}:v1", f"{repository}:current"]
    assert [Registry().head(name) for name in image["tags"]] == [digest] * 2
    return str(image["pinned"])


def known_to_serve(site: Site) -> str:
    """What the model registry says of the champion: the image that serves it."""
    champion = MlflowClient(tracking_uri=site.mlflow).get_model_version_by_alias(site.name, "champion")
    assert str(champion.version) == "1"
    return str(champion.tags["mlops.serving_image"])


def promoted_by(provider: str, found: Records, *, approved_by: str | None = None) -> bool:
    """A whole run in containers whose model, the first of its name, became the champion."""
    assert {name: one["status"] for name, one in found.items()} == dict.fromkeys(pipeline.NAMES, "passed")
    assert {(one["provider"], one["engine"]) for one in found.values()} == {(provider, "docker")}
    assert found["scan"]["outputs"]["verdict"] == "passed"
    assert found["scan"]["outputs"]["db"]["digest"]
    # The better of two trials goes on, and who publishes it signs it.
    assert (found["train"]["outputs"]["sweep"]["best"], found["evaluate"]["outputs"]["verdict"]) == (2, "promote")
    assert found["publish"]["outputs"]["signature"].startswith("key ")
    moved = {"alias": "champion", "from": None, "to": "1", "approved_by": approved_by}
    return bool(found["promote"]["outputs"] == moved)


def test_a_workflow_ends_green_with_all_records(
    site: Site, github: Acted, by_workflow: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, outputs = by_workflow, github.outputs
    assert promoted_by("github", found, approved_by=REVIEWERS)
    assert (outputs["result"], outputs["exit-code"], outputs["trusted"]) == ("passed", "0", "true")
    assert (outputs["model-version"], outputs["promoted"]) == ("1", "true")
    facts = json.loads(outputs["result-json"])
    assert facts["run"] == outputs["run-id"] == found["plan"]["run"]
    assert json.loads(outputs["images"]) == facts["images"]
    # act does not wait for a person either: the approval is there when the jobs are counted, its deployment is not.
    assert (facts["promoted"], facts["jobs"]["deploy"], facts["deployed"]) == (True, "left out", None)
    assert outputs["deployed"] == served(site, "github", found) == known_to_serve(site)
    assert (github.artifacts / outputs["report"] / facts["run"] / "report" / "index.html").is_file()

    image = found["build"]["outputs"]["images"][found["build"]["outputs"]["top"]]
    assert image["ref"].startswith(f"{site.registry}/{site.images('github')}/")
    manifest = found["publish"]["outputs"]["manifest"]
    use_credentials(monkeypatch, site.s3)
    assert verify(open_store(manifest["store"], endpoint=site.s3.endpoint), manifest["key"]) == []
    assert site.s3.secret_key not in github.log
    assert signed(site, found, github.log)

    parts = in_the_store(site, "github", facts["run"])
    assert {one.job for one in parts} == {*JOBS, "approve", "deploy-approved", "result"}
    assert {one.attempt for one in parts} == {1}
    # By artifacts goes the page, and what those read that have no identity at the store: nothing large.
    pages = {f"report-mlops-train-{job}1" for job in ("", "approve-", "deploy-approved-")}
    assert {path.name for path in github.artifacts.iterdir()} == {"mlops-train-result-1", *pages}
    (page,) = github.artifacts.glob("report-mlops-train-deploy-approved-1/*/report/index.html")
    assert outputs["deployed"] in page.read_text()
    assert not list(github.artifacts.rglob("*.safetensors"))
    for reads, job in ((True, "publish"), (False, "promote"), (False, "result")):
        said = "\n".join(line for line in github.log.splitlines() if f"/{job}]" in line or f"/{job} " in line)
        assert ("left in the store" in said) != reads, job
    assert not [path for path in github.artifacts.rglob("*.json") if site.s3.secret_key in path.read_text()]


def test_the_next_day_its_images_are_held_against_the_database(
    site: Site, github: Acted, program: Path, by_store: Path
) -> None:
    done = rescanned(site, program, by_store)
    assert done.exit_code == 0, done.log[-8000:]
    assert (done.result, done.outputs["result"], done.outputs["exit-code"]) == ("success", "passed", "0")
    (scanned,) = (
        one["why"] for one in github.records()["scan"]["outputs"]["parts"] if one["name"] == "vulnerabilities"
    )
    (summary,) = done.artifacts.glob(f"{done.outputs['report']}/**/summary.md")
    assert scanned.partition(" judged by")[0] in summary.read_text(), "all packages of the image that was built"
    (page,) = done.artifacts.glob(f"{done.outputs['report']}/**/scan.sarif")
    assert done.alerts == {"mlops-ci": json.loads(page.read_text())}


def test_what_another_has_trained_is_published_promoted_and_served_without_a_person(
    site: Site, by_nox: Records, by_workflow: Records, program: Path, bundle: Path
) -> None:
    """In jobs of `publish.yml`, by artifacts; the job that deploys begins as soon as the champion has moved."""
    done = published(site, program, bundle)
    assert done.exit_code == 0, done.log[-8000:]
    found, outputs = done.records(), done.outputs
    assert outputs["run-id"] == by_nox["plan"]["run"] != by_workflow["plan"]["run"]
    assert (outputs["result"], outputs["model-version"], outputs["promoted"]) == ("passed", "1", "true")
    facts = json.loads(outputs["result-json"])
    assert facts["jobs"] == dict.fromkeys(("plan", "publish", "promote", "deploy"), "passed")
    assert done.jobs == {**dict.fromkeys(JOBS, 1), **dict.fromkeys((*facts["jobs"], "result"), 2)}
    assert outputs["deployed"] == facts["deployed"] == served(site, "nox", found) == known_to_serve(site)
    assert found["promote"]["outputs"]["approved_by"] is None
    # It did all of this anew.
    before = {name: by_nox[name]["finished_at"] for name in ("publish", "promote", "deploy")}
    assert all(found[name]["started_at"] > at for name, at in before.items())
    assert {found[name]["provider"] for name in before} == {"github"}
    assert found["evaluate"] == by_nox["evaluate"]
    (page,) = done.artifacts.glob(f"{outputs['report']}/*/report/index.html")
    assert outputs["deployed"] in page.read_text()


def test_a_pipeline_ends_green_with_all_records(site: Site, gitlab: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gitlab.exit_code == 0, gitlab.output[-8000:]
    assert promoted_by("gitlab", gitlab.records())
    said = gitlab.outputs("mlops-result")["MLOPS_RESULT_DEPLOYED"]
    assert said == served(site, "gitlab", gitlab.records()) == known_to_serve(site)
    assert signed(site, gitlab.records(), gitlab.output)
    assert gitlab.outputs("mlops-result")["MLOPS_RESULT_RESULT"] == "passed"
    assert site.s3.secret_key not in gitlab.output

    use_credentials(monkeypatch, site.s3)
    parts = in_the_store(site, "gitlab", gitlab.outputs("mlops-plan")["MLOPS_RESULT_RUN_ID"])
    assert {one.job for one in parts} == {*JOBS, "deploy"}
    assert not list(gitlab.state.glob("artifacts/*/.mlops/handover"))
    assert "left in the store" in gitlab.log("mlops-result")
    assert "left in the store" not in gitlab.log("mlops-publish")


def test_their_records_are_equal_but_for_what_is_marked(
    site: Site, by_nox: Records, by_workflow: Records, gitlab: Pipeline
) -> None:
    assert promoted_by("local", by_nox)
    all_three = (by_nox, by_workflow, gitlab.records())
    # There it waited first, and was asked again when a person had approved.
    assert by_workflow["promote"]["attempt"] == 2
    at_once = {**by_workflow, "promote": {**by_workflow["promote"], "attempt": 1}}
    assert what_lasts(at_once) == what_lasts(by_nox)
    assert what_lasts(gitlab.records()) == what_lasts(by_nox)
    # No machine, provider or server is among what a training is made from.
    for stage in ("build", "check", "prepare", "train", "evaluate"):
        assert len({found[stage]["fingerprint"] for found in all_three}) == 1
    assert len({found["plan"]["run"] for found in all_three}) == 3


@pytest.mark.parametrize(
    ("stage", "path", "value"),
    [
        ("build", ("images", "python", "content_key"), "0" * 64),
        ("train", ("metrics", "closeness"), 0.99977605),
        ("train", ("model", 0, "sha256"), "0" * 64),
        ("prepare", ("data_digest",), "0" * 64),
        ("evaluate", ("gates", 1, "verdict"), "fail"),
        ("scan", ("findings",), {}),
    ],
)
def test_a_difference_would_be_found(by_nox: Records, stage: str, path: tuple[str | int, ...], value: Any) -> None:
    other = copy.deepcopy(by_nox)
    place = other[stage]["outputs"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert what_lasts(other) != what_lasts(by_nox)
