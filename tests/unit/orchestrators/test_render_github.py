"""The rendered GitHub files: fresh, flat, pinned, least privilege, and no secret where none belongs."""

from __future__ import annotations

import json
import re

import pytest

from mlops_ci.commands.render import StaleFilesError, github
from mlops_ci.orchestrators.called import called_files
from mlops_ci.orchestrators.github.interface import SECRETS, inputs_of, secrets_of
from mlops_ci.orchestrators.github.profile import Profile, load_profile
from mlops_ci.orchestrators.github.render import render, stale
from support.rendered_github import (
    BASELINE,
    BY_STORE,
    EXPRESSION,
    OPT_IN,
    PIN,
    PROFILES,
    ROOT,
    jobs,
    opt_in,
    parsed,
    secrets_in,
    workflows,
)

# What reaches people, and where it is remembered what they were told: by variable.
TO_TELL = {
    variable: f"${{{{ secrets.{name} }}}}" for group in ("store", "channels") for name, variable, _ in SECRETS[group]
}
# Who signs what was built or published.
SIGNING = ("build", "publish", "deploy", "deploy-approved")


def test_what_is_committed_is_the_default_profile():
    assert stale(render(load_profile("default")), ROOT) == [], "run: mlops-ci render github"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("train.yml", "packages: read #", "packages: write #"),
        ("train.yml", "persist-credentials: false", "persist-credentials: true"),
        (
            "scan.yml",
            "- name: Run scan\n",
            "- name: Run scan\n        env:\n          T: ${{ secrets.mlflow-token }}\n",
        ),
        ("publish.yml", "needs.plan.outputs.jobs || '[]'), 'promote')", "'[\"promote\"]'), 'promote')"),
        ("build.yml", "11bd71901bbe5b1630ceea73d27597364c9af683", "v4"),
        ("nightly.yml", "permissions: {}", "permissions: write-all"),
        ("comment.yml", "contents: read #", "contents: write #"),
        ("comment.yml", "github.event.pull_request && !(", "github.event.pull_request || !("),
        ("train.yml", "env.OWN_CODE == 'true' && secrets.slack-webhook-url || ''", "secrets.slack-webhook-url"),
        ("train.yml", "env.OWN_CODE == 'true' && inputs.aws-role || ''", "inputs.aws-role"),
        ("verify.yml", "mlops-ci run verify --only", "mlops-ci run verify --only || true"),
        ("decay.yml", "mlops-ci nightly decay", "mlops-ci nightly decay || true"),
        ("decay.yml", "contents: read #", "contents: write #"),
        ("decay.yml", "${{ !(github.event.pull_request", "${{ (github.event.pull_request"),
        ("decay.yml", "jobs.evaluate.outputs.result", "'passed'"),
    ],
)
def test_a_file_that_was_tampered_with_is_named(tmp_path, file, old, new):
    assert github("default", tmp_path, check=False) == 0
    assert github("default", tmp_path, check=True) == 0
    path = tmp_path / ".github" / "workflows" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(StaleFilesError, match=file):
        github("default", tmp_path, check=True)
    assert github("default", tmp_path, check=False) == 0
    assert github("default", tmp_path, check=True) == 0


def test_a_file_that_is_gone_is_named(tmp_path):
    github("default", tmp_path, check=False)
    (tmp_path / ".github" / "actions" / "setup" / "action.yml").unlink()
    with pytest.raises(StaleFilesError, match=r"action\.yml"):
        github("default", tmp_path, check=True)


def test_no_permission_is_added_within_a_release():
    """A caller's grant must be enough for every release of the same major: a new permission breaks each of them."""
    assert not changed_since_the_release(all_files()), "a change here needs a new major version of the bundle"


def all_files():
    return {**workflows(), **{name: opt_in(name) for name in OPT_IN}}


def changed_since_the_release(files):
    """Each `file/job scope: access` that is new or gone, and each job that is."""
    before = json.loads(BASELINE.read_text())
    now = {name: {job: body["permissions"] for job, body in one["jobs"].items()} for name, one in files.items()}

    def each(files):
        for name, file in files.items():
            for job, permissions in file.items():
                yield f"{name}/{job}"
                yield from (f"{name}/{job} {scope}: {access}" for scope, access in permissions.items())

    return sorted(set(each(before)) ^ set(each(now)))


