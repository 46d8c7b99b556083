"""An image registry on loopback (Debian's docker-registry), with the base image where a mirror would have it."""

from __future__ import annotations

import json

from . import base_image, http_probe, ports, system_packages
from .docker_engine import DockerEngine
from .service import Launch, Service
from .state import ServiceRecord, State


class ImageRegistry(Service):
    """Plain HTTP, which engines accept for localhost; deleting is allowed, data stay between starts."""

    name = "registry"

    def prepare(self) -> Launch:
        """Write its configuration (YAML, of which JSON is a part)."""
        folder = self.state.folder(self.name)
        (port,) = ports.free_ports(1)
        configuration = {
            "version": "0.1",
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
            "http": {"addr": f"127.0.0.1:{port}"},
        }
        path = folder / "config.yml"
        path.write_text(json.dumps(configuration, indent=2))
        address = f"localhost:{port}"
        return Launch(
            argv=(system_packages.need("docker-registry"), "serve", str(path)),
            ports=(port,),
            environment={"OTEL_TRACES_EXPORTER": "none"},
            exports={
                "MLOPS_CI_TEST_REGISTRY": address,
                "MLOPS_CI_TEST_REGISTRY_BASE_IMAGE": f"{address}/{base_image.MIRRORED}",
            },
        )

    def answers(self, record: ServiceRecord, /) -> bool:
        """Whether the registry's API answers."""
        return http_probe.status_over_tcp("127.0.0.1", record.ports[0], "/v2/") == 200


def offer_base_image(state: State) -> None:
    """Once engine and registry run: push the base image unless the registry has it."""
    engine, registry = DockerEngine(state), ImageRegistry(state)
    record = registry.running()
    if record is None or engine.running() is None:
        return
    name, _, tag = base_image.MIRRORED.rpartition(":")
    if http_probe.status_over_tcp("127.0.0.1", record.ports[0], f"/v2/{name}/manifests/{tag}") != 200:
        base_image.publish(system_packages.need("docker"), engine.host, record.environment["MLOPS_CI_TEST_REGISTRY"])
