"""The whole tree for `cpu`: every layer keeps the rules, and is used from outside as its user would use it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlops_ci.commands import image_look
from mlops_ci.console import Console
from mlops_ci.images import catalogue, hardening, sizes
from mlops_ci.images.engine_store import EngineStore
from mlops_ci.images.lookup import engine_image
from support.containers import LOCKED_DOWN, Container, container
from support.heard import Heard
from support.image_builds import Built, ImageProject
from support.jupyter import Jupyter, entered
from support.linters import tool
from support.mail_server import make_certificate

HERE = EngineStore(console=Console(Heard()))
LAYERS = ("python", "torch", "train", "vision", "nlp", "dev", "devel")
TOKEN = "0123456789abcdef0123456789abcdef"
# Headers that are compiled beforehand are for whoever compiles more than once: half of the time.
COMPILED = (
    "import torch, torch._inductor.config as c; c.cpp_cache_precompile_headers = False;"
    "f = torch.compile(lambda x: (x * 2 + 1).relu().sum()); print(float(f(torch.ones(64))))"
)
LOGIN = (
    "ssh -i /keys/id -p 2222 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes"
    " -o LogLevel=ERROR -o ConnectTimeout=10"
)
Docker = Callable[..., str]


@pytest.fixture(scope="module")
def tree(
    tmp_path_factory: pytest.TempPathFactory,
    train_image: Built,
    docker_host: str,
    base_image: str,
    project_name: str,
    tree_place: dict[str, str],
) -> dict[str, str]:
    """The images of all layers by name: what is on PyTorch is built once per session, PyTorch itself is shared."""
    found = {plan.name: plan.ref for plan in train_image.plans}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", docker_host)
        for layer in ("vision", "nlp", "dev", "devel"):
            project = ImageProject(
                root=tmp_path_factory.mktemp(layer),
                engine="docker",
                name=project_name,
                mirrors={"images": {catalogue.load().base.name: base_image}},
            )
            found[layer] = project.build(layer=layer, **tree_place).ref
    return found


@pytest.fixture(scope="module")
def scheduled(tree: dict[str, str], docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """A container that waits for the next minute while other tests run."""
    logs = tmp_path_factory.mktemp("logs")
    logs.chmod(0o777)
    options = (*LOCKED_DOWN, "--env", "MLOPS_SCHEDULE=* * * * *", "--env", "MLOPS_MAX_RUNS=1")
    options += ("--env", "MLOPS_TIMEZONE=Asia/Kathmandu", "--volume", f"{logs}:/logs")
    with container(docker, tree["train"], "sh", "-c", "echo fired as $(id -u); exit 7", options=options) as one:
        yield one


@pytest.fixture(scope="module")
def dev(tree: dict[str, str], docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """JupyterLab and SSH as any uid, without rights and on a read-only root; `/keys` holds the key that may log in."""
    keys = tmp_path_factory.mktemp("keys")
    keys.chmod(0o777)
    (keys / "token").write_text(TOKEN)
    mounted = ("--volume", f"{keys}:/keys")
    docker("run", "--rm", *mounted, tree["dev"], "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/keys/id")
    environment = {
        "MLOPS_JUPYTER_TOKEN_FILE": "/keys/token",
        "MLOPS_SSH": "on",
        "MLOPS_SSH_AUTHORIZED_KEYS": "/keys/id.pub",
    }
    told = (word for name, value in environment.items() for word in ("--env", f"{name}={value}"))
    # Its own question, asked more often than every half minute.
    often = ("--health-interval", "2s")
    with container(docker, tree["dev"], options=(*LOCKED_DOWN, *mounted, *told, *often)) as one:
        one.until(lambda: one.facts["State"]["Health"]["Status"] == "healthy")
        yield one


@pytest.fixture(autouse=True)
def _engine(docker_host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_host)


@pytest.mark.parametrize("layer", ["base", *LAYERS])
def test_every_layer_keeps_the_rules_and_its_budget(layer: str, tree: dict[str, str], scheduled: Container) -> None:
    # What is in `base`, which has no Python to look with, is in what stands on it.
    above = image_look.subject(tree["python"], HERE).inside if layer == "base" else None
    assert hardening.breaches(image_look.subject(tree[layer], HERE, above=above)) == ()
    lower = {"base": None, "python": "base", "torch": "python"}.get(layer, "torch")
    own = sizes.unpacked_bytes(tree[layer]) - (sizes.unpacked_bytes(tree[lower]) if lower else 0)
    budget = catalogue.load().layers[layer].budget_bytes("cpu")
    assert budget is not None
    assert own <= budget


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_works_locked_down_as_any_user(layer: str, tree: dict[str, str], docker: Docker) -> None:
    code = (
        "import getpass, os, pathlib; pathlib.Path.home().joinpath('x').write_text('x');"
        "print(getpass.getuser(), os.getuid(), pathlib.Path('/proc/1/comm').read_text())"
    )
    said = docker("run", "--rm", "--network", "none", *LOCKED_DOWN, tree[layer], "python", "-c", code)
    assert "mlops 4321 tini" in said


def test_the_health_check_looks_from_within_every_image(tree: dict[str, str], tmp_path: Path) -> None:
    """As jobs run: a read-only root, no rights, and a user who is not root."""

    def verdict(layer: str) -> tuple[str, str, str]:
        words = ("--image", tree[layer], "--gpus", "0", "--level", "static", "--format", "json")
        done = subprocess.run(
            [sys.executable, "-m", "mlops_ci", "health-check", *words],
            cwd=tmp_path,
            env={**os.environ, "MLOPS_CI_PROVIDER": "local", "XDG_CACHE_HOME": str(tmp_path / layer)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)["result"]
        statuses = {one["id"]: one["status"] for one in result["checks"]}
        return layer, result["verdict"], statuses["torch.import"]

    layers = [layer for layer in LAYERS if layer != "python"]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(verdict, layers)) == [(layer, "cpu-only", "PASS") for layer in layers]


def test_torch_compile_works_as_any_user_on_a_read_only_root(tree: dict[str, str], docker: Docker) -> None:
    said = docker("run", "--rm", "--network", "none", *LOCKED_DOWN, tree["torch"], "python", "-c", COMPILED)
    assert "192.0" in said.splitlines()


def test_vision_and_nlp_hold_what_their_names_say(tree: dict[str, str], docker: Docker) -> None:
    pictures = (
        "import albumentations as A, cv2, numpy as np; image = np.zeros((8, 8, 3), np.uint8);"
        "print(A.Resize(4, 4)(image=image)['image'].shape, cv2.resize(image, (2, 2)).shape)"
    )
    texts = (
        "import datasets, tokenizers; from transformers import PreTrainedTokenizerFast;"
        "print(len(datasets.Dataset.from_dict({'a': [1, 2]})), callable(PreTrainedTokenizerFast))"
    )
    run = ("run", "--rm", "--network", "none", *LOCKED_DOWN)
    assert "(4, 4, 3) (2, 2, 3)" in docker(*run, tree["vision"], "python", "-c", pictures)
    assert "2 True" in docker(*run, tree["nlp"], "python", "-c", texts)


def test_a_kernel_executes_a_cell_over_http(dev: Container) -> None:
    server = Jupyter(dev.address, 8888, TOKEN)
    assert server.execute("import os, torch; print(torch.ones(3).sum().item(), os.getuid())") == "3.0 4321\n"
    assert [Jupyter(dev.address, 8888, token).ask("/api/kernels")[0] for token in ("", "guessed")] == [403, 403]
    assert TOKEN not in dev.logs() + json.dumps(dev.facts["Config"]) + dev.docker("top", dev.id)


def test_jupyter_speaks_tls_and_takes_the_password_of_a_file(
    tree: dict[str, str], docker: Docker, tmp_path: Path
) -> None:
    both = make_certificate(tmp_path)
    (tmp_path / "password").write_text(TOKEN)
    for path in (tmp_path, both):
        path.chmod(0o755)
    told = [f"MLOPS_TLS_{one}_FILE=/keys/{both.name}" for one in ("CERT", "KEY")]
    told.append("MLOPS_JUPYTER_PASSWORD_FILE=/keys/password")
    options = (*LOCKED_DOWN, *("--publish", "127.0.0.1::8888"), *("--health-interval", "2s"))
    options += ("--volume", f"{tmp_path}:/keys:ro", *(word for one in told for word in ("--env", one)))
    with container(docker, tree["dev"], options=options) as one:
        one.until(lambda: one.facts["State"]["Health"]["Status"] == "healthy")
        (port,) = {int(said["HostPort"]) for said in one.facts["NetworkSettings"]["Ports"]["8888/tcp"]}
        assert [entered(f"https://127.0.0.1:{port}", both, word) for word in ("guessed", TOKEN)] == [401, 200]


def test_an_ssh_login_runs_a_command(dev: Container, tree: dict[str, str], docker: Docker) -> None:
    (keys,) = (mount["Source"] for mount in dev.facts["Mounts"] if mount["Destination"] == "/keys")
    client = ("run", "--rm", "--volume", f"{keys}:/keys", tree["dev"], "sh", "-c")
    said = docker(*client, f"{LOGIN} mlops@{dev.address} 'id -un; id -u; python -c \"import torch; print(1 + 1)\"'")
    assert said.split() == ["mlops", "4321", "2"]
    other = f"ssh-keygen -q -t ed25519 -N '' -f /tmp/id; {LOGIN.replace('/keys/id', '/tmp/id')} mlops@{dev.address} id"
    assert "Permission denied (publickey)" in docker(*client, other, check=False)
    assert "Permission denied (publickey)" in docker(*client, f"{LOGIN} root@{dev.address} id", check=False)


def test_dev_has_its_tools_under_the_names_that_people_type(dev: Container) -> None:
    said = dev.run("sh", "-c", "echo old > /tmp/edited && vim -es -c '%s/old/new/' -c wq /tmp/edited; cat /tmp/edited")
    assert said == "new\n"
    assert (
        dev.run("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "localhost:8888") == "302"
    )
    assert dev.run("git", "--version").startswith("git version")


def test_dev_keeps_work_in_volumes_and_stops_at_once(dev: Container, docker: Docker) -> None:
    folders = {"/workspace", "/datasets", "/checkpoints", "/logs", "/notebooks"}
    assert folders <= {mount["Destination"] for mount in dev.facts["Mounts"]}
    dev.run("touch", *(f"{folder}/mine" for folder in folders))
    docker("stop", "--time", "20", dev.id)
    assert dev.facts["State"]["ExitCode"] == 0


def test_without_keys_there_is_no_ssh_and_no_start(tree: dict[str, str], docker: Docker) -> None:
    assert "MLOPS_SSH_AUTHORIZED_KEYS" in docker("run", "--rm", "--env", "MLOPS_SSH=on", tree["dev"], check=False)


def test_torchrun_starts_two_processes(tree: dict[str, str], docker: Docker, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "job.py").write_text(
        "import torch, torch.distributed as d; d.init_process_group('gloo'); t = torch.ones(1); d.all_reduce(t)\n"
        # One write: the lines of two processes must not mix.
        "print(f'sum {t.item()}\\n', end='', flush=True); d.destroy_process_group(); raise SystemExit(0)\n"
    )
    options = (*LOCKED_DOWN, "--network", "none", "--env", "MLOPS_TORCHRUN=2", "--volume", f"{tmp_path}:/workspace:ro")
    said = docker("run", "--rm", *options, tree["train"], "python", "job.py")
    assert said.count("sum 2.0") == 2
    assert "--shm-size=8g" in said, "the engine's own 64 MB are too little, which is said before it hurts"


def test_a_schedule_fires(scheduled: Container, docker: Docker) -> None:
    assert int(docker("wait", scheduled.id)) == 7, "the exit code of the run"
    assert "fired as 4321" in scheduled.logs()
    (logs,) = (mount["Source"] for mount in scheduled.facts["Mounts"] if mount["Destination"] == "/logs")
    (log,) = Path(logs).glob("train/*.log")
    assert log.read_text() == "fired as 4321\n"
    stamp = json.loads(Path(logs, "train.stamp.json").read_text())
    assert (stamp["exit_code"], stamp["missed"]) == (7, 0)


def test_dockerfiles_are_clean_for_hadolint() -> None:
    folder = catalogue.load().folder
    files = sorted(str(path) for path in folder.glob("*/Dockerfile"))
    code, said = tool(folder, "hadolint", "--ignore", "DL3006", *files)
    assert (code, said) == (0, "")


def test_all_of_it_stands_on_the_same_layers(tree: dict[str, str]) -> None:
    torch = engine_image(tree["torch"])
    assert torch is not None
    for layer in ("train", "vision", "nlp", "dev", "devel"):
        above = engine_image(tree[layer])
        assert above is not None
        assert above.layers[: len(torch.layers)] == torch.layers
