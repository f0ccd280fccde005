"""The sentences and tables of a validation's page; cells are HTML, names are text."""

import html
from collections.abc import Mapping
from typing import Any

from dreammaker.research.validation_store import StoredValidation

Values = Mapping[str, Any]
Wide = tuple[list[str], list[list[str]]]

_NAMES = {
    "total": ("net in all", "money"), "expectancy": ("net a day", "money"),
    "sharpe": ("Sharpe ratio, annual", "ratio"), "sortino": ("Sortino ratio, annual", "ratio"),
    "calmar": ("Calmar ratio, annual", "ratio"), "max_drawdown": ("largest drawdown", "money"),
    "relative_drawdown": ("largest drawdown, of the peak", "share"),
    "time_under_water": ("days under water", "share"),
    "longest_time_under_water": ("longest time under water, days", "count"),
    "hit_ratio": ("days with a gain, of those with a result", "share"),
    "profit_factor": ("profit factor", "ratio"),
    "turnover": ("turnover a year, times the capital", "count")}
_KINDS = {"label_returns": "judged path, label returns",
          "walk_forward_orders": "walk-forward, order path",
          "walk_forward_labels": "walk-forward, label returns"}


def told(values: Values) -> list[str]:
    """What was judged and what came of it, in sentences."""
    recipe, verdict, money = values["recipe"], values["verdict"], values["currency"] or "points"
    model, evidence = recipe["model"], verdict["evidence"]
    days = values["days"]
    second = " and a second model that says which bets are taken" if model["meta"] else ""
    span = f"on {days[0]}" if len(days) == 1 else (
        f"on {len(days)} days from {days[0]} to {days[-1]}")
    sentences = [
        f"Judged was the recipe of the bundle {values['bundle']['name']} ({model['kind']}, "
        f"{model['trees']} trees{second}) on {values['rows']:,} decisions of {values['symbol']} "
        f"{span}: its models were fitted anew for each split and asked about what they had not "
        "seen.",
        f"One lot at a time, after spread, fees and slippage, it {_made(evidence['net'], money)}; "
        + ("it is the only configuration counted on this symbol." if evidence["trials"] == 1 else
           f"it is one of {evidence['trials']:,} configurations tried on this symbol.")]
    if values["walk_forward"] is not None:
        found = values["performance"]
        sentences.append(
            f"Traded forward through the order path on {found['walk_forward_orders']['days']} "
            "days that its models had not seen, it "
            f"{_made(found['walk_forward_orders']['total']['value'], money)}; the label returns "
            f"of those days say {_amount(found['walk_forward_labels']['total']['value'], money)}.")
    if verdict["laxer_limits"]:
        sentences.append("The limits are laxer than usual: " + ", ".join(verdict["laxer_limits"])
                         + ".")
    if not verdict["tradable"]:
        sentences.append("What is missing: " + "; ".join(verdict["reasons"]) + ".")
    return sentences


def limit_rows(values: Values) -> Wide:
    """What the gate asks, what was found, and what that means."""
    verdict, money = values["verdict"], values["currency"] or "points"
    evidence, limits = verdict["evidence"], verdict["limits"]
    pbo, dsr, low = evidence["pbo"], evidence["dsr"], evidence["net_lower_bound"]
    lines = [
        ("PBO beside placebos", _text(pbo, ".3f"), f"at most {limits['max_pbo']:g}",
         pbo is not None and pbo <= limits["max_pbo"],
         "how often the best of one half of the time is no better than the median on the other, "
         "among the trials and as many that bet by a coin"),
        ("deflated Sharpe ratio", _text(dsr, ".3f"), f"at least {limits['min_dsr']:g}",
         dsr is not None and dsr >= limits["min_dsr"],
         "probability that the ratio is above what the best of so many worthless trials shows"),
        (f"95 % lower bound of the net, {money}", _text(low, ",.2f"),
         f"above {limits['min_net_lower_bound']:g}",
         low is not None and low > limits["min_net_lower_bound"],
         "what the same days, drawn again, make at least in 95 of 100 cases"),
        ("sessions", f"{evidence['sessions']:,}", f"at least {limits['min_sessions']}",
         evidence["sessions"] >= limits["min_sessions"], "days on which it was judged")]
    among, most = evidence["pbo_among_trials"], limits["max_pbo_among_trials"]
    if most < 1.0:
        lines.insert(1, ("PBO among the trials", _text(among, ".3f"), f"at most {most:g}",
                         among is not None and among <= most, "the same among the trials alone"))
    return (["limit", "found", "asked"],
            [[f'<span class="means">{html.escape(name)}<br><span class="note">{html.escape(text)}'
              "</span></span>", f"{found} {_mark(is_met)}", html.escape(asked)]
             for name, found, asked, is_met, text in lines])


