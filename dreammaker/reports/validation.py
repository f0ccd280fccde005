"""The page of a validation: paths, overfitting, calibration, confusion, costs, verdict."""

import html
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import StoreError
from dreammaker.models.bundle import ModelBundle
from dreammaker.reports.page import Section, definitions, page, table, wide_table
from dreammaker.research.bets import by_day
from dreammaker.research.crossval import JUDGED_PATH, calibration_curve
from dreammaker.research.evaluate import BASIS
from dreammaker.research.validate import Validation

_BLUE, _GREY, _BLACK, _RED = "#4269d0", "#b0b0b0", "#1f1f1f", "#e4572e"
_REGIME = "realized_volatility"
_MARGIN = {"l": 60, "r": 16, "t": 24, "b": 44}


def write_validation_report(bundle: ModelBundle, found: Validation, path: Path) -> Path:
    """Write the page; its folder is made.

    Raises
    ------
    StoreError
        If the disk refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(validation_page(bundle, found), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def validation_page(bundle: ModelBundle, found: Validation) -> str:
    """The whole page as self-contained HTML."""
    sections = [
        Section("Verdict", _verdict(found)),
        Section("Net profit by path", _paths(found) + _note(
            f"Every path covers all rows once. The black one is judged; the others differ in what "
            f"their models were trained on. {BASIS[0].upper()}{BASIS[1:]}.")),
        Section("Overfitting over all trials", _overfitting(found)),
        Section("Calibration", _calibration(found) + _note(
            "Predicted against observed share of bets that pay, ten bins of equal count over all "
            "paths; on the diagonal a probability means what it says.")),
        Section("Confusion by regime", _confusion(bundle, found) + _note(
            "Rows by the tercile of realized volatility; share of each outcome where the judged "
            "path says up or down, and the points that its bets there gained.")),
        Section("Costs", _costs(found)),
        Section("Importance", _importance(bundle) + _note(
            "Share of the final models' splits. What a feature is worth out of sample, "
            "dreammaker study shows.")),
        Section("Recipe", _recipe(bundle, found))]
    return page(f"Validation of {bundle.name}", sections)


def _verdict(found: Validation) -> str:
    evidence, limits = found.verdict.evidence, found.verdict.limits
    money = found.samples.currency
    rows = [
        ("Verdict of the gate", "every limit is met" if found.verdict.tradable
         else '<span class="loss">not tradable</span>'),
        ("Net, one lot", f"{html.escape(money)} {evidence.net:,.2f}"),
        (f"95 % lower bound (above {limits.min_net_lower_bound:g})",
         _number(evidence.net_lower_bound, ",.2f")),
        (f"PBO beside placebos (at most {limits.max_pbo:g})", _number(evidence.pbo, ".3f")),
        ("PBO among trials" + ("" if limits.max_pbo_among_trials >= 1.0 else
                               f" (at most {limits.max_pbo_among_trials:g})"),
         _number(evidence.pbo_among_trials, ".3f")),
        (f"DSR on the daily net (at least {limits.min_dsr:g})", _number(evidence.dsr, ".3f")),
        (f"Sessions (at least {limits.min_sessions})", str(evidence.sessions)),
        ("Trials of the symbol", str(evidence.trials)),
        ("AUC, mean over splits", _number(found.evaluation.mean_auc, ".4f"))]
    rows += [("Limit laxer than usual", limit) for limit in limits.laxer()]
    return table(rows) + "".join(_note(reason) for reason in found.verdict.reasons)


def _paths(found: Validation) -> str:
    from plotly import graph_objects as go

    figure = go.Figure()
    evaluation = found.evaluation
    times = evaluation.period_ns.astype("datetime64[ns]")
    order = [i for i in range(len(evaluation.period)) if i != JUDGED_PATH] + [JUDGED_PATH]
    for number in order:
        judged = number == JUDGED_PATH
        figure.add_scatter(
            x=times, y=np.cumsum(evaluation.period[number]) * found.samples.point_value,
            name=f"path {number + 1}", mode="lines",
            line={"width": 2 if judged else 1, "color": _BLACK if judged else _GREY})
    figure.update_yaxes(title_text=found.samples.currency or "points")
    return _html(figure, 380, first=True)


def _overfitting(found: Validation) -> str:
    from plotly.subplots import make_subplots

    result = found.judgement.overfitting
    if result is None:
        return _note("PBO needs two trials or more over the same days: run dreammaker tune.")
    figure = make_subplots(rows=1, cols=2, subplot_titles=("logits", "degradation"))
    figure.add_histogram(x=result.logits, marker_color=_BLUE, showlegend=False, row=1, col=1)
    figure.add_vline(x=0.0, line={"color": _RED, "width": 1}, row=1, col=1)
    shown = np.linspace(0, result.in_sample.size - 1, min(2000, result.in_sample.size)).astype(int)
    figure.add_scatter(x=result.in_sample[shown], y=result.out_of_sample[shown], mode="markers",
                       marker={"size": 3, "color": _BLUE}, showlegend=False, row=1, col=2)
    figure.update_xaxes(title_text="below 0: worse than the median", row=1, col=1)
    figure.update_xaxes(title_text="best trial's ratio in sample", row=1, col=2)
    figure.update_yaxes(title_text="out of sample", row=1, col=2)
    return _html(figure, 340) + table([
        ("PBO among trials", f"{result.pbo:.3f}"),
        ("PBO beside placebos", _number(found.verdict.evidence.pbo, ".3f")),
        ("Trials compared", str(result.n_strategies)),
        ("Blocks", str(result.n_blocks)),
        ("Probability of a loss out of sample", f"{result.probability_of_loss:.3f}"),
        ("Slope of degradation", _number(result.degradation.slope, ".3f"))])


def _calibration(found: Validation) -> str:
    from plotly import graph_objects as go

    curve = calibration_curve(found.evaluation, found.samples)
    predicted = [part["predicted"] for part in curve]
    ends = [min(predicted), max(predicted)]
    figure = go.Figure()
    figure.add_scatter(x=ends, y=ends, mode="lines", name="perfect",
                       line={"color": _GREY, "dash": "dot"})
    figure.add_scatter(x=predicted, y=[part["observed"] for part in curve], name="bets",
                       mode="lines+markers", line={"color": _BLUE})
    figure.update_xaxes(title_text="predicted")
    figure.update_yaxes(title_text="observed")
    return _html(figure, 320)


def _confusion(bundle: ModelBundle, found: Validation) -> str:
    samples, evaluation = found.samples, found.evaluation
    side, bets = evaluation.side[JUDGED_PATH], evaluation.bets[JUDGED_PATH]
    net = np.zeros(len(samples))
    net[bets.row] = bets.net
    rows = []
    for name, inside in _regimes(bundle, found):
        for way, word in ((1, "up"), (-1, "down")):
            at = inside & (side == way)
            if at.any():
                shares = [f"{100 * (samples.y[at] == value).mean():.1f} %" for value in (1, 0, -1)]
                rows.append([name, word, f"{int(at.sum()):,}", *shares, f"{net[at].sum():,.4g}"])
    return wide_table(["volatility", "says", "rows", "rose", "neither", "fell", "net points"], rows)


def _regimes(bundle: ModelBundle, found: Validation) -> list[tuple[str, NDArray[np.bool_]]]:
    samples = found.samples
    if _REGIME not in bundle.view.inputs:
        return [("all", np.ones(len(samples), np.bool_))]
    values = samples.X[:, bundle.view.inputs.index(_REGIME)]
    known = ~np.isnan(values)
    if not known.any():
        return [("unknown", ~known)]
    low, high = np.quantile(values[known], [1 / 3, 2 / 3])
    return [("low", values <= low), ("middle", (values > low) & (values <= high)),
            ("high", values > high), ("unknown", ~known)]


def _costs(found: Validation) -> str:
    samples, bets = found.samples, found.evaluation.bets[JUDGED_PATH]
    unit = samples.point_value
    paid = samples.cost_points * len(bets)
    _, daily = by_day(bets, samples)
    return table([
        ("Bets of the judged path", f"{len(bets):,}"),
        ("Gain after the spread", f"{(bets.net.sum() + paid) * unit:,.2f}"),
        ("Fees and slippage", f"{-paid * unit:,.2f}"),
        ("Net", f"{bets.net.sum() * unit:,.2f}"),
        ("A round trip besides the spread", f"{samples.cost_points:.4g} points"),
        ("Sessions with a profit", f"{int((daily > 0).sum())} of {len(daily)}")])


def _importance(bundle: ModelBundle) -> str:
    counts = np.zeros(len(bundle.view.inputs))
    for member in bundle.members:
        for tree in member.trees.ensemble.trees:
            counts += np.bincount(tree.feature[tree.feature >= 0], minlength=len(counts))
    share = counts / max(counts.sum(), 1.0)
    order = np.argsort(-share, kind="stable")
    return table([(bundle.view.inputs[i], f"{100 * share[i]:.1f} %")
                  for i in order.tolist() if share[i] > 0.0])


def _recipe(bundle: ModelBundle, found: Validation) -> str:
    recipe = found.recipe
    entries = [("bundle", bundle.content), ("symbol", recipe.symbol),
               ("training days", f"{len(recipe.days)}, {recipe.days[0]} to {recipe.days[-1]}"),
               ("rows", f"{len(found.samples):,} on {found.samples.sessions} sessions"),
               ("embargo", f"{100 * found.samples.embargo(recipe.cv.embargo_share):.2f} % of rows")]
    for title, values in (("model", recipe.spec.to_dict()), ("labels", recipe.rule.to_dict()),
                          ("libraries", dict(bundle.library_versions))):
        entries.append((title, ", ".join(f"{name} {value}" for name, value in values.items())))
    return definitions(entries)


def _note(text: str) -> str:
    return f'<p class="note">{html.escape(text)}</p>'


def _number(value: float, form: str) -> str:
    return format(value, form) if isfinite(value) else "unknown"


def _html(figure: Any, height: int, *, first: bool = False) -> str:
    figure.update_layout(height=height, margin=_MARGIN, template="plotly_white",
                         font={"size": 12}, autosize=True,
                         legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0})
    return str(figure.to_html(full_html=False, include_plotlyjs=first,
                              config={"displayModeBar": False, "responsive": True}))
