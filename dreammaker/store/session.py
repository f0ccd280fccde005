"""The session folder: header, segments, orders, and the seal that closes them.

===================  =========================================================================
file                 what it is
===================  =========================================================================
session.json         header: mode, config, instrument, source, versions; written first
events.arrow         market records (recorded and generated sessions)
decisions.arrow      the feature rows decisions were made on
journal.arrow        the journal
orders.sqlite        intents, reports, risk states
seal.json            hashes of all of these; written last, so its absence tells of a crash
===================  =========================================================================
"""

import json
import os
from pathlib import Path
from typing import Any

from dreammaker.domain.errors import StoreError
from dreammaker.store.segments import file_sha256

HEADER_VERSION = 1
SEALED_FILES = ("session.json", "events.arrow", "decisions.arrow", "journal.arrow", "orders.sqlite")


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
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, sort_keys=True, allow_nan=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; StoreError where it is missing or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreError(f"{path} is missing") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise StoreError(f"{path} is damaged: {error}") from None
    if not isinstance(value, dict):
        raise StoreError(f"{path} is damaged: it holds no object")
    return value


def write_seal(folder: Path, digests: dict[str, Any]) -> None:
    """Close a session: hashes of its chains and of its files."""
    files = {name: file_sha256(folder / name) for name in SEALED_FILES if (folder / name).exists()}
    write_json(folder / "seal.json", {"chains": digests, "files": files})


def damaged_files(folder: Path) -> list[str]:
    """Sealed files that are missing or whose bytes have changed, one sentence each."""
    seal = read_json(folder / "seal.json")
    problems = []
    for name, digest in seal.get("files", {}).items():
        path = folder / name
        if not path.exists():
            problems.append(f"{name} is missing")
        elif file_sha256(path) != digest:
            problems.append(f"{name} is not what was sealed (its SHA-256 differs)")
    return problems
