"""A sweep whose parameters a study of Optuna proposes. The only place that imports Optuna."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from mlops_ci.errors import InfrastructureError, MissingError, UsageError
from mlops_ci.settings.spans import Interval
from mlops_ci.training.sweep.search import Params
from mlops_ci.training.sweep.space import Space

# Under this name a trial of the study remembers which of ours it is.
NUMBER = "mlops.trial"
RUN = "mlops.run"


class OptunaMissingError(MissingError):
    """Optuna is not installed."""


class StudyError(UsageError):
    """The study cannot be used for this sweep."""


class StudyUnreachableError(InfrastructureError):
    """The study's storage does not answer."""


class OptunaSearch:
    """Asks a study, and tells it. A trial that was asked for before, and never told, is the same one again."""

    def __init__(
        self, space: Space, *, storage: str, name: str, run: str, goal: Literal["max", "min"], seed: int
    ) -> None:
        self._optuna = _optuna()
        self._distributions = {name: self._distribution(one) for name, one in space.items()}
        self._run = run
        direction = "maximize" if goal == "max" else "minimize"
        try:
            self._study = self._optuna.create_study(
                study_name=name,
                storage=self._storage(storage),
                direction=direction,
                load_if_exists=True,
                sampler=self._optuna.samplers.TPESampler(seed=seed),
            )
            directions = [one.name.lower() for one in self._study.directions]
        except Exception as error:
            raise StudyUnreachableError(
                f"the study {name} cannot be opened at {_public(storage)}: {type(error).__name__}: {error}",
                hint="is [sweep] study an address of a database that answers, or a file that can be written?",
            ) from error
        if directions != [direction]:
            raise StudyError(
                f"the study {name} is to {', '.join(directions)}, and this sweep to {direction}",
                hint="set [sweep] goal as the study has it, or name another [sweep] study",
            )

    def ask(self, number: int) -> Params | None:
        """See `Search`."""
        trial = self._find(number)
        if trial is None:
            asked = self._study.ask(self._distributions)
            asked.set_user_attr(RUN, self._run)
            asked.set_user_attr(NUMBER, number)
            return dict(asked.params)
        return dict(trial.params)

    def tell(self, number: int, value: float | None) -> None:
        """See `Search`. Telling again changes nothing."""
        trial = self._find(number)
        if trial is not None and not trial.state.is_finished():
            failed = self._optuna.trial.TrialState.FAIL
            if value is None:
                self._study.tell(trial.number, state=failed)
            else:
                self._study.tell(trial.number, value)

    def _find(self, number: int) -> Any:
        ours = {RUN: self._run, NUMBER: number}
        return next(
            (
                one
                for one in self._study.get_trials(deepcopy=False)
                if {name: one.user_attrs.get(name) for name in ours} == ours
            ),
            None,
        )

    def _distribution(self, one: Any) -> Any:
        kinds = self._optuna.distributions
        if not isinstance(one, Interval):
            return kinds.CategoricalDistribution(one)
        if one.whole:
            return kinds.IntDistribution(int(one.low), int(one.high), log=one.log, step=int(one.step or 1))
        return kinds.FloatDistribution(one.low, one.high, log=one.log, step=one.step)

    def _storage(self, address: str) -> Any:
        if "://" in address:
            return address
        Path(address).parent.mkdir(parents=True, exist_ok=True)
        journal = self._optuna.storages.journal
        return self._optuna.storages.JournalStorage(journal.JournalFileBackend(address))


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise OptunaMissingError(
            "the sweep's method is optuna, which is not installed here",
            hint='pip install "mlops-ci[sweep]", or take the method grid or random',
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _public(storage: str) -> str:
    """The address without what may be a password."""
    scheme, found, rest = storage.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if found else storage
