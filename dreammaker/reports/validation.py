"""The page of a validation: verdict, paths, walk-forward, overfitting, calibration, costs.

Everything is read from what is stored of it, so the page can be written again at any time.
"""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dreammaker.domain.errors import StoreError
from dreammaker.reports import validation_figures as figures
from dreammaker.reports import validation_rows as rows
from dreammaker.reports.page import Section, definitions, page, table, wide_table, write_page
from dreammaker.research.validation_store import StoredValidation

Values = Mapping[str, Any]

_WALK_NOTE = (
    "For each block of days the recipe was fitted on the days before and traded the block through "
    "the order path: the loop's clock, votes, limits, latency, queue and fees of the "
    "configuration. Label returns are those of the same models on the same rows, one lot at a "
    "time. What lies between them is the queue, partial fills, exits by the policy instead of "
    "barriers, sizes and votes.")
_MDA_NOTE = (
    "What the log likelihood of unseen rows loses when a feature is shuffled, 1e-3 nats a row, "
    "with one standard error over the folds; grey: nothing. Features that stand in for one "
    "another hide each other's worth, therefore clusters too, all of whose features are shuffled "
    "together (point at a bar for their names). Splits only show what was used.")


def write_validation_report(found: StoredValidation, path: Path) -> Path:
    """Write the page; its folder is made.

    Raises
    ------
    StoreError
        If the disk refuses, or something is missing in what was stored.
    """
    try:
        text = validation_page(found)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise StoreError(f"the stored validation does not hold what its page needs: {error!r}; run "
                         "dreammaker validate again") from error
    return write_page(path, text)


def validation_page(found: StoredValidation) -> str:
    """The whole page as self-contained HTML."""
    values, arrays = found.values, found.arrays
    money = values["currency"] or "points"
    sections = [
        Section("Verdict", _verdict(values)),
        Section("Net profit by path", figures.path_figure(
            arrays, values["judged_path"], money) + _note(
            "Every path covers all rows once, each decision by a model that had not seen its time. "
            "The judged path was named before any result was known; the others differ in what "
            f"their models learnt from. {values['basis'][0].upper()}{values['basis'][1:]}."))]
    if values["walk_forward"] is not None:
        sections.append(Section("Walk-forward through the order path", _walk(found, money)))
    sections += [
        Section("Figures with 95 % intervals", wide_table(*rows.performance_rows(values))
                + _note(f"Of daily net profits; ratios are annual, on a capital of {money} "
                        f"{values['capital']:,.2f}; stationary block bootstrap. Below five days "
                        "there is no interval.")),
        Section("Overfitting, and the number of trials", _luck(found)),
        Section("Calibration", _pair(figures.calibration_figure(values["calibration"]),
                                     wide_table(*rows.calibration_rows(values))) + _note(
            "Predicted against observed share of bets that pay, in bins of equal count over all "
            "paths; on the dotted line a probability means what it says.")),
        Section("What the model looks at", _importance(values)),
        Section("Confusion by volatility", wide_table(
            *rows.confusion_rows(values, "volatility")) + _note(
            "Rows by the tercile of realized volatility. What came of the price where the judged "
            "path said up or down, and what its bets there made.")),
        Section("Confusion by hour", wide_table(*rows.confusion_rows(values, "hour"))
                + _note(f"Hours of {values['zone'].replace('_', ' ')}.")),
        Section("Costs: from gross to net", _costs(values, money))]
    if values["diversity"]:
        sections.append(Section("Diversity of the ensemble", _diversity(values["diversity"])))
    sections.append(Section("Recipe", definitions(rows.recipe_rows(values))))
    return page(f"Validation of {values['bundle']['name']}", sections)


def _verdict(values: Values) -> str:
    verdict = values["verdict"]
    word = ('<p class="verdict">It meets every limit of the gate.</p>' if verdict["tradable"]
            else '<p class="verdict loss">It may not be traded.</p>')
    told = "".join(f"<p>{html.escape(text)}</p>" for text in rows.told(values))
    return word + told + wide_table(*rows.limit_rows(values))


