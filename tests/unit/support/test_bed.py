import threading
from typing import ClassVar

import pytest

from support.testbed import bed
from support.testbed.errors import BedError
from support.testbed.state import State


class Fake:
    """A service that says what happens to it."""

    name = ""
    heard: ClassVar[list[str]] = []
    broken: ClassVar[set[str]] = set()
    together = threading.Barrier(2, timeout=10)

    def __init__(self, state):
        self.state = state

    def running(self):
        return None

    def start(self):
        Fake.heard.append(f"{self.name} begins")
        if self.name in ("docker", "s3"):
            # Neither goes on before the other has begun.
            Fake.together.wait()
        if self.name in Fake.broken:
            raise BedError(f"{self.name} is broken")
        Fake.heard.append(f"{self.name} runs")

    def stop(self):
        Fake.heard.append(f"{self.name} stops")


@pytest.fixture
def state(tmp_path, monkeypatch):
    made = tuple(type(name, (Fake,), {"name": name}) for name in ("docker", "docker-containerd", "s3", "mlflow"))
    monkeypatch.setattr(bed, "SERVICES", made)
    monkeypatch.setattr(bed.image_registry, "offer_base_image", lambda _: Fake.heard.append("base image"))
    Fake.heard.clear()
    Fake.broken.clear()
    Fake.together.reset()
    return State(tmp_path)


def test_services_start_beside_each_other_but_mlflow_and_the_second_engine_after_the_first(state):
    said = []
    bed.start(state, ("docker", "docker-containerd", "s3", "mlflow"), said.append)
    for name in ("mlflow", "docker-containerd"):
        assert Fake.heard.index(f"{name} begins") > Fake.heard.index("docker runs")
    assert Fake.heard[-1] == "base image"
    assert len(said) == 5


def test_one_that_does_not_start_stops_those_that_were_started(state):
    Fake.broken.add("docker")
    with pytest.raises(BedError, match="docker is broken"):
        bed.start(state, ("docker", "s3", "mlflow"), lambda _: None)
    assert "mlflow begins" not in Fake.heard
    assert Fake.heard[-3:] == ["mlflow stops", "s3 stops", "docker stops"]
