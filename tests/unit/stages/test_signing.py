"""What build signs, and what it says when it cannot; what may run, and what is refused."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from mlops_ci.errors import MlopsError
from mlops_ci.images.lookup import ImageFacts
from mlops_ci.images.plan import LayerPlan
from mlops_ci.records.build import BuildOutputs, BuiltImage
from mlops_ci.run.handover import selected
from mlops_ci.run.run import Lineage, Run, RunInfo
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.governance import Governance
from mlops_ci.signing import bundle, sealed, statement
from mlops_ci.signing.errors import SignatureUncheckedError, SigningKeyError, UnsignedImageError
from mlops_ci.signing.keys import generate
from mlops_ci.stages import signed, signed_files, signing
from mlops_ci.stages.signers import KeySigner, signer
from support.report_outputs import info
from support.signing import console, made

KEY, OTHER = generate(), generate()
ID, BASE = f"sha256:{'1' * 64}", f"sha256:{'0' * 64}"
PASSWORD = "the password"


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setitem(sealed.COST, "N", 1024)


def plan(name, parent=None, action="build"):
    document = {
        "schema": "mlops-ci/content-key/2",
        "builder": 1,
        "engine": "docker",
        "layer": name,
        "platform": "linux/amd64",
        "dockerfile": "d" * 64,
        "args": {"PERIOD": "2026-11"} if parent is None else {},
        "files": [{"path": "requirements.lock", "sha256": "f" * 64}, {"path": "link", "link": "there"}],
        **({"base": {"name": "debian:bookworm-slim", "digest": BASE}} if parent is None else {}),
    }
    return LayerPlan(
        name=name,
        ref=f"mlops-ci/{name}:c-1",
        content_key=name[0] * 64,
        document=document,
        parent=parent,
        action=action,
        why="",
    )


def image(name, *, built=True, digest=ID):
    return BuiltImage(
        ref=f"mlops-ci/{name}:c-1", digest=digest, content_key=name[0] * 64, built=built, bytes=1, seconds=2.0
    )


IMAGES = {"base": image("base"), "train": image("train")}


@pytest.fixture
def session(tmp_path):
    """What these functions use of one: an engine without a registry, and a key in the environment."""
    return make(tmp_path, {"KEY": KEY.sealed(PASSWORD.encode()), "COSIGN_PASSWORD": PASSWORD}, key="env://KEY")


def make(root, environ, *, engine="docker", registry=None, **settings):
    workspace = Workspace(root=root)
    workspace.prepare()
    folder = workspace.runs / "20261122-031509-4fe1c2"
    folder.mkdir(parents=True, exist_ok=True)
    plans = (plan("base"), plan("train", parent="base"))
    return SimpleNamespace(
        settings=made(root, registry=registry, **settings),
        workspace=workspace,
        environ=environ,
        console=console(),
        engine=SimpleNamespace(name=engine),
        image_engine=engine,
        made_elsewhere=False,
        provider=SimpleNamespace(name="local"),
        resolution=SimpleNamespace(images=plans, top=plans[-1]),
        run=Run(folder=folder, info=info()),
        build="2.9-cpu",
        signed_by="",
    )


@pytest.fixture
def sbom(session):
    path = session.run.path("sbom", "train.cdx.json")
    path.parent.mkdir(parents=True)
    path.write_text('{"bomFormat": "CycloneDX"}')
    return path


def reused(session):
    """The next run finds the images."""
    plans = tuple(plan(one.name, parent=one.parent, action="reuse") for one in session.resolution.images)
    session.resolution = SimpleNamespace(images=plans, top=plans[-1])


def said(session, ref):
    envelope = bundle.read(session.run.open(ref).read_bytes())
    assert KEY.public.verifies(envelope.signatures[0], envelope.signed)
    return json.loads(envelope.payload)


def test_nothing_is_asked_and_nothing_is_said(tmp_path):
    nobody = make(tmp_path, {})
    signing.intend(nobody)
    assert signing.sign(nobody, IMAGES, "train", []) is None
    assert signed.demanded(nobody.settings.tables.signing) == {}
    assert list(signed.in_words(nobody.settings.tables.signing)) == []


def test_without_a_registry_the_signatures_are_files_of_the_run(session, sbom):
    found = signing.sign(session, IMAGES, "train", [sbom])
    assert found.by == f"key {KEY.public.id}"
    top = found.images["train"]
    assert (top.kept, top.digest, top.what) == ("files", ID, ("image", "provenance", "sbom"))
    handed_on = {path.relative_to(session.run.folder).as_posix() for path in selected(session.run, ["build"])}
    assert {one.path for signed_image in found.images.values() for one in signed_image.files} <= handed_on
    own, provenance, of_sbom = (said(session, one) for one in top.files)
    assert own["subject"] == [{"name": "mlops-ci/train:c-1", "digest": {"sha256": "1" * 64}}]
    assert of_sbom["subject"][0]["name"] == "train.cdx.json"
    predicate = provenance["predicate"]
    assert provenance["predicateType"] == "https://slsa.dev/provenance/v1"
    assert set(predicate) == {"buildDefinition", "runDetails"}
    assert predicate["runDetails"]["builder"]["id"] == "urn:mlops-ci:builder:local"
    assert predicate["runDetails"]["metadata"]["invocationId"] == session.run.info.links["github"]
    assert predicate["runDetails"]["byproducts"][0]["digest"] == of_sbom["subject"][0]["digest"]
    assert predicate["buildDefinition"]["internalParameters"]["content-key"] == "t" * 64
    names = {one["name"]: one["digest"] for one in predicate["buildDefinition"]["resolvedDependencies"]}
    assert names["parent"] == {"sha256": "1" * 64}
    assert names["requirements.lock"] == {"sha256": "f" * 64}
    assert names["Dockerfile"] == {"sha256": "d" * 64}
    assert names["source"] == {"gitCommit": session.run.info.lineage.commit}
    lowest = said(session, found.images["base"].files[1])["predicate"]["buildDefinition"]
    assert lowest["externalParameters"]["args"] == {"PERIOD": "2026-11"}
    assert {"name": "base image", "uri": "docker-image://debian:bookworm-slim", "digest": {"sha256": "0" * 64}} in (
        lowest["resolvedDependencies"]
    )


def test_no_secret_is_in_what_is_said_or_written(session, sbom):
    signing.sign(session, IMAGES, "train", [sbom])
    written = b"".join(path.read_bytes() for path in session.run.folder.rglob("*") if path.is_file()).decode()
    everything = written + "\n".join(session.console.sink.lines)
    for secret in (PASSWORD, *session.environ["KEY"].splitlines()[1:-1]):
        assert secret not in everything
        assert secret in session.console.redactor.secrets, "logs and records are cleaned of it"


def test_an_image_that_was_there_keeps_the_signature_it_had_and_gets_none(session, sbom):
    signing.sign(session, IMAGES, "train", [sbom])
    again = {name: image(name, built=False) for name in IMAGES}
    assert set(signing.sign(session, again, "train", [sbom]).images) == {"base", "train"}
    others = {name: image(name, built=False, digest=BASE) for name in IMAGES}
    found = signing.sign(session, others, "train", [sbom])
    assert (found.images, found.why) == ({}, "nothing was built")


def test_a_build_that_was_killed_before_it_signed_signs_at_the_next_try(session, sbom):
    signing.intend(session)
    there = {name: image(name, built=False) for name in IMAGES}
    reused(session)
    assert set(signing.sign(session, there, "train", [sbom]).images) == {"base", "train"}
    others = {name: image(name, built=False, digest=BASE) for name in IMAGES}
    assert signing.sign(session, others, "train", [sbom]).images == {}, "once"


def test_an_image_that_another_job_pushed_meanwhile_is_not_ours_to_sign(session, sbom):
    signing.intend(session)
    lost = {name: image(name, built=False) for name in IMAGES}
    environ, session.environ = session.environ, {}
    assert "not there" in signing.sign(session, lost, "train", [sbom]).why
    session.environ = environ
    found = signing.sign(session, lost, "train", [sbom])
    assert (found.images, found.why) == ({}, "nothing was built")
    reused(session)
    assert signing.sign(session, lost, "train", [sbom]).images == {}, "nor by a later run"


@pytest.mark.parametrize(
    ("engine", "settings", "why"),
    [
        ("host", {"key": "env://KEY"}, "no image: there is nothing to sign"),
        ("inside", {"key": "env://KEY"}, "an image that others made"),
        ("docker", {"key": "env://NONE"}, "the variable NONE of [signing] key is not there"),
        ("docker", {"key": "none.key"}, "the file none.key of [signing] key is not there"),
        ("docker", {"keyless": True}, "no identity to sign with"),
    ],
)
def test_who_cannot_sign_says_why(tmp_path, engine, settings, why):
    one = make(tmp_path, {}, engine=engine, **settings)
    found = signing.sign(one, IMAGES, "train", [])
    assert (found.by, found.images) == ("", {})
    assert why in found.why
    assert f"not signed: {found.why}" in "\n".join(one.console.sink.lines)


def test_an_image_that_everybody_would_refuse_is_not_built(tmp_path):
    one = make(tmp_path, {}, registry="reg.example/x", key="env://KEY", public_key="cosign.pub", required="verify")
    with pytest.raises(signing.CannotSignError) as caught:
        signing.intend(one)
    assert caught.value.exit_code == 3
    assert "the variable KEY" in caught.value.cause


def test_a_wrong_password_ends_the_build_and_is_not_shown(tmp_path):
    one = make(tmp_path, {"KEY": KEY.sealed(b"right"), "COSIGN_PASSWORD": "wrong-one"}, key="env://KEY")
    with pytest.raises(SigningKeyError) as caught:
        signer(one.settings, one.environ, one.console)
    assert "wrong-one" not in f"{caught.value.cause} {caught.value.hint}"


def test_a_password_from_a_file(tmp_path):
    (tmp_path / "secret").write_text(f"{PASSWORD}\n")
    (tmp_path / "cosign.key").write_text(KEY.sealed(PASSWORD.encode()))
    one = make(tmp_path, {}, key="cosign.key", password="./secret")
    assert isinstance(signer(one.settings, one.environ, one.console), KeySigner)


def test_a_keyless_signature_needs_a_registry_to_be_kept_in(tmp_path):
    one = make(tmp_path, {"SIGSTORE_ID_TOKEN": "a.e30.c"}, keyless=True)
    assert "no [image] registry" in signing.sign(one, IMAGES, "train", []).why


# What may run.


def ready(session, monkeypatch, *, here=ID, key=KEY, signed_images=True, required="verify", **more):
    """The same session as it checks: what build has left, and what the engine has."""
    built = signing.sign(session, IMAGES, "train", []) if signed_images else None
    outputs = BuildOutputs(images=IMAGES, top="train", sbom=(), signing=built)
    root = session.settings.root
    (root / "cosign.pub").write_text(key.public.pem())
    session.settings = made(root, public_key="cosign.pub", required=required, **more)
    session.run = SimpleNamespace(outputs=lambda *_: outputs, open=session.run.open, info=session.run.info)
    facts = None if here is None else ImageFacts(digest=here)
    monkeypatch.setattr(signed, "engine_image", lambda _: facts)
    return session


def test_a_signed_image_runs_by_its_id(session, monkeypatch):
    ready(session, monkeypatch)
    assert signed.checked(session, "mlops-ci/train:c-1") == ID
    assert session.signed_by == f"key {KEY.public.id}"


@pytest.mark.parametrize(
    ("change", "kind", "code", "word"),
    [
        ({"signed_images": False}, UnsignedImageError, 1, "is not signed"),
        ({"here": BASE}, UnsignedImageError, 1, "of another image"),
        ({"key": OTHER}, UnsignedImageError, 1, "another key"),
        ({"here": None}, SignatureUncheckedError, 4, "no image whose signature"),
    ],
)
def test_anything_else_does_not(session, monkeypatch, change, kind, code, word):
    ready(session, monkeypatch, **change)
    with pytest.raises(kind) as caught:
        signed.checked(session, "mlops-ci/train:c-1")
    assert (caught.value.exit_code, word in caught.value.cause, bool(caught.value.hint)) == (code, True, True)
    assert session.signed_by == ""


def test_a_signature_that_a_person_made_after_the_build_counts_on_this_machine(session, monkeypatch):
    ready(session, monkeypatch, signed_images=False)
    signed_files.sign(KEY, "mlops-ci/train:c-1", ID, signed_files.folder(session.workspace.cache, "t" * 64, ID))
    assert signed.checked(session, "mlops-ci/train:c-1") == ID


@pytest.mark.parametrize("engine", ["host", "inside"])
def test_an_engine_without_an_image_cannot_be_checked(session, monkeypatch, engine):
    ready(session, monkeypatch).engine.name = engine
    with pytest.raises(SignatureUncheckedError) as caught:
        signed.checked(session, "x")
    assert caught.value.exit_code == 4


def test_inside_the_image_that_the_job_was_told_is_asked_for(session, monkeypatch):
    ready(session, monkeypatch).engine.name = "inside"
    session.environ = {"MLOPS_JOB_IMAGE": f"reg.example:5000/team/train:v1@{ID}"}
    asked = []
    monkeypatch.setattr(signed, "ask", lambda image, *_: asked.append(image) or "key x")
    assert signed.checked(session, "inside@x") == "inside@x"
    assert asked == [f"reg.example:5000/team/train@{ID}"]


def test_the_engine_must_have_the_image_of_the_registry_that_was_built(session, monkeypatch):
    ready(session, monkeypatch, here=BASE)
    with pytest.raises(UnsignedImageError, match="is not the image"):
        signed.checked(session, "reg.example/mlops-ci/train:c-1")


@pytest.mark.parametrize(
    ("required", "stages"),
    [("never", ()), ("verify", ("verify", "train")), ("always", ("check", "prepare", "verify", "train", "evaluate"))],
)
def test_when_a_signature_is_asked_for(tmp_path, required, stages):
    settings = made(tmp_path, public_key="p", required=required).tables.signing
    names = ("check", "prepare", "verify", "train", "evaluate")
    assert tuple(name for name in names if signed.asked(settings, name)) == stages
    assert bool(signed.demanded(settings)) == (required != "never")


def test_in_a_pull_request_the_key_is_that_of_the_base_commit(session, monkeypatch):
    ready(session, monkeypatch, key=OTHER)
    settings = session.settings
    session.settings = type(settings)(**{**vars(settings), "governance": Governance(base="a" * 40)})
    monkeypatch.setattr(
        signed, "file_at", lambda commit, path: KEY.public.pem().encode() if commit == "a" * 40 else None
    )
    assert signed.checked(session, "mlops-ci/train:c-1") == ID, "not the key that the change brings"
    monkeypatch.setattr(signed, "file_at", lambda *_: None)
    with pytest.raises(MlopsError) as caught:
        signed.checked(session, "mlops-ci/train:c-1")
    assert caught.value.exit_code == 3
    assert "the base commit aaaaaaaaaaaa has no file cosign.pub" in caught.value.cause


def test_a_public_key_in_the_settings_themselves(session, monkeypatch):
    ready(session, monkeypatch)
    session.settings = made(session.settings.root, public_key=KEY.public.pem(), required="verify")
    assert signed.checked(session, "mlops-ci/train:c-1") == ID


def test_the_plan_says_who_signs_and_whose_signature_counts(tmp_path):
    def words(**values):
        return " | ".join(signed.in_words(made(tmp_path, **values).tables.signing))

    assert words(key="env://KEY") == "what is built is signed with the key in env://KEY"
    assert "identity of this CI job" in words(keyless=True)
    said = words(public_key="cosign.pub", identity="https://x", issuer="https://y", required="always")
    assert said == "the image must have a signature of cosign.pub and of https://x before any job runs in it"


def test_a_statement_that_is_signed_is_about_what_it_says():
    read = statement.read(statement.statement("a", ID, statement.SIGNED, {"x": 1}))
    assert read.digests == {ID}
    assert statement.read(b"{}") is None


def test_lineage_without_git_says_nothing_of_a_source(session, sbom):
    known = vars(session.run.info)
    nothing = Lineage(
        commit=None, commit_time=None, branch=None, dirty=True, diff_sha256=None, code_sha256="c", config_sha256="g"
    )
    session.run = Run(folder=session.run.folder, info=RunInfo(**{**known, "lineage": nothing}))
    found = signing.sign(session, IMAGES, "train", [sbom])
    names = said(session, found.images["train"].files[1])["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert "source" not in {one["name"] for one in names}


def test_an_sbom_that_a_run_put_beside_anothers_image_is_its_own_and_the_image_is_not(tmp_path, monkeypatch):
    healed = make(tmp_path, {"KEY": KEY.sealed(PASSWORD.encode()), "COSIGN_PASSWORD": PASSWORD}, key="env://KEY",
                  registry="reg.example/x")  # fmt: skip
    reused(healed)
    path = healed.run.path("sbom", "train.cdx.json")
    path.parent.mkdir(parents=True)
    path.write_text('{"bomFormat": "CycloneDX"}')
    done = []
    monkeypatch.setattr(KeySigner, "sign", lambda self, image: done.append(("sign", image)))
    monkeypatch.setattr(KeySigner, "attest", lambda self, image, kind, said, work: done.append((kind, image, said)))
    there = {"train": image("train", built=False)}
    found = signing.sign(healed, there, "train", [path], ["sha256:5b0"])
    assert {name: one.what for name, one in found.images.items()} == {"train": ("sbom",)}
    assert done == [
        ("sign", "mlops-ci/train@sha256:5b0"),
        (statement.CYCLONEDX, f"mlops-ci/train@{ID}", {"bomFormat": "CycloneDX"}),
    ]
    assert signing.sign(healed, there, "train", [path], []).images == {}