def performance_rows(values: Values) -> Wide:
    """Each figure with its interval, a column a series."""
    money = values["currency"] or "points"
    kinds = [kind for kind in _KINDS if kind in values["performance"]]
    lines = []
    for name, (title, form) in _NAMES.items():
        found = [values["performance"][kind][name] for kind in kinds]
        label = f"{title}, {money}" if form == "money" else title
        lines.append([html.escape(label), *(_interval(each, form) for each in found)])
    lines.append(["probability of a ratio above 0 (PSR)", *(
        _text(values["performance"][kind]["psr"], ".3f") for kind in kinds)])
    lines.insert(0, ["days", *(f"{values['performance'][kind]['days']:,}" for kind in kinds)])
    return ["", *(_KINDS[kind] for kind in kinds)], lines


def calibration_rows(values: Values) -> Wide:
    """The bins of the reliability curve."""
    return (["predicted", "observed", "rows"],
            [[f"{part['predicted']:.3f}", f"{part['observed']:.3f}", f"{part['rows']:,.0f}"]
             for part in values["calibration"]])


def confusion_rows(values: Values, title: str) -> Wide:
    """Outcomes by regime and by what was said."""
    money = values["currency"] or "points"
    return ([title, "says", "rows", "rose", "neither", "fell", "bets", f"net, {money}"],
            [[html.escape(part["regime"]), part["says"], f"{part['rows']:,}",
              *(f"{100 * part[name]:.1f} %" for name in ("rose", "neither", "fell")),
              f"{part['bets']:,}", _money(part["net"])]
             for part in values["confusion"][title]])


def walk_rows(found: StoredValidation) -> list[tuple[str, str]]:
    """The walk-forward in figures."""
    values, money = found.values, found.values["currency"] or "points"
    walk, counts = values["walk_forward"], values["walk_forward"]["counts"]
    ways = values["performance"]
    order = ways["walk_forward_orders"]["total"]["value"]
    label = ways["walk_forward_labels"]["total"]["value"]
    return [
        ("Training window", "all days before" if walk["anchored"] else "rolling, of one length"),
        (f"Net through the order path, {money}", _money(order)),
        (f"Net of the label returns, {money}", _money(label)),
        (f"Difference, {money}", _money(order - label)),
        ("Orders, fills, lots", f"{counts['orders']:,}, {counts['fills']:,}, {counts['lots']:,}"),
        ("Fills of resting orders", f"{counts['passive_fills']:,}"),
        ("Round trips, of which gained", f"{counts['trades']:,}, {counts['wins']:,}"),
        ("Bets of the label returns", f"{walk['label_bets']:,}"),
        ("Orders denied by risk", f"{counts['denied']:,}")]


def fold_rows(found: StoredValidation) -> Wide:
    """The folds: what each learnt from and what its days made."""
    money, arrays = found.values["currency"] or "points", found.arrays
    days = [str(day) for day in arrays["walk_days"]]
    lines = []
    for fold in found.values["walk_forward"]["folds"]:
        at = [days.index(day) for day in fold["test_days"]]
        learnt = html.escape(fold["refused"]) if fold["refused"] else (
            f"{fold['rows']:,} rows, {fold['left_out']:,} purged")
        lines.append([_span(fold["test_days"]), _span(fold["train_days"]), learnt,
                      _money(float(arrays["walk_order_net"][at].sum())),
                      _money(float(arrays["walk_label_net"][at].sum()))])
    return (["traded", "learnt from", "rows", f"order path, {money}", f"labels, {money}"], lines)


