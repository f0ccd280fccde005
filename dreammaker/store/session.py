"""The session folder: header, segments, orders, and the seal that closes them.

===================  =========================================================================
file                 what it is
===================  =========================================================================
session.json         header: mode, config, instrument, source, versions; written first
events.arrow         market records (recorded and generated sessions)
decisions.arrow      the feature rows decisions were made on
journal.arrow        the journal
orders.sqlite        intents, reports, risk states
summary.json         counts, money and the state at the end
seal.json            hashes of all of these, and of itself; written last, so its absence tells of
                     a crash
===================  =========================================================================
"""

import json
import os
from pathlib import Path
from typing import Any

from dreammaker.domain.errors import StoreError
from dreammaker.store.journal import canonical_hash
from dreammaker.store.segments import file_sha256

HEADER_VERSION = 2
SEALED_FILES = ("session.json", "events.arrow", "decisions.arrow", "journal.arrow",
                "orders.sqlite", "summary.json")


def create_session_folder(root: Path, name: str) -> Path:
    """Create a new folder under ``root``; a number is added to a name that is taken."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        for attempt in range(1000):
            folder = root / (name if attempt == 0 else f"{name}-{attempt + 1}")
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                continue
    except OSError as error:
        raise StoreError(f"cannot create a session folder in {root}: {error.strerror}") from None
    raise StoreError(f"{root} holds a thousand sessions named {name}")


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write JSON so that the file is either old, or new and whole."""
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(_text(value))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; StoreError where it is missing or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{path} is missing") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise StoreError(f"{path} is damaged: {error}") from None
    if not isinstance(value, dict):
        raise StoreError(f"{path} is damaged: it holds no object")
    return value


def write_seal(folder: Path, digests: dict[str, Any]) -> None:
    """Close a session: hashes of its chains, of its files, and of the seal itself."""
    files = {name: file_sha256(folder / name) for name in SEALED_FILES if (folder / name).exists()}
    sealed = {"chains": digests, "files": files}
    write_json(folder / "seal.json", {**sealed, "seal": canonical_hash(sealed)})


def read_seal(folder: Path) -> dict[str, Any]:
    """The seal of a session, checked against itself.

    Raises
    ------
    StoreError
        If it is missing, or not byte for byte what was written.
    """
    path = folder / "seal.json"
    if not path.exists():
        raise StoreError(f"{folder} was never sealed: the session did not end in good order")
    seal = read_json(path)
    sealed = {name: value for name, value in seal.items() if name != "seal"}
    try:
        whole = (seal.get("seal") == canonical_hash(sealed)
                 and path.read_bytes() == _text(seal).encode())
    except ValueError:
        # It holds what JSON has no word for, such as NaN.
        whole = False
    if not whole:
        raise StoreError(f"{path} is damaged: it is not what was written")
    return seal


def damaged_files(folder: Path) -> list[str]:
    """Sealed files that are missing or whose bytes have changed, one sentence each."""
    seal = read_seal(folder)
    problems = []
    for name, digest in seal["files"].items():
        path = folder / name
        if not path.exists():
            problems.append(f"{name} is missing")
        elif file_sha256(path) != digest:
            problems.append(f"{name} is not what was sealed (its SHA-256 differs)")
    return problems
