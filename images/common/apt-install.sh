#!/bin/sh
# apt-install.sh upgrade|keep PACKAGE...: installs Debian packages inside a build step.
#
# The site's mirror and CA bundle come from secret mounts, so that no layer and no image history knows them.
# Package lists and archives live in a folder that is removed in the same step.
set -eu

how=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 0755 "$work"
: > "$work/start"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/etc/sources.list.d"

{
    echo "Dir::State::Lists \"$work/lists\";"
    echo "Dir::Cache \"$work/cache\";"
    echo 'APT::Install-Recommends "false";'
    echo 'APT::Install-Suggests "false";'
    echo 'Acquire::Retries "3";'
    echo 'Acquire::Languages "none";'
} > "$work/apt.conf"

if [ -s /run/secrets/ca ]; then
    # apt fetches as the user _apt, who can't read a secret mount.
    install -m 0644 /run/secrets/ca "$work/ca.crt"
    echo "Acquire::https::CAInfo \"$work/ca.crt\";" >> "$work/apt.conf"
fi

if [ -s /run/secrets/apt ]; then
    mirror=$(cat /run/secrets/apt)
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] || continue
        # Both the archive and its -security sibling: everything before "/debian" is the mirror's.
        sed -E "s#[a-z]+://[^ ]*/(debian|debian-security)(/| |\$)#${mirror%/}/\\1\\2#g" "$file" \
            > "$work/etc/${file#/etc/apt/}"
    done
    echo "Dir::Etc::SourceList \"$work/etc/sources.list\";" >> "$work/apt.conf"
    echo "Dir::Etc::SourceParts \"$work/etc/sources.list.d\";" >> "$work/apt.conf"
fi

export APT_CONFIG="$work/apt.conf" DEBIAN_FRONTEND=noninteractive
apt-get update -q --error-on=any
if [ "$how" = upgrade ]; then
    apt-get upgrade -qy
fi
apt-get install -qy "$@"

# Nothing may gain rights by being started: the job runs with all capabilities dropped anyway.
find / -xdev -perm /6000 -exec chmod a-s {} +
# Host keys are made when a server starts: one of the image would be everybody's.
rm -rf /etc/ssh/ssh_host_* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/cache/ldconfig/aux-cache \
    /var/lib/dpkg/*-old /var/log/apt /var/log/alternatives.log /var/log/dpkg.log /var/lib/apt/lists/*
if [ -f /run/context/compile.py ]; then
    # Debian's own bytecode differs from build to build.
    find /usr/lib/python3* /usr/share -name '*.pyc' -newer "$work/start" -delete
    PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0 python3 -s /run/context/compile.py /usr/lib/python3*
fi
