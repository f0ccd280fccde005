"""Training and test rows that are known beforehand, as a splitter of exactly those rows."""

from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.domain.errors import InputError
from dreammaker.models.estimators import Splitter

Rows = NDArray[np.int64]


class Folds:
    """A splitter that remembers its folds, so that they can follow a choice of rows.

    A purged splitter knows the spans of the rows that it was made for. Where a model learns from
    some of them alone (those that have a direction, those that have a score), its folds are the
    same folds without the others: what was purged stays purged.

    Parameters
    ----------
    pairs : iterable of (int array, int array)
        Training and test rows; folds without a row on either side are left out.
    rows : int
        Of the table that is split.

    Attributes
    ----------
    pairs : tuple of (int64 array, int64 array)
    rows : int

    Raises
    ------
    InputError
        If a row lies outside the table, or a fold trains on a row that it tests.

    Examples
    --------
    >>> folds = Folds([([2, 3], [0, 1]), ([0, 1], [2, 3])], rows=4)
    >>> [(train.tolist(), test.tolist()) for train, test in folds.within([1, 2, 3]).pairs]
    [([1, 2], [0]), ([0], [1, 2])]
    >>> len(folds.learnable(np.array([0, 1, 1, 1])))
    1
    """

    def __init__(self, pairs: Iterable[tuple[ArrayLike, ArrayLike]], rows: int) -> None:
        self.rows = rows
        whole = ((np.asarray(train, np.int64), np.asarray(test, np.int64)) for train, test in pairs)
        self.pairs = tuple((train, test) for train, test in whole if train.size and test.size)
        for train, test in self.pairs:
            both = np.concatenate([train, test])
            if both.min() < 0 or both.max() >= rows or np.intersect1d(train, test).size:
                raise InputError(f"a fold must have training and test rows of their own in "
                                 f"[0, {rows})")

    @classmethod
    def of(cls, cv: Splitter, X: Any, y: Any = None) -> Self:
        """The folds that a splitter gives for a table."""
        return cls(cv.split(X, y), len(X))

    def __len__(self) -> int:
        """Number of folds."""
        return len(self.pairs)

    @property
    def tested(self) -> Rows:
        """Rows that some fold tests, ascending."""
        return np.unique(np.concatenate([np.empty(0, np.int64), *(t for _, t in self.pairs)]))

    def within(self, rows: ArrayLike) -> "Folds":
        """The same folds for a table of some rows alone.

        Parameters
        ----------
        rows : int array
            Of the present table, ascending; the new table's rows.
        """
        kept = np.asarray(rows, np.int64)
        place = np.full(self.rows, -1, np.int64)
        place[kept] = np.arange(kept.size)
        moved = ((place[train], place[test]) for train, test in self.pairs)
        return Folds(((train[train >= 0], test[test >= 0]) for train, test in moved), kept.size)

    def learnable(self, y: ArrayLike, least: int = 1) -> "Folds":
        """The folds that train on every class of ``y``, and on ``least`` rows or more."""
        given = np.asarray(y)
        classes = np.unique(given).size
        return Folds(((train, test) for train, test in self.pairs
                      if train.size >= least and np.unique(given[train]).size == classes),
                     self.rows)

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:
        """Yield (training rows, test rows).

        Raises
        ------
        InputError
            If the table has another number of rows than the folds were made for.
        """
        if len(X) != self.rows:
            raise InputError(f"these folds are of {self.rows} rows, the table has {len(X)}")
        yield from self.pairs

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of folds, as scikit-learn asks for it."""
        return len(self.pairs)

    def __repr__(self) -> str:
        return f"Folds({len(self.pairs)} of {self.rows} rows)"
