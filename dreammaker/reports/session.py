"""The report of one session: what was decided, what it cost, what came of it.

Everything is read from the session folder, so the report can be written again at any time.
"""

import html
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.orders import Liquidity, Reason, ReportKind
from dreammaker.domain.source import ALL_LEVELS, SourceProfile
from dreammaker.engine.clock import NS_PER_S, iso_utc
from dreammaker.exchange import ExchangeConfig
from dreammaker.reports.page import Section, money, page, table, write_page
from dreammaker.store.journal import DECISION_DTYPE, JOURNAL_DTYPE, Entry
from dreammaker.store.segments import read_segment
from dreammaker.store.session import read_json

_POINTS_SHOWN = 4000
_FAILURES_SHOWN = 5
_WHOLE_MARKS = 5
# What stands for an empty side of the book.
_NO_BID, _NO_ASK = -2**31, 2**31 - 1


@dataclass(frozen=True, slots=True)
class SessionCurve:
    """Money and position at each decision.

    Parameters
    ----------
    time_ns : int64 array, shape (decisions,)
        Loop time.
    mid_points : float64 array
        NaN where the book was empty on a side, locked or crossed.
    position_lots : int64 array
    net_micros : int64 array
        Realised and open result less fees.
    fees_micros : int64 array
        Paid so far.
    """

    time_ns: NDArray[np.int64]
    mid_points: NDArray[np.float64]
    position_lots: NDArray[np.int64]
    net_micros: NDArray[np.int64]
    fees_micros: NDArray[np.int64]

    @property
    def max_drawdown_micros(self) -> int:
        """Largest fall of the net result from its peak, the start (0) counting as one."""
        if not len(self.net_micros):
            return 0
        peak = np.maximum.accumulate(np.maximum(self.net_micros, 0))
        return int((peak - self.net_micros).max())


@dataclass(frozen=True, slots=True)
class Fills:
    """Fills in order, one entry each.

    Parameters
    ----------
    time_ns, side, qty_lots, price_ticks, fee_micros, liquidity : int64 arrays
    """

    time_ns: NDArray[np.int64]
    side: NDArray[np.int64]
    qty_lots: NDArray[np.int64]
    price_ticks: NDArray[np.int64]
    fee_micros: NDArray[np.int64]
    liquidity: NDArray[np.int64]


def session_fills(journal: NDArray[np.void]) -> Fills:
    """Fills of a journal, with the side of their orders."""
    submits = journal[journal["kind"] == Entry.SUBMIT]
    sides = dict(zip(submits["order_id"].tolist(), submits["side"].tolist(), strict=True))
    fills = journal[(journal["kind"] == Entry.REPORT) & (journal["code"] == ReportKind.FILLED)]
    side = np.array([sides[number] for number in fills["order_id"].tolist()], np.int64)
    return Fills(fills["time_ns"].copy(), side, fills["qty_lots"].copy(),
                 fills["price_ticks"].copy(), fills["a"].astype(np.int64),
                 fills["side"].astype(np.int64))


def session_curve(decisions: NDArray[np.void], fills: Fills, tick_size: float,
                  tick_value_micros: int) -> SessionCurve:
    """Position and result at each decision, from fills and mids alone.

    It is computed from cash flows, independently of the ledger: net = cash from fills + position
    at the mid - fees. Where there is no mid, an open position is worth what it was at the last
    one, as it is to the risk gate.
    """
    time_ns = decisions["time_ns"]
    count = np.searchsorted(fills.time_ns, time_ns, side="right")
    signed = fills.side * fills.qty_lots

    def running(values: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(values)])[count]

    position = running(signed)
    cash = -running(signed * fills.price_ticks) * tick_value_micros
    fees = running(fills.fee_micros)
    bid, ask = decisions["bid_ticks"], decisions["ask_ticks"]
    sound = (bid > _NO_BID) & (ask < _NO_ASK) & (bid < ask)
    half_ticks = np.where(sound, bid + ask, 0)
    last_sound = np.maximum.accumulate(np.where(sound, np.arange(len(sound)), 0))
    net = cash + position * half_ticks[last_sound] * tick_value_micros // 2 - fees
    mid = np.where(sound, half_ticks * (tick_size / 2), np.nan)
    return SessionCurve(time_ns.copy(), mid, position, net, fees)


def round_trips_micros(fills: Fills, tick_value_micros: int) -> NDArray[np.int64]:
    """Result of each round trip from flat to flat, fees included, in millionths."""
    results, position, cash = [], 0, 0
    for side, qty, price, fee in zip(fills.side.tolist(), fills.qty_lots.tolist(),
                                     fills.price_ticks.tolist(), fills.fee_micros.tolist(),
                                     strict=True):
        before = position
        position += side * qty
        cash -= side * qty * price * tick_value_micros + fee
        if before * position < 0:
            # A reversal closes one trip at this price and opens the next with the rest.
            closing = cash + position * price * tick_value_micros
            results.append(closing)
            cash -= closing
        elif position == 0:
            results.append(cash)
            cash = 0
    return np.array(results, np.int64)


