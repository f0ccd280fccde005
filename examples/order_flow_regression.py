"""How much of the price's moves does order flow explain? (Cont, Kukanov and Stoikov 2014)

    python examples/order_flow_regression.py FILE

FILE is a LOBSTER zip, or any other source with sizes at the touch. Ten-second changes of the mid,
in ticks, are regressed on the order-flow imbalance before the last record of those ten seconds, in
each half hour. Explaining the present is not predicting the future.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from dreammaker.data import read_file
from dreammaker.domain.errors import DreamMakerError, InputError
from dreammaker.features import compute_features


def half_hours(path: Path) -> pd.DataFrame:
    """R2 and slope of each half hour's regression, indexed by its start."""
    log = read_file(path)
    features = compute_features(log)
    if features["ofi_1"].isna().all():
        raise InputError("no sizes at the touch, so there is no order-flow imbalance", file=path)
    rows = features.groupby(features.index.floor("10s")).last()
    table = pd.DataFrame({"move": rows["mid_price"].diff() / log.instrument.tick_size,
                          "flow": rows["ofi_1"]}).dropna()
    found = {}
    for start, half in table.groupby(table.index.floor("30min")):
        slope = np.polyfit(half["flow"], half["move"], 1)[0]
        found[start] = {"R2": half["flow"].corr(half["move"]) ** 2,
                        "ticks per 100 lots": 100 * slope, "intervals": len(half)}
    return pd.DataFrame.from_dict(found, orient="index")


def main() -> None:
    """Print the table."""
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: python {sys.argv[0]} FILE")
    try:
        table = half_hours(Path(sys.argv[1]))
    except DreamMakerError as error:
        raise SystemExit(f"error: {error}") from None
    print(table.to_string(float_format=lambda value: f"{value:.3f}"))
    print(f"mean R2 {table['R2'].mean():.3f}")


if __name__ == "__main__":
    main()
