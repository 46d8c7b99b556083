"""The files for GitLab: the promises that every job keeps, whatever the graph becomes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mlops_ci import pipeline
from mlops_ci.engines.inside_image import JOB_IMAGE_VARIABLE
from mlops_ci.orchestrators.called import HEAD, called_file, called_files
from mlops_ci.orchestrators.decay import all_files, any_file
from mlops_ci.orchestrators.gitlab.profile import GitlabProfileError, load_profile
from mlops_ci.orchestrators.gitlab.render import include_example, render
from mlops_ci.orchestrators.gitlab.rules import FORK
from mlops_ci.orchestrators.together import together
from support.rendered_gitlab import PROFILES, RENDERED, TAG, all_jobs, documents

ROOT = Path(__file__).parents[3]
FILES = [(profile, path) for profile, files in RENDERED.items() for path in files]
GLOBAL = {"default", "stages", "workflow", "variables", "image", "before_script", "after_script", "cache", "include"}
# What trains, plans or needs no GPU is no business of a file of one other job.
NOT_THERE = {
    "decay": {"runner-plan", "runner-cpu", "runner-gpu"},
    "rescan": {"runner-plan", "runner-gpu"},
    "rollback": {"runner-plan", "runner-gpu", "engine", "variant"},
}
HIDDEN = ".$[[ inputs.job-prefix ]]"


TRAIN = all_jobs("default", "ci/gitlab/train.yml")


@pytest.mark.parametrize(("profile", "path"), FILES)
class TestEveryFile:
    def test_has_no_global_keyword_and_only_prefixed_jobs(self, profile, path):
        names = set(documents(profile, path)[1])
        assert not names & GLOBAL
        assert all("$[[ inputs.job-prefix ]]" in name for name in names)

    def test_uses_each_input_and_only_those_that_it_has(self, profile, path):
        inputs = set(documents(profile, path)[0]["inputs"])
        used = set(re.findall(r"\$\[\[ inputs\.([a-z-]+) ]]", RENDERED[profile][path]))
        assert used <= inputs
        # The head is the same in all files, also where a file has no such job.
        assert inputs - used <= {"runner-cpu", "runner-gpu", "runner-evaluate", "timeout"}
        assert "runner-evaluate" in used or profile == "no-registry" or "runner-evaluate" not in inputs

    def test_has_typed_described_inputs_with_the_common_head(self, profile, path):
        inputs = documents(profile, path)[0]["inputs"]
        without = NOT_THERE.get(Path(path).stem, set())
        assert set(inputs) >= {one.name for one in HEAD} - without
        assert not set(inputs) & without
        assert all(set(one) >= {"description", "type"} for one in inputs.values())
        kinds = {"string": str, "number": int, "boolean": bool, "array": list}
        assert all(isinstance(one["default"], kinds[one["type"]]) for one in inputs.values() if "default" in one)

    def test_puts_no_text_of_a_caller_into_a_script(self, profile, path):
        inputs = documents(profile, path)[0]["inputs"]
        for job in all_jobs(profile, path).values():
            lines = [*job.get("before_script", []), *job["script"], *job.get("after_script", [])]
            for name in re.findall(r"\$\[\[ inputs\.([a-z-]+)", "\n".join(lines)):
                assert inputs[name]["type"] == "boolean"

    def test_never_runs_the_code_of_a_fork(self, profile, path):
        for name, job in all_jobs(profile, path).items():
            if name != "fork":
                assert job["rules"][0] == {"if": FORK, "when": "never"}, name

    def test_says_its_provider_and_the_machine_of_each_job(self, profile, path):
        for name, job in all_jobs(profile, path).items():
            assert job["tags"].startswith("$[[ inputs.runner-"), name
            assert job.get("timeout") or name == "fork"
            assert name == "fork" or job["variables"]["MLOPS_CI_PROVIDER"] == "gitlab"

    def test_tries_again_as_the_exit_table_says(self, profile, path):
        name = path.rpartition("/")[2].removesuffix(".yml")
        jobs = all_jobs(profile, path)
        for job in together(any_file(name), PROFILES[profile].images).jobs:
            rule = jobs[job.name]["retry"]
            assert rule["max"] == 2
            assert rule.get("exit_codes", []) == ([] if job.always else list(job.retry))

    def test_is_read_the_same_by_old_and_new_readers_of_yaml(self, profile, path):
        header, jobs = YAML(typ="safe", pure=True).load_all(RENDERED[profile][path])
        assert (header["spec"], jobs) == documents(profile, path)


def test_each_file_is_there_as_a_file_and_as_a_component():
    names = {file.name for file in all_files()}
    assert set(RENDERED["default"]) == {
        f"{folder}/{name}.yml" for folder in ("ci/gitlab", "templates") for name in names
    }
    assert not [path for path in RENDERED["self-managed"] if path.startswith("templates")]


def test_the_jobs_run_all_stages_in_the_graphs_order():
    ran = [
        stage
        for job in TRAIN.values()
        for line in job["script"]
        if line.startswith("mlops-ci run")
        for stage in line.split()[2:]
        if stage in pipeline.NAMES
    ]
    assert (*ran, "report") == pipeline.NAMES
    assert "mlops-ci result --file train" in TRAIN["result"]["script"]


def test_the_gpu_runner_gets_the_one_job_that_verifies_and_trains_and_it_can_go_on():
    gpu = [name for name, job in TRAIN.items() if job["tags"] == "$[[ inputs.runner-gpu ]]"]
    assert gpu == ["train"]
    assert TRAIN["train"]["retry"]["exit_codes"] == [10, 11, 12]
    assert TRAIN["train"]["cache"]["when"] == "always"
    assert "$CI_PIPELINE_ID" in TRAIN["train"]["cache"]["key"]


def test_what_changes_the_champion_is_guarded():
    for name in ("promote", "approve"):
        assert TRAIN[name]["resource_group"] == "mlops-ci-promotion"
        assert TRAIN[name]["environment"]["name"] == "$[[ inputs.environment ]]"
    assert (TRAIN["approve"]["when"], TRAIN["approve"]["allow_failure"]) == ("manual", True)
    assert [name for name, job in TRAIN.items() if job.get("interruptible") is False] == [
        "publish",
        "promote",
        "approve",
        "deploy",
    ]
    assert TRAIN["deploy"]["resource_group"] == "mlops-ci-deployment"
    assert TRAIN["deploy"]["environment"]["name"] == "$[[ inputs.deploy-environment ]]"
    assert TRAIN["approve"]["artifacts"]["reports"] == {"dotenv": ".mlops/gitlab/outputs.env"}
    for name in ("publish", "promote", "approve", "deploy"):
        assert {"if": '$CI_PIPELINE_SOURCE == "merge_request_event"', "when": "never"} in TRAIN[name]["rules"]


def test_the_note_of_a_merge_request_is_written_at_the_end_of_the_whole_pipeline_whatever_that_is():
    for name in (file.name for file in called_files()):
        (trap,) = [line for line in all_jobs("default", f"ci/gitlab/{name}.yml")["result"]["script"] if "trap" in line]
        assert trap.endswith("EXIT")
        assert ("; mlops-ci comment --optional'" in trap) == (name == "train")


def test_identity_tokens_are_for_jobs_that_reach_the_store():
    reaching = {job.name for job in called_file("train").jobs if "store" in job.secrets}
    # What a person has approved is deployed in the same job.
    assert {name for name, job in TRAIN.items() if "id_tokens" in job} == {*reaching, "approve"}
    assert "id_tokens" not in TRAIN["scan"]


def test_keyless_signatures_are_of_the_jobs_that_build_and_publish_and_no_other():
    found = all_jobs("keyless", "ci/gitlab/train.yml")
    token = {"SIGSTORE_ID_TOKEN": {"aud": "sigstore"}}
    signing = ("build", "publish", "deploy", "approve")
    assert found["build"]["id_tokens"] == token
    assert found["publish"]["id_tokens"] == {**TRAIN["publish"]["id_tokens"], **token}
    for name, job in found.items():
        assert ("SIGSTORE_ID_TOKEN" in job.get("id_tokens", {})) == (name in signing), name
        assert name in signing or job == TRAIN[name], "nothing else differs"
    assert "SIGSTORE" not in "".join(RENDERED["default"].values())


def test_through_the_store_every_job_has_a_token_for_that_and_no_other_may_do_more():
    found = all_jobs("object-store", "ci/gitlab/train.yml")
    for name, job in found.items():
        if name == "fork":
            continue
        assert job["id_tokens"]["MLOPS_CI_HANDOVER_TOKEN"] == {"aud": "$[[ inputs.aws-audience ]]"}
        assert ("MLOPS_CI_AWS_TOKEN" in job["id_tokens"]) == ("id_tokens" in TRAIN[name])
        lines = "\n".join(job["script"])
        assert "handover collect" not in lines
        assert ("handover pull" in lines) == (name != "plan")
        assert ("trap 'mlops-ci handover push" in lines) == (name not in ("result", "approve"))
        assert not [path for path in job["artifacts"].get("paths", []) if "handover" in path]
        assert "handover pack" not in "\n".join([*job["script"], *job.get("after_script", [])])
    assert 'test -z "${MLOPS_RESULT_RUN_ID:-}" ||' in found["result"]["script"][1]


def test_by_artifacts_no_job_has_a_token_to_hand_on_with():
    assert "HANDOVER" not in RENDERED["default"]["ci/gitlab/train.yml"].replace(".mlops/handover", "")


def test_a_way_to_hand_on_that_there_is_not(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text('handover = "pigeon"\n')
    with pytest.raises(GitlabProfileError, match="handover is 'pigeon'"):
        load_profile(str(path))


def test_a_job_gets_the_artifacts_of_all_jobs_before_it():
    for job in called_file("train").jobs:
        needed = {re.sub(r".*]]", "", one if isinstance(one, str) else one["job"]) for one in TRAIN[job.name]["needs"]}
        for stage in job.stages:
            before = {
                one.name for one in called_file("train").jobs if set(one.stages) & set(pipeline.with_needs((stage,)))
            }
            assert needed >= before - {job.name}


def test_schedules_are_for_nightly_and_one_with_a_word_for_decay_alone():
    schedule = '$CI_PIPELINE_SOURCE == "schedule"'
    names = ("decay", "rescan", "fleet", "refresh")
    weekly, daily, fleet, monthly = (f'{schedule} && $MLOPS_SCHEDULE == "{name}"' for name in names)
    assert {"if": schedule, "when": "never"} in TRAIN["plan"]["rules"]
    nightly = all_jobs("default", "ci/gitlab/nightly.yml")
    assert nightly["plan"]["rules"][1:] == [
        {"if": weekly, "when": "never"},
        {"if": daily, "when": "never"},
        {"if": fleet, "when": "never"},
        {"if": monthly, "when": "never"},
        {"if": schedule},
    ]
    assert all_jobs("default", "ci/gitlab/decay.yml")["evaluate"]["rules"][1:] == [{"if": weekly}]
    assert all_jobs("default", "ci/gitlab/rescan.yml")["rescan"]["rules"][1:] == [{"if": daily}]
    for file, own in (("verify", fleet), ("scan", monthly)):
        for job in all_jobs("default", f"ci/gitlab/{file}.yml").values():
            if {"if": schedule, "when": "never"} in job.get("rules", ()):
                assert job["rules"].index({"if": own}) < job["rules"].index({"if": schedule, "when": "never"})
        assert {"if": own} not in TRAIN["plan"]["rules"]


def test_gitlab_gets_the_findings_of_images_where_there_is_a_scan():
    path = ".mlops/gitlab/gl-container-scanning-report.json"
    for file, job in (("train", "result"), ("scan", "result"), ("rescan", "rescan")):
        assert all_jobs("default", f"ci/gitlab/{file}.yml")[job]["artifacts"]["reports"]["container_scanning"] == path
    assert "container_scanning" not in all_jobs("default", "ci/gitlab/decay.yml")["evaluate"]["artifacts"]["reports"]


def test_the_page_names_every_report_and_no_other():
    text = (ROOT / "docs" / "ci" / "gitlab.md").read_text()
    shown = text.partition("## What GitLab shows")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", shown, re.MULTILINE)) == set(TRAIN["result"]["artifacts"]["reports"])
    assert "not written" not in shown


@pytest.mark.parametrize("profile", PROFILES)
def test_the_file_that_scores_the_champion_is_one_job_that_keeps_the_page_of_a_champion_that_decayed(profile):
    jobs = all_jobs(profile, "ci/gitlab/decay.yml")
    assert set(jobs) == {"evaluate"}
    job = jobs["evaluate"]
    assert job["script"] == ["trap 'mlops-ci reports .mlops/gitlab' EXIT", "mlops-ci nightly decay"]
    assert job["artifacts"]["when"] == "always"
    assert job["artifacts"]["paths"] == [".mlops/gitlab/"]
    assert job["artifacts"]["reports"]["junit"] == ".mlops/gitlab/junit.xml"
    assert (job["needs"], job["tags"]) == ([], "$[[ inputs.runner-evaluate ]]")
    assert job["variables"]["MLOPS_CI_MODE"] == "$[[ inputs.mode ]]"
    assert job["variables"]["MLOPS_CI_REGISTRY_PASSWORD"] == "$CI_REGISTRY_PASSWORD"
    assert job["id_tokens"] == {"MLOPS_CI_AWS_TOKEN": {"aud": "$[[ inputs.aws-audience ]]"}}
    assert documents(profile, "ci/gitlab/decay.yml")[0]["inputs"]["mode"]["default"] == "weekly"


def test_a_component_is_its_own_commit_and_a_file_names_its_release():
    spec, jobs = documents("default", "templates/train.yml")
    assert spec["component"] == ["sha"]
    assert "bundle-ref" not in spec["inputs"]
    assert jobs[f"{HIDDEN}job"]["variables"]["MLOPS_CI_BUNDLE_REF"] == "$[[ component.sha ]]"
    assert documents("default", "ci/gitlab/train.yml")[0]["inputs"]["bundle-ref"]["default"] == TAG


def test_kubernetes_jobs_run_inside_the_training_image_and_know_its_name():
    spec, jobs = documents("kubernetes", "ci/gitlab/train.yml")
    assert spec["inputs"]["engine"]["default"] == "inside"
    assert spec["inputs"]["image"]["default"] == "$MLOPS_TRAIN_IMAGE"
    assert spec["inputs"]["runner-gpu"]["default"] == ["kubernetes-gpu"]
    assert jobs[f"{HIDDEN}job"]["variables"][JOB_IMAGE_VARIABLE] == "$[[ inputs.image ]]"


def test_publish_goes_on_with_the_run_of_another_file():
    spec, _ = documents("default", "ci/gitlab/publish.yml")
    assert "default" not in spec["inputs"]["run-from"]
    plan = all_jobs("default", "ci/gitlab/publish.yml")["plan"]
    assert plan["needs"] == [
        f"$[[ inputs.run-from ]]{name}" for name in ("plan", "build", "scan", "prepare", "train", "evaluate")
    ]
    assert plan["script"][0].startswith("mlops-ci handover collect")


def test_the_include_at_the_head_of_a_file_is_the_example_of_the_docs():
    example = include_example(called_file("train"), PROFILES["default"])
    text = RENDERED["default"]["ci/gitlab/train.yml"]
    assert example in text.replace("\n#   ", "\n").replace("\n#", "\n")
    assert YAML(typ="safe", pure=True).load(example)["include"][0]["ref"] == TAG


def test_the_example_includes_this_release():
    found = YAML(typ="safe", pure=True).load((ROOT / "examples" / "gitlab" / ".gitlab-ci.yml").read_text())
    profile = load_profile()
    assert [one["file"] for one in found["include"]] == ["ci/gitlab/train.yml", "ci/gitlab/nightly.yml"]
    assert {(one["project"], one["ref"]) for one in found["include"]} == {(profile.repository, profile.tag)}


def test_no_line_but_a_condition_is_too_long():
    for files in RENDERED.values():
        for path, text in files.items():
            long = [line for line in text.splitlines() if len(line) > 150]
            assert all(" - if: " in line for line in long), (path, long)


def test_a_file_of_a_site_says_what_differs(tmp_path):
    site = tmp_path / "site.toml"
    site.write_text('extends = "self-managed"\nrepository = "tools/ml/mlops-ci"\ngpu-tags = ["a100", "large"]\n')
    profile = load_profile(str(site))
    assert profile.bundle == "$CI_SERVER_URL/tools/ml/mlops-ci.git"
    assert (profile.gpu_tags, profile.cpu_tags) == (("a100", "large"), ("docker",))
    text = render(profile)["ci/gitlab/train.yml"]
    assert "- project: tools/ml/mlops-ci" in text
    assert "default: [a100, large]" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpu-tag = ['x']", "did you mean `gpu-tags`"),
        ("gpu-tags = 'x'", "gpu-tags is 'x', not a list"),
        ("gpu-tags = []", "not a list of tags"),
        ("components = 1", "components is 1, not a bool"),
        ("repository = 'alone'", "repository is 'alone'"),
        ("engine = 'magic'", "engine is 'magic'"),
        ("extends = 'nobody'", "extends `nobody`"),
        ("= 1", "cannot be read"),
    ],
)
def test_a_wrong_file_of_a_site_is_named(tmp_path, text, message):
    site = tmp_path / "site.toml"
    site.write_text(text)
    with pytest.raises(GitlabProfileError, match=re.escape(message)):
        load_profile(str(site))


def test_an_unknown_profile_is_named_with_the_nearest_one():
    with pytest.raises(GitlabProfileError, match="did you mean `self-managed`"):
        load_profile("selfmanaged")