def write_session_report(folder: Path, path: Path | None = None) -> Path:
    """Write a session's report.

    Parameters
    ----------
    folder : Path
        Of the session.
    path : Path, optional
        File to write; ``report.html`` in the folder where it is not given.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    StoreError
        If the folder's files are missing or damaged.
    """
    header = read_json(folder / "session.json")
    identity = header["identity"]
    summary = read_json(folder / "summary.json")
    journal = read_segment(folder / "journal.arrow", JOURNAL_DTYPE)
    decisions = read_segment(folder / "decisions.arrow", DECISION_DTYPE)
    instrument = identity["instrument"]
    fills = session_fills(journal)
    curve = session_curve(decisions, fills, instrument["tick_size"],
                          instrument["tick_value_micros"])
    trips = round_trips_micros(fills, instrument["tick_value_micros"])
    sections = [
        Section("Result", table(_override_rows(identity) + _result_rows(
            summary, curve, fills, trips, instrument["currency"]))),
        Section("The session", _figure(curve, fills, instrument)),
        Section("Decisions", table(_decision_rows(summary, journal))),
        Section("What the figures assume", _assumptions(identity)),
        Section("Where it came from", table(
            _origin_rows(identity, summary) + _model_rows(header))),
    ]
    path = path or folder / "report.html"
    title = f"{instrument['symbol']} · {identity['origin']['day']} · {summary['mode']}"
    return write_page(path, page(title, sections))


def _result_rows(summary: dict[str, Any], curve: SessionCurve, fills: Fills,
                 trips: NDArray[np.int64], currency: str) -> list[tuple[str, str]]:
    maker = int((fills.liquidity == Liquidity.MAKER).sum())
    wins = int((trips > 0).sum())
    return [
        ("Net result", money(summary["net_micros"], currency)),
        ("Realised, before fees", money(summary["realised_micros"], currency)),
        ("Open position at the end", f"{summary['position_lots']:+d} lots, "
         f"{money(summary['open_micros'], currency)}" if summary["position_lots"] else "flat"),
        ("Fees", money(-summary["fees_micros"], currency)),
        ("Largest drawdown", money(-curve.max_drawdown_micros, currency)),
        ("Round trips", f"{len(trips)}, {wins} of them with a gain" if len(trips) else "none"),
        ("Mean round trip", money(round(float(trips.mean())), currency) if len(trips) else "-"),
        ("Fills", f"{summary['fills']} ({maker} passive), {summary['traded_lots']} lots"),
        ("Orders", str(summary["orders"])),
        ("Risk state at the end", _risk_state(summary)),
        *([("Ended early", html.escape(summary["stopped_by"]))] if summary["stopped_by"] else []),
        *_failure_rows(summary["failures"]),
    ]


def _risk_state(summary: dict[str, Any]) -> str:
    state, reason = (summary[name].lower().replace("_", " ")
                     for name in ("trading_state", "trading_state_reason"))
    return html.escape(state if reason == "none" else f"{state} ({reason})")


def _failure_rows(failures: list[list[Any]]) -> list[tuple[str, str]]:
    """How many failures there were, and the first few by name."""
    shown = [(f"{iso_utc(time_ns)} {who}", html.escape(what))
             for time_ns, who, what in failures[:_FAILURES_SHOWN]]
    return [("Agent failures", str(len(failures))), *shown]


def _decision_rows(summary: dict[str, Any], journal: NDArray[np.void]) -> list[tuple[str, str]]:
    words = {"NONE": "acted on, or closed", "NO_PROPOSAL": "left things as they were",
             "NO_CONSENSUS": "voted down", "NO_VOTES": "nobody voted",
             "AGENT_NOT_RUNNING": "no model was running",
             "STOOD_DOWN": "proposed after risk had stood down",
             "TRADING_HALTED": "proposed after trading was halted",
             "KILLED": "proposed after the kill switch"}
    rows = [(words.get(name, name.lower()), f"{count:,}")
            for name, count in summary["decisions"].items()]
    denied = journal[journal["kind"] == Entry.DENIED]
    for code, count in zip(*np.unique(denied["code"], return_counts=True), strict=True):
        rows.append((f"denied by risk: {Reason(int(code)).name.lower().replace('_', ' ')}",
                     f"{int(count):,}"))
    return rows


def _origin_rows(identity: dict[str, Any], summary: dict[str, Any]) -> list[tuple[str, str]]:
    origin = identity["origin"]
    words = (f"generated for {origin['day']} from seed {origin['seed']}"
             if origin["kind"] == "simulated" else
             f"imported {origin['symbol']}, {origin['day']}, content {origin['content_hash'][:16]}")
    return [
        ("Market records", f"{summary['counts']['events']:,}, {html.escape(words)}"),
        ("Feature rows", f"{summary['counts']['rows']:,}"),
        ("Decisions", f"{summary['counts']['decisions']:,}"),
        ("Program", identity["program_version"]),
        ("Feature definition", identity["feature_definition"][:16]),
        ("Journal hash", summary["journal_hash"]),
    ]


