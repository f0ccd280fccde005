"""What a validation found as plain values and arrays: what is stored, and what the page shows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.backtest.day_tables import local_offset_ns
from dreammaker.backtest.model_walk_forward import ModelWalkForward
from dreammaker.models.bundle import ModelBundle
from dreammaker.research.bets import Bets
from dreammaker.research.crossval import JUDGED_PATH, calibration_curve
from dreammaker.research.dataset import Dataset
from dreammaker.research.evaluate import BASIS, Judgement
from dreammaker.research.model_importance import ModelImportance
from dreammaker.research.samples import LONG, SHORT, Samples
from dreammaker.research.validate import Validation
from dreammaker.research.validation_store import StoredValidation
from dreammaker.validation import Performance, performance

Floats = NDArray[np.float64]

REGIME = "realized_volatility"
SESSIONS_A_YEAR = 252.0
FIGURES = ("total", "expectancy", "sharpe", "sortino", "calmar", "max_drawdown",
           "relative_drawdown", "time_under_water", "longest_time_under_water", "hit_ratio",
           "profit_factor", "turnover")
"""Of `performance`, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the figures stand on besides the validation.

    Parameters
    ----------
    capital : float
        Equity at the start, for ratios of it.
    fee_points : float
        Fees of a round trip; what else the rows' costs hold is slippage.
    zone : str
        Of the exchange, for hours.
    trials_file : str
        Where the trials were counted.
    """

    capital: float = 10_000.0
    fee_points: float = 0.0
    zone: str = "UTC"
    trials_file: str = ""


def record_of(bundle: ModelBundle, data: Dataset, found: Validation, ground: Ground, *,
              walk: ModelWalkForward | None = None, importance: ModelImportance | str | None = None
              ) -> StoredValidation:
    """All that is kept of a validation.

    Parameters
    ----------
    bundle : ModelBundle
    data : Dataset
        That the validation's rows came of.
    found : Validation
    ground : Ground
    walk : ModelWalkForward, optional
    importance : ModelImportance or str, optional
        Text says why there is none.
    """
    samples, evaluation, judgement = found.samples, found.evaluation, found.judgement
    unit, bets = samples.point_value, evaluation.bets[JUDGED_PATH]
    daily = evaluation.daily * unit
    traded = np.bincount(np.searchsorted(evaluation.days, samples.day[bets.row]),
                         2.0 * _prices(data, samples, bets) * unit, len(evaluation.days))
    values: dict[str, Any] = {
        "bundle": {"name": bundle.name, "content": bundle.content},
        "symbol": data.symbol, "currency": samples.currency, "zone": ground.zone,
        "capital": ground.capital, "basis": BASIS, "rows": len(samples),
        "sessions": samples.sessions, "days": [str(day) for day in evaluation.days],
        "verdict": found.verdict.to_dict(), "trials_file": ground.trials_file,
        "judgement": {"compared": judgement.compared, "independent": judgement.independent,
                      "sharpe_per_day": judgement.sharpe},
        "evaluation": evaluation.figures(), "judged_path": JUDGED_PATH,
        "overfitting": _overfittings(judgement),
        "performance": {"label_returns": figures_of(
            daily[JUDGED_PATH], traded, ground)},
        "calibration": calibration_curve(evaluation, samples),
        "confusion": confusion(bundle, found, ground.zone),
        "costs": {"label_returns": bet_costs(data, samples, bets, ground.fee_points)},
        "importance": {"features": importance.to_dict() if isinstance(importance, ModelImportance)
                       else None,
                       "absent": importance if isinstance(importance, str) else "",
                       "split_shares": split_shares(bundle)},
        "diversity": dict(bundle.validation).get("diversity"),
        "recipe": _recipe(bundle, found), "walk_forward": None}
    arrays = _arrays(found, daily)
    if walk is not None:
        values["walk_forward"] = {
            "anchored": walk.anchored, "folds": [asdict(fold) for fold in walk.folds],
            "counts": walk.counts, "stopped": list(walk.stopped),
            "label_bets": int(walk.label_bets.sum())}
        values["costs"]["order_path"] = walk.costs
        values["performance"]["walk_forward_orders"] = figures_of(
            walk.order_net, walk.order_traded, ground)
        values["performance"]["walk_forward_labels"] = figures_of(
            walk.label_net, walk.label_traded, ground)
        arrays |= {f"walk_{name}": getattr(walk, name) for name in (
            "days", "order_net", "label_net", "order_traded", "label_traded", "label_bets",
            "order_ns", "order_curve", "label_ns", "label_curve")}
    return StoredValidation(plain(values), arrays)


def figures_of(net: NDArray[Any], traded: NDArray[Any], ground: Ground) -> dict[str, Any]:
    """Figures of daily profits with 95 % intervals, each as value, low and high."""
    result: Performance = performance(
        net, np.random.default_rng(1), capital=ground.capital, periods=SESSIONS_A_YEAR,
        traded=traded)
    shown: dict[str, Any] = {name: {"value": getattr(result, name).value,
                                    "low": getattr(result, name).ci[0],
                                    "high": getattr(result, name).ci[1]} for name in FIGURES}
    return {"days": result.n, **shown, "psr": result.sharpe.psr}


def confusion(bundle: ModelBundle, found: Validation, zone: str) -> dict[str, list[dict[str, Any]]]:
    """What the judged path said against what came, by volatility and by hour of day."""
    samples, evaluation = found.samples, found.evaluation
    side, bets = evaluation.side[JUDGED_PATH], evaluation.bets[JUDGED_PATH]
    net, taken = np.zeros(len(samples)), np.zeros(len(samples), np.int64)
    net[bets.row], taken[bets.row] = bets.net * samples.point_value, 1
    tables: dict[str, list[dict[str, Any]]] = {}
    for title, regimes in (("volatility", _volatility(bundle, samples)),
                           ("hour", _hours(samples, zone))):
        tables[title] = [
            {"regime": name, "says": word, "rows": int(at.sum()), "bets": int(taken[at].sum()),
             "rose": float((samples.y[at] == 1).mean()),
             "neither": float((samples.y[at] == 0).mean()),
             "fell": float((samples.y[at] == -1).mean()), "net": float(net[at].sum())}
            for name, inside in regimes for way, word in ((1, "up"), (-1, "down"))
            if (at := inside & (side == way)).any()]
    return tables


def bet_costs(data: Dataset, samples: Samples, bets: Bets, fee_points: float) -> dict[str, Any]:
    """From what bets would have made at the mids to what they made; money.

    The spread is half of the one at the decision and half of the one at the last decision row
    before the bet's end: an estimate, since bets are opened and closed between rows.
    """
    unit, count = samples.point_value, len(bets)
    spread = np.where(data.spread_ticks > 0, data.spread_ticks, 0).astype(np.float64)
    exits = np.where(bets.side > 0, samples.exit_ns[bets.row, LONG],
                     samples.exit_ns[bets.row, SHORT])
    entry = spread[_rows_at(data, samples.t_start[bets.row])]
    out = spread[_rows_at(data, exits)]
    paid = float((0.5 * (entry + np.where(out > 0.0, out, entry))).sum()) * data.tick_size
    fees = min(fee_points, samples.cost_points) * count
    slippage = samples.cost_points * count - fees
    net = float(bets.net.sum())
    return {"bets": count, "paper": (net + fees + slippage + paid) * unit, "spread": paid * unit,
            "fees": fees * unit, "slippage": slippage * unit, "net": net * unit,
            "round_trip_points": samples.cost_points}


def split_shares(bundle: ModelBundle) -> list[list[Any]]:
    """Share of the primary models' splits by feature, the largest first; none left out but 0."""
    counts = np.zeros(len(bundle.view.inputs))
    for member in bundle.members:
        for tree in member.trees.ensemble.trees:
            counts += np.bincount(tree.feature[tree.feature >= 0], minlength=len(counts))
    share = counts / max(counts.sum(), 1.0)
    order = np.argsort(-share, kind="stable")
    return [[bundle.view.inputs[i], float(share[i])] for i in order.tolist() if share[i] > 0.0]


