#!/bin/sh
# make-user.sh: the user 10001, and nothing left of making it.
set -eu

groupadd --gid 10001 mlops
useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --no-log-init --shell /usr/sbin/nologin mlops
rm -f /etc/*- /var/log/faillog /var/log/lastlog
