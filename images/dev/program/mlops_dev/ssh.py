"""An SSH server of this user: keys only, host keys made at the start, no root, no PAM, a port above 1024.

The server looks its user up, and any uid may run the image: libnss_wrapper gives it a passwd file of our own, with a
shell, in front of the system's.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from .settings import Ssh

SERVER, KEYGEN = "/usr/sbin/sshd", "/usr/bin/ssh-keygen"
WRAPPER = "libnss_wrapper.so"
USER = "mlops"
# What a login needs to be like any other command of the image; nothing else of the container's environment, which may
# hold what is nobody's business.
HANDED_ON = (
    *("PATH", "VIRTUAL_ENV", "LANG", "TZ", "PYTHONUNBUFFERED", "XDG_CACHE_HOME", "HF_HOME", "TORCH_HOME"),
    *("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH", "MPLCONFIGDIR", "NUMBA_CACHE_DIR"),
    *("NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "NCCL_DEBUG", "IPYTHONDIR"),
    *("LD_PRELOAD", "NSS_WRAPPER_PASSWD", "NSS_WRAPPER_GROUP"),
)


def prepare(settings: Ssh, folder: Path, environ: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Write what the server needs into `folder` (this user's alone); its command and environment."""
    wrapped = _known_user(folder, environ)
    host_key = folder / "ssh_host_ed25519_key"
    subprocess.run(
        [KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", str(host_key)], check=True, env={**environ, **wrapped}
    )
    keys = folder / "authorized_keys"
    keys.write_text("\n".join(settings.keys) + "\n", encoding="utf-8")
    keys.chmod(0o600)
    configuration = folder / "sshd_config"
    lines = _lines(settings, host_key, keys, {**environ, **wrapped})
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [SERVER, "-D", "-e", "-f", str(configuration)], {**environ, **wrapped}


def _known_user(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables with which this uid has a name, a home and a shell."""
    passwd, group = folder / "passwd", folder / "group"
    home = environ.get("HOME", "/tmp")  # noqa: S108  # the image's own home
    passwd.write_text(f"{USER}:x:{os.getuid()}:{os.getgid()}::{home}:/bin/bash\n", encoding="utf-8")
    group.write_text(f"{USER}:x:{os.getgid()}:\n", encoding="utf-8")
    return {"LD_PRELOAD": WRAPPER, "NSS_WRAPPER_PASSWD": str(passwd), "NSS_WRAPPER_GROUP": str(group)}


def _lines(settings: Ssh, host_key: Path, keys: Path, environ: Mapping[str, str]) -> Iterator[str]:
    yield f"Port {settings.port}"
    yield f"HostKey {host_key}"
    yield f"AuthorizedKeysFile {keys}"
    yield f"AllowUsers {USER}"
    yield from (
        f"{name} no"
        for name in (
            *("PasswordAuthentication", "KbdInteractiveAuthentication", "PermitRootLogin", "UsePAM"),
            *("PermitUserEnvironment", "X11Forwarding", "AllowAgentForwarding", "PrintMotd"),
        )
    )
    yield "AuthenticationMethods publickey"
    # The folder is ours alone; its parent is /tmp, which the strict mode does not trust.
    yield "StrictModes no"
    yield "PidFile none"
    yield "Subsystem sftp internal-sftp"
    found = [f'"{name}={environ[name]}"' for name in HANDED_ON if name in environ and '"' not in environ[name]]
    if found:
        yield "SetEnv " + " ".join(found)
