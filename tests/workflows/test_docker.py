"""The same files with the Docker engine."""

from __future__ import annotations

from support.act import EXAMPLE


def test_the_node_is_verified_in_the_image_that_an_earlier_job_built(run, docker_host, base_image):
    text = EXAMPLE.read_text().replace("workflows/train.yml@", "workflows/verify.yml@")
    done = run(
        text.rstrip() + "\n      registry: ''\n",
        variables={"MLOPS_CI_ENGINE": "docker"},
        environment={
            "DOCKER_HOST": docker_host,
            "MLOPS_CI_MIRRORS__IMAGES": f'{{"debian:bookworm-slim" = "{base_image}"}}',
        },
    )
    assert done.exit_code == 0, done.log[-6000:]
    records = done.records()
    assert {one["engine"] for one in records.values()} == {"docker"}
    assert {name: one["status"] for name, one in records.items() if name != "report"} == dict.fromkeys(
        ("plan", "build", "scan", "prepare", "verify"), "passed"
    )
    top = records["build"]["outputs"]["top"]
    assert records["build"]["outputs"]["images"][top]["digest"].startswith("sha256:")
