"""The jobs that come after a promotion which waits for a person."""

from __future__ import annotations

import pytest

from mlops_ci.commands.handover import UnknownJobError, the_job
from mlops_ci.orchestrators.approving import after_approval
from mlops_ci.orchestrators.called import called_file, called_files, handing_over
from mlops_ci.orchestrators.database_job import fetching
from mlops_ci.orchestrators.signing import signing
from mlops_ci.orchestrators.together import together

APPROVED = ("approve", "deploy-approved")


def test_every_file_that_promotes_has_both_and_no_other_file_has_one():
    found = {file.name: tuple(job.name for job in after_approval(file)) for file in called_files()}
    assert {name: jobs for name, jobs in found.items() if jobs} == dict.fromkeys(
        ("train", "publish", "nightly"), APPROVED
    )


@pytest.mark.parametrize("name", ["train", "publish", "nightly"])
def test_each_may_do_what_the_job_may_whose_place_it_takes_and_tell_people_at_every_site(name):
    file = fetching(signing(handing_over(called_file(name), "store"), "keyless"), "job")
    for site in (file, together(file, "one-job")):
        approve, deploys = after_approval(site)
        for one, before in ((approve, site.job("promote")), (deploys, site.job("deploy"))):
            assert (one.stages, one.permissions) == (before.stages, before.permissions)
            told = set(one.secrets) - {*before.secrets, "store"}
            assert (told, one.reports, before.reports) == ({"channels"}, True, False)
            assert {"channels", "store"} <= set(site.job("result").secrets)
            assert (one.guarded, one.only_reads, one.hands_on, one.signs, one.minutes) == (
                before.guarded,
                before.only_reads,
                before.hands_on,
                before.signs,
                before.minutes,
            )
        assert approve.needs == ("plan", "promote")
        assert deploys.needs == ("plan", "approve", "database"), "what it makes is scanned"


def test_nobody_waits_for_them():
    for file in called_files():
        assert not {need for job in file.jobs for need in job.needs} & set(APPROVED)
        assert not {job.name for job in file.jobs} & set(APPROVED)


def test_what_they_make_is_handed_on_under_their_names():
    assert the_job("approve", "train").stages == ("promote",)
    assert the_job("deploy-approved", "publish").stages == ("deploy",)
    with pytest.raises(UnknownJobError, match="build has no job `approve`"):
        the_job("approve", "build")
