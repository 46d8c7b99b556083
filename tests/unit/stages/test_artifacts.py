import os

from mlops_ci.publishing.publish import publish
from mlops_ci.publishing.reach import Library
from mlops_ci.stages.artifacts import Registration, artifacts
from mlops_ci.stores.local import LocalStore


def test_of_two_manifests_of_one_second_the_later_version_comes_first(tmp_path):
    store = LocalStore(tmp_path / "store")
    keys = []
    for number in (1, 2):
        path = tmp_path / f"{number}"
        path.write_text(str(number))
        facts = {"lineage": {"run": str(number)}, "metrics": {}, "evaluation": {}}
        keys.append(publish(store, model="m", files=[("model/weights", path)], **facts).manifest.key)
    for key in keys:
        os.utime(tmp_path / "store" / key, (1_700_000_000, 1_700_000_000))
    for versions in (("9", "10"), ("10", "9")):
        registered = {key: Registration(version=one, aliases=()) for key, one in zip(keys, versions, strict=True)}
        assert [one.version for one in artifacts(Library(store), registered)] == ["10", "9"]
