"""Every configuration that was ever tried, in one file that is only added to.

The more is tried, the better the best of it looks. What a result is worth is therefore known only
beside the number of trials, and PBO needs the trials' own profits.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import ConfigError, StoreError

TRIALS_FILE = "trials.jsonl"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration and what it earned out of sample, or several that nobody recorded.

    Attributes
    ----------
    symbol : str
    kind : str
        "train", "tune", "validate" or "manual".
    identity : dict
        All that the result follows from (model, label rule, sampler, data, splits).
    days : tuple of str
        Sessions, ISO dates.
    daily : tuple of float
        Net points of each.
    period_ns : tuple of int
    period : tuple of float
        Net points of each period (see ``bets.periods``).
    figures : dict
    count : int
        Configurations that the entry stands for: 1, or what a person declares.
    note : str
    """

    symbol: str
    kind: str
    identity: dict[str, Any]
    days: tuple[str, ...] = ()
    daily: tuple[float, ...] = ()
    period_ns: tuple[int, ...] = ()
    period: tuple[float, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)
    count: int = 1
    note: str = ""

    @property
    def key(self) -> str:
        """Hash of symbol and identity: what is tried again is no new trial."""
        text = json.dumps([self.symbol, self.identity], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class TrialLedger:
    """Trials on disk, one JSON line each.

    Parameters
    ----------
    folder : path
        Results folder; made when the first trial is written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = Path(folder) / TRIALS_FILE

    def add(self, trial: Trial) -> bool:
        """Write a trial to disk unless it is known; whether it was new.

        Raises
        ------
        StoreError
            If the file is damaged or the disk refuses.
        """
        if any(known.key == trial.key for known in self.read()):
            return False
        line = json.dumps({"version": _VERSION, **asdict(trial)}, sort_keys=True) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                # A line that a crash cut short must not swallow this one.
                if file.tell() and not _ends_line(self.path):
                    file.write(b"\n")
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be written: {error.strerror}") from None
        return True

    def declare(self, symbol: str, count: int, note: str) -> bool:
        """Count configurations that were tried by hand, outside the program.

        Raises
        ------
        ConfigError
            If the count is below 1 or there is no note to tell one declaration from another.
        """
        if count < 1 or not note.strip():
            raise ConfigError("manual trials need a count of 1 or more and a note that says what "
                              f"was tried, had {count} and {note!r}")
        return self.add(Trial(symbol, "manual", {"manual": note.strip(), "count": count},
                              count=count, note=note.strip()))

    def read(self, symbol: str | None = None) -> list[Trial]:
        """Trials in the order they were made; of one symbol, or all.

        Raises
        ------
        StoreError
            If a line before the last is damaged or of an unknown version.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be read: {error.strerror}") from None
        found: list[Trial] = []
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
                version = values.pop("version")
            except (ValueError, AttributeError, KeyError):
                # A crash during the write leaves half a line; its trial had not been counted yet.
                continue
            if version != _VERSION:
                raise StoreError(f"{self.path}: line {number} is of version {version!r}; "
                                 f"{_VERSION} can be read")
            trial = _trial(values, f"{self.path}: line {number}")
            if symbol is None or trial.symbol == symbol:
                found.append(trial)
        return found


def trial_count(trials: Sequence[Trial]) -> int:
    """Configurations tried, at least 1."""
    return max(1, sum(trial.count for trial in trials))


def period_matrix(trials: Sequence[Trial]) -> NDArray[np.float64]:
    """Profit by period, one column a trial; a period in which a trial decided nothing is 0.

    Parameters
    ----------
    trials : sequence of Trial
        Over the same days.

    Returns
    -------
    float64 array, shape (periods, trials)
    """
    if not trials:
        return np.zeros((0, 0))
    rows = np.unique(np.concatenate([np.array(t.period_ns, np.int64) for t in trials]))
    matrix = np.zeros((len(rows), len(trials)))
    for column, trial in enumerate(trials):
        matrix[np.searchsorted(rows, np.array(trial.period_ns, np.int64)), column] = trial.period
    return matrix


def _ends_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _trial(values: dict[str, Any], where: str) -> Trial:
    try:
        for name in ("days", "daily", "period_ns", "period"):
            values[name] = tuple(values[name])
        return Trial(**values)
    except (TypeError, KeyError):
        raise StoreError(f"{where} is no trial") from None
