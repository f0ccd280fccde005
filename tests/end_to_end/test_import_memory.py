"""Imports run in flat memory: four times the rows must not need more."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

resource = pytest.importorskip("resource", reason="peak memory is read by POSIX getrusage")

PROGRAM = """
import resource, sys
from dreammaker.data import import_file
day, = import_file(sys.argv[1], sys.argv[2])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(day.quality.rows_kept, peak if sys.platform != "darwin" else peak // 1024)
"""


def write_ticks(path: Path, rows: int) -> Path:
    """A synthetic tick export with quotes and signed trades, written in pieces."""
    rng = np.random.default_rng(1)
    with path.open("w", newline="") as file:
        file.write("<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\r\n")
        for start in range(0, rows, 50_000):
            count = min(50_000, rows - start)
            times = 32_400_000 + (np.arange(start, start + count) * (32_000_000 / rows)).astype(int)
            prices = 130_000 + 5 * np.cumsum(rng.integers(-1, 2, count))
            lines = []
            for time, price, kind in zip(times.tolist(), prices.tolist(),
                                         rng.integers(0, 4, count).tolist(), strict=True):
                cells = (f"\t\t{price}\t{kind + 1}.00000000\t56", f"\t\t{price}\t9.00000000\t88",
                         f"{price}\t\t\t\t2", f"\t{price + 5}\t\t\t4")[kind]
                lines.append(f"2026.11.19\t{time // 3_600_000:02d}:{time // 60_000 % 60:02d}:"
                             f"{time // 1000 % 60:02d}.{time % 1000:03d}\t{cells}\r\n")
            file.write("".join(lines))
    return path


def peak_mb(folder: Path, rows: int) -> float:
    path = write_ticks(folder / f"WINZ26_{rows}.csv", rows)
    result = subprocess.run([sys.executable, "-c", PROGRAM, str(path), str(folder / "data")],
                            capture_output=True, text=True, check=True)
    path.unlink()
    kept, kilobytes = map(int, result.stdout.split())
    assert kept == rows
    return kilobytes / 1024


def test_import_when_rows_quadruple_then_peak_memory_stays(tmp_path: Path) -> None:
    small, large = peak_mb(tmp_path, 300_000), peak_mb(tmp_path, 1_200_000)
    # 900 000 rows more are 58 MB of records and 45 MB of text: neither may be held.
    assert large - small < 40, f"{small:.0f} MB, then {large:.0f} MB"


@pytest.mark.slow
def test_import_when_ten_million_rows_then_under_400_mb(tmp_path: Path) -> None:
    peak = peak_mb(tmp_path, 10_000_000)
    assert peak < 400, f"{peak:.0f} MB"
