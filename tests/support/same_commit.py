"""One commit of the small project, run on Docker by whoever runs pipelines; each finds an image registry, an object
store and an MLflow that know nothing of the runs before it.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlflow import MlflowClient

from mlops_ci import pipeline
from mlops_ci.orchestrators.called import called_file
from mlops_ci.run.handover import pack
from mlops_ci.run.run import open_run
from support import act, gitlab_ci
from support.cli import Called, call
from support.fixtures_servers import S3Endpoint
from support.gitlab_ci import Pipeline
from support.project import CONFIG, TRAIN, make_project
from support.s3_places import BUCKET, empty, make_bucket
from support.signing import PASSWORD, Signer

SESSIONS = ("build", "verify", "train")
# Who lets a promotion through that waits for a person: an environment at GitHub.
REVIEWERS = "reviewers"
# What a repository adds to the example to use servers: variables and secrets of the organisation, one by one.
REGISTRY = "      registry: ${{ vars.IMAGE_REGISTRY }}\n"
BUNDLE = "      # Only where the server does not tell"
# The run that `publish.yml` goes on with; no person is asked.
TRAINED = "      run-id: ${{ vars.TRAINED }}\n"
APPROVAL = f"      approve-environment: {REVIEWERS}\n"
SERVERS = f"\n{REGISTRY}      settings: ${{{{ vars.MLOPS_CI_SETTINGS }}}}\n"
SECRETS = """\
    secrets:
      aws-access-key-id: ${{ secrets.AWS_ACCESS_KEY_ID }}
      aws-secret-access-key: ${{ secrets.AWS_SECRET_ACCESS_KEY }}
      cosign-private-key: ${{ secrets.COSIGN_PRIVATE_KEY }}
      cosign-password: ${{ secrets.COSIGN_PASSWORD }}
"""
# Who builds signs, and what is not signed does not run on the node that trains. The public key is in the repository.
SIGNING = """
[signing]
key = "env://COSIGN_PRIVATE_KEY"
public-key = "cosign.pub"
required = "verify"
models = "required"
"""
# What serves the model, on Python alone: of the image that trains nothing but its two lowest layers.
DEPLOY = """
[deploy]
entry = "serve.py:load"
example = "example.json"
"""
SERVE = '''"""The weight times each input."""
import struct
from pathlib import Path


def load(folder):
    (weight,) = struct.unpack("<d", (Path(folder) / "model.safetensors").read_bytes()[-8:])
    return lambda inputs: [weight * one for one in inputs]
'''
RECORDED = """
recorded = {"inputs": [1.0, 2.0], "outputs": [state["weight"], 2 * state["weight"]]}
with open(os.path.join(os.environ["MLOPS_OUTPUT_DIR"], "example.json"), "w") as file:
    json.dump(recorded, file)
"""
# Two trainings, the better of which goes on.
SWEEP = """
[sweep]
values = {rate = [0.3, 0.4]}
metric = "closeness"
"""


@dataclass(frozen=True)
class Site:
    """Servers, what a machine that runs jobs has in its environment, and a repository in `folder`."""

    folder: Path
    machine: Mapping[str, str]
    registry: str
    s3: S3Endpoint
    mlflow: str
    signer: Signer
    name: str = field(default_factory=lambda: f"equal-{secrets.token_hex(4)}")

    @property
    def key(self) -> dict[str, str]:
        """The secrets of who signs."""
        return {"COSIGN_PRIVATE_KEY": self.signer.private.read_text(), "COSIGN_PASSWORD": PASSWORD}

    def prepare(self) -> None:
        """Make the repository, with the examples for both CI systems and nothing that names a server."""
        config = CONFIG.replace("seconds = 3.0", "seconds = 0.1").replace('name = "mean"', f'name = "{self.name}"')
        config += '\n[verify]\nlevel = "static"\n'
        files = {
            "cosign.pub": self.signer.public.read_text(),
            "serve.py": SERVE,
            "train.py": TRAIN + RECORDED,
            ".github/workflows/train.yml": act.EXAMPLE.read_text().rstrip() + SERVERS + APPROVAL + SECRETS + act.AFTER,
            ".github/workflows/publish.yml": publishing() + act.AFTER,
            ".github/workflows/rescan.yml": act.RESCAN.read_text().replace(BUNDLE, REGISTRY + BUNDLE) + act.AFTER,
            ".gitlab-ci.yml": gitlab_ci.EXAMPLE.read_text(),
        }
        make_project(self.folder / "origin", config=config + SIGNING + SWEEP + DEPLOY, files=files)
        make_bucket(self.s3)

    def clone(self, who: str, host: str) -> Path:
        """The commit, as `who` checks it out from there."""
        folder, remote = self.folder / who, f"https://{host}/{self.images(who)}.git"
        subprocess.run(["git", "clone", "-q", str(self.folder / "origin"), str(folder)], check=True)
        subprocess.run(["git", "-C", str(folder), "remote", "set-url", "origin", remote], check=True)
        return folder

    def fresh(self, who: str) -> dict[str, str]:
        """Settings by which a run takes an empty place in the store; MLflow has forgotten the runs before."""
        client = MlflowClient(tracking_uri=self.mlflow)
        for model in client.search_registered_models(f"name = '{self.name}'"):
            client.delete_registered_model(model.name)
        if experiment := client.get_experiment_by_name(self.name):
            client.rename_experiment(experiment.experiment_id, f"{self.name}-before-{who}")
        return {
            "publish.store": self.store(who),
            "publish.endpoint": self.s3.endpoint,
            "tracking.uri": self.mlflow,
        }

    def as_by_hand(self) -> dict[str, str]:
        """The same for who runs the sessions, and for whoever goes on with that run."""
        return {**self.fresh("nox"), "image.registry": f"{self.registry}/{self.images('nox')}"}

    def store(self, who: str) -> str:
        """The address of that place."""
        return f"s3://{BUCKET}/{self.name}/{who}"

    def images(self, who: str) -> str:
        """The repository's path, and in the registry one that nobody has pushed to."""
        return f"{self.name}/{who}"


