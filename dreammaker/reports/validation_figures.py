"""The figures of a validation's page, from stored values and arrays."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]

BLUE, GREY, BLACK, RED, GREEN = "#4269d0", "#b0b0b0", "#1f1f1f", "#e4572e", "#3ca951"
_POINTS_SHOWN = 4000
_TICKS_SHOWN = 6
_MARGIN = {"l": 64, "r": 16, "t": 24, "b": 48}


def path_figure(arrays: Arrays, judged: int, money: str) -> str:
    """Net profit so far of every path, the judged one on top; brings Plotly's script along."""
    from plotly import graph_objects as go

    figure = go.Figure()
    period, times = arrays["period"], arrays["period_ns"]
    shown = _thinned(period.shape[1])
    order = [i for i in range(len(period)) if i != judged] + [judged]
    for number in order:
        figure.add_scatter(
            x=shown.tolist(), y=np.cumsum(period[number])[shown].tolist(),
            text=_moments(times[shown]), hovertemplate="%{text}<br>%{y:,.2f}",
            name="judged path" if number == judged else "other paths", mode="lines",
            line={"width": 2 if number == judged else 1,
                  "color": BLACK if number == judged else GREY},
            legendgroup="judged" if number == judged else "others",
            showlegend=number in (order[0], judged))
    figure.update_yaxes(title_text=money)
    _dates(figure, times)
    return _html(figure, 380, first=True)


def walk_figure(arrays: Arrays, money: str) -> str:
    """Net profit so far through the order path, and of label returns on the same days."""
    from plotly import graph_objects as go

    figure = go.Figure()
    times = arrays["walk_order_ns"]
    shown = _thinned(len(times))
    figure.add_scatter(
        x=shown.tolist(), y=arrays["walk_order_curve"][shown].tolist(),
        text=_moments(times[shown]), hovertemplate="%{text}<br>%{y:,.2f}",
        name="order path", mode="lines", line={"width": 2, "color": BLACK})
    ends = arrays["walk_label_ns"]
    curve = arrays["walk_label_curve"]
    at = np.searchsorted(times, ends)
    last = len(times) - 1
    figure.add_scatter(
        x=[0, *at.tolist(), last],
        y=[0.0, *curve.tolist(), float(curve[-1]) if len(curve) else 0.0],
        text=_moments(np.concatenate([times[:1], ends, times[-1:]])),
        hovertemplate="%{text}<br>%{y:,.2f}", name="label returns, one lot", mode="lines",
        line={"width": 1.5, "color": BLUE, "shape": "hv"})
    figure.update_yaxes(title_text=money)
    _dates(figure, times)
    return _html(figure, 360)


def walk_day_figure(arrays: Arrays, money: str) -> str:
    """Net profit of each traded day, both ways."""
    from plotly import graph_objects as go

    names = [str(day) for day in arrays["walk_days"]]
    figure = go.Figure()
    for name, values, colour in (("order path", "walk_order_net", BLACK),
                                 ("label returns, one lot", "walk_label_net", BLUE)):
        figure.add_bar(x=names, y=arrays[values].tolist(), name=name, marker={"color": colour})
    figure.update_xaxes(type="category", nticks=_TICKS_SHOWN)
    figure.update_yaxes(title_text=f"{money} a day")
    return _html(figure, 300)


def logit_figure(arrays: Arrays, name: str, title: str) -> str:
    """Logits of the chosen trial's rank on the other half of the periods."""
    from plotly import graph_objects as go

    # Counted here: the placebos' draws are hundreds of thousands.
    counts, edges = np.histogram(arrays[f"pbo_{name}_logits"], 40)
    figure = go.Figure(go.Bar(x=((edges[:-1] + edges[1:]) / 2).tolist(), y=counts.tolist(),
                              width=np.diff(edges).tolist(), marker={"color": BLUE}))
    figure.add_vline(x=0.0, line={"color": RED, "width": 1})
    figure.update_xaxes(title_text=f"logit of the rank {title}; 0 is the median")
    figure.update_yaxes(title_text="choices")
    return _html(figure, 300)


