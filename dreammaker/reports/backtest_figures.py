"""The figures of a backtest report."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.backtest.costs import COST_PARTS
from dreammaker.backtest.day_tables import local_offset_ns
from dreammaker.backtest.result import BacktestResult

POINTS_SHOWN = 4000
_BLUE, _GREEN, _RED, _GREY, _BLACK = "#4269d0", "#3ca951", "#e4572e", "#8a8a8a", "#1f1f1f"
_PART_COLOURS = ("#4269d0", "#97bbf5", "#efb118", "#ff725c", "#9c6b4e")
_MARGIN = {"l": 60, "r": 16, "t": 24, "b": 44}


def _html(figure: Any, height: int, *, first: bool = False) -> str:
    figure.update_layout(height=height, margin=_MARGIN, template="plotly_white",
                         font={"size": 12}, autosize=True, bargap=0.35,
                         legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0})
    # Dragging zooms and a double click resets; the bar of buttons would cover the titles.
    return str(figure.to_html(full_html=False, include_plotlyjs=first,
                              config={"displayModeBar": False, "responsive": True}))


def cost_figure(result: BacktestResult) -> str:
    """From the paper result to the net result, part by part; brings Plotly's script along."""
    from plotly import graph_objects as go

    summary, currency = result.summary, result.instrument.currency
    names = ["paper", *COST_PARTS, "net"]
    values = [summary["paper_micros"] / 1e6,
              *(-summary[f"cost_{part}_micros"] / 1e6 for part in COST_PARTS), 0.0]
    figure = go.Figure(go.Waterfall(
        x=names, y=values, measure=["absolute", *["relative"] * len(COST_PARTS), "total"],
        text=[f"{value:,.2f}" for value in values[:-1]] + [f"{summary['net_micros'] / 1e6:,.2f}"],
        textposition="outside", cliponaxis=False, connector={"line": {"color": "#cccccc"}},
        increasing={"marker": {"color": _GREEN}}, decreasing={"marker": {"color": _RED}},
        totals={"marker": {"color": _GREY}}))
    figure.update_yaxes(title_text=currency)
    return _html(figure, 360, first=True)


def equity_figure(result: BacktestResult) -> str:
    """Net result, drawdown and position over all days."""
    from plotly.subplots import make_subplots

    equity, currency = result.tables["equity"], result.instrument.currency
    curve = result.equity_curve
    shown = _thinned(len(curve))
    days = equity["day"][shown]
    times = _local(equity["time_ns"][shown], result.instrument.exchange_zone)
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.04,
                           row_heights=[0.5, 0.25, 0.25])

    def add(values: NDArray[Any], name: str, row: int, **line: Any) -> None:
        x, y = _broken(times, values[shown], days)
        figure.add_scatter(x=x, y=y, name=name, row=row, col=1, mode="lines", line=line,
                           showlegend=row == 1)

    net = curve["net"].to_numpy()
    add(net, "net result", 1, width=1.5, color=_BLACK)
    add(net + _fees_so_far(result), "before fees", 1, width=1, color="#b0b0b0")
    add(-curve["drawdown"].to_numpy(), "below the peak", 2, width=1, color=_RED)
    add(equity["position_lots"], "position", 3, width=1, color=_BLUE, shape="hv")
    figure.update_yaxes(title_text=currency, row=1, col=1)
    figure.update_yaxes(title_text="drawdown", row=2, col=1)
    most = int(np.abs(equity["position_lots"]).max(initial=0))
    figure.update_yaxes(title_text="lots", row=3, col=1, dtick=1 if most <= 5 else None)
    figure.update_xaxes(title_text=f"time, {result.instrument.exchange_zone.replace('_', ' ')}",
                        row=3, col=1)
    breaks = _closed_hours(result)
    if breaks:
        figure.update_xaxes(rangebreaks=breaks)
    return _html(figure, 620)


def _fees_so_far(result: BacktestResult) -> NDArray[np.float64]:
    equity, daily = result.tables["equity"], result.tables["daily"]
    paid = np.concatenate([np.zeros(1, np.int64), np.cumsum(daily["cost_fees_micros"])])
    before = paid[np.searchsorted(daily["day"], equity["day"])]
    return np.asarray((equity["fees_micros"] + before) / 1e6)