def luck_rows(values: Values) -> list[tuple[str, str]]:
    """What the number of trials makes of the Sharpe ratio."""
    evidence, judgement = values["verdict"]["evidence"], values["judgement"]
    return [
        ("Configurations tried on the symbol", f"{evidence['trials']:,}"),
        ("Counted in", html.escape(values.get("trials_file") or "unknown")),
        ("Of these over the same days", f"{judgement['compared']:,}"),
        ("Amounting to, by their correlation", _text(judgement["independent"], ",.1f")),
        ("Sharpe ratio a day of the judged path", _text(judgement["sharpe_per_day"], ".4f")),
        ("Deflated Sharpe ratio, all trials taken for independent", _text(evidence["dsr"], ".3f")),
        ("AUC, mean over splits", _text(values["evaluation"]["auc"], ".4f"))]


def overfitting_rows(values: Values) -> list[tuple[str, str]]:
    """Both probabilities of overfitting in figures."""
    beside, among = (values["overfitting"][name] for name in ("placebos", "trials"))
    lines = [] if beside is None else [
        ("PBO beside placebos", _text(beside["pbo"], ".3f")),
        ("Trials and placebos", f"{beside['compared']:,}"),
        ("Draws of the placebos", f"{beside['draws']:,}")]
    return lines + ([] if among is None else [
        ("PBO among the trials", _text(among["pbo"], ".3f")),
        ("Trials compared", f"{among['compared']:,}"),
        ("Blocks, and periods in all", f"{among['blocks']}, {among['periods']:,}"),
        ("Loss where it was not chosen", _text(among["probability_of_loss"], ".3f")),
        ("Slope of the degradation", _text(among["slope"], ".3f"))])


def diversity_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Accuracy of the members, and how each pair differs."""
    lines = [(f"Accuracy of {name}", _text(value, ".4f"))
             for name, value in found.get("accuracy", {}).items()]
    for pair in found.get("pairs", []):
        lines.append((f"{' and '.join(pair['of'])}: disagreement, Q, error correlation",
                      ", ".join(_text(pair[name], ".3f") for name in (
                          "disagreement", "q_statistic", "error_correlation"))))
    return lines


def recipe_rows(values: Values) -> list[tuple[str, str]]:
    """How the bundle was made, as plain text."""
    recipe = values["recipe"]
    days = recipe["training_days"]
    entries = [("bundle", values["bundle"]["content"]), ("symbol", values["symbol"]),
               ("training days", f"{len(days)}, {days[0]} to {days[-1]}"),
               ("rows judged", f"{values['rows']:,} on {values['sessions']} sessions"),
               ("embargo", f"{100 * recipe['embargo_share']:.2f} % of the rows"),
               ("costs", f"{recipe['cost_points']:.4g} points a round trip besides the spread")]
    entries += [(title, _listed(recipe[title]))
                for title in ("model", "labels", "sampler", "splits", "libraries")]
    return entries


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {'none' if value is None else value}"
                     for name, value in values.items())


def _interval(found: Mapping[str, Any], form: str) -> str:
    value, low, high = found["value"], found["low"], found["high"]
    if value is None:
        return "not defined"

    def text(number: float) -> str:
        return {"money": f"{number:,.2f}", "ratio": f"{number:,.2f}",
                "share": f"{100 * number:.1f} %", "count": f"{number:,.0f}"}[form]

    shown = _money(value) if form == "money" else text(value)
    around = "" if low is None or high is None else (
        f'<br><span class="note">{text(low)} to {text(high)}</span>')
    return shown + around


def _span(days: list[str]) -> str:
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _made(value: float | None, money: str) -> str:
    if value is None:
        return "made what nobody knows"
    if value == 0.0:
        return "made nothing"
    return f"{'made' if value > 0.0 else 'lost'} {money} {abs(value):,.2f}"


def _amount(value: float | None, money: str) -> str:
    return "nothing is known" if value is None else f"{money} {value:,.2f}"


def _mark(is_met: bool) -> str:
    return "\N{CHECK MARK}" if is_met else '<span class="loss">\N{BALLOT X}</span>'


def _money(value: float) -> str:
    text = f"{value:,.2f}"
    return f'<span class="loss">{text}</span>' if value < 0.0 else text


def _text(value: float | None, form: str) -> str:
    return "unknown" if value is None else format(value, form)
