"""Event files: seconds, or seconds and marks, as .npy or .csv."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def check_suffix(path: Path) -> None:
    """Raise InputError unless a file's name says .npy or .csv."""
    if path.suffix.lower() not in (".npy", ".csv"):
        raise InputError("an event file must end with .npy or .csv", file=path)


def read_events(path: Path) -> tuple[Floats, Ints | None]:
    """Times, and marks where the file has them.

    Parameters
    ----------
    path : Path
        .npy of shape (n,), (n, 1) or (n, 2), or .csv of one or two columns with or without a
        heading: seconds, and marks 0, 1, ...

    Returns
    -------
    times : ndarray of float64, shape (n,)
        As they are in the file; models check them.
    marks : ndarray of int64, shape (n,), or None

    Raises
    ------
    InputError
        Names the file, and the line of a .csv.
    """
    check_suffix(path)
    if not path.is_file():
        raise InputError("there is no such file", file=path)
    if path.suffix.lower() == ".npy":
        try:
            array = np.load(path, allow_pickle=False)
            table = np.asarray(array, np.float64)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"not an array of numbers ({error})", file=path) from None
    else:
        table = _read_csv(path)
    if table.ndim == 1:
        return table, None
    if table.ndim != 2 or table.shape[1] not in (1, 2):
        raise InputError(f"must be a column of seconds, or two of seconds and marks, had shape "
                         f"{table.shape}", file=path)
    if table.shape[1] == 1:
        return np.ascontiguousarray(table[:, 0]), None
    marks = table[:, 1]
    if not (np.isfinite(marks).all() and (marks == np.floor(marks)).all()
            and ((marks >= 0) & (marks < 1000)).all()):
        raise InputError("marks must be whole numbers from 0 to 999", file=path)
    return np.ascontiguousarray(table[:, 0]), marks.astype(np.int64)


def _read_csv(path: Path) -> Floats:
    rows: list[list[float]] = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            cells = line.strip().split(",")
            if cells == [""]:
                continue
            try:
                rows.append([float(cell) for cell in cells])
            except ValueError:
                # Only the first line may be a heading.
                if number == 1:
                    continue
                raise InputError(f"not a number: {line.strip()!r}", file=path,
                                 line=number) from None
            if len(rows[-1]) != len(rows[0]) or len(rows[-1]) > 2:
                raise InputError("must hold seconds, or seconds and a mark", file=path,
                                 line=number)
    return np.array(rows) if rows else np.empty(0)


def write_events(path: Path, times: Floats, marks: Ints | None) -> None:
    """Write times, and marks where there are several types, as `read_events` reads them."""
    try:
        if path.suffix.lower() == ".npy":
            np.save(path, times if marks is None else np.column_stack([times, marks]))
            return
        with path.open("w", encoding="utf-8", newline="\n") as file:
            if marks is None:
                file.write("seconds\n")
                file.writelines(f"{t!r}\n" for t in times.tolist())
            else:
                file.write("seconds,mark\n")
                file.writelines(f"{t!r},{m}\n" for t, m in
                                zip(times.tolist(), marks.tolist(), strict=True))
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", file=path) from None
