#!/bin/sh
# ACTIONS_RUNNER_HOOK_JOB_STARTED of a self-hosted runner: no job begins on a node that may not train.
#
#   prepare    once, when the machine or its image is made: pulls or builds the image, so that the hook takes seconds
#   (nothing)  before each job
set -eu
cd "${MLOPS_CI_RUNNER_FOLDER:-/opt/mlops-ci-runner}"
# The hook asks of the node, not of the job: nothing of the job's own variables may steer it.
for name in $(env | sed -n 's/^\(GITHUB_ACTIONS\|CI\|MLOPS_CI_[A-Z_]*\)=.*/\1/p'); do
    case $name in MLOPS_CI_RUNNER_*) ;; *) unset "$name" ;; esac
done
export MLOPS_CI_PROVIDER=local MLOPS_CI_ENGINE="${MLOPS_CI_RUNNER_ENGINE:-docker}"
export MLOPS_CI_CACHE="${MLOPS_CI_RUNNER_CACHE:-$PWD/.mlops/cache}"

if [ "${1:-}" = prepare ]; then
    exec mlops-ci run plan build verify --only
fi
code=0
mlops-ci run verify --only --force --run latest || code=$?
if [ "$code" -ne 0 ]; then
    echo "::error title=this node may not train::$(hostname): exit code $code of mlops-ci verify, see above" >&2
fi
exit "$code"
