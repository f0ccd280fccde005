"""The page of a feature study: what carries information, what a model would miss, what drifts."""

import html
from collections.abc import Sequence

from dreammaker.reports.page import Section, page, table, wide_table
from dreammaker.research.importance import Importance
from dreammaker.research.study import Study

_BLUE, _ORANGE, _GREY = "#1f5fa8", "#c4541a", "#888888"


def study_page(study: Study) -> str:
    """A self-contained page about one study.

    Parameters
    ----------
    study : Study

    Returns
    -------
    str
        HTML with its figures' script inside.
    """
    sections = [
        Section("What was studied", _about(study)),
        Section("Information: rank correlation with the moves that follow", _information(study)),
        Section("What a forest would miss without each feature (MDA, out of sample)",
                _bars(study.accuracy, "loss of log likelihood a row, nats")),
        Section("The same by clusters of features that stand in for one another",
                _bars(study.cluster_accuracy, "loss of log likelihood a row, nats")),
        Section("What each feature alone gains over the classes' frequencies",
                _bars(study.single, "gain of log likelihood a row, nats")),
        Section("What a forest used (MDI, in sample: noise is not 0 here)",
                _bars(study.impurity, "share of the impurity taken away", study.names)),
        Section("Stationarity", _stationarity(study)),
        Section("Order of fractional differencing of the log mid price", _differencing(study)),
    ]
    return page(f"Feature study: {study.symbol}", sections)


def _about(study: Study) -> str:
    rows = [("days", f"{study.days}"), ("labelled decisions", f"{study.rows:,}"),
            ("used for importances", f"{study.used_rows:,}"),
            ("embargo", f"{study.embargo.total_seconds():g} s"),
            ("clusters", f"{len(study.clusters.groups)}"),
            ("clusters' mean silhouette", f"{study.clusters.silhouette:.3f}")]
    left_out = ", ".join(f"{name} ({why})" for name, why in study.left_out.items())
    return table(rows) + (f"<p>Left out: {html.escape(left_out)}.</p>" if left_out
                          else "") + "".join(f'<p class="note">{html.escape(note)}</p>'
                                 for note in study.notes)


def _information(study: Study) -> str:
    from plotly.graph_objects import Figure

    figure = Figure()
    ranked = sorted(study.information, key=lambda row: -max(
        (abs(item.t) for item in row if item.t == item.t), default=0.0))
    for row in ranked[:8]:
        figure.add_scatter(
            x=[item.horizon_s for item in row], y=[item.coefficient.value for item in row],
            error_y={"type": "data", "symmetric": False,
                     "array": [item.coefficient.ci[1] - item.coefficient.value for item in row],
                     "arrayminus": [item.coefficient.value - item.coefficient.ci[0]
                                    for item in row], "thickness": 1},
            name=row[0].name, mode="lines+markers")
    figure.update_xaxes(type="log")
    cells = [[html.escape(row[0].name), *(_coefficient(item.coefficient.value,
                                                       item.is_significant) for item in row)]
             for row in ranked]
    heads = ["feature", *(f"{item.horizon_s:g} s" for item in ranked[0])]
    tried = sum(len(row) for row in ranked)
    note = (f'<p class="note">Spearman, 95 % intervals by Newey and West; bold where the interval '
            f"leaves 0 out. Of {tried} intervals some {0.05 * tried:.0f} do so by chance.</p>")
    return _html(figure, "seconds after the entry", "information coefficient",
                 first=True) + wide_table(heads, cells) + note


def _coefficient(value: float, is_significant: bool) -> str:
    if value != value:
        return "-"
    return f"<b>{value:+.4f}</b>" if is_significant else f"{value:+.4f}"


def _bars(found: Sequence[Importance], title: str, names: Sequence[str] | None = None) -> str:
    from plotly.graph_objects import Figure

    ordered = sorted(found, key=lambda item: item.value)
    labels = [", ".join(item.features) for item in ordered]
    figure = Figure()
    figure.add_bar(
        x=[item.value for item in ordered], y=labels, orientation="h",
        marker={"color": [_BLUE if item.value > 0.0 else _ORANGE for item in ordered]},
        error_x={"type": "data", "array": [item.error if item.error == item.error else None
                                          for item in ordered], "thickness": 1})
    if names is not None:
        figure.add_vline(x=1.0 / len(names), line={"color": _GREY, "dash": "dot"})
    figure.update_yaxes(automargin=True)
    note = ("Bars show one standard error. Dotted: an even share."
            if names is not None else "Bars show one standard error over the folds.")
    return _html(figure, title, "", height=120 + 22 * len(ordered)) + (
        f'<p class="note">{note}</p>')


def _stationarity(study: Study) -> str:
    rows = [[html.escape(item.name), f"{item.rejected} of {item.days}",
             f"{item.statistic:.2f}", f"{item.p_value:.3g}"] if item.days else
            [html.escape(item.name), "-", "-", "-"] for item in study.stationarity]
    return wide_table(["feature", "days without a unit root (5 %)", "median statistic",
                       "median p"], rows)


def _differencing(study: Study) -> str:
    from plotly.graph_objects import Figure

    found = study.differencing
    if found is None:
        return "<p>The days are too short.</p>"
    figure = Figure()
    orders = [item.d for item in found.tried]
    figure.add_scatter(x=orders, y=[item.test.statistic for item in found.tried],
                       name="unit-root statistic", line={"color": _BLUE})
    figure.add_scatter(x=orders, y=[item.test.critical[1] for item in found.tried],
                       name="critical at 5 %", line={"color": _GREY, "dash": "dot"})
    figure.add_scatter(x=orders, y=[item.correlation for item in found.tried], yaxis="y2",
                       name="correlation with the price", line={"color": _ORANGE})
    figure.update_layout(yaxis2={"overlaying": "y", "side": "right", "range": [0.0, 1.05]})
    verdict = (f"The smallest order that passes is {found.d:g}." if found.d is not None
               else "No order up to 1 passes.")
    return f"<p>{verdict}</p>" + _html(figure, "order d", "statistic")


def _html(figure: object, x: str, y: str, *, first: bool = False, height: int = 420) -> str:
    from plotly.graph_objects import Figure

    assert isinstance(figure, Figure)
    figure.update_xaxes(title_text=x)
    if y:
        figure.update_yaxes(title_text=y, selector={"anchor": "x"})
    figure.update_layout(height=height, margin={"l": 70, "r": 60, "t": 20, "b": 50},
                         template="plotly_white", legend={"orientation": "h", "y": -0.2})
    return str(figure.to_html(full_html=False, include_plotlyjs=first,
                              config={"displaylogo": False}))
