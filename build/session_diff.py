"""Compares two session folders record by record and names the first differences.

``python build/session_diff.py FOLDER FOLDER``; the exit status is 1 if anything differs.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

SEGMENTS = ("events.arrow", "decisions.arrow", "journal.arrow")
SHOWN = 5


def _columns(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    with pa.ipc.open_stream(path) as reader:
        table = reader.read_all()
    found = {}
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if pa.types.is_fixed_size_list(column.type):
            width = column.type.list_size
            values = column.flatten().to_numpy(zero_copy_only=False)
            for place in range(width):
                found[f"{name}[{place}]"] = values[place::width]
        else:
            found[name] = column.to_numpy(zero_copy_only=False)
    return found


def _bits(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return values.view(np.uint64) if values.dtype == np.float64 else values


def differences(first: Path, second: Path) -> list[str]:
    """What differs between two session folders, a line each; floats are compared by their bits."""
    found: list[str] = []
    for name in SEGMENTS:
        left, right = _columns(first / name), _columns(second / name)
        rows = [len(next(iter(side.values()))) for side in (left, right)]
        if rows[0] != rows[1]:
            found.append(f"{name}: {rows[0]} records against {rows[1]}")
        count = min(rows)
        unequal = {field: np.flatnonzero(_bits(left[field][:count]) != _bits(right[field][:count]))
                   for field in left}
        unequal = {field: places for field, places in unequal.items() if len(places)}
        for field, places in sorted(unequal.items(), key=lambda item: int(item[1][0]))[:SHOWN]:
            row = int(places[0])
            found.append(
                f"{name}: {field} differs in {len(places)} of {count} records, first in record "
                f"{row}: {left[field][row]!r} against {right[field][row]!r}")
    headers = [json.loads((side / "session.json").read_text("utf-8"))["identity"]
               for side in (first, second)]
    found += _tree(headers[0], headers[1], "identity")
    return found


def _tree(left: Any, right: Any, path: str) -> list[str]:
    if isinstance(left, dict) and isinstance(right, dict):
        return [line for key in sorted({*left, *right})
                for line in _tree(left.get(key), right.get(key), f"{path}.{key}")]
    return [] if left == right else [f"session.json: {path} is {left!r} against {right!r}"]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    options = parser.parse_args()
    found = differences(options.first, options.second)
    print("\n".join(found) or "the sessions are equal, record by record")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
