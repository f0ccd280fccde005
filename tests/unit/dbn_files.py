"""Small DBN files for tests, written by ``databento-dbn``."""

import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from dreammaker.data.importers.dbn_files import MBO_DTYPE

dbn = pytest.importorskip("databento_dbn")

DAY = datetime.date(2026, 11, 19)
START_NS = 1_795_096_800 * 10**9
UNDEF_PRICE, UNDEF_TIME = 2**63 - 1, 2**64 - 1
LAST, SNAPSHOT, BAD_TS_RECV, MAYBE_BAD_BOOK = 128, 32, 8, 4


def header(symbols, schema=dbn.Schema.MBO):
    mappings = [SimpleNamespace(raw_symbol=name, intervals=[SimpleNamespace(
        start_date=DAY, end_date=DAY + datetime.timedelta(days=9), symbol=str(number))])
        for name, number in symbols.items()]
    return bytes(dbn.Metadata(
        dataset="GLBX.MDP3", start=START_NS, stype_in=dbn.SType.RAW_SYMBOL,
        stype_out=dbn.SType.INSTRUMENT_ID, schema=schema, symbols=list(symbols), partial=[],
        not_found=[], mappings=mappings, end=START_NS + 9 * 86_400 * 10**9).encode())


def message(action, side="N", price=0.0, size=1, order_id=0, flags=LAST, at_ms=0, late_ns=1_000,
            instrument_id=7, **fields):
    row = np.zeros((), MBO_DTYPE)
    event = START_NS + round(at_ms * 1_000_000)
    for name, value in {
            "length": 14, "rtype": 160, "publisher_id": 1, "instrument_id": instrument_id,
            "ts_event": event, "ts_recv": event + late_ns, "order_id": order_id,
            "price": UNDEF_PRICE if price is None else round(price * 10**9), "size": size,
            "flags": flags, "action": action.encode(), "side": side.encode(),
            "sequence": 10_000 + int(at_ms)}.items():
        row[name] = value
    for name, value in fields.items():
        row[name] = value
    return row


def write(path: Path, rows, symbols=None, packed=False, head=None):
    content = (head or header(symbols or {"ESZ6": 7})) + np.array(rows, MBO_DTYPE).tobytes()
    if packed:
        content = pa.compress(content, "zstd", asbytes=True)
    path.write_bytes(content)
    return path
