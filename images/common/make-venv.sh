#!/bin/sh
# make-venv.sh FOLDER: an empty virtual environment, the user 10001, and a `pip` command for build steps.
set -eu

python3 -m venv --without-pip "$1"
groupadd --gid 10001 mlops
useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --no-log-init --shell /usr/sbin/nologin mlops
rm -f /etc/*- /var/log/faillog /var/log/lastlog

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