def plain(values: Any) -> Any:
    """JSON values: what is not finite becomes None, dates text."""
    if isinstance(values, dict):
        return {str(key): plain(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [plain(value) for value in values]
    if isinstance(values, float | np.floating):
        return float(values) if isfinite(values) else None
    if isinstance(values, np.integer):
        return int(values)
    return values.isoformat() if isinstance(values, date) else values


def _overfittings(judgement: Judgement) -> dict[str, dict[str, Any] | None]:
    """Of the trials beside their placebos, and among themselves; None where it is not known."""
    among, beside = judgement.overfitting, judgement.placebos
    return {
        "placebos": None if beside is None else {
            "pbo": beside.pbo, "compared": 2 * beside.trials, "blocks": beside.n_blocks,
            "draws": len(beside.logits)},
        "trials": None if among is None else {
            "pbo": among.pbo, "compared": among.n_strategies, "blocks": among.n_blocks,
            "periods": among.n, "probability_of_loss": among.probability_of_loss,
            "slope": among.degradation.slope, "intercept": among.degradation.intercept,
            "r_squared": among.degradation.r_squared}}


def _arrays(found: Validation, daily: Floats) -> dict[str, NDArray[Any]]:
    evaluation, samples = found.evaluation, found.samples
    bets = evaluation.bets[JUDGED_PATH]
    arrays: dict[str, NDArray[Any]] = {
        "days": evaluation.days, "daily": daily, "auc": evaluation.auc,
        "period_ns": evaluation.period_ns, "period": evaluation.period * samples.point_value,
        "judged_ns": samples.t_start, "judged_y": samples.y,
        "judged_side": evaluation.side[JUDGED_PATH], "judged_rise": evaluation.rise[JUDGED_PATH],
        "judged_right": evaluation.right[JUDGED_PATH], "bet_row": bets.row,
        "bet_net": bets.net * samples.point_value}
    among, beside = found.judgement.overfitting, found.judgement.placebos
    if beside is not None:
        arrays["pbo_placebos_logits"] = beside.logits.ravel()
    if among is not None:
        arrays |= {"pbo_trials_logits": among.logits, "pbo_trials_in_sample": among.in_sample,
                   "pbo_trials_out_of_sample": among.out_of_sample}
    return arrays


def _recipe(bundle: ModelBundle, found: Validation) -> dict[str, Any]:
    recipe = found.recipe
    return {"training_days": list(recipe.days), "model": recipe.spec.to_dict(),
            "labels": recipe.rule.to_dict(), "sampler": recipe.sampler.to_dict(),
            "splits": asdict(recipe.cv),
            "embargo_share": found.samples.embargo(recipe.cv.embargo_share),
            "cost_points": recipe.cost_points, "libraries": dict(bundle.library_versions)}


def _rows_at(data: Dataset, time_ns: NDArray[np.int64]) -> NDArray[np.intp]:
    return np.maximum(np.searchsorted(data.t_start, time_ns, "right") - 1, 0)


def _prices(data: Dataset, samples: Samples, bets: Bets) -> Floats:
    """Mid price at each bet's decision, points."""
    return np.nan_to_num(data.mid[_rows_at(data, samples.t_start[bets.row])])


def _volatility(bundle: ModelBundle, samples: Samples
                ) -> Sequence[tuple[str, NDArray[np.bool_]]]:
    if REGIME not in bundle.view.inputs:
        return [("all", np.ones(len(samples), np.bool_))]
    values = samples.X[:, bundle.view.inputs.index(REGIME)]
    known = ~np.isnan(values)
    if not known.any():
        return [("unknown", ~known)]
    low, high = np.quantile(values[known], [1 / 3, 2 / 3])
    return [("low", values <= low), ("middle", (values > low) & (values <= high)),
            ("high", values > high), ("unknown", ~known)]


def _hours(samples: Samples, zone: str) -> Sequence[tuple[str, NDArray[np.bool_]]]:
    hour = np.zeros(len(samples), np.int64)
    for day in np.unique(samples.day):
        at = samples.day == day
        local = samples.t_start[at] + local_offset_ns(int(samples.t_start[at][0]), zone)
        hour[at] = local // 3_600_000_000_000 % 24
    return [(f"{number:02d}:00", hour == number) for number in np.unique(hour).tolist()]
