#!/bin/sh
# make-venv.sh FOLDER: an empty virtual environment, and a `pip` command for build steps.
set -eu

python3 -m venv --without-pip "$1"

# pip is Debian's wheel file: it can be started, but is no module of the environment that jobs run in.
cat > /usr/local/bin/pip <<EOF
#!/bin/sh
set -- /usr/share/python-wheels/pip-*.whl "\$@"
wheel=\$1
shift
exec "$1/bin/python" "\$wheel/pip" "\$@"
EOF
chmod 0755 /usr/local/bin/pip
pip --version
