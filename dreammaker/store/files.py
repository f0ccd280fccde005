"""Files that are either whole or absent: temporary name, fsync, rename."""

import os
import re
import tempfile
from itertools import count
from pathlib import Path

from dreammaker.domain.errors import ConfigError, StoreError

TEMPORARY_PREFIX = ".tmp-"
_NUMBERS = count()
_SYMBOL = re.compile(r"[A-Za-z0-9$@_#&+=.-]{1,64}")
_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{stem}{digit}" for stem in ("COM", "LPT")
                                           for digit in range(1, 10))}


def check_symbol(symbol: str) -> str:
    """The symbol itself, if it may name a folder on every system.

    Raises
    ------
    ConfigError
        For path characters, a leading or trailing dot, device names, or more than 64 characters.

    Examples
    --------
    >>> check_symbol("WIN$N")
    'WIN$N'
    """
    if (_SYMBOL.fullmatch(symbol) is None or symbol.startswith(".") or symbol.endswith(".")
            or symbol.split(".")[0].upper() in _RESERVED):
        raise ConfigError(
            f"symbol {symbol!r} cannot name a folder; allowed: up to 64 of letters, digits and "
            "$ @ _ # & + = . - without a dot at either end")
    return symbol


def temporary_beside(target: Path) -> Path:
    """A new empty file in the target's folder (which is made), for `publish` to rename.

    Raises
    ------
    StoreError
        If the folder cannot be written.
    """
    try:
        # Not below: a file in the folder's place is a FileExistsError too.
        target.parent.mkdir(parents=True, exist_ok=True)
        while True:
            # Unique among processes by the id, within one by the counter; "x" makes sure of it.
            path = target.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{next(_NUMBERS)}"
            try:
                path.open("xb").close()
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise StoreError(f"{target.parent} cannot be written: {error}") from None


def check_writable(folder: Path, what: str) -> None:
    """Make a folder, and see that it takes what will be written to it later.

    Parameters
    ----------
    folder : Path
    what : str
        Of the sentence "no WHAT can be written to FOLDER".

    Raises
    ------
    StoreError
        If it does not.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".dreammaker-", dir=folder):
            pass
    except OSError as error:
        raise StoreError(f"no {what} can be written to {folder}: {error.strerror}") from None


def publish(temporary: Path, target: Path) -> None:
    """Put a finished temporary file in the target's place, durably and in one step.

    Raises
    ------
    StoreError
        If the disk refuses.
    """
    try:
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error}") from None


def discard(path: Path) -> None:
    """Remove a file if it is there; a file in use elsewhere is left (Windows)."""
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        # A memory map keeps the file on Windows; it is only a cache or a temporary.
        return


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
