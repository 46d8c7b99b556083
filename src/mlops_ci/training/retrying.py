"""What is tried again, by the policy of each failure class; retries and resumes are counted apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from mlops_ci.errors import InfrastructureError
from mlops_ci.guest.exits import OUT_OF_TIME
from mlops_ci.guest.failures import BEGINNING, OTHER, POLICIES, RESUME, RETRY, Policy
from mlops_ci.network import RetryPolicy

NEVER = Policy(what="", tries=0, counts=RETRY, wait=0.0, node="same", start="checkpoint")
LONGEST_WAIT = 60.0


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Try again after `wait` seconds; `from_beginning` sets the checkpoints aside. `counts` as in `Policy`."""

    wait: float
    counts: str
    from_beginning: bool


@dataclass
class Retrying:
    """Counts what was tried again within one stage. `limit` is `[train] retries`: 0 means nothing at all."""

    limit: int
    by_class: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)

    @property
    def retries(self) -> int:
        """Attempts after a failure."""
        return self.counted[RETRY]

    @property
    def resumes(self) -> int:
        """Attempts after an interruption that is nobody's failure: they use up no retry."""
        return self.counted[RESUME]

    def decide(self, class_: str, exit_code: int) -> Decision | None:
        """What to do after this end; None: nothing here. Nothing is counted yet."""
        policy = policy_of(class_, exit_code)
        used_up = self.by_class[class_] >= policy.tries
        if policy.node == OTHER or used_up or self.limit == 0 or exit_code == OUT_OF_TIME:
            return None
        if policy.counts == RETRY and self.retries >= self.limit:
            return None
        waits = RetryPolicy(first_wait=policy.wait, factor=2.0, longest_wait=LONGEST_WAIT)
        return Decision(
            wait=waits.wait(self.by_class[class_] + 1),
            counts=policy.counts,
            from_beginning=policy.start == BEGINNING,
        )

    def count(self, class_: str, decision: Decision) -> None:
        """The decision is carried out."""
        self.by_class[class_] += 1
        self.counted[decision.counts] += 1


def policy_of(class_: str, exit_code: int) -> Policy:
    """The policy of a class; an end that the guest has no class for, such as its own loss, goes by its exit code."""
    known = POLICIES.get(class_)
    if known is not None:
        return known
    return POLICIES["infrastructure"] if exit_code == InfrastructureError.exit_code else NEVER