def degradation_figure(arrays: Arrays, name: str, found: Mapping[str, Any]) -> str:
    """Sharpe ratio of the chosen trial on the half it was chosen on, and on the other."""
    from plotly import graph_objects as go

    before, after = arrays[f"pbo_{name}_in_sample"], arrays[f"pbo_{name}_out_of_sample"]
    shown = np.linspace(0, len(before) - 1, min(2000, len(before))).astype(np.int64)
    figure = go.Figure()
    figure.add_scatter(x=before[shown].tolist(), y=after[shown].tolist(), mode="markers",
                       marker={"size": 4, "opacity": 0.5, "color": BLUE}, showlegend=False)
    if found["slope"] is not None and len(before):
        ends = np.array([before.min(), before.max()])
        figure.add_scatter(x=ends.tolist(),
                           y=(found["intercept"] + found["slope"] * ends).tolist(), mode="lines",
                           line={"color": RED, "width": 1}, showlegend=False)
    figure.add_hline(y=0.0, line={"color": GREY, "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text="best trial where it was chosen, ratio a period")
    figure.update_yaxes(title_text="the same trial elsewhere")
    return _html(figure, 300)


def calibration_figure(curve: Sequence[Mapping[str, float]]) -> str:
    """Predicted against observed share of paying bets; the area of a point is its rows."""
    from plotly import graph_objects as go

    predicted = [part["predicted"] for part in curve]
    observed = [part["observed"] for part in curve]
    rows = [part["rows"] for part in curve]
    ends = [min([*predicted, *observed]), max([*predicted, *observed])]
    figure = go.Figure()
    figure.add_scatter(x=ends, y=ends, mode="lines", name="perfect",
                       line={"color": GREY, "dash": "dot"})
    figure.add_scatter(
        x=predicted, y=observed, name="bets", mode="lines+markers", line={"color": BLUE},
        marker={"size": [6.0 + 10.0 * (count / max(rows)) ** 0.5 for count in rows]},
        text=[f"{count:,.0f} rows" for count in rows],
        hovertemplate="%{x:.3f} predicted<br>%{y:.3f} observed<br>%{text}")
    figure.update_xaxes(title_text="predicted probability that the bet pays")
    figure.update_yaxes(title_text="observed share")
    return _html(figure, 340)


def worth_figure(found: Sequence[Mapping[str, Any]], title: str) -> str:
    """Loss of the out-of-sample score by feature or cluster, with standard errors."""
    from plotly import graph_objects as go

    ordered = sorted(found, key=lambda item: item["value"])
    values = [1e3 * item["value"] for item in ordered]
    figure = go.Figure(go.Bar(
        x=values, y=[_label(item["features"]) for item in ordered], orientation="h",
        text=[", ".join(item["features"]) for item in ordered], textposition="none",
        hovertemplate="%{text}<br>%{x:.3f}<extra></extra>",
        marker={"color": [BLUE if value > 0.0 else GREY for value in values]},
        error_x={"type": "data", "array": [1e3 * item["error"] for item in ordered],
                 "thickness": 1, "width": 2, "color": BLACK}))
    return _bars(figure, title, len(ordered))


def share_figure(shares: Sequence[Sequence[Any]]) -> str:
    """Share of the splits by feature."""
    from plotly import graph_objects as go

    ordered = list(reversed(shares))
    figure = go.Figure(go.Bar(x=[100.0 * share for _, share in ordered],
                              y=[name for name, _ in ordered], orientation="h",
                              marker={"color": "#97bbf5"}))
    return _bars(figure, "share of the splits, %", len(ordered))


def cost_figure(parts: Sequence[tuple[str, float]], money: str) -> str:
    """From the first part, through costs, to the last: a waterfall."""
    from plotly import graph_objects as go

    names = [name for name, _ in parts]
    values = [parts[0][1], *(-value for _, value in parts[1:-1]), 0.0]
    # 0 less a cost of nothing is -0, which is shown with its sign.
    shown = [value or 0.0 for value in (*values[:-1], parts[-1][1])]
    figure = go.Figure(go.Waterfall(
        x=names, y=values, measure=["absolute", *["relative"] * (len(parts) - 2), "total"],
        text=[f"{value:,.2f}" for value in shown], textposition="outside", cliponaxis=False,
        connector={"line": {"color": "#cccccc"}}, increasing={"marker": {"color": GREEN}},
        decreasing={"marker": {"color": RED}}, totals={"marker": {"color": "#8a8a8a"}}))
    figure.update_yaxes(title_text=money)
    figure.update_xaxes(type="category")
    return _html(figure, 320)


def _bars(figure: Any, title: str, count: int) -> str:
    figure.update_yaxes(automargin=True, tickfont={"size": 11}, dtick=1)
    figure.update_xaxes(title_text=title)
    return _html(figure, 90 + 19 * count, bargap=0.25)


def _label(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} +{len(names) - 1}"


def _dates(figure: Any, times: NDArray[np.int64]) -> None:
    """A date where a day begins, on an axis without nights."""
    days = times // (86_400 * 10**9)
    first = np.flatnonzero(np.append(True, days[1:] != days[:-1])[:len(days)])
    shown = first[::max(1, -(-len(first) // _TICKS_SHOWN))]
    figure.update_xaxes(tickvals=shown.tolist(), ticktext=[
        str(day) for day in times[shown].astype("datetime64[ns]").astype("datetime64[D]")],
        title_text="days, nights left out")


def _moments(times: NDArray[np.int64]) -> list[str]:
    return [text.replace("T", " ") for text in np.datetime_as_string(
        times.astype("datetime64[ns]"), unit="s").tolist()]


def _thinned(count: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, _POINTS_SHOWN)).astype(np.int64))


def _html(figure: Any, height: int, *, first: bool = False, **layout: Any) -> str:
    figure.update_layout(height=height, margin=_MARGIN, template="plotly_white",
                         font={"size": 12}, autosize=True,
                         legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
                         **layout)
    # Named by its content: the same validation gives the same page.
    name = "f" + hashlib.sha256(figure.to_json().encode()).hexdigest()[:16]
    return str(figure.to_html(full_html=False, include_plotlyjs=first, div_id=name,
                              config={"displayModeBar": False, "responsive": True}))