def _override_rows(identity: dict[str, Any]) -> list[tuple[str, str]]:
    """First of all: real money was traded by a model that the gate had not passed."""
    reasons = identity.get("model_override", [])
    said = f'<span class="loss">{html.escape("; ".join(reasons))}</span>'
    return [("The gate was overridden", said)] if reasons else []


def _model_rows(header: dict[str, Any]) -> list[tuple[str, str]]:
    bundle = header["identity"].get("model_bundle")
    if not bundle:
        return []
    found = header.get("admission", {})
    against = "; ".join(found.get("reasons", ["not known to this session's program"]))
    lax = "; ".join(found.get("laxer_limits", []))
    return [("Trained model", bundle), ("May it trade real money", html.escape(
        f"no: {against}" if against else "yes" + (f", by laxer limits: {lax}" if lax else "")))]


def _assumptions(identity: dict[str, Any]) -> str:
    exchange, source = identity["config"]["exchange"], identity["source"]
    currency = identity["instrument"]["currency"]
    fee = identity["instrument"]["fee_micros_per_lot"] / 1e6
    fees = (f"Fees are {currency} {fee:g} a lot and side" if fee else
            "No fee is known for this instrument and none is taken (set instrument.fee_per_lot)")
    levels = ("its whole book" if source["depth_levels"] >= ALL_LEVELS else
              f"{source['depth_levels']} price levels a side")
    depth = (f"The source shows {levels}."
             if source["depth_levels"] else
             "The source shows no sizes: every price is taken to hold "
             f"{exchange['assumed_touch_lots']} lots.")
    venue = " ".join(f"{term}: {text}" for term, text in ExchangeConfig(**exchange).assumptions(
        SourceProfile(**source)))
    return (f"<p>{html.escape(venue)} {depth} "
            f"{html.escape(fees)}; taxes and margin are not included. One day says nothing about "
            "the next.</p>")


def _figure(curve: SessionCurve, fills: Fills, instrument: dict[str, Any]) -> str:
    """Mid with fills, position, and net result over time, as an embedded Plotly figure."""
    from plotly.subplots import make_subplots

    if not len(curve.time_ns):
        return "<p>There was no decision in this session.</p>"
    step = max(1, len(curve.time_ns) // _POINTS_SHOWN)
    # The last point is always shown: it is the one the table speaks of.
    shown = np.unique(np.append(np.arange(0, len(curve.time_ns), step), len(curve.time_ns) - 1))
    zone = instrument["exchange_zone"]
    times = _local(curve.time_ns[shown], zone)
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.04,
                           row_heights=[0.45, 0.2, 0.35])
    figure.add_scatter(x=times, y=curve.mid_points[shown].tolist(), name="mid", row=1, col=1,
                       line={"width": 1, "color": "#4269d0"})
    for side, name, symbol, colour in ((1, "buys", "triangle-up", "#3ca951"),
                                       (-1, "sells", "triangle-down", "#ff725c")):
        chosen = fills.side == side
        figure.add_scatter(
            x=_local(fills.time_ns[chosen], zone),
            y=(fills.price_ticks[chosen] * instrument["tick_size"]).tolist(), name=name,
            mode="markers", marker={"symbol": symbol, "size": 7, "color": colour}, row=1, col=1)
    figure.add_scatter(x=times, y=curve.position_lots[shown].tolist(), name="position",
                       line={"shape": "hv", "width": 1, "color": "#6b6b6b"}, row=2, col=1)
    figure.add_scatter(x=times, y=(curve.net_micros[shown] / 1e6).tolist(), name="net result",
                       line={"width": 1.5, "color": "#1f1f1f"}, row=3, col=1)
    figure.add_scatter(x=times, y=((curve.net_micros + curve.fees_micros)[shown] / 1e6).tolist(),
                       name="before fees", line={"width": 1, "color": "#b0b0b0"}, row=3, col=1)
    figure.update_yaxes(title_text="points", row=1, col=1, tickformat=",.6~f")
    # Lots are whole: no marks between them.
    few = int(np.abs(curve.position_lots).max()) <= _WHOLE_MARKS
    figure.update_yaxes(title_text="lots", row=2, col=1, dtick=1 if few else None)
    figure.update_yaxes(title_text=instrument["currency"], row=3, col=1)
    figure.update_xaxes(title_text=f"time, {zone.replace('_', ' ')}", row=3, col=1)
    figure.update_layout(height=760, margin={"l": 70, "r": 20, "t": 20, "b": 50},
                         template="plotly_white", legend={"orientation": "h", "y": 1.04})
    return str(figure.to_html(full_html=False, include_plotlyjs=True,
                              config={"displaylogo": False}))


def _local(time_ns: NDArray[np.int64], zone: str) -> list[str]:
    """Times as the venue's own clock shows them, which is what a trader thinks in."""
    if not len(time_ns):
        return []
    # One offset for the figure, its first moment's: a session does not cross a change of clocks.
    first = datetime.fromtimestamp(int(time_ns[0]) // NS_PER_S, ZoneInfo(zone))
    offset = first.utcoffset()
    assert offset is not None
    local = time_ns + int(offset.total_seconds()) * NS_PER_S
    return [str(text) for text in np.datetime_as_string(local.astype("datetime64[ns]"), unit="ms")]
