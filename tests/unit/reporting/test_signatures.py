"""What reports say of signatures, in all their forms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlops_ci.records.build import SignedImage, Signing
from mlops_ci.reporting.comment import comment
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.html import html
from mlops_ci.reporting.markdown import summary
from support.report_run import make_run

WHO = "key 3q2+7w=="
DONE = SignedImage(ref="r", digest="d", what=("image", "provenance"), kept="registry")


def data(tmp_path, signing, signed_by=""):
    read = ReportData.read(make_run(tmp_path, "promoted"))
    outputs = read.outputs
    build = replace(outputs.build, signing=signing)
    return replace(read, outputs=replace(outputs, build=build, train=replace(outputs.train, signed_by=signed_by)))


@pytest.mark.parametrize(
    ("signing", "signed_by", "words"),
    [
        (Signing(by=WHO, images={"vision": DONE}), "", f"Signed: 1 of 3 images (image, provenance) by {WHO}."),
        (Signing(by=WHO, why="nothing was built"), "", f"Signed: nothing by {WHO}; nothing was built."),
        (Signing(why="the variable KEY is not there"), "", "Not signed: the variable KEY is not there."),
        (None, WHO, f"The image ran with a valid signature of {WHO}."),
    ],
)
def test_every_report_says_it(tmp_path, signing, signed_by, words):
    found = data(tmp_path, signing, signed_by)
    for text in (comment(found, {}), summary(found), html(found)):
        plain = text.replace("&#43;", "+").replace("\\", "").replace("&#x3D;", "=").replace("&#61;", "=")
        assert words in plain


def test_without_signatures_nothing_is_said(tmp_path):
    found = data(tmp_path, None)
    for text in (comment(found, {}), summary(found), html(found)):
        assert "igned" not in text
