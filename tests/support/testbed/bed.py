"""The testbed as a whole: its services in the order they start, what it needs installed, what its users must know."""

from __future__ import annotations

import concurrent.futures
import shutil
import time
from collections.abc import Callable, Iterable, Iterator

from . import apt, base_image, image_registry, mounts, node_tools, processes, system_packages, tools, torch_environment
from .authorities import CA_BUNDLE
from .docker_engine import DockerEngine, DockerEngineContainerdStore
from .errors import BedError
from .image_registry import ImageRegistry
from .mlflow_server import MlflowServer
from .s3_server import S3Server
from .service import Service
from .state import State
from .trivy_db_server import TrivyDbServer

# In starting order: MLflow listens on the engine's bridge.
SERVICES: tuple[type[Service], ...] = (
    DockerEngine,
    DockerEngineContainerdStore,
    ImageRegistry,
    S3Server,
    MlflowServer,
    TrivyDbServer,
)
NAMES = tuple(service.name for service in SERVICES)
DEFAULT = ("docker", "registry", "s3", "mlflow", "trivy-db")
NEED_BASE_IMAGE = frozenset({"docker", "docker-containerd"})
NEED_TOOLS = frozenset({"s3", "mlflow"})
# Not a service, but what tests need too: it can be installed by its name, before the rest.
TORCH = "torch"
# MLflow listens on the bridge that the engine makes. Two engines that start at once take each other's iptables chains
# away.
AFTER = {"mlflow": "docker", "docker-containerd": "docker"}

Report = Callable[[str], None]


def install(state: State, names: Iterable[str], report: Report) -> bool:
    """Install what these services need and this machine lacks; False when there was nothing to do."""
    wanted = frozenset(names)
    did_something = False
    packages = system_packages.missing(wanted)
    if packages:
        did_something = True
        _timed(report, f"Debian packages: {' '.join(packages)}", lambda: apt.install(packages))
        still_missing = system_packages.missing(wanted)
        if still_missing:
            raise BedError(f"installed, and still not usable: {' '.join(still_missing)}")
    steps: dict[str, Callable[[], object]] = {}
    if wanted & NEED_BASE_IMAGE and not base_image.archive(state).exists():
        steps["base image"] = lambda: base_image.make(state)
    if wanted & NEED_TOOLS and not tools.is_installed(state):
        steps["servers and tools from the Python package index"] = lambda: tools.install(state)
    if wanted & (NEED_TOOLS | {TORCH}) and not torch_environment.is_installed(state):
        steps["PyTorch for the tests of jobs"] = lambda: torch_environment.install(state)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(_timed, report, what, step) for what, step in steps.items()]:
            done.result()
    if wanted & NEED_TOOLS and not node_tools.is_installed(state):
        did_something = True
        _timed(report, "tools from npm", lambda: node_tools.install(state))
    return did_something or bool(steps)


def start(state: State, names: Iterable[str], report: Report) -> None:
    """Start these services beside each other, each once it can rely on those that it needs.

    On failure, what was started here stops again.
    """
    wanted = [service for service in _services(state) if service.name in set(names) and service.running() is None]
    futures: dict[str, concurrent.futures.Future[None]] = {}

    def begin(service: Service) -> None:
        before = futures.get(AFTER.get(service.name, ""))
        if before is not None:
            before.result()
        _timed(report, service.name, service.start)

    with concurrent.futures.ThreadPoolExecutor(max_workers=len(SERVICES)) as pool:
        # In the order of SERVICES: what another one waits for is under way before it.
        for service in wanted:
            futures[service.name] = pool.submit(begin, service)
    try:
        for future in futures.values():
            future.result()
        if wanted:
            _timed(report, "base image in the registry", lambda: image_registry.offer_base_image(state))
    except BaseException:
        for service in reversed(wanted):
            service.stop()
        raise


def stop(state: State, names: Iterable[str]) -> None:
    """Stop these services, the last started first."""
    wanted = set(names)
    for service in reversed(list(_services(state))):
        if service.name in wanted:
            service.stop()


def remove(state: State) -> None:
    """Stop everything and delete the state directory, not what is mounted there. Installed Debian packages stay."""
    stop(state, NAMES)
    mounts.release(state.root)
    shutil.rmtree(state.root)


def status(state: State) -> dict[str, str]:
    """Each service: `running` with its process id and ports, `stopped`, or `died`."""
    return {service.name: _status_of(state, service) for service in _services(state)}


def environment(state: State) -> dict[str, str]:
    """What tests and users set to find the services that run."""
    exports = {"MLOPS_CI_TESTBED": str(state.root)}
    if CA_BUNDLE.exists():
        exports["MLOPS_CI_TEST_CA_BUNDLE"] = str(CA_BUNDLE)
    if torch_environment.is_installed(state):
        exports[torch_environment.VARIABLE] = str(torch_environment.python(state))
    for service in _services(state):
        record = service.running()
        if record:
            exports |= record.environment
    return exports


def _services(state: State) -> Iterator[Service]:
    return (service(state) for service in SERVICES)


def _status_of(state: State, service: Service) -> str:
    record = state.read(service.name)
    if record is None:
        return "stopped"
    if not processes.is_alive(record.pid, record.started, record.boot):
        return "died"
    ports = f", ports {' '.join(map(str, record.ports))}" if record.ports else ""
    return f"running (process {record.pid}{ports})"


def _timed(report: Report, what: str, step: Callable[[], object]) -> None:
    began = time.monotonic()
    step()
    report(f"{what}: {time.monotonic() - began:.1f} s")
