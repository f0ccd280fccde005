"""Tables as Parquet files of one folder, which appears whole or not at all."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.backtest.records import Columns
from dreammaker.domain.errors import StoreError
from dreammaker.store.segments import file_sha256
from dreammaker.store.session import read_json

_FORGOTTEN_NS = 86_400 * 10**9


def write_tables(folder: Path, tables: dict[str, Columns], header: dict[str, Any]) -> None:
    """Write tables and a sealed ``result.json`` in a place of one's own, then move them there.

    Several processes may write the same folder: one is first, the others are refused.

    Raises
    ------
    StoreError
        If the folder has something in it, or cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"{folder} exists and is not empty; a result needs a new folder")
    own = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        own = Path(tempfile.mkdtemp(".part", f".{folder.name}-", folder.parent))
        _forget_old(own, folder)
        part = own / "result"
        part.mkdir()
        for name, columns in tables.items():
            parquet.write_table(pa.table({key: pa.array(values, from_pandas=False)
                                          for key, values in columns.items()}),
                                part / f"{name}.parquet")
        files = {name: file_sha256(part / f"{name}.parquet") for name in tables}
        sealed = {**header, "files": files}
        text = json.dumps({**sealed, "seal": _seal(sealed)}, indent=1, sort_keys=True)
        (part / "result.json").write_text(text + "\n", encoding="utf-8", newline="\n")
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"cannot write {folder}: {error}") from None
    finally:
        # An interrupt leaves nothing half-written either.
        if own is not None:
            shutil.rmtree(own, ignore_errors=True)


def read_header(folder: Path) -> dict[str, Any]:
    """``result.json`` of a folder; StoreError where it or a table is not as it was written."""
    stored = read_json(folder / "result.json")
    files = stored.get("files")
    if stored.pop("seal", None) != _seal(stored) or not isinstance(files, dict):
        raise StoreError(f"{folder / 'result.json'} is damaged: it is not as it was written")
    for name, digest in files.items():
        path = folder / f"{name}.parquet"
        if not path.is_file():
            raise StoreError(f"{path} is missing")
        if file_sha256(path) != digest:
            raise StoreError(f"{path} is damaged: it is not as it was written")
    return stored


def _seal(values: dict[str, Any]) -> str:
    plain = json.loads(json.dumps(values))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _forget_old(own: Path, folder: Path) -> None:
    # What a killed run left of this result; a day is longer than any writing takes.
    newest = own.stat().st_mtime_ns
    for other in folder.parent.glob(f".{folder.name}-*.part"):
        if newest - other.stat().st_mtime_ns > _FORGOTTEN_NS:
            shutil.rmtree(other, ignore_errors=True)


def read_tables(folder: Path, names: Sequence[str]) -> dict[str, Columns]:
    """Read the tables of a folder; StoreError where one is missing or damaged."""
    import pyarrow as pa
    from pyarrow import parquet

    tables = {}
    for name in names:
        path = folder / f"{name}.parquet"
        try:
            table = parquet.read_table(path)
        except FileNotFoundError:
            raise StoreError(f"{path} is missing") from None
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{path} is damaged: {str(error).splitlines()[0]}") from None
        tables[name] = {key: _array(table.column(key)) for key in table.column_names}
    return tables


def _array(column: Any) -> NDArray[Any]:
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    # Parquet keeps dates as days, Arrow hands them out as such.
    return values.astype("datetime64[D]") if values.dtype.kind == "M" else values.copy()


def concatenated(parts: Sequence[Columns]) -> Columns:
    """Tables of the same columns one after another."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
