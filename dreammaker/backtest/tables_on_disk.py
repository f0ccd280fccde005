"""Tables as Parquet files of one folder, which appears whole or not at all."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.backtest.records import Columns
from dreammaker.domain.errors import StoreError


def write_tables(folder: Path, tables: dict[str, Columns], header: str) -> None:
    """Write tables and ``result.json`` under a temporary name, then rename.

    Raises
    ------
    StoreError
        If the folder has something in it, or cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"{folder} exists and is not empty; a result needs a new folder")
    part = folder.with_name(folder.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for name, columns in tables.items():
            parquet.write_table(pa.table({key: pa.array(values, from_pandas=False)
                                          for key, values in columns.items()}),
                                part / f"{name}.parquet")
        (part / "result.json").write_text(header + "\n", encoding="utf-8", newline="\n")
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except (OSError, pa.ArrowException) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise StoreError(f"cannot write {folder}: {error}") from None


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
