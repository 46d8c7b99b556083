"""The exit codes that the guest may end with; the one table for the whole project is in the documentation."""

OK = 0
USAGE = 2
MISSING = 3
INFRASTRUCTURE = 10
UNHEALTHY = 11
PREEMPTED = 12
USER_CODE = 20
OUT_OF_TIME = 21
INTERNAL = 70
INTERRUPTED = 130
TERMINATED = 143
