#!/bin/sh
# pip-install.sh ARGUMENT...: `pip install` inside a build step, into the image's virtual environment.
#
# Index addresses, credentials and the CA bundle come from secret mounts, so that no layer and no image history knows them.
set -eu

if [ -s /run/secrets/ca ]; then
    export PIP_CERT=/run/secrets/ca SSL_CERT_FILE=/run/secrets/ca REQUESTS_CA_BUNDLE=/run/secrets/ca
fi
if [ -s /run/secrets/pip ]; then
    export PIP_CONFIG_FILE=/run/secrets/pip
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR="$work" PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
export PIP_PROGRESS_BAR=off
# What is imported meanwhile must not leave bytecode of another kind.
export PYTHONDONTWRITEBYTECODE=1
# As a variable it would mean its opposite.
pip install --no-compile "$@"
PYTHONHASHSEED=0 python -s /run/context/compile.py "$VIRTUAL_ENV/lib"
