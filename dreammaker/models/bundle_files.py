"""A bundle's files: a folder whose manifest lists every other file with its hash.

``manifest.json``   what the models are, how they were made, and the SHA-256 of each file of models
``models/*``        model texts and arrays
``signature.json``  the content hash (SHA-256 of the manifest) and, with a key, its HMAC
``gate.json``       the mark of a bundle that may be traded; absent until the gate wrote it

Without a key the signature finds damage and careless changes, not a forger: whoever changes the
manifest can write a new hash. With a key both the signature and the mark must carry its HMAC.
"""

import hashlib
import hmac
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dreammaker.domain.errors import StoreError

FORMAT = 2
MANIFEST, SIGNATURE, GATE = "manifest.json", "signature.json", "gate.json"
GATE_PART = GATE + ".part"
"""A mark that a crash left half written; it says nothing."""
_NAME = re.compile(r"models/[a-z0-9_]+\.(txt|npz)")


def text_of(values: Mapping[str, Any]) -> bytes:
    """JSON as a bundle holds it: sorted, indented, without NaN."""
    return (json.dumps(values, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def write_files(folder: Path, manifest: Mapping[str, Any], files: Mapping[str, bytes],
                key: bytes | None) -> str:
    """Write a bundle into a new folder and return its content hash.

    Raises
    ------
    StoreError
        If the folder holds something already, or cannot be written.
    """
    wrong = [name for name in files if not _NAME.fullmatch(name)]
    if wrong:
        raise StoreError(f"a file of a bundle must be called models/NAME.txt or .npz, was "
                         f"{wrong[0]!r}")
    listed = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    body = text_of({**manifest, "format": FORMAT, "files": listed})
    content = hashlib.sha256(body).hexdigest()
    part = None
    try:
        if folder.exists() and any(folder.iterdir()):
            raise StoreError(f"{folder} is not empty; a bundle is written into a new folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Made beside and moved: what a full disk or a crash leaves is not in the bundle's place.
        part = Path(tempfile.mkdtemp(".part", ".new-", folder.parent)) / "bundle"
        (part / "models").mkdir(parents=True)
        for name, data in files.items():
            (part / name).write_bytes(data)
        (part / MANIFEST).write_bytes(body)
        (part / SIGNATURE).write_bytes(text_of(_sealed({"content": content}, key)))
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except OSError as error:
        raise StoreError(f"the bundle {folder} cannot be written: {error.strerror}") from error
    finally:
        if part is not None:
            shutil.rmtree(part.parent, ignore_errors=True)
    return content


def read_files(folder: Path, key: bytes | None) -> tuple[dict[str, Any], dict[str, bytes], str]:
    """Manifest, files of models and content hash of a bundle, every byte of it verified.

    Raises
    ------
    StoreError
        Naming the file and the first thing wrong with it.
    """
    if not folder.is_dir():
        raise StoreError(f"there is no bundle at {folder}")
    body = _bytes(folder, MANIFEST)
    content = hashlib.sha256(body).hexdigest()
    signature = _json(folder, SIGNATURE)
    if signature.get("content") != content:
        raise StoreError(f"bundle {folder} was changed: {MANIFEST} does not match the content hash "
                         f"in {SIGNATURE}")
    _check_seal(folder, SIGNATURE, signature, key)
    manifest = _json(folder, MANIFEST)
    if manifest.get("format") != FORMAT:
        raise StoreError(f"bundle {folder} is of format {manifest.get('format')!r}; this program "
                         f"reads {FORMAT}")
    listed = manifest.get("files")
    if not isinstance(listed, dict) or not all(map(_NAME.fullmatch, listed)):
        raise StoreError(f"bundle {folder}: {MANIFEST} does not list the files of models")
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    strange = found - set(listed) - {MANIFEST, SIGNATURE, GATE, GATE_PART}
    if strange:
        raise StoreError(f"bundle {folder} was changed: {min(strange)} is not listed in {MANIFEST}")
    files = {}
    for name, digest in listed.items():
        files[name] = _bytes(folder, name)
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise StoreError(f"bundle {folder} was changed: {name} does not match its hash in "
                             f"{MANIFEST}")
    return manifest, files, content


def read_gate(folder: Path, content: str, key: bytes | None) -> dict[str, Any] | None:
    """The gate's verdict on a bundle of this content; None where there is no mark.

    Raises
    ------
    StoreError
        If the mark is damaged, or speaks of another content.
    """
    if not (folder / GATE).exists():
        return None
    mark = _json(folder, GATE)
    if mark.get("content") != content:
        raise StoreError(f"bundle {folder}: {GATE} speaks of another content than this bundle's")
    verdict = mark.get("verdict")
    if not isinstance(verdict, dict) or mark.get("hash") != _hash({"content": content,
                                                                   "verdict": verdict}):
        raise StoreError(f"bundle {folder} was changed: {GATE} does not match its hash")
    _check_seal(folder, GATE, mark, key)
    return verdict


def write_gate(folder: Path, content: str, verdict: Mapping[str, Any], key: bytes | None) -> None:
    """Mark a bundle tradable, wholly or not at all. For the deployment gate alone."""
    mark = {"content": content, "verdict": dict(verdict)}
    try:
        with (folder / GATE_PART).open("wb") as file:
            file.write(text_of(_sealed({**mark, "hash": _hash(mark)}, key)))
            file.flush()
            os.fsync(file.fileno())
        (folder / GATE_PART).replace(folder / GATE)
    except OSError as error:
        raise StoreError(f"{folder / GATE} cannot be written: {error.strerror}") from error


def _hash(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(text_of(values)).hexdigest()


def _seal(values: Mapping[str, Any], key: bytes) -> str:
    return hmac.new(key, text_of(values), hashlib.sha256).hexdigest()


def _sealed(values: dict[str, Any], key: bytes | None) -> dict[str, Any]:
    return values if key is None else {**values, "hmac": _seal(values, key)}


def _check_seal(folder: Path, name: str, values: dict[str, Any], key: bytes | None) -> None:
    if key is None:
        return
    given = values.get("hmac")
    rest = {part: value for part, value in values.items() if part != "hmac"}
    if not isinstance(given, str):
        raise StoreError(f"bundle {folder}: {name} carries no signature, but a key was given")
    if not hmac.compare_digest(given, _seal(rest, key)):
        raise StoreError(f"bundle {folder}: the signature in {name} is not this key's")


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise StoreError(f"bundle {folder}: {name} cannot be read: {error.strerror}") from error


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        values = json.loads(_bytes(folder, name))
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise StoreError(f"bundle {folder}: {name} is damaged: it is not a JSON object")
    return values
