#!/bin/sh
# One night: the newest commit, the pipeline when something is new, one log per night. Quiet unless it fails.
set -eu
cd "${MLOPS_CI_PROJECT:?set it to the checkout of your repository}"
logs=.mlops/nights
mkdir -p "$logs"
# A night that takes longer than a day is not overtaken by the next one.
exec 9>"$logs/lock"
flock --nonblock 9 || { echo "the last night still runs" >&2; exit 10; }
log=$logs/$(date -u +%Y%m%d-%H%M%S).log

night() {
    git pull --quiet --ff-only >>"$log" 2>&1 || return 10
    mlops-ci run --mode nightly >>"$log" 2>&1
}

code=0
night || code=$?
# Infrastructure (10) and a saved checkpoint (12) are worth a second try, which goes on where the first one stopped.
if [ "$code" -eq 10 ] || [ "$code" -eq 12 ]; then
    sleep "${MLOPS_CI_PAUSE:-600}"
    code=0
    night || code=$?
fi
if [ "$code" -ne 0 ]; then
    echo "the night failed with exit code $code: $PWD/$log" >&2
    tail -n 30 "$log" >&2
fi
# The logs of a month.
find "$logs" -name '*.log' -mtime +31 -delete
exit "$code"