def _walk(found: StoredValidation, money: str) -> str:
    values, arrays = found.values, found.arrays
    walk = values["walk_forward"]
    text = figures.walk_figure(arrays, money) if len(arrays["walk_order_ns"]) else ""
    text += figures.walk_day_figure(arrays, money) + _note(_WALK_NOTE)
    text += table(rows.walk_rows(found)) + wide_table(*rows.fold_rows(found))
    return text + "".join(_note(each) for each in walk["stopped"])


def _luck(found: StoredValidation) -> str:
    values, arrays = found.values, found.arrays
    text = table(rows.luck_rows(values))
    beside, among = (values["overfitting"][name] for name in ("placebos", "trials"))
    if beside is None and among is None:
        return text + _note("PBO needs two trials or more that bet on these days: run dreammaker "
                            "tune.")
    text += _note(
        "The periods are halved in every way; on one half the best is chosen, on the other it is "
        "ranked. PBO is the share of choices that end at the median or below (left of the red "
        "line). Beside placebos, which the gate asks for, every trial competes with itself with "
        "sides drawn by a coin; among the trials alone it says whether choosing one helped.")
    charts = [figures.logit_figure(arrays, name, title) for name, result, title in (
        ("placebos", beside, "beside placebos"), ("trials", among, "among the trials"))
        if result is not None]
    text += _pair(*charts)
    if among is not None:
        text += _pair(figures.degradation_figure(arrays, "trials", among),
                      table(rows.overfitting_rows(values)))
    return text


def _importance(values: Values) -> str:
    found = values["importance"]
    shares = figures.share_figure(found["split_shares"])
    worth = found["features"]
    if worth is None:
        return shares + _note(f"Not measured out of sample: {found['absent']}" if found["absent"]
                              else "Not measured out of sample.")
    thinned = (f" {worth['rows']:,} of {worth['of_rows']:,} rows with a direction, evenly thinned"
               if worth["rows"] < worth["of_rows"] else
               f" {worth['rows']:,} rows with a direction")
    left = f" Left out, since they do not vary: {', '.join(worth['left_out'])}." if (
        worth["left_out"]) else ""
    single = figures.worth_figure(worth["features"], "feature shuffled: loss, 1e-3 nats")
    return (_pair(single, shares)
            + figures.worth_figure(worth["clusters"], "cluster shuffled: loss, 1e-3 nats")
            + _note(f"{_MDA_NOTE} Measured on models of the same kind ({worth['kind']}, "
                    f"{worth['trees']} trees) over {worth['folds']} purged folds of{thinned}."
                    f"{left}"))


def _costs(values: Values, money: str) -> str:
    costs = values["costs"]
    label = costs["label_returns"]
    text = "<h3>Label returns of the judged path</h3>" + figures.cost_figure(
        [("mid prices", label["paper"]), ("spread", label["spread"]), ("fees", label["fees"]),
         ("slippage", label["slippage"]), ("net", label["net"])], money)
    text += _note(f"{label['bets']:,} bets; a round trip costs {label['round_trip_points']:.4g} "
                  "points besides the spread. Mid prices: what the bets would have made there. The "
                  "spread is estimated from the decision rows nearest to entry and exit.")
    if "order_path" in costs:
        path = costs["order_path"]
        text += "<h3>Walk-forward through the order path</h3>" + figures.cost_figure(
            [("paper", path["paper"]),
             *((name, value) for name, value in path.items() if name not in ("paper", "net")),
             ("net", path["net"])], money)
    return text


def _diversity(found: Mapping[str, Any]) -> str:
    return table(rows.diversity_rows(found)) + _note(
        "Members that are wrong on different rows help each other. Disagreement: share of rows "
        "on which exactly one of two is right. Q: 1 = right on the same rows, 0 = independent.")


def _pair(*parts: str) -> str:
    return '<div class="pair">' + "".join(f"<div>{part}</div>" for part in parts) + "</div>"


def _note(text: str) -> str:
    return f'<p class="note">{html.escape(text)}</p>'
