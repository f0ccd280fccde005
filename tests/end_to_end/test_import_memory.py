"""Imports run in flat memory: four times the rows must not need more."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dreammaker.data.importers.dbn_files import MBO_DTYPE
from tests.unit.dbn_files import START_NS, header

resource = pytest.importorskip("resource", reason="peak memory is read by POSIX getrusage")

# On Linux getrusage counts the memory of the process that started this one; VmHWM does not.
PROGRAM = """
import re, resource, sys
from pathlib import Path
from dreammaker.data import import_file
day, = import_file(sys.argv[1], sys.argv[2])
status = Path("/proc/self/status")
if status.exists():
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1])
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(day.quality.rows_kept, peak)
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


def write_feed(path: Path, rows: int) -> Path:
    """A raw Binance feed: a snapshot, then differences and trades over a wide band of prices."""
    start_ms = 1_795_096_800_000
    head = '{"stream":"btcusdt@%s","data":{"e":"%s","s":"BTCUSDT","E":%d,"T":%d,'
    rng = np.random.default_rng(1)
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.write(f'{start_ms}000000 {{"lastUpdateId":0,"E":{start_ms},"T":{start_ms},'
                   '"bids":[["60000.0","1.000"]],"asks":[["60000.1","1.000"]]}\n')
        for start in range(1, rows, 50_000):
            count = min(50_000, rows - start)
            prices = (10_000 + 100 * rng.integers(5_000, size=count)).tolist()
            for number, price in zip(range(start, start + count), prices, strict=True):
                time = start_ms + number
                if number % 2:
                    body = head % ("depth@0ms", "depthUpdate", time, time) + (
                        f'"U":{number},"u":{number},"pu":{number - 2 if number > 1 else 0},'
                        f'"b":[["{price / 10:.1f}","0.00{price % 7}"]],"a":[]}}}}')
                else:
                    body = head % ("trade", "trade", time, time) + (
                        f'"t":{number},"p":"60000.1","q":"0.001","X":"MARKET","m":false}}}}')
                file.write(f"{time}000000 {body}\n")
    return path


def write_orders(path: Path, rows: int) -> Path:
    """A market-by-order file, written in pieces: orders come, and go forty later."""
    with pa.CompressedOutputStream(str(path), "zstd") as file:
        file.write(header({"ESZ6": 7}))
        for start in range(0, rows, 50_000):
            number = np.arange(start, min(start + 50_000, rows))
            records = np.zeros(len(number), MBO_DTYPE)
            order = np.where((number % 2 == 1) & (number > 40), number - 41, number)
            for name, values in (
                    ("length", 14), ("rtype", 160), ("instrument_id", 7), ("flags", 128),
                    ("ts_event", START_NS + number * 10**6), ("order_id", 1 + order),
                    ("ts_recv", START_NS + number * 10**6 + 500), ("sequence", number),
                    ("price", (5_000 + order % 16) * 10**9), ("side", b"B"), ("size", 3),
                    ("action", np.where(order < number, b"C", b"A"))):
                records[name] = values
            file.write(records.tobytes())
    return path


def peak_mb(folder: Path, rows: int, write=write_ticks) -> float:
    path = write(folder / f"WINZ26_{rows}.csv", rows)
    result = subprocess.run([sys.executable, "-c", PROGRAM, str(path), str(folder / "data")],
                            capture_output=True, text=True, check=True)
    path.unlink()
    kept, kilobytes = map(int, result.stdout.split())
    assert kept == rows
    return kilobytes / 1024


@pytest.mark.parametrize(("write", "rows"), [(write_feed, 40_000), (write_orders, 300_000)])
def test_other_formats_when_rows_quadruple_then_peak_memory_stays(
        tmp_path: Path, write, rows: int) -> None:
    small, large = peak_mb(tmp_path, rows, write), peak_mb(tmp_path, 4 * rows, write)
    # Records, text and packets of the rows that come on top would be far above it.
    assert large - small < 40, f"{small:.0f} MB, then {large:.0f} MB"


def test_import_when_rows_quadruple_then_peak_memory_stays(tmp_path: Path) -> None:
    small, large = peak_mb(tmp_path, 300_000), peak_mb(tmp_path, 1_200_000)
    # 900 000 rows more are 58 MB of records and 45 MB of text: neither may be held.
    assert large - small < 45, f"{small:.0f} MB, then {large:.0f} MB"
    assert large < 400, f"{large:.0f} MB"


@pytest.mark.slow
@pytest.mark.skipif("DREAMMAKER_LONG_RUN" not in os.environ,
                    reason="takes a minute: set DREAMMAKER_LONG_RUN=1")
def test_import_when_ten_million_rows_then_under_400_mb(tmp_path: Path) -> None:
    peak = peak_mb(tmp_path, 10_000_000)
    assert peak < 400, f"{peak:.0f} MB"
