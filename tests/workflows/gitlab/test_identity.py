"""A job's own identity, executed: the token that GitLab makes out becomes a role, and the role hands the run on.

gitlab-ci-local makes out no token: here it is a variable. A stand-in answers as AWS does, with keys of a real S3.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from mlops_ci.publishing.parts import newest_parts
from mlops_ci.stores.open import open_store
from support.fixtures_servers import S3Endpoint
from support.gitlab_ci import Pipeline, make_bundle, make_consumer, run_pipeline
from support.project import CONFIG
from support.s3_places import BUCKET, make_bucket, use_credentials
from support.web_server import Reply, Request, WebServer, web_server

from .conftest import HOST, Site

ROLE = "arn:aws:iam::123456789012:role/hands-on"
TOKEN = f"identity-{secrets.token_hex(8)}"
INCLUDE = """\
include:
  - project: org/mlops-ci
    ref: v1
    file: ci/gitlab/train.yml
    inputs: {runner-gpu: [gpu], aws-role-handover: "%s"}
"""
ANSWER = """\
<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken></SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""
REFUSAL = """\
<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>InvalidIdentityToken</Code><Message>Incorrect token audience</Message></Error></ErrorResponse>"""


@pytest.fixture(scope="module")
def here(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site whose jobs hand a run on through its object store."""
    bundle = make_bundle(tmp_path_factory.mktemp("bundle") / "mlops-ci", profile="object-store")
    return Site(bundle=bundle, machine=site.machine)


@pytest.fixture
def sts(s3_server: S3Endpoint) -> Iterator[WebServer]:
    """Who knows this token gets keys; all others are refused."""
    keys = ANSWER.format(key=s3_server.access_key, secret=s3_server.secret_key)

    def answer(request: Request) -> Reply:
        asked = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        known = (asked.get("WebIdentityToken"), asked.get("RoleArn")) == (TOKEN, ROLE)
        return Reply(body=keys.encode()) if known else Reply(status=400, body=REFUSAL.encode())

    with web_server(answer) as server:
        yield server


def planned(site: Site, s3_server: S3Endpoint, sts: WebServer, folder: Path, token: str) -> tuple[Pipeline, str]:
    """The job `plan` with this token, and where it hands the run on."""
    store = f"s3://{BUCKET}/identity-{secrets.token_hex(4)}"
    make_bucket(s3_server)
    consumer = make_consumer(folder / "model", INCLUDE % ROLE, config=f'{CONFIG}\n[publish]\nstore = "{store}"\n')
    machine = {
        **site.machine,
        "AWS_ENDPOINT_URL_S3": s3_server.endpoint,
        "AWS_ENDPOINT_URL_STS": sts.url,
        "AWS_DEFAULT_REGION": s3_server.region,
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
    }
    variables = {"MLOPS_CI_HANDOVER_TOKEN": token}
    return run_pipeline(consumer, site.bundle, *HOST, "mlops-plan", variables=variables, machine=machine), store


def test_a_token_becomes_the_role_that_hands_the_run_on(
    here: Site, s3_server: S3Endpoint, sts: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, store = planned(here, s3_server, sts, tmp_path, TOKEN)
    assert done.jobs == {"mlops-plan": 0}, done.output[-6000:]
    assert sts.requests
    assert TOKEN not in done.output
    use_credentials(monkeypatch, s3_server)
    (part,) = newest_parts(
        open_store(store, endpoint=s3_server.endpoint), done.outputs("mlops-plan")["MLOPS_RESULT_RUN_ID"]
    )
    assert (part.job, part.file) == ("plan", "train")


def test_a_token_for_another_audience_is_refused_with_the_reason(
    here: Site, s3_server: S3Endpoint, sts: WebServer, tmp_path: Path
) -> None:
    done, _ = planned(here, s3_server, sts, tmp_path, "identity-for-others")
    assert done.jobs == {"mlops-plan": 3}, done.output[-6000:]
    assert "Incorrect token audience" in done.output
    assert "identity-for-others" not in done.output
