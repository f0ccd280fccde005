"""Runs one fixed simulated session and prints its hashes as JSON.

The same command on two systems must print the same ``digests`` and ``summary``. ``machine`` tells
what it ran on; its two probes are hashes of values of the C library's and NumPy's transcendental
functions, which are allowed to differ and show that the runs really took other code paths.
"""

import argparse
import hashlib
import json
import math
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from dreammaker.assembly.config import parse_config
from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import open_source


def session(minutes: float, seed: int, batch_events: int, folder: Path | None) -> dict[str, Any]:
    """Run the session; its digests and its summary.

    Parameters
    ----------
    minutes : float
        Length of continuous trading.
    seed : int
    batch_events : int
        Records the loop takes at once: must not matter.
    folder : Path, optional
        Where the session is written; None keeps it in memory.
    """
    config = parse_config({
        "run": {"mode": "simulated", "seed": seed},
        "simulation": {"session_minutes": minutes},
        "data": {"batch_events": batch_events},
        # Trade much, whatever the defaults are: passive entries that wait in the queue, exits that
        # cross, and a session this short open for entries until near its end.
        "model": {"entry_threshold": 1.0, "exit_threshold": 0.5, "min_hold_s": 2.0},
        "execution": {"entry_style": "near_touch", "exit_style": "far_touch", "order_lots": 2},
        "risk": {"entry_stop_minutes_before_close": 5.0, "flatten_minutes_before_close": 2.0,
                 "deadline_minutes_before_close": 1.0},
    }, "session_hash")
    if folder is not None:
        folder.mkdir(parents=True)
    result = Session(config, open_source(config), folder=folder).run()
    return {"digests": result.digests, "summary": result.summary}


def machine() -> dict[str, Any]:
    """Versions, NumPy's instruction sets in use, and the two probes."""
    points = np.linspace(-30.0, 30.0, 200_001)
    libm = np.array([(math.exp(x), math.sin(x), math.pow(1.0 + abs(x), 0.37)) for x in points])
    vector = np.stack([np.exp(points), np.sin(points), np.power(1.0 + np.abs(points), 0.37)])
    core = np._core._multiarray_umath
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "numpy": np.__version__,
        "numpy_baseline": list(core.__cpu_baseline__),
        "numpy_dispatch": [name for name in core.__cpu_dispatch__ if core.__cpu_features__[name]],
        "libm_probe": hashlib.sha256(libm.tobytes()).hexdigest()[:16],
        "numpy_probe": hashlib.sha256(vector.tobytes()).hexdigest()[:16],
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--batch-events", type=int, default=4096)
    parser.add_argument("--folder", type=Path, help="write the session here; must not exist")
    options = parser.parse_args()
    found = session(options.minutes, options.seed, options.batch_events, options.folder)
    print(json.dumps({**found, "machine": machine()}, indent=1, sort_keys=True))


if __name__ == "__main__":
    main()