@pytest.mark.parametrize(
    ("file", "job", "scope", "access", "found"),
    [
        ("train", "train", "id-token", None, ["train/train id-token: write"]),
        ("scan", "scan", "contents", "write", ["scan/scan contents: read", "scan/scan contents: write"]),
        ("rescan", "rescan", "id-token", "write", ["rescan/rescan id-token: write"]),
        ("verify", "train", "packages", "write", ["verify/train packages: read", "verify/train packages: write"]),
        ("retry", "retry", "contents", "write", ["retry/retry contents: write"]),
    ],
)
def test_a_permission_that_was_added_widened_or_taken_is_named(file, job, scope, access, found):
    files = all_files()
    permissions = files[file]["jobs"][job]["permissions"]
    permissions.pop(scope, None)
    if access is not None:
        permissions[scope] = access
    assert changed_since_the_release(files) == found


def test_a_job_that_is_new_is_named_with_what_it_may_do():
    files = all_files()
    files["build"]["jobs"]["more"] = {"permissions": {"actions": "write"}}
    assert changed_since_the_release(files) == ["build/more", "build/more actions: write"]


def test_who_signs_keylessly_are_the_jobs_that_build_and_publish_and_no_other():
    usual = {(name, job): body for name, job, body in jobs()}
    for name, job, body in jobs("keyless"):
        before = usual[name, job]
        more = {"id-token": "write"} if job == "build" else {}
        assert body["permissions"] == {**before["permissions"], **more}, (name, job)
        said = json.dumps(body)
        assert "COSIGN_PRIVATE_KEY" not in said, "no key where the job's identity signs"
        assert ("COSIGN_PRIVATE_KEY" in json.dumps(before)) == (job in SIGNING), "and else for the jobs that sign alone"
        assert "AWS_ROLE_ARN" not in said or "AWS_ROLE_ARN" in json.dumps(before), "the identity is for nothing else"
        calls = [step["name"] for step in body["steps"] if "cosign-installer" in step.get("uses", "")]
        asking = (*SIGNING, "prepare", "train", "evaluate", "promote", "approve", "canary")
        assert bool(calls) == (job in asking), (name, job)
    assert "cosign-installer" not in json.dumps(list(usual.values()))


def test_a_key_reaches_the_build_for_own_code_alone():
    for name, job, body in jobs():
        with_key = [step for step in body["steps"] if "COSIGN_PRIVATE_KEY" in step.get("env", {})]
        assert bool(with_key) == (job in SIGNING), (name, job)
        if job == "build":
            (step,) = with_key
            assert step["id"] == "stages"
            for variable in ("COSIGN_PRIVATE_KEY", "COSIGN_PASSWORD"):
                assert step["env"][variable].startswith("${{ needs.plan.outputs.trusted == 'true' && "), name


@pytest.mark.parametrize("profile", PROFILES)
def test_permissions_are_named_by_each_job_and_by_nothing_else(profile):
    for name, one in workflows(profile).items():
        assert one["permissions"] == {}, name
    for name, job, body in jobs(profile):
        assert body["permissions"].pop("contents") == "read", (name, job)
        assert set(body["permissions"].items()) <= {
            ("packages", "read"),
            ("packages", "write"),
            ("id-token", "write"),
        }


@pytest.mark.parametrize("profile", PROFILES)
def test_actions_are_pinned_by_commit_with_their_release(profile):
    for text in render(load_profile(profile)).values():
        for line in text.splitlines():
            if "uses:" in line:
                assert PIN.search(line), line


def test_no_called_file_calls_another_and_none_limits_concurrency():
    for name, one in workflows().items():
        assert "concurrency" not in one, name
    for name, job, body in jobs():
        assert "uses" not in body, (name, job)
        assert "concurrency" not in body, (name, job)


@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_that_a_caller_writes_becomes_part_of_a_script(profile):
    for name, job, body in jobs(profile):
        for step in body["steps"]:
            assert not EXPRESSION.search(step.get("run", "")), (name, job, step["name"])
            assert step["name"]


@pytest.mark.parametrize("profile", PROFILES)
def test_no_secret_reaches_the_scan(profile):
    for name, job, body in jobs(profile):
        if job == "scan":
            # By the store it is handed on in steps of its own, in which no code of others runs.
            handing = [step for step in body["steps"] if step.get("id") in BY_STORE and profile == "object-store"]
            steps = [step for step in body["steps"] if step not in handing]
            assert secrets_in({**body, "steps": steps}) == set(), name
            assert "github.token" not in json.dumps(body)
            assert "aws-role" not in json.dumps(steps)


