"""What ``validate`` does after the splits: walk-forward, importance, and keeping what was found."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dreammaker.app.console import CountProgress
from dreammaker.app.training import instrument_and_fee
from dreammaker.domain.errors import ConfigError, InputError

if TYPE_CHECKING:
    from dreammaker.app.research_options import Source
    from dreammaker.app.training import Settings
    from dreammaker.backtest.model_walk_forward import ModelWalkForward
    from dreammaker.models.bundle import ModelBundle
    from dreammaker.reports.validation_record import Ground
    from dreammaker.research.dataset import Dataset
    from dreammaker.research.model_importance import ModelImportance
    from dreammaker.research.validate import Validation
    from dreammaker.research.validation_store import StoredValidation


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is done besides the splits.

    Parameters
    ----------
    folds : int or None
        Of the walk-forward; None = there is none.
    anchored : bool
    importance_rows : int
        Most rows for the importance; 0 = it is left out.

    Raises
    ------
    ConfigError
        If a number is out of range, naming its option.
    """

    folds: int | None = None
    anchored: bool = False
    importance_rows: int = 10_000

    def __post_init__(self) -> None:
        from dreammaker.research.model_importance import LEAST_ROWS

        if self.folds is None and self.anchored:
            raise ConfigError("--anchored says how --walk-forward learns; give both")
        if self.folds is not None and self.folds < 1:
            raise ConfigError(f"--walk-forward must be 1 or more, was {self.folds}")
        if self.importance_rows and self.importance_rows < LEAST_ROWS:
            raise ConfigError(f"--importance-rows must be {LEAST_ROWS} or more, or 0 for no "
                              f"importance, was {self.importance_rows}")

    def check(self, days: int) -> None:
        """Refuse more folds than the days allow, before anything is done.

        Raises
        ------
        InputError
            If there are too few.
        """
        from dreammaker.backtest.model_walk_forward import check_folds

        if self.folds is not None:
            check_folds(self.folds, days)


def recorded(bundle: "ModelBundle", data: "Dataset", found: "Validation", source: "Source",
             settings: "Settings", extent: Extent, *, shown: bool) -> "StoredValidation":
    """Walk forward and measure importance as far as asked; all that is kept of it."""
    from dreammaker.reports.validation_record import record_of

    walk = None if extent.folds is None else _walked(bundle, data, found, source, settings, extent,
                                                     shown)
    importance = _importance(data, found, extent, shown) if extent.importance_rows else None
    return record_of(bundle, data, found, _ground(source, settings), walk=walk,
                     importance=importance)


def _walked(bundle: "ModelBundle", data: "Dataset", found: "Validation", source: "Source",
            settings: "Settings", extent: Extent, shown: bool) -> "ModelWalkForward":
    from dataclasses import replace

    from dreammaker.backtest.model_walk_forward import model_walk_forward

    config = replace(settings.config, data=replace(settings.config.data, root=str(source.root)))
    assert extent.folds is not None
    with CountProgress(f"{bundle.name} walk-forward", "days", shown=shown) as bar:
        return model_walk_forward(bundle, data, found.samples, config, folds=extent.folds,
                                  anchored=extent.anchored, progress=bar.update)


def _importance(data: "Dataset", found: "Validation", extent: Extent, shown: bool
                ) -> "ModelImportance | str":
    from dreammaker.research.model_importance import model_importance

    recipe = found.recipe
    try:
        with CountProgress("importance", "folds", shown=shown) as bar:
            return model_importance(found.samples, data.feature_names, recipe.spec,
                                    embargo_share=recipe.cv.embargo_share,
                                    most_rows=extent.importance_rows, progress=bar.update)
    except InputError as error:
        # Too few rows for one figure more is no reason to lose the others.
        return str(error)


def _ground(source: "Source", settings: "Settings") -> "Ground":
    from dreammaker.reports.validation_record import Ground
    from dreammaker.research.trials import TRIALS_FILE

    instrument, fee_ticks = instrument_and_fee(source, settings)
    return Ground(settings.config.risk.capital, fee_ticks * instrument.tick_size,
                  instrument.exchange_zone, str((settings.results / TRIALS_FILE).resolve()))


def figures(values: dict[str, Any]) -> dict[str, Any]:
    """A stored validation's figures as ``--json`` prints them; what is unknown is null.

    The gate's evidence and the evaluation's figures stand at the top; the rest under names.
    """
    verdict = values["verdict"]
    judgement = values["judgement"]
    kept = ("symbol", "currency", "capital", "basis", "days", "rows", "sessions", "overfitting",
            "performance", "calibration", "confusion", "costs", "importance", "diversity",
            "walk_forward", "recipe")
    rest = {name: value for name, value in verdict.items()
            if name not in ("version", "bundle_hash", "evidence")}
    return {"content": values["bundle"]["content"], **rest, **verdict["evidence"],
            "compared_trials": judgement["compared"],
            "independent_trials": judgement["independent"],
            "trials_file": values.get("trials_file", ""),
            "sharpe_per_day": judgement["sharpe_per_day"], **values["evaluation"],
            **{name: values[name] for name in kept}}
