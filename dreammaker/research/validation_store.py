"""Validations on disk: a folder a validation, whole or absent, that a report is made from again.

``ROOT/validation/CONTENT16/NNNN/validation.json``  values, with a hash of itself and of the arrays
``ROOT/validation/CONTENT16/NNNN/arrays.npz``       arrays

CONTENT16 are the first 16 digits of the bundle's content hash, NNNN counts its validations from 1.
"""

import hashlib
import io
import json
import re
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import StoreError
from dreammaker.store.files import check_writable
from dreammaker.store.journal import canonical_hash
from dreammaker.store.session import read_json

VALIDATION_VERSION = 1
FOLDER = "validation"
VALUES, ARRAYS = "validation.json", "arrays.npz"
_NUMBER = re.compile(r"\d{4,}")


@dataclass(frozen=True, eq=False, slots=True)
class StoredValidation:
    """What a validation found.

    Attributes
    ----------
    values : dict
        Plain JSON values without NaN.
    arrays : dict of str to ndarray
        No objects.
    """

    values: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


class ValidationStore:
    """The validations of a folder of results.

    Parameters
    ----------
    results : path
        The folder of results; made by the first write.

    Examples
    --------
    >>> import tempfile
    >>> found = StoredValidation({"net": 1.5}, {"days": np.arange(3)})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = ValidationStore(Path(folder))
    ...     path = store.save("ab" * 32, found)
    ...     print(path.name, store.last("ab" * 32).values)
    0001 {'net': 1.5}
    """

    def __init__(self, results: Path) -> None:
        self.root = Path(results) / FOLDER

    def folder(self, content: str) -> Path:
        """Where the validations of a bundle are, by its content hash."""
        return self.root / content[:16]

    def prepare(self) -> None:
        """Make the folder; StoreError where nothing can be written to it."""
        check_writable(self.root, "validation")

    def save(self, content: str, found: StoredValidation) -> Path:
        """Write a validation; one equal to the bundle's last is not written again.

        Returns
        -------
        Path
            Its folder.

        Raises
        ------
        StoreError
            If the disk refuses.
        """
        folder, text, arrays = self.folder(content), *_packed(found)
        numbers = self._numbers(folder)
        if numbers and _same(folder / f"{numbers[-1]:04d}", text, arrays):
            return folder / f"{numbers[-1]:04d}"
        own = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            own = Path(tempfile.mkdtemp(".part", ".new-", folder))
            part = own / "validation"
            part.mkdir()
            (part / ARRAYS).write_bytes(arrays)
            (part / VALUES).write_bytes(text)
            return _published(part, folder, (numbers or [0])[-1] + 1)
        except OSError as error:
            raise StoreError(f"{folder} cannot be written: {error.strerror}") from None
        finally:
            if own is not None:
                shutil.rmtree(own, ignore_errors=True)

    def last(self, content: str) -> StoredValidation:
        """A bundle's last validation.

        Raises
        ------
        StoreError
            If there is none, or it is damaged or of another version.
        """
        folder = self.folder(content)
        numbers = self._numbers(folder)
        if not numbers:
            raise StoreError(f"no validation of the bundle {content[:16]} is stored in {self.root};"
                             " run: dreammaker validate BUNDLE")
        return load_validation(folder / f"{numbers[-1]:04d}")

    def _numbers(self, folder: Path) -> list[int]:
        try:
            return sorted(int(path.name) for path in folder.iterdir()
                          if path.is_dir() and _NUMBER.fullmatch(path.name))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StoreError(f"{folder} cannot be read: {error.strerror}") from None


def load_validation(folder: Path) -> StoredValidation:
    """Read a stored validation, every byte of it verified.

    Raises
    ------
    StoreError
        If it is missing, damaged or of another version.
    """
    path = folder / VALUES
    stored = read_json(path)
    version = stored.get("version")
    if version != VALIDATION_VERSION:
        raise StoreError(f"{folder}: a validation of version {version!r} is not known to this "
                         f"program, which reads {VALIDATION_VERSION}; run dreammaker validate "
                         "again")
    seal = stored.pop("seal", None)
    try:
        whole = seal == canonical_hash(stored) and isinstance(stored.get("values"), dict)
    except ValueError:
        # It holds what JSON has no word for, such as NaN.
        whole = False
    if not whole:
        raise StoreError(f"{path} is damaged: it is not as it was written; run dreammaker validate "
                         "again")
    try:
        packed = (folder / ARRAYS).read_bytes()
    except OSError as error:
        raise StoreError(f"{folder / ARRAYS} cannot be read: {error.strerror}") from None
    if hashlib.sha256(packed).hexdigest() != stored.get("arrays"):
        raise StoreError(f"{folder / ARRAYS} is damaged: it is not as it was written; run "
                         "dreammaker validate again")
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
            return StoredValidation(stored["values"], {name: archive[name] for name in archive})
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise StoreError(f"{folder / ARRAYS} cannot be read: {error}") from None


def _packed(found: StoredValidation) -> tuple[bytes, bytes]:
    buffer = io.BytesIO()
    assert all(array.dtype != object for array in found.arrays.values())
    packed: dict[str, Any] = dict(found.arrays)
    np.savez_compressed(buffer, **packed)
    arrays = buffer.getvalue()
    sealed = {"version": VALIDATION_VERSION, "values": found.values,
              "arrays": hashlib.sha256(arrays).hexdigest()}
    # Hashed as it will be read back; not sorted, since a page shows names in their order.
    plain = json.loads(json.dumps(sealed, allow_nan=False))
    text = json.dumps({**plain, "seal": canonical_hash(plain)}, indent=1, allow_nan=False)
    return (text + "\n").encode(), arrays


def _published(part: Path, folder: Path, number: int) -> Path:
    """Move a finished validation to the first free number; another run may have taken one."""
    while True:
        target = folder / f"{number:04d}"
        try:
            if not target.exists():
                part.rename(target)
                return target
        except OSError:
            if not target.exists():
                raise
        number += 1


def _same(folder: Path, text: bytes, arrays: bytes) -> bool:
    try:
        return ((folder / VALUES).read_bytes() == text
                and (folder / ARRAYS).read_bytes() == arrays)
    except OSError:
        return False