def test_secrets_are_declared_optional_and_used():
    for name, one in workflows().items():
        declared = one[True if True in one else "on"]["workflow_call"]["secrets"]
        assert all(secret["required"] is False for secret in declared.values())
        assert set(declared) == secrets_in(one["jobs"]), name
        assert "inherit" not in json.dumps(one["jobs"])


def test_secrets_reach_one_step_only():
    for name, job, body in jobs():
        holding = [step["name"] for step in body["steps"] if secrets_in(step)]
        assert len(holding) <= 1, (name, job, holding)
        assert secrets_in({key: value for key, value in body.items() if key != "steps"}) == set()


def test_what_may_run_for_a_fork_has_secrets_for_own_code_only():
    for name, job, body in jobs():
        if job in ("plan", "build", "result"):
            for step in body["steps"]:
                for value in (step.get("env") or {}).values():
                    if "secrets." in value or "aws-role" in value:
                        assert "trusted == 'true'" in value or "env.OWN_CODE == 'true'" in value, (name, job)


@pytest.mark.parametrize("name", ["train", "publish", "nightly"])
def test_the_jobs_at_the_end_of_a_whole_pipeline_alone_have_who_is_told(name):
    """The last that runs without a person, and those that come when a person has approved."""
    told = {"slack-webhook-url", "teams-webhook-url", "notify-webhook-url", "notify-webhook-key", "notify-smtp-url"}
    found = {job: secrets_in(body) for job, body in workflows()[name]["jobs"].items()}
    assert {job for job, secrets in found.items() if secrets & told} == {"result", "approve", "deploy-approved"}
    assert found["result"] >= told | {"aws-access-key-id"}
    assert {job for job, secrets in found.items() if "ping-url" in secrets} == (
        {"plan", "result"} if name == "nightly" else set()
    )
    (step,) = [step for step in workflows()[name]["jobs"]["result"]["steps"] if step.get("id") == "stages"]
    # Also of a pipeline whose plan failed, and so has said nothing of trust.
    assert step["env"]["SLACK_WEBHOOK_URL"] == "${{ env.OWN_CODE == 'true' && secrets.slack-webhook-url || '' }}"
    assert "head.repo.full_name != github.repository" in workflows()[name]["jobs"]["result"]["env"]["OWN_CODE"]


