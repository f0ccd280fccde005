"""A retrainer of a trained model: a bundle's recipe, fitted anew on past days."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.assembly.config import SystemConfig
from dreammaker.backtest.days import DayPlan
from dreammaker.backtest.retrain import Refit
from dreammaker.domain.errors import InputError, StoreError
from dreammaker.models.bundle import ModelBundle
from dreammaker.research.dataset import Dataset, joined, label_day
from dreammaker.research.samples import Samples, samples_of, together
from dreammaker.research.train import fit_bundle
from dreammaker.research.validate import Recipe
from dreammaker.validation import WalkForward

if TYPE_CHECKING:
    from dreammaker.research.decider import Decider

DayRows = Callable[[Sequence[DayPlan]], tuple[Dataset, Samples]]
"""Labelled rows of some days and what their bets gained."""


@dataclass(frozen=True, eq=False, slots=True)
class Fitted:
    """A bundle made of past days.

    Attributes
    ----------
    bundle : ModelBundle
        Not on disk yet.
    decider : Decider
        What it was made of.
    rows : int
        That it learnt from.
    left_out : int
        Rows that purging and embargo took away.
    """

    bundle: ModelBundle
    decider: "Decider"
    rows: int
    left_out: int


class BundleRetrainer:
    """Fits a bundle's recipe on past days: its label rule, sampler, models and costs.

    Rows whose label or bets reach past the last of these days, and those within the embargo before
    its end, are left out: the next day is taken to begin the moment this one ends.

    Parameters
    ----------
    bundle : ModelBundle
        Whose recipe it is.
    folder : Path
        Where fitted bundles are kept, each under its content hash.
    rows : callable, optional
        Gives the labelled rows of days; made of the days' logs, and kept for the days of the last
        fit, where it is not given.
    cache : Path, optional
        Folder in which labelled days are kept on disk.

    Raises
    ------
    StoreError
        If the bundle does not say how it was trained.
    """

    name = "bundle"

    def __init__(self, bundle: ModelBundle, folder: Path, rows: DayRows | None = None,
                 cache: Path | None = None) -> None:
        self.recipe = Recipe.of(bundle)
        self._bundle, self._folder, self._cache = bundle, Path(folder), cache
        self._rows = rows or self._rows_of
        self._days: dict[date, tuple[Dataset, Samples]] = {}

    def settings(self) -> Mapping[str, Any]:
        """The recipe."""
        recipe = self.recipe
        return {"symbol": recipe.symbol, "spec": recipe.spec.to_dict(), "cv": asdict(recipe.cv),
                "rule": recipe.rule.to_dict(), "sampler": recipe.sampler.to_dict(),
                "features": asdict(self._bundle.features), "cost_points": recipe.cost_points}

    def fit(self, past: Sequence[DayPlan], config: SystemConfig) -> Refit:
        """Fit on past days; the bundle is on disk afterwards.

        Raises
        ------
        ConfigError
            If a day is a simulated one, which has no log to label.
        InputError
            If the days have too few rows to learn from.
        StoreError
            If the bundle cannot be written.
        """
        return self.saved(self.fitted(past))

    def fitted(self, past: Sequence[DayPlan]) -> Fitted:
        """The bundle of past days; errors as `fit`."""
        data, samples = self._rows(past)
        samples = replace(samples, cost_points=self.recipe.cost_points)
        known = clear_of_the_end(samples, self.recipe.cv.embargo_share)
        if not known.size:
            raise InputError(f"purging and embargo leave no row of {past[0].day} to "
                             f"{past[-1].day} to learn from; take more days")
        bundle, decider = fit_bundle(
            data, samples.take(known), self.recipe.spec, self.recipe.cv,
            name=self._bundle.name)
        return Fitted(bundle, decider, int(known.size), len(samples) - int(known.size))

    def saved(self, fitted: Fitted) -> Refit:
        """Write a fitted bundle; what a configuration needs to run it."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".bundle-", dir=self._folder) as own:
                part = Path(own) / "bundle"
                target = self._folder / fitted.bundle.save(part)[:16]
                if not target.exists():
                    part.rename(target)
        except OSError as error:
            raise StoreError(f"no bundle can be written to {self._folder}: {error.strerror}"
                             ) from None
        return Refit(bundle_changes(fitted.bundle, target),
                     {"rows": float(fitted.rows), "left_out": float(fitted.left_out),
                      "days": float(len(fitted.bundle.training["days"]))})

    def _rows_of(self, past: Sequence[DayPlan]) -> tuple[Dataset, Samples]:
        recipe = self.recipe
        kept = {plan.day: self._days.get(plan.day) or self._day(plan) for plan in past}
        self._days = kept
        parts = [kept[plan.day] for plan in past]
        samples = together([samples for _, samples in parts])
        return joined([data for data, _ in parts]), replace(samples,
                                                            cost_points=recipe.cost_points)

    def _day(self, plan: DayPlan) -> tuple[Dataset, Samples]:
        recipe, log = self.recipe, plan.event_log()
        data = label_day(log, recipe.sampler, recipe.rule, self._bundle.features, self._cache)
        return data, samples_of(data, [log], recipe.cost_points)


def bundle_changes(bundle: ModelBundle, folder: Path) -> dict[str, Any]:
    """Keys of a configuration with which a session runs a bundle.

    Parameters
    ----------
    bundle : ModelBundle
    folder : Path
        Where it is.
    """
    clock = {f"model.decision_{name}": value for name, value in bundle.sampler.items()}
    return {"model.bundle": str(folder), "model.bundle_key_file": "", "model.bundle_label": "",
            **clock, **{f"features.{name}": value
                        for name, value in asdict(bundle.features).items()}}


def clear_of_the_end(samples: Samples, embargo_share: float) -> NDArray[np.intp]:
    """Rows that know nothing of what comes after the last one.

    Purged by the end of label and bets, with the embargo of `Samples.embargo`, by
    `validation.WalkForward` before an instant that follows the last row.

    Returns
    -------
    int array
        Ascending.
    """
    n = len(samples)
    end = samples.t_start[-1:] + 1
    starts = np.concatenate([samples.t_start, end])
    splitter = WalkForward(1, test_size=1, anchored=True, embargo=samples.embargo(embargo_share),
                           label_end_times=np.concatenate([samples.t_end, end]),
                           label_start_times=starts)
    train, _ = next(iter(splitter.split(np.zeros((n + 1, 1)))))
    return train


def of_days(data: Dataset, samples: Samples) -> DayRows:
    """Rows of days out of loaded ones."""
    def rows(plans: Sequence[DayPlan]) -> tuple[Dataset, Samples]:
        days = [plan.day.isoformat() for plan in plans]
        wanted = np.array(days, "datetime64[D]")
        part = data.take(np.isin(data.day, wanted))
        return (replace(part, log_hashes={day: data.log_hashes[day] for day in days}),
                samples.take(np.isin(samples.day, wanted)))

    return rows
