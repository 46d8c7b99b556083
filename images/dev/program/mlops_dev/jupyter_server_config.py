"""Read by Jupyter itself: what `jupyter.prepare` wrote, as settings of the server."""

import json
import os
from pathlib import Path
from typing import Any

from jupyter_server.auth import passwd

with Path(os.environ["MLOPS_DEV_FOLDER"], "jupyter.json").open(encoding="utf-8") as stream:
    told: dict[str, Any] = json.load(stream)

c = get_config()  # noqa: F821  # Jupyter puts it there
c.ServerApp.ip = told["ip"]
c.ServerApp.port = told["port"]
c.ServerApp.port_retries = 0
c.ServerApp.root_dir = told["root"]
c.ServerApp.open_browser = False
c.ServerApp.allow_root = False
c.ServerApp.allow_remote_access = True
c.ServerApp.certfile = told["certificate"]
c.ServerApp.keyfile = told["key"]
c.ServerApp.quit_button = False
c.IdentityProvider.token = told["token"]
if told["password"]:
    c.PasswordIdentityProvider.hashed_password = told["password"] if told["hashed"] else passwd(told["password"])
    c.PasswordIdentityProvider.allow_password_change = False
# Kernels are reached by files of this user, not by ports.
c.KernelManager.transport = "ipc"
# Nothing is asked of the internet.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