@pytest.mark.parametrize("name", ["build", "scan", "verify"])
def test_the_end_of_a_part_tells_nobody(name):
    result = workflows()[name]["jobs"]["result"]
    assert secrets_in(result) == set()
    assert result["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("profile", PROFILES)
def test_a_promotion_that_waits_is_let_through_by_the_reviewers_of_an_environment_and_by_nobody_without_one(profile):
    for name in ("train", "publish", "nightly"):
        called = workflows(profile)[name]
        promote, approve = (called["jobs"][job] for job in ("promote", "approve"))
        assert called["on"]["workflow_call"]["inputs"]["approve-environment"]["default"] == ""
        assert promote["outputs"]["waiting"] == "${{ steps.stages.outputs.waiting }}"
        assert approve["needs"] == ["plan", "promote"]
        assert "inputs.approve-environment != ''" in approve["if"]
        assert "needs.promote.outputs.waiting == 'true'" in approve["if"]
        assert approve["environment"] == "${{ inputs.approve-environment }}"
        (step,) = [step for step in approve["steps"] if step.get("id") == "stages"]
        assert step["run"] == "mlops-ci approve latest --no-deploy"
        (before,) = [step for step in promote["steps"] if step.get("id") == "stages"]
        assert step["env"] == {"LOGNAME": "${{ inputs.approve-environment }}", **before["env"], **TO_TELL}
        assert secrets_in(approve) == secrets_in(promote) | secrets_in(TO_TELL)
        assert approve["permissions"] == promote["permissions"]
        waiting = {"approve", "deploy-approved"} & set(called["jobs"]["result"]["needs"])
        assert not waiting, "the page of the run does not wait for a person"


@pytest.mark.parametrize("profile", PROFILES)
def test_what_a_person_has_approved_is_deployed_as_what_needed_no_approval(profile):
    for name in ("train", "publish", "nightly"):
        called = workflows(profile)[name]
        before, approve, after = (called["jobs"][job] for job in ("deploy", "approve", "deploy-approved"))
        assert approve["outputs"]["promoted"] == "${{ steps.stages.outputs.promoted }}"
        assert after["needs"] == ["plan", "approve"]
        assert after["if"] == before["if"].replace("needs.promote.", "needs.approve.")
        for key in ("runs-on", "timeout-minutes", "environment", "permissions", "env"):
            assert after[key] == before[key], (name, key)
        (own,) = [step for step in after["steps"] if step.get("id") == "stages"]
        (other,) = [step for step in before["steps"] if step.get("id") == "stages"]
        assert own == {**other, "run": "mlops-ci run deploy report --only", "env": {**other["env"], **TO_TELL}}
        same = json.dumps(after["steps"]).replace("deploy-approved", "deploy")
        assert [step for step in before["steps"] if json.dumps(step) not in same] == [other]
        assert [step["name"] for step in after["steps"][len(before["steps"]) :]] == ["Keep the report for people"]
        told = called["on"]["workflow_call"]["outputs"]
        assert told["promoted"]["value"] == "${{ jobs.approve.outputs.promoted || jobs.result.outputs.promoted }}"
        assert told["deployed"]["value"].startswith("${{ jobs.deploy-approved.outputs.deployed || ")


@pytest.mark.parametrize("profile", PROFILES)
def test_every_file_promotes_and_deploys_by_the_same_steps(profile):
    """What one of the files is seen to do when it is executed, the others do."""
    found = {}
    for name in ("train", "publish", "nightly"):
        for job, body in workflows(profile)[name]["jobs"].items():
            if job in ("promote", "approve", "deploy", "deploy-approved"):
                said = json.dumps([body[key] for key in ("permissions", "environment", "outputs", "steps")])
                said = said.replace(f"--file {name}", "--file X").replace(f"prefix }}}}{name}-", "prefix }}X-")
                found.setdefault(job, []).append(said)
    assert {job: (len(each), len(set(each))) for job, each in found.items()} == dict.fromkeys(found, (3, 1))
    assert len(found) == 4


@pytest.mark.parametrize("profile", PROFILES)
def test_every_job_but_plan_runs_only_when_plan_says_so(profile):
    for name, job, body in jobs(profile):
        condition = body["if"]
        if job in ("plan", "result"):
            assert "head.repo.full_name != github.repository" in condition, name
        elif job == "approve":
            assert condition.startswith("${{ !cancelled() && inputs.approve-environment != '' && needs.promote.")
        else:
            said = job.removesuffix("-approved")
            assert f"contains(fromJSON(needs.plan.outputs.jobs || '[]'), '{said}')" in condition
            assert "!failure()" in condition
            # Labels of a matrix are plan's too.
            chosen = body.get("strategy", {}).get("matrix", body["runs-on"])
            assert chosen.startswith("${{ fromJSON(needs.plan.outputs.")
            assert "fromJSON(" in body["runs-on"]
            assert "plan" in body["needs"]


def test_where_plan_is_not_on_a_hosted_machine_a_fork_reaches_none():
    for name, job, body in jobs("enterprise"):
        if job in ("plan", "result"):
            assert "inputs.runner-plan == ''" not in body["if"], name
            assert "self-hosted" in body["runs-on"]


@pytest.mark.parametrize("profile", PROFILES)
def test_the_bundle_is_checked_out_at_the_commit_of_the_file(profile):
    known = load_profile(profile).knows_itself
    repository = "inputs.bundle-repository || job.workflow_repository" + ("" if known else " || 'org/mlops-ci'")
    ref = "inputs.bundle-ref || job.workflow_sha" + ("" if known else " || 'v1'")
    for name, job, body in jobs(profile):
        names = [step["name"] for step in body["steps"]]
        asserted, checked_out, installed = body["steps"][1:4]
        assert asserted["env"] == {"BUNDLE_REPOSITORY": f"${{{{ {repository} }}}}", "BUNDLE_REF": f"${{{{ {ref} }}}}"}
        assert ":?" in asserted["run"], (name, job, names)
        assert checked_out["with"] == {
            "repository": f"${{{{ {repository} }}}}",
            "ref": f"${{{{ {ref} }}}}",
            "path": ".mlops/bundle",
            "persist-credentials": False,
        }
        assert installed["uses"] == "./.mlops/bundle/.github/actions/setup"
        assert installed["with"]["ref"] == checked_out["with"]["ref"]


def test_gpu_work_is_one_job_and_its_limit_is_the_callers():
    train = workflows()["train"]["jobs"]["train"]
    assert [step["run"] for step in train["steps"] if step.get("id") == "stages"] == [
        "mlops-ci run verify train --only"
    ]
    assert train["timeout-minutes"] == "${{ inputs.timeout }}"


def test_who_moves_the_champion_and_who_deploys_wait_for_an_environment_and_no_other_job_does():
    guarded = {(name, job): body["environment"] for name, job, body in jobs() if "environment" in body}
    files = ("train", "nightly", "publish")
    assert guarded == {
        **{(name, "promote"): "${{ inputs.promote-environment }}" for name in files},
        **{(name, "approve"): "${{ inputs.approve-environment }}" for name in files},
        **{(name, job): "${{ inputs.deploy-environment }}" for name in files for job in ("deploy", "deploy-approved")},
    }


def test_a_new_champion_is_deployed_and_nothing_else_is():
    deploys = [body for _, job, body in jobs() if job == "deploy"]
    assert len(deploys) == 3
    for body in deploys:
        assert "needs.promote.outputs.promoted == 'true'" in body["if"]
        assert "contains(fromJSON(needs.plan.outputs.jobs || '[]'), 'deploy')" in body["if"]
        assert body["permissions"] == {"contents": "read", "id-token": "write", "packages": "write"}


def test_artifact_names_are_the_calls_the_jobs_and_the_attempts():
    names = [
        step["with"]["name"]
        for _, _, body in jobs()
        for step in body["steps"]
        if "upload-artifact" in step.get("uses", "")
    ]
    assert len(names) == len(set(names))
    assert all("${{ inputs.artifact-prefix }}" in name and "${{ github.run_attempt }}" in name for name in names)


def test_each_input_has_a_type_a_default_and_a_meaning():
    for file in called_files():
        declared = workflows()[file.name]["on"]["workflow_call"]["inputs"]
        assert set(declared) == {one.name for one in inputs_of(file, load_profile("default"))}
        for name, one in declared.items():
            assert one["type"] in ("string", "number", "boolean")
            assert one["description"]
            assert ("default" in one) != one.get("required", False), name
            assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)


