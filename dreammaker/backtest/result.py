"""What a backtest came to: tables, a summary, and its folder on disk."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.backtest.costs import COST_PARTS
from dreammaker.backtest.frames import frame
from dreammaker.backtest.records import Columns
from dreammaker.backtest.statistics import (
    Trials,
    daily_sharpe,
    interval_sharpe,
    max_drawdown_micros,
)
from dreammaker.backtest.tables_on_disk import read_header, read_tables, write_tables
from dreammaker.domain.errors import StoreError
from dreammaker.domain.instrument import Instrument
from dreammaker.store.session import read_json

if TYPE_CHECKING:
    import pandas as pd

    from dreammaker.validation import SharpeEstimate

RESULT_VERSION = 2
TABLES = ("orders", "fills", "trades", "parents", "queue", "equity", "hours", "daily")
_SUMS = ("net_micros", "realised_micros", "open_micros", "paper_micros",
         *(f"cost_{name}_micros" for name in COST_PARTS), "trades", "wins", "fills",
         "passive_fills", "lots", "orders", "denied", "events", "decisions", "failures")


@dataclass(eq=False)
class BacktestResult:
    """Tables of a backtest; money is in millionths inside and in the currency in DataFrames.

    Parameters
    ----------
    header : dict
        key, name, config, changes, instrument, source, days, data hashes, versions, walk-forward
        parameters: everything the run depended on.
    tables : dict of str to dict of str to ndarray
        The stored tables, `TABLES`.

    Examples
    --------
    >>> from dreammaker.backtest import Backtest
    >>> run = Backtest({"simulation": {"session_minutes": 2.0}}).run()
    >>> run.summary["days"], run.summary["net_micros"] == run.summary["paper_micros"] - sum(
    ...     run.summary[f"cost_{part}_micros"] for part in COST_PARTS)
    (1, True)
    """

    header: dict[str, Any]
    tables: dict[str, Columns] = field(repr=False)

    @property
    def key(self) -> str:
        """Hash of configuration, data and program: the same key, the same result."""
        return str(self.header["key"])

    @property
    def name(self) -> str:
        """As the caller named it."""
        return str(self.header["name"])

    @cached_property
    def instrument(self) -> Instrument:
        """What was traded."""
        return Instrument(**self.header["instrument"])

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The figures of the whole run, as plain JSON values; money in millionths."""
        daily = self.tables["daily"]
        hours = self.tables["hours"]
        seconds = float(hours["seconds"].sum())
        found: dict[str, Any] = {name: int(daily[name].sum()) for name in _SUMS}
        stopped = [(str(day), text) for day, text in
                   zip(daily["day"].tolist(), daily["stopped_by"].tolist(), strict=True) if text]
        return {
            "symbol": self.instrument.symbol, "days": len(daily["day"]),
            "first_day": str(daily["day"][0]), "last_day": str(daily["day"][-1]), **found,
            "max_drawdown_micros": max_drawdown_micros(daily),
            "share_of_time_in_market":
                float(hours["seconds_in_market"].sum()) / seconds if seconds else 0.0,
            "max_lots": int(hours["max_lots"].max(initial=0)),
            "days_ended_by_risk": int((daily["trading_state"] != "NORMAL").sum()),
            "risk_reasons": _counts(daily["trading_state_reason"][
                daily["trading_state"] != "NORMAL"]),
            "open_lots_at_day_ends": int(np.abs(daily["end_lots"]).sum()),
            "stopped_by": "; ".join(f"{day}: {text}" for day, text in stopped),
        }

    def sharpe(self, trials: Trials | None = None) -> "SharpeEstimate":
        """Sharpe ratio of one-minute profits with interval, PSR and DSR."""
        return interval_sharpe(self.tables["equity"], trials or Trials())

    def sharpe_of_days(self, trials: Trials | None = None) -> "SharpeEstimate | None":
        """Sharpe ratio of daily profits scaled to a year; None where the days are too few."""
        return daily_sharpe(self.tables["daily"], trials or Trials())

    # DataFrames: times in the exchange's zone, prices in points, money in the currency.

    @property
    def fills(self) -> "pd.DataFrame":
        """An entry a fill: when, what, at which price, position after it, cost parts, mark-outs."""
        return frame(self.tables["fills"], self.instrument)

    @property
    def orders(self) -> "pd.DataFrame":
        """An entry an order sent, with what became of it."""
        return frame(self.tables["orders"], self.instrument)

    @property
    def trades(self) -> "pd.DataFrame":
        """An entry a round trip, from flat to flat."""
        return frame(self.tables["trades"], self.instrument)

    @property
    def parents(self) -> "pd.DataFrame":
        """An entry a parent order: implementation shortfall and its parts (`execution.costs`)."""
        return frame(self.tables["parents"], self.instrument)

    @property
    def queue(self) -> "pd.DataFrame":
        """Each passive order by each queue model, beside what became of it."""
        table = dict(self.tables["queue"])
        waits = {name.removesuffix("_ns") + "_s": table.pop(name) / 1e9
                 for name in ("wait_ns", "predicted_wait_ns")}
        return frame({**table, **waits}, self.instrument)

    @property
    def equity_curve(self) -> "pd.DataFrame":
        """Net result over all days, sampled (``backtest.equity_seconds``), indexed by time."""
        table = dict(self.tables["equity"])
        net, before = table["net_micros"], self._before_each_day(table["day"])
        table["net_micros"] = net + before
        peak = np.maximum.accumulate(np.maximum(table["net_micros"], 0)) if len(net) else net
        # Within the day the drawdown is exact at every decision; the peak of earlier days counts.
        table["drawdown_micros"] = np.maximum(peak - table["net_micros"],
                                              table["drawdown_micros"])
        return frame(table, self.instrument).set_index("time")

    @property
    def positions(self) -> "pd.DataFrame":
        """Position after each fill, indexed by time."""
        fills = self.tables["fills"]
        table = {name: fills[name] for name in ("time_ns", "day", "position_lots", "price_ticks")}
        return frame(table, self.instrument).set_index("time")

    @property
    def exposure(self) -> "pd.DataFrame":
        """Each hour of each day: share of time in the market, mean and most lots held."""
        hours = self.tables["hours"]
        seconds = np.maximum(hours["seconds"], 1e-9)
        return frame({
            "day": hours["day"], "hour": hours["hour"], "seconds": hours["seconds"],
            "share_in_market": hours["seconds_in_market"] / seconds,
            "mean_lots": hours["lot_seconds"] / seconds, "max_lots": hours["max_lots"],
        }, self.instrument)

    @property
    def by_hour(self) -> "pd.DataFrame":
        """Result, fills and costs by local hour over all days."""
        hours = self.tables["hours"]
        names, place = np.unique(hours["hour"], return_inverse=True)
        table: Columns = {"hour": names}
        for name in hours:
            if name.endswith("_micros") or name in ("fills", "lots"):
                sums = np.zeros(len(names), np.int64)
                np.add.at(sums, place, hours[name])
                table[name] = sums
        return frame(table, self.instrument).set_index("hour")

    @property
    def daily(self) -> "pd.DataFrame":
        """An entry a day."""
        return frame(self.tables["daily"], self.instrument).set_index("day")

    @property
    def costs(self) -> "pd.DataFrame":
        """Cost parts by day and in all, with the paper result they are taken from."""
        daily = self.tables["daily"]
        names = ["paper_micros", *(f"cost_{name}_micros" for name in COST_PARTS), "net_micros"]
        rows = frame({"day": daily["day"], **{name: daily[name] for name in names}},
                     self.instrument).set_index("day")
        rows.loc["all"] = [int(daily[name].sum()) / 1e6 for name in names]
        return rows

    def _before_each_day(self, days: NDArray[Any]) -> NDArray[np.int64]:
        daily = self.tables["daily"]
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(daily["net_micros"])])
        return before[np.searchsorted(daily["day"], days)]

    # On disk.

    def save(self, folder: str | Path) -> Path:
        """Write the result into a new folder: one Parquet file a table, ``result.json`` last.

        Raises
        ------
        StoreError
            If the folder exists with something in it, or cannot be written.
        """
        folder = Path(folder)
        header = {"result_version": RESULT_VERSION, "header": self.header, "summary": self.summary}
        write_tables(folder, self.tables, header)
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> "BacktestResult":
        """Read a stored result.

        Raises
        ------
        StoreError
            If something is missing, damaged or of an unknown version.
        """
        folder = Path(folder)
        version = read_json(folder / "result.json").get("result_version")
        if version != RESULT_VERSION:
            raise StoreError(f"{folder}: result version {version!r} is not known to this program, "
                             f"which writes {RESULT_VERSION}")
        stored = read_header(folder)
        return cls(stored["header"], read_tables(folder, TABLES))


def _counts(values: NDArray[Any]) -> dict[str, int]:
    names, counts = np.unique(values.astype(str), return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))
