"""Labels, each with the moment it ends: what a splitter, a weight and a model need of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Barrier(IntEnum):
    """What ended a label.

    Examples
    --------
    >>> Barrier(-1).name
    'LOWER'
    """

    LOWER = -1
    HORIZON = 0
    UPPER = 1
    SESSION = 2
    """Trading broke off: the bet was closed at the last price before it."""
    BOTH = 3
    """Both barriers lie within one bar and no side says which hurts: the label is 0."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels in order of their events.

    Attributes
    ----------
    position : int64 array, shape (n,)
        Of the event among those given.
    event, start, end : int64 array, shape (n,)
        When it was decided, when the bet could be opened (after the latency), and the last instant
        whose prices the label depends on; ``event <= start <= end``. ns since 1970, or row numbers.
    side : int8 array, shape (n,)
        +1 long, -1 short, 0 unknown.
    label : int8 array, shape (n,)
        -1, 0, +1: the outcome of the bet; with an unknown side the direction that would have paid.
    ret : float64 array, shape (n,)
        Points gained by the bet; with an unknown side the gain of the direction that paid, signed
        by the direction, 0 where neither did.
    barrier : int8 array, shape (n,)
        `Barrier`.
    target : float64 array, shape (n,)
        Points that the barriers are multiples of.
    score : float64 array, shape (n,)
        t-value of the trend for `trend_scanning`, else NaN.
    is_time : bool
        Whether instants are ns since 1970.
    dropped : mapping of str to int
        Events that have no label, by reason.

    Examples
    --------
    >>> from dreammaker.models.labels import triple_barrier
    >>> found = triple_barrier([100, 103, 99, 90], [0, 1], horizon=2, target=2.0, latency=0)
    >>> found.label.tolist(), found.end.tolist()
    ([1, -1], [1, 2])
    """

    position: Ints
    event: Ints
    start: Ints
    end: Ints
    side: NDArray[np.int8]
    label: NDArray[np.int8]
    ret: Floats
    barrier: NDArray[np.int8]
    target: Floats
    score: Floats
    is_time: bool = True
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of labels."""
        return len(self.event)

    def take(self, rows: Any) -> "Labels":
        """Labels at some rows (indices or a mask); nothing is dropped from what is taken."""
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return Labels(**columns, is_time=self.is_time)

    @classmethod
    def joined(cls, parts: Sequence["Labels"]) -> "Labels":
        """Labels of several days as one, in order of their events.

        Positions stay those of each part; what was dropped is added up.

        Raises
        ------
        InputError
            If there is no part, instants are of different kinds, or a part begins before the one
            before it ends its events.
        """
        if not parts or len({part.is_time for part in parts}) > 1:
            raise InputError("parts must be one set of labels or more, all of times or none")
        columns = {name: np.concatenate([getattr(part, name) for part in parts])
                   for name in _COLUMNS}
        if np.any(np.diff(columns["event"]) < 0):
            raise InputError("parts must be in order of their events")
        dropped = Counter[str]()
        for part in parts:
            dropped.update(part.dropped)
        return cls(**columns, is_time=parts[0].is_time, dropped=dict(dropped))

    def counts(self) -> dict[int, int]:
        """How many of each label."""
        return {value: int((self.label == value).sum()) for value in (-1, 0, 1)}

    def end_times(self) -> "pd.Series":
        """End of each label by its event, as the splitters of ``validation`` take it."""
        import pandas as pd

        return pd.Series(self._instants(self.end), index=self._instants(self.event), name="end")

    def to_frame(self) -> "pd.DataFrame":
        """Every attribute as a column, indexed by the event (UTC where instants are times)."""
        import pandas as pd

        columns = {name: getattr(self, name) for name in _COLUMNS if name != "event"}
        for name in ("start", "end"):
            columns[name] = self._instants(columns[name])
        return pd.DataFrame(columns, index=self._instants(self.event))

    def _instants(self, values: Ints) -> "pd.Index":
        import pandas as pd

        if self.is_time:
            return pd.DatetimeIndex(values.astype("datetime64[ns]"), tz="UTC", name="event")
        return pd.Index(values, name="event")


_COLUMNS = tuple(item.name for item in fields(Labels) if item.name not in ("is_time", "dropped"))
