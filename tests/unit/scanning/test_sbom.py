"""SBOMs: equal bytes for an equal tree, nothing read from a damaged one, and what the canary asks about."""

from __future__ import annotations

import json
import uuid

import pytest

from mlops_ci.scanning.canary import canary_document
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.scanning.pins import pins
from mlops_ci.scanning.sbom import PROPERTY, file_name, read_sbom, stable
from mlops_ci.scanning.trivy import ScannerBrokenError


def properties(**fields):
    return [{"name": PROPERTY + name, "value": value} for name, value in fields.items()]


def document(order=1):
    """As Trivy writes it: the ids of the tree, of the system and of packages that are there twice are random."""
    top, system, twin, other = (str(uuid.uuid4()) for _ in range(4))
    components = [
        {"bom-ref": system, "type": "operating-system", "name": "debian", "version": "12.15"},
        {
            "bom-ref": "pkg:deb/debian/libssl3@3.0?arch=amd64&epoch=1&distro=debian-12",
            "type": "library",
            "name": "libssl3",
            "version": "1:3.0",
            "purl": "pkg:deb/debian/libssl3@3.0?arch=amd64&epoch=1&distro=debian-12",
            "properties": properties(PkgType="debian", SrcName="openssl", SrcVersion="3.0", SrcEpoch="1"),
        },
        *(
            {
                "bom-ref": ref,
                "type": "library",
                "name": "six",
                "version": "1",
                "purl": "pkg:pypi/six@1",
                "properties": properties(PkgType="python-pkg", FilePath=path),
            }
            for ref, path in ((twin, "a/six"), (other, "b/six"))
        ),
        {
            "bom-ref": "conda",
            "type": "library",
            "name": "x",
            "version": "1",
            "properties": properties(PkgType="conda-pkg"),
        },
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "metadata": {
            "timestamp": f"2099-01-0{order}",
            "tools": {"components": [{"name": "trivy"}]},
            "component": {
                "bom-ref": top,
                "type": "container",
                "name": f"/somewhere/{order}",
                "properties": properties(DiffID="sha256:a"),
            },
        },
        "components": components[::order],
        "dependencies": [{"ref": top, "dependsOn": [twin, other, system][::order]}, {"ref": twin, "dependsOn": []}][
            ::order
        ],
    }


def written(folder, data):
    path = folder / "top.cdx.json"
    path.write_text(json.dumps(data))
    return path


def test_two_readings_of_one_tree_give_the_same_document():
    assert stable(document(1), "top") == stable(document(-1), "top")


def test_ids_stay_references_and_the_name_is_the_targets():
    made = stable(document(), "top")
    known = {one["bom-ref"] for one in made["components"]} | {made["metadata"]["component"]["bom-ref"]}
    assert {one["ref"] for one in made["dependencies"]} <= known
    assert {ref for one in made["dependencies"] for ref in one["dependsOn"]} <= known
    assert made["metadata"]["component"]["name"] == "top"
    assert "timestamp" not in made["metadata"]
    assert len(known) == len(made["components"]) + 1


def test_another_tree_has_another_serial_number():
    changed = document()
    changed["components"][1]["version"] = "1:3.1"
    assert stable(changed, "top")["serialNumber"] != stable(document(), "top")["serialNumber"]


def test_file_name_is_the_targets_name_made_harmless():
    assert file_name(ScanTarget(kind="image", ref="x", name="a/../b c:1")) == "a-..-b-c-1.cdx.json"


def test_reading_gives_packages_system_and_layers(tmp_path):
    sbom = read_sbom(written(tmp_path, stable(document(), "top")))
    assert sbom.packages == {"conda-pkg": 1, "debian": 1, "python-pkg": 2}
    assert sbom.system == "debian 12.15"
    assert sbom.layers == frozenset({"sha256:a"})


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"components": [{}], "metadata": {}}', '{"components": 3}'])
def test_a_damaged_file_is_a_broken_scan(tmp_path, content):
    path = tmp_path / "top.cdx.json"
    path.write_text(content)
    with pytest.raises(ScannerBrokenError, match=r"top\.cdx\.json"):
        read_sbom(path)


def test_a_missing_file_is_a_broken_scan(tmp_path):
    with pytest.raises(ScannerBrokenError):
        read_sbom(tmp_path / "none.cdx.json")


def test_canary_asks_about_the_targets_packages_in_ancient_versions(tmp_path):
    asked = canary_document([read_sbom(written(tmp_path, stable(document(), "top")))])
    named = {one["name"]: one for one in asked["components"]}
    assert named["debian"]["type"] == "operating-system"
    assert named["libssl3"]["purl"] == "pkg:deb/debian/libssl3@0~0?arch=amd64&distro=debian-12"
    listed = {one["name"]: one["value"] for one in named["libssl3"]["properties"]}
    assert listed == {f"{PROPERTY}PkgType": "debian", f"{PROPERTY}SrcName": "openssl", f"{PROPERTY}SrcVersion": "0~0"}
    assert named["six"]["version"] == "0.0.1"
    assert set(pins().canaries["python-pkg"].names) <= set(named)
    assert "x" not in named, "there are no advisories on conda packages to ask for"
    assert asked["dependencies"][0]["dependsOn"] == [one["bom-ref"] for one in asked["components"]]
