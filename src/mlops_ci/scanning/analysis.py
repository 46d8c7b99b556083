"""What is inside a target, asked of Trivy: packages, secrets, image configuration. No vulnerability database is needed.

One set of flags serves the SBOM of the build stage and the secrets of the scan stage: what is in the layers comes from
Trivy's layer cache the second time. Only the scan stage has an image's configuration judged, which takes Trivy ten
times as long as a known image. An image of a registry is read there, packed, and only the layers that the cache does
not know. The engine would unpack and hand over all of it (`docker save`): it is asked for images that only it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mlops_ci.registry.reference import parse
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.scanning.pins import pins
from mlops_ci.scanning.trivy import Trivy

REGISTRY_FIRST, ENGINE_FIRST = "remote,docker", "docker,remote"


def analyse(target: ScanTarget, *, trivy: Trivy, secrets: bool, timeout: float, judged: bool = True) -> Any:
    """Trivy's JSON report on the target: packages, secrets if asked for, and, `judged`, an image's configuration.

    It holds an image's environment variables in clear text: parse it, don't keep it.
    """
    what = f"reading {target.kind} {target.name}"
    words = arguments(target, secrets=secrets, judged=judged)
    return trivy.json([*words, "--format", "json"], what=what, timeout=timeout)


def arguments(target: ScanTarget, *, secrets: bool, judged: bool = True) -> list[str]:
    """The arguments without output format. Trivy's layer cache is keyed by all of them but those on the configuration.

    Trivy has no scanner for packages alone; the licence scanner is the cheapest that lists them.
    """
    scanners = "secret" if secrets else "license"
    skipped = skip_secrets() if secrets else []
    if target.kind != "image":
        return ["rootfs", "--scanners", scanners, *skipped, *skip_archives(), *tree(target)]
    configuration = [*(["misconfig"] if judged else []), *(["secret"] if secrets else [])]
    return [
        "image",
        *("--image-src", ENGINE_FIRST if parse(target.ref).host is None else REGISTRY_FIRST),
        *("--scanners", scanners),
        *(("--image-config-scanners", ",".join(configuration)) if configuration else ()),
        *skipped,
        *skip_archives(),
        target.ref,
    ]


def tree(target: ScanTarget) -> list[str]:
    """The folder of an environment or a root, after what is left out of it."""
    return [*_options("--skip-dirs", target.skipped), str(Path(target.folder).absolute())]


def skip_secrets() -> list[str]:
    """Options that leave out what no secret can be in that is not elsewhere too."""
    return [*_options("--skip-dirs", pins().skip_folders), *_options("--skip-files", pins().skip_files)]


def skip_archives() -> list[str]:
    """Options that leave out Java archives, which Trivy cannot read without a second database."""
    return _options("--skip-files", pins().skip_archives)


def _options(name: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (name, value)]