def hour_figure(result: BacktestResult) -> str:
    """Costs of each hour, stacked, and its net result as a line of points."""
    from plotly import graph_objects as go

    table = result.by_hour
    names = [f"{hour:02d}:00" for hour in table.index]
    figure = go.Figure()
    for part, colour in zip(COST_PARTS, _PART_COLOURS, strict=True):
        figure.add_bar(x=names, y=(-table[f"cost_{part}"]).tolist(), name=part,
                       marker={"color": colour})
    figure.add_scatter(x=names, y=table["net"].tolist(), name="net", mode="markers",
                       marker={"color": _BLACK, "size": 9, "symbol": "diamond"})
    figure.update_layout(barmode="relative")
    figure.update_xaxes(type="category")
    figure.update_yaxes(title_text=result.instrument.currency)
    return _html(figure, 340)


def trade_figure(result: BacktestResult) -> str:
    """Net result of each round trip: how they are distributed, and against the time they took."""
    from plotly.subplots import make_subplots

    trades, currency = result.tables["trades"], result.instrument.currency
    net = trades["net_micros"] / 1e6
    held = (trades["close_ns"] - trades["open_ns"]) / 1e9
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.14)
    figure.add_histogram(x=net.tolist(), nbinsx=60, marker={"color": _BLUE}, row=1, col=1,
                         showlegend=False)
    shown = _thinned(len(net))
    figure.add_scatter(x=held[shown].tolist(), y=net[shown].tolist(), mode="markers",
                       marker={"size": 5, "opacity": 0.5, "color": _BLUE}, row=1, col=2,
                       showlegend=False)
    figure.update_xaxes(title_text=f"{currency} a round trip", row=1, col=1)
    figure.update_yaxes(title_text="round trips", row=1, col=1)
    figure.update_xaxes(title_text="seconds held", row=1, col=2)
    figure.update_yaxes(title_text=f"{currency} a round trip", row=1, col=2)
    return _html(figure, 340)


def day_figure(result: BacktestResult) -> str:
    """Net result of each day."""
    from plotly import graph_objects as go

    daily = result.tables["daily"]
    net = daily["net_micros"] / 1e6
    figure = go.Figure(go.Bar(x=[str(day) for day in daily["day"]], y=net.tolist(),
                              marker={"color": [_GREEN if value >= 0 else _RED for value in net]}))
    figure.update_xaxes(type="category")
    figure.update_yaxes(title_text=result.instrument.currency)
    return _html(figure, 300)


def _thinned(count: int) -> NDArray[np.int64]:
    """Indices of at most about `POINTS_SHOWN` points; the last is always shown."""
    step = max(1, count // POINTS_SHOWN)
    return np.unique(np.append(np.arange(0, count, step), max(count - 1, 0)))[:max(count, 0)]


def _local(time_ns: NDArray[np.int64], zone: str) -> NDArray[np.datetime64]:
    """Times as the venue's own clock shows them, each day with its own offset."""
    day = time_ns // (86_400 * 10**9)
    local = time_ns.copy()
    for one in np.unique(day):
        at = day == one
        local[at] += local_offset_ns(int(time_ns[at][0]), zone)
    return local.astype("datetime64[ns]")


def _broken(times: NDArray[np.datetime64], values: NDArray[Any], days: NDArray[Any]
            ) -> tuple[list[str | None], list[float | None]]:
    """Points as lists, with a gap between days."""
    x: list[str | None] = []
    y: list[float | None] = []
    texts = np.datetime_as_string(times, unit="ms").tolist()
    for index, (text, value) in enumerate(zip(texts, values.tolist(), strict=True)):
        if index and days[index] != days[index - 1]:
            x.append(None)
            y.append(None)
        x.append(text)
        y.append(value)
    return x, y


def _closed_hours(result: BacktestResult) -> list[dict[str, Any]]:
    """Hours and weekends that no day has, left out of the time axis where there are several."""
    hours = np.unique(result.tables["hours"]["hour"])
    if result.summary["days"] < 2:
        return []
    breaks: list[dict[str, Any]] = [{"bounds": ["sat", "mon"]}]
    weekdays = result.tables["daily"]["day"].astype("datetime64[D]").astype(np.int64)
    # 1970-01-01 was a Thursday.
    if ((weekdays + 3) % 7 >= 5).any():
        breaks = []
    first, last = int(hours[0]), int(hours[-1]) + 1
    if last - first < 24:
        breaks.append({"bounds": [last % 24, first], "pattern": "hour"})
    return breaks