def test_a_job_that_cannot_go_on_with_the_run_tells_its_exit_code():
    own = "steps.stages.outputs.exit-code"
    for name, job, body in jobs():
        names = [step.get("id") for step in body["steps"]]
        wanted = f"{own} || steps.collect.outputs.exit-code" if "collect" in names else own
        if "strategy" in body:
            cell = "node" if "outputs.nodes" in body["strategy"]["matrix"] else "variant"
            wanted = f"!matrix.{cell} && ({wanted}) || ''"
        assert body["outputs"]["exit-code"] == f"${{{{ {wanted} }}}}", (name, job)
        assert "collect" in names or job == "plan"


def test_every_output_comes_from_a_job_that_has_it():
    for name, one in workflows().items():
        for output, body in one["on"]["workflow_call"]["outputs"].items():
            told = re.fullmatch(r"\$\{\{ (.*) \}\}", body["value"]).group(1).split(" || ")
            for each in told:
                job, key = re.fullmatch(r"jobs\.([\w-]+)\.outputs\.([\w-]+)", each).groups()
                assert key in one["jobs"][job]["outputs"], (name, output)


def test_an_older_artifact_service_is_asked_in_its_own_words():
    for _, _, body in jobs("enterprise"):
        for step in body["steps"]:
            if "upload-artifact" in step.get("uses", ""):
                assert "include-hidden-files" not in step["with"]
            if "download-artifact" in step.get("uses", ""):
                assert set(step["with"]) == {"path"}


def test_a_site_has_its_own_names(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text(
        'extends = "enterprise"\nrepository = "ml/bundle"\nref = "2026.1"\nmirror = "mirrored"\n'
        'gpu-runner = "h100"\nretention = 3\n'
    )
    files = render(load_profile(str(path)))
    train = parsed(files[".github/workflows/train.yml"])
    assert train["on"]["workflow_call"]["inputs"]["runner-gpu"]["default"] == "h100"
    assert train["on"]["workflow_call"]["inputs"]["retention-days"]["default"] == 3
    text = files[".github/workflows/train.yml"]
    assert "|| 'ml/bundle'" in text
    assert "|| '2026.1'" in text
    assert "uses: actions/" not in text
    assert text.count("uses: mirrored/") == sum(
        "uses" in step for b in train["jobs"].values() for step in b["steps"]
    ) - len(train["jobs"])


def test_the_secrets_of_a_file_are_those_of_its_jobs():
    names = {file.name: {one[0] for one in secrets_of(file)} for file in called_files()}
    assert not any(name.startswith("mlflow") for name in names["scan"] | names["build"])
    assert {"mlflow-token", "aws-access-key-id", "registry-password"} <= names["train"]


def test_a_profile_is_frozen():
    assert isinstance(load_profile("default"), Profile)
    with pytest.raises(AttributeError):
        load_profile("default").ref = "x"
