"""Every configuration that was ever tried, in one file that is only added to.

The more is tried, the better the best of it looks. What a result is worth is therefore known only
beside the number of trials, and PBO needs the trials' own profits.

Each line carries a check of itself. A line that a crash cut short is told from a damaged one by its
place or by the mark that the next writer puts to it: it had not been counted yet, while what is
damaged had been, so that nothing can be judged until it is mended.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import ConfigError, StoreError
from dreammaker.store.files import discard, temporary_beside

TRIALS_FILE = "trials.jsonl"
_VERSION = 2
_READ = (1, 2)
_MOST_DECLARED = 10**12
_CUT = b" <cut>"


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
    over_coin : tuple of float
        Points of each period by which the sides of its bets did better than a coin would have;
        empty in a line of version 1, which did not know it.
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
    over_coin: tuple[float, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)
    count: int = 1
    note: str = ""

    @property
    def key(self) -> str:
        """Hash of symbol and identity: what is tried again is no new trial."""
        text = json.dumps([self.symbol, self.identity], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def complete(self) -> bool:
        """Whether it holds all that a trial is judged by today; False of version 1's."""
        return len(self.over_coin) == len(self.period)


class TrialLedger:
    """Trials on disk, one JSON line each.

    Parameters
    ----------
    folder : path
        Results folder; made when the first trial is written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = Path(folder) / TRIALS_FILE
        self._seen, self._lines = b"", 0
        self._found: dict[str, Trial] = {}

    def prepare(self) -> None:
        """See that trials can be added, before there is one that took hours to make.

        Raises
        ------
        StoreError
            If the list is damaged, or nothing can be written beside it.
        """
        self.read()
        discard(temporary_beside(self.path))

    def add(self, trial: Trial) -> bool:
        """Write a trial to disk unless it is known; whether it was new.

        One that is known from a line of version 1 alone is written again, whole, and so is a search
        or training of what only a validation had tried; either still counts once.

        Raises
        ------
        StoreError
            If the file is damaged or the disk refuses.
        """
        known = self.by_key().get(trial.key)
        if known is not None and (known.complete or not trial.complete) and (
                known.kind != "validate" or trial.kind == "validate"):
            return False
        values = {"version": _VERSION, **json.loads(json.dumps(asdict(trial)))}
        line = json.dumps({**values, "check": _check(values)}, sort_keys=True).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+") as file:
                # In one write, so that two programs do not mix their lines.
                file.write(_ending(self.path) + line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be written: {error.strerror}") from None
        return known is None

    def declare(self, symbol: str, count: int, note: str) -> bool:
        """Count configurations that were tried by hand, outside the program.

        Raises
        ------
        ConfigError
            If the count is below 1 or above 10^12 (a slip of the hand, which nothing would take off
            the list again), or there is no note to tell one declaration from another.
        """
        if count > _MOST_DECLARED:
            raise ConfigError(f"manual trials must be at most {_MOST_DECLARED:,}, were {count:,}")
        if count < 1 or not note.strip():
            raise ConfigError("manual trials need a count of 1 or more and a note that says what "
                              f"was tried, had {count} and {note!r}")
        return self.add(Trial(symbol, "manual", {"manual": note.strip(), "count": count},
                              count=count, note=note.strip()))

    def read(self, symbol: str | None = None) -> list[Trial]:
        """Trials in the order they were made, each once; of one symbol, or all.

        Raises
        ------
        StoreError
            As `by_key`.
        """
        return [trial for trial in self.by_key().values()
                if symbol is None or trial.symbol == symbol]

    def by_key(self) -> dict[str, Trial]:
        """Trials by their keys, in the order they were made.

        Raises
        ------
        StoreError
            If a line is damaged or of an unknown version, unless a crash cut it short.
        """
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be read: {error.strerror}") from None
        # A search reads the list at every try: lines that were checked and are still there, byte
        # for byte, are not checked again.
        if not text.startswith(self._seen):
            self._seen, self._lines, self._found = b"", 0, {}
        whole = text.rfind(b"\n") + 1
        found, new = dict(self._found), text[len(self._seen):whole].split(b"\n")[:-1]
        for number, line in enumerate(new, self._lines + 1):
            if line.strip() and not line.endswith(_CUT):
                trial = _trial(line, f"{self.path}: line {number}")
                found[trial.key] = trial
        self._seen, self._lines, self._found = text[:whole], self._lines + len(new), dict(found)
        if text[whole:].strip() and _is_json(text[whole:]):
            trial = _trial(text[whole:], f"{self.path}: line {self._lines + 1}")
            found[trial.key] = trial
        return found


def holds_training(trials: Sequence[Trial], symbol: str, training: Mapping[str, Any]) -> bool:
    """Whether a list of trials knows of the training or search that a bundle came of.

    A list that does not is another one than was counted in when the bundle was made.

    Parameters
    ----------
    trials : sequence of Trial
    symbol : str
    training : mapping
        What the bundle says of its training.
    """
    names = ("data", "rule", "sampler", "spec", "cv", "cost_points")
    own = Trial(symbol, "train", {name: training[name] for name in names if name in training}).key
    return any(trial.key == own and trial.kind != "validate" for trial in trials)


def trial_count(trials: Sequence[Trial]) -> int:
    """Configurations tried, at least 1."""
    return max(1, sum(trial.count for trial in trials))


def period_starts(trials: Sequence[Trial]) -> NDArray[np.int64]:
    """Begin of every period in which one of some trials decided anything, ascending, UTC ns."""
    if not trials:
        return np.zeros(0, np.int64)
    return np.unique(np.concatenate([np.array(t.period_ns, np.int64) for t in trials]))


def period_matrix(trials: Sequence[Trial], *, over_coin: bool = False) -> NDArray[np.float64]:
    """Profit by period, one column a trial; a period in which a trial decided nothing is 0.

    Parameters
    ----------
    trials : sequence of Trial
        Over the same days.
    over_coin : bool
        Points over the coin instead of net profits; of complete trials only.

    Returns
    -------
    float64 array, shape (periods, trials)
        Rows as `period_starts` has them.
    """
    rows = period_starts(trials)
    matrix = np.zeros((len(rows), len(trials)))
    for column, trial in enumerate(trials):
        matrix[np.searchsorted(rows, np.array(trial.period_ns, np.int64)), column] = (
            trial.over_coin if over_coin else trial.period)
    return matrix


def _ending(path: Path) -> bytes:
    """What closes the last line, where a crash left it open."""
    last = path.read_bytes().rpartition(b"\n")[2]
    if not last:
        return b""
    return b"\n" if _is_json(last) else _CUT + b"\n"


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _check(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _trial(line: bytes, where: str) -> Trial:
    if not _is_json(line):
        raise StoreError(f"{where} is damaged, so that it is not known what was tried")
    values = json.loads(line)
    version = values.get("version")
    if version not in _READ:
        raise StoreError(f"{where} is of version {version!r}; {', '.join(map(str, _READ))} can be "
                         "read")
    check = values.pop("check", None)
    if version > 1 and check != _check(values):
        raise StoreError(f"{where} is damaged: it does not match its own check")
    del values["version"]
    try:
        for name in ("days", "daily", "period_ns", "period"):
            values[name] = tuple(values[name])
        values["over_coin"] = tuple(values.get("over_coin", ()))
        trial = Trial(**values)
    except (TypeError, KeyError):
        raise StoreError(f"{where} is no trial") from None
    if (len(trial.daily) != len(trial.days) or len(trial.period_ns) != len(trial.period)
            or len(trial.over_coin) not in (0, len(trial.period)) or trial.count < 1):
        raise StoreError(f"{where} is no trial: its columns differ in length, or it counts for "
                         "nothing")
    return trial
