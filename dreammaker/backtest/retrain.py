"""Walk-forward: what is fitted anew as the days go by, on past days only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from dreammaker.assembly.config import SystemConfig
from dreammaker.backtest.days import DayPlan
from dreammaker.backtest.identity import with_changes
from dreammaker.domain.errors import ConfigError
from dreammaker.engine.ports import Predictor
from dreammaker.store.journal import canonical_hash


@dataclass(frozen=True, slots=True)
class Refit:
    """What a fit on past days came to.

    Parameters
    ----------
    changes : mapping of str to value
        Keys of the configuration with their fitted values; a session run with them can be run
        again from its own records.
    parameters : mapping of str to float
        For the record: estimates and how they were come by.
    predictor : Predictor, optional
        A model that the configuration cannot describe.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, float] = field(default_factory=dict)
    predictor: Predictor | None = None

    def apply(self, config: SystemConfig) -> SystemConfig:
        """A day's configuration with what was fitted."""
        return with_changes(config, self.changes)

    @property
    def fingerprint(self) -> str:
        """Hash of the fitted values."""
        return canonical_hash({"changes": self.changes, "parameters": self.parameters})[:16]

    def description(self) -> dict[str, Any]:
        """Plain JSON values for the result's header."""
        return {"changes": dict(self.changes), "parameters": dict(self.parameters)}


class Retrainer(Protocol):
    """Fits on past days; it is never shown the day that is traded next, nor a later one."""

    @property
    def name(self) -> str:
        """As results call it."""
        ...

    def settings(self) -> Mapping[str, Any]:
        """What its fits depend on besides the days, as plain JSON values."""
        ...

    def fit(self, past: Sequence[DayPlan], config: SystemConfig) -> Refit:
        """Fit on past days (one or more, ascending); their records come from ``plan.open()``."""
        ...


class Retraining:
    """When to fit, and on how many past days.

    Parameters
    ----------
    retrainer : Retrainer
    train_days : int
        Most past days in a fit; 0 = all of them.
    least_days : int
        Days that have to be past before the first fit; until then the configuration stands.
    every : int
        Days between fits.

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    def __init__(self, retrainer: Retrainer, *, train_days: int = 20, least_days: int = 1,
                 every: int = 1) -> None:
        if train_days < 0 or least_days < 1 or every < 1:
            raise ConfigError("a walk-forward needs train_days of 0 or more, least_days and every "
                              f"of 1 or more, were {train_days}, {least_days} and {every}")
        if train_days and least_days > train_days:
            raise ConfigError(f"least_days {least_days} exceeds train_days {train_days}")
        self.retrainer = retrainer
        self.train_days, self.least_days, self.every = train_days, least_days, every
        self._last: Refit | None = None
        self._fitted_at = -1

    def description(self) -> dict[str, Any]:
        """Plain JSON values for the run's identity."""
        return {"retrainer": self.retrainer.name, "settings": dict(self.retrainer.settings()),
                "train_days": self.train_days, "least_days": self.least_days, "every": self.every}

    def before(self, index: int, plans: Sequence[DayPlan], config: SystemConfig) -> Refit | None:
        """The fit that day ``index`` is traded with; None while there is none.

        Days up to ``index - 1`` alone are handed on.
        """
        if index == 0:
            self._last, self._fitted_at = None, -1
        if index < self.least_days:
            return None
        if self._fitted_at < 0 or index - self._fitted_at >= self.every:
            first = max(index - self.train_days, 0) if self.train_days else 0
            self._last = self.retrainer.fit(tuple(plans[first:index]), config)
            self._fitted_at = index
        return self._last
