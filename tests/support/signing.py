"""Images of a registry with signatures, and the settings of who may have signed."""

from __future__ import annotations

import os
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.console import Console
from mlops_ci.network import RetryPolicy
from mlops_ci.registry.signatures import Signatures
from mlops_ci.settings.image import ImageSettings
from mlops_ci.settings.settings import Settings, Tables
from mlops_ci.settings.signing import SigningSettings
from mlops_ci.settings.train import TrainSettings
from mlops_ci.signing.keys import PrivateKey, generate
from mlops_ci.stages.signers import KeySigner
from support import tiny_image
from support.heard import Heard

PASSWORD = "a password of this test"
PRIVATE, PUBLIC = "cosign.key", "cosign.pub"
QUICK = RetryPolicy(attempts=2, first_wait=0.01)


@dataclass(frozen=True, kw_only=True)
class Signer:
    """A key whose both halves lie in a folder, and a client that signs with it."""

    folder: Path
    key: PrivateKey

    @property
    def public(self) -> Path:
        return self.folder / PUBLIC

    @property
    def private(self) -> Path:
        return self.folder / PRIVATE

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which a run signs with this key, and runs nothing that it has not signed."""
        return variables(self.folder)

    def settings(self, **signing: Any) -> Settings:
        """Settings that ask for a signature of this key."""
        return made(self.folder, public_key=str(self.public), **signing)

    def signs(self, client: Signatures) -> KeySigner:
        return KeySigner(key=self.key, registry=client)


def variables(folder: Path) -> dict[str, str]:
    """Those of the key that lies in a folder."""
    return {
        "MLOPS_CI_SIGNING__KEY": str(folder / PRIVATE),
        "MLOPS_CI_SIGNING__PUBLIC_KEY": str(folder / PUBLIC),
        "MLOPS_CI_SIGNING__REQUIRED": "always",
        "COSIGN_PASSWORD": PASSWORD,
    }


def signer(folder: Path) -> Signer:
    """A new key in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    one = Signer(folder=folder, key=generate())
    one.private.write_text(one.key.sealed(PASSWORD.encode()))
    one.public.write_text(one.key.public.pem())
    return one


def made(root: Path, *, registry: str | None = None, **signing: Any) -> Settings:
    """Settings with these values in `[signing]`."""
    return Settings(
        root=root,
        file=None,
        mode=None,
        tables=Tables(
            image=ImageSettings(registry=registry),
            signing=SigningSettings(**signing),
            train=TrainSettings(command="python train.py"),
        ),
    )


def client(folder: Path) -> Signatures:
    """A client without logins that gives up soon."""
    return Signatures(docker_config=folder, policy=QUICK)


def image(registry: Signatures, host: str, *, says: str = "hello") -> str:
    """A tiny image that nobody else knows, as REPOSITORY@DIGEST."""
    name = f"{host}/signing/{uuid.uuid4().hex[:12]}"
    return f"{name}@{tiny_image.push(registry, f'{name}:1', says=says)}"


def console() -> Console:
    return Console(sink=Heard())


def cosign(program: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the real program where nothing outside can be asked."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "COSIGN_PASSWORD": PASSWORD}
    argv = [program, *words, "--allow-http-registry"] if words[0] != "generate-key-pair" else [program, *words]
    return subprocess.run(argv, capture_output=True, text=True, env=environment, cwd=folder, check=False)
