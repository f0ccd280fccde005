"""Tables as DataFrames: times in the exchange's zone, prices in points, money in the currency."""

from typing import TYPE_CHECKING, Any

import numpy as np

from dreammaker.backtest.records import Columns
from dreammaker.domain.instrument import Instrument

if TYPE_CHECKING:
    import pandas as pd


def frame(table: Columns, instrument: Instrument) -> "pd.DataFrame":
    """A table as a DataFrame.

    Columns change their names with their units: ``x_ns`` becomes ``x`` (0 becomes NaT),
    ``x_ticks`` and ``x_half_ticks`` become ``x`` in points (a mid of 0 half ticks becomes NaN),
    ``x_micros`` becomes ``x`` in the currency.
    """
    import pandas as pd

    columns: dict[str, Any] = {}
    for name, values in table.items():
        if name.endswith("_ns"):
            times = pd.to_datetime(np.where(values == 0, np.iinfo(np.int64).min, values), unit="ns",
                                   utc=True)
            columns[name.removesuffix("_ns")] = times.tz_convert(instrument.exchange_zone)
        elif name.endswith("_half_ticks"):
            points = np.where(values == 0, np.nan, values * (instrument.tick_size / 2))
            columns[name.removesuffix("_half_ticks")] = points
        elif name.endswith("_ticks"):
            columns[name.removesuffix("_ticks")] = values * instrument.tick_size
        elif name.endswith("_micros"):
            columns[name.removesuffix("_micros")] = values / 1e6
        elif name == "day":
            columns[name] = values.astype("datetime64[s]")
        else:
            columns[name] = values
    return pd.DataFrame(columns)
