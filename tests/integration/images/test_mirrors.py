"""Sites without the internet: every address is a setting, and no address stays in an image."""

import secrets
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_ci.engines.docker_socket import DockerSocket
from mlops_ci.images.build_failure import BuildNetworkError
from support.image_builds import ImageProject
from support.image_projects import write_wheel
from support.package_index import package_index
from support.registry_stub import Answer, stub_registry

Docker = Callable[..., str]


@pytest.fixture
def gateway(docker_host: str) -> str:
    """This machine's address as builds see it."""
    return DockerSocket(docker_host).bridge_gateway()


def test_packages_come_from_the_index_and_its_password_stays_nowhere(
    project: ImageProject, docker: Docker, gateway: str, tmp_path: Path
) -> None:
    password = secrets.token_hex(16)
    name = f"mine-{secrets.token_hex(4)}"
    write_wheel(tmp_path / "served", name, "1.0", files={"mine.py": "answer = 42\n"})
    project.write(requirements__txt=f"{name}\n")
    with package_index(tmp_path / "served", f"user:{password}", gateway) as server:
        index = f"http://user:{password}@{server.host}/simple"
        # pip itself wants such a host to be trusted, since it has no TLS.
        project.write(requirements__txt=f"--trusted-host {gateway}\n{name}\n")
        built = project.build(layer="python", requirements="requirements.txt", mirrors={"index": index})
        assert any(question.path == f"/simple/{name}/" for question in server.questions)
    assert docker("run", "--rm", built.ref, "python", "-c", "import mine; print(mine.answer)").strip() == "42"
    docker("save", "--output", str(tmp_path / "image.tar"), built.ref)
    with tarfile.open(tmp_path / "image.tar") as archive:
        layers = 0
        for member in archive:
            stream = archive.extractfile(member)
            content = stream.read() if stream else b""
            layers += len(content) > 1_000_000
            assert password.encode() not in content, member.name
            assert server.host.encode() not in content, member.name
    assert layers
    assert not [
        path for path in (project.root / ".mlops").rglob("*") if path.is_file() and password in path.read_text()
    ]
    assert password not in "\n".join(project.sink.lines)


def test_debian_packages_come_from_the_apt_mirror(project: ImageProject, gateway: str) -> None:
    with stub_registry(lambda _: Answer(status=404), gateway) as server:
        with pytest.raises(BuildNetworkError) as caught:
            project.build(
                layer="base", apt=(f"never-{secrets.token_hex(4)}",), mirrors={"apt": f"http://{server.host}/site"}
            )
    assert caught.value.exit_code == 10
    asked = {question.path for question in server.questions}
    assert any(path.startswith("/site/debian/dists/bookworm/") for path in asked)
    assert any(path.startswith("/site/debian-security/dists/bookworm-security/") for path in asked)
    assert all(path.startswith("/site/debian") for path in asked)


def test_a_mirrored_base_image_is_taken_by_its_digest(
    project: ImageProject, docker: Docker, mirrored_base_image: str
) -> None:
    built = project.build(layer="base", mirrors={"images": {"debian:bookworm-slim": mirrored_base_image}})
    spec = built.plans[0].spec
    assert spec is not None
    assert spec.base is not None
    assert spec.base.ref == f"{mirrored_base_image}@{spec.base.digest}"
    assert docker("run", "--rm", built.ref, "cat", "/etc/debian_version").startswith("12.")