def publishing() -> str:
    """The example, publishing what another run has trained; with the mode of one who names none."""
    text = act.calling("publish").replace(act.MODE, "      mode: ''\n")
    return text.rstrip() + SERVERS + TRAINED + SECRETS


def by_sessions(site: Site) -> tuple[Called, Path]:
    """The three sessions of nox, one after the other as it calls them."""
    project = site.clone("nox", "git.example.invalid")
    settings = site.as_by_hand()
    environment = {
        **site.machine,
        **site.s3.environment,
        **site.key,
        "MLOPS_CI_ENGINE": "docker",
        **as_variables(settings),
    }
    for session in SESSIONS:
        done = call(project, "run", *pipeline.session_stages(session), environment=environment)
        if done.exit_code:
            break
    return done, project


def by_act(site: Site, program: Path, bundle: Path) -> act.Acted:
    """GitHub's workflow, at a site where a person lets each promotion through."""
    consumer = site.clone("github", "github.com")
    settings = {**site.fresh("github"), "publish.approval": "true"}
    return act.act(
        program,
        consumer,
        bundle,
        site.folder / "act",
        environment={**site.machine, "AWS_DEFAULT_REGION": site.s3.region},
        variables={
            "IMAGE_REGISTRY": site.registry,
            "MLOPS_CI_SETTINGS": "\n".join(f"{key}={value}" for key, value in settings.items()),
        },
        secrets={"AWS_ACCESS_KEY_ID": site.s3.access_key, "AWS_SECRET_ACCESS_KEY": site.s3.secret_key, **site.key},
    )


def published(site: Site, program: Path, bundle: Path) -> act.Acted:
    """What the sessions of nox have trained and judged, handed on as artifacts and published by GitHub's `publish.yml`.

    The store has forgotten what they published themselves.
    """
    run = open_run(site.folder / "nox" / ".mlops" / "runs", "latest")
    folder = site.folder / "published"
    for job in called_file("train").jobs:
        if not {"publish", "promote", "deploy", "report"} & set(job.stages):
            target = folder / "artifacts" / f"mlops-train-{job.name}-1"
            pack(run, job=job.name, attempt=1, stages=job.stages, target=target, file="train")
    settings = site.as_by_hand()
    empty(site.s3, site.store("nox"))
    return act.act(
        program,
        site.folder / "github",
        bundle,
        folder,
        environment={**site.machine, "AWS_DEFAULT_REGION": site.s3.region},
        variables={
            "TRAINED": run.id,
            "MLOPS_CI_SETTINGS": "\n".join(f"{key}={value}" for key, value in settings.items()),
        },
        secrets={"AWS_ACCESS_KEY_ID": site.s3.access_key, "AWS_SECRET_ACCESS_KEY": site.s3.secret_key, **site.key},
        workflow="publish.yml",
        attempt=2,
    )


def rescanned(site: Site, program: Path, bundle: Path) -> act.Acted:
    """GitHub's schedule of the next day, in the clone whose workflow has built the images."""
    return act.act(
        program,
        site.folder / "github",
        bundle,
        site.folder / "next-day",
        event="schedule",
        environment=site.machine,
        variables={"IMAGE_REGISTRY": site.registry},
        workflow="rescan.yml",
    )


def by_gitlab(site: Site, bundle: Path) -> Pipeline:
    """GitLab's pipeline, with variables of the project."""
    consumer = gitlab_ci.keep_out(site.clone("gitlab", gitlab_ci.HOST))
    variables = {
        **as_variables(site.fresh("gitlab")),
        **site.s3.environment,
        **site.key,
        "CI_REGISTRY_IMAGE": f"{site.registry}/{site.images('gitlab')}",
        "CI_REGISTRY_USER": "",
        "CI_REGISTRY_PASSWORD": "",
    }
    machine = {**site.machine, "MLOPS_CI_ENVIRONMENT": sys.prefix}
    return gitlab_ci.run_pipeline(consumer, bundle, variables=variables, machine=machine)


def as_variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings as the environment has them."""
    return {f"MLOPS_CI_{key.upper().replace('.', '__')}": value for key, value in settings.items()}
