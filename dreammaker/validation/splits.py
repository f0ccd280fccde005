"""Splitters whose training labels never share an instant with a test label.

Purging goes by label end time, not by a count of rows, block by block of the test rows, and
drops no row that does not overlap a test label or lie in an embargo (Lopez de Prado 2018, sections
7.4 and 12.3). They follow scikit-learn's ``split(X, y, groups)`` and can be passed as ``cv``.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreammaker.validation import _checks
from dreammaker.validation._checks import Ints
from dreammaker.validation.spans import (
    Embargo,
    Spans,
    group_bounds,
    read_embargo,
    read_spans,
    resolve_embargo,
)

Split = tuple[NDArray[np.intp], NDArray[np.intp]]


class _Splitter:
    """What the splitters share: parameters of labels and embargo."""

    def __init__(self, embargo: Any, label_end_times: Any, label_start_times: Any) -> None:
        read_embargo(embargo)
        self.embargo = embargo
        self.label_end_times = label_end_times
        self.label_start_times = label_start_times

    def _read(self, X: Any) -> tuple[Spans, Embargo]:
        spans = read_spans(X, self.label_end_times, self.label_start_times)
        return spans, resolve_embargo(self.embargo, spans)

    def _shown(self) -> dict[str, object]:
        return {"embargo": self.embargo}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._shown().items())
        ends = "" if self.label_end_times is None else ", label_end_times=..."
        return f"{type(self).__name__}({shown}{ends})"


class _Fences:
    """The groups of one data set and what each forbids when it is tested."""

    def __init__(self, spans: Spans, bounds: Ints, embargo: Embargo, both_sides: bool) -> None:
        n = spans.start.size
        self._rows = np.arange(n, dtype=np.intp)
        self._bounds = bounds.tolist()
        blocks = list(zip(self._bounds, self._bounds[1:], strict=False))
        early = embargo if both_sides else Embargo()
        self._before = [spans.before(begin, early) for begin, _ in blocks]
        self._after = [spans.after(begin, stop, embargo) for begin, stop in blocks]

    def split(self, groups: Sequence[int]) -> Split:
        """Training and test rows when these groups, ascending, are tested; O(rows returned)."""
        rows, bounds = self._rows, self._bounds
        train, cursor = [], 0
        for group in groups:
            # Of the rows before a group, those that reach a later test group reach this one too.
            first, survivors = self._before[group]
            train.append(rows[cursor:first])
            if survivors.size and survivors[-1] >= cursor:
                train.append(survivors[np.searchsorted(survivors, cursor):])
            cursor = max(cursor, self._after[group])
        train.append(rows[cursor:])
        return np.concatenate(train), np.concatenate([rows[bounds[g]:bounds[g + 1]]
                                                      for g in groups])


class PurgedKFold(_Splitter):
    """K-fold over contiguous blocks of rows, purged and with an embargo.

    Parameters
    ----------
    n_splits : int
        Folds, 2 or more; as even as can be, the first ones larger.
    embargo : float, int or time span
        Kept free of training after the last label end of a test block. A float in [0, 1) is that
        share of the rows, rounded down; an int is a span of an integer index; a timedelta is a
        span of a time index: rows that start up to that much later, inclusive, are dropped.
    label_end_times : array or Series, optional
        Last instant of each row's label, in the kind of X's index (row numbers if it has none).
        A Series is looked up by X's index. If absent, a label ends where it starts.
    label_start_times : array or Series, optional
        First instants, instead of the index of X.

    Notes
    -----
    A fold whose purge leaves nothing yields an empty training array; estimators refuse that.

    Examples
    --------
    >>> ends = np.minimum(np.arange(10) + 2, 9)
    >>> for train, test in PurgedKFold(5, embargo=0.1, label_end_times=ends).split(ends):
    ...     print(test, train)
    [0 1] [5 6 7 8 9]
    [2 3] [7 8 9]
    [4 5] [0 1 9]
    [6 7] [0 1 2 3]
    [8 9] [0 1 2 3 4 5]
    """

    def __init__(self, n_splits: int = 5, embargo: Any = 0.0, label_end_times: Any = None, *,
                 label_start_times: Any = None) -> None:
        super().__init__(embargo, label_end_times, label_start_times)
        self.n_splits = _checks.count("n_splits", n_splits, 2)

    def _shown(self) -> dict[str, object]:
        return {"n_splits": self.n_splits, "embargo": self.embargo}

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of folds."""
        return self.n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """Yield (training rows, test rows), ascending row numbers; `y`, `groups` are not used.

        Raises
        ------
        ValueError
            If rows are not in order of time, or labels do not fit the rows.
        """
        spans, embargo = self._read(X)
        bounds = group_bounds(spans.start.size, self.n_splits, "n_splits")
        fences = _Fences(spans, bounds, embargo, both_sides=False)
        for fold in range(self.n_splits):
            yield fences.split((fold,))


class CombinatorialPurgedCV(_Splitter):
    """Combinatorial purged cross-validation: every choice of k test groups out of N.

    The ``C(N, k)`` splits test every row ``C(N - 1, k - 1)`` times; put together they make as many
    backtest paths, each of which covers all rows once and differs from the others in what its
    groups were trained on.

    Parameters
    ----------
    n_groups : int
        N, 2 or more; contiguous, as even as can be, the first ones larger.
    n_test_groups : int
        k, from 1 to N - 1.
    embargo, label_end_times, label_start_times
        As in `PurgedKFold`; each test group is purged and followed by its own embargo.
    embargo_before : bool
        Keep the embargo before each test group too. Training labels that end before a test label
        starts know nothing of it, so this is off by default.

    Examples
    --------
    >>> cv = CombinatorialPurgedCV(6, 2)
    >>> cv.get_n_splits(), cv.n_paths
    (15, 5)
    >>> cv.splits()[:3]
    [(0, 1), (0, 2), (0, 3)]
    >>> cv.paths()[1].tolist()
    [1, 5, 5, 6, 7, 8]
    """

    def __init__(self, n_groups: int = 6, n_test_groups: int = 2, embargo: Any = 0.0,
                 label_end_times: Any = None, *, label_start_times: Any = None,
                 embargo_before: bool = False) -> None:
        super().__init__(embargo, label_end_times, label_start_times)
        self.n_groups = _checks.count("n_groups", n_groups, 2)
        self.n_test_groups = _checks.count("n_test_groups", n_test_groups)
        if n_test_groups >= n_groups:
            raise ValueError(f"n_test_groups must be below n_groups {n_groups}, was "
                             f"{n_test_groups}")
        self.embargo_before = bool(embargo_before)

    def _shown(self) -> dict[str, object]:
        return {"n_groups": self.n_groups, "n_test_groups": self.n_test_groups,
                "embargo": self.embargo}

    @property
    def n_paths(self) -> int:
        """Backtest paths, ``C(N - 1, k - 1)``."""
        return comb(self.n_groups - 1, self.n_test_groups - 1)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of splits, ``C(N, k)``."""
        return comb(self.n_groups, self.n_test_groups)

    def splits(self) -> list[tuple[int, ...]]:
        """Test groups of each split, in the order of `split`."""
        return list(combinations(range(self.n_groups), self.n_test_groups))

    def paths(self) -> Ints:
        """Split that each path takes for each group.

        Returns
        -------
        ndarray of int64, shape (n_paths, n_groups)
            The p-th path takes for group g the p-th split, in split order, that tests g.
        """
        taken: list[list[int]] = [[] for _ in range(self.n_groups)]
        for number, groups in enumerate(self.splits()):
            for group in groups:
                taken[group].append(number)
        return np.array(taken, np.int64).T

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """Yield (training rows, test rows), ascending row numbers; `y`, `groups` are not used.

        Raises
        ------
        ValueError
            If rows are not in order of time, or labels do not fit the rows.
        """
        spans, embargo = self._read(X)
        bounds = group_bounds(spans.start.size, self.n_groups, "n_groups")
        fences = _Fences(spans, bounds, embargo, self.embargo_before)
        for chosen in combinations(range(self.n_groups), self.n_test_groups):
            yield fences.split(chosen)

    def assemble(self, results: Sequence[ArrayLike]) -> NDArray[Any]:
        """Put the splits' test results together to backtest paths.

        Parameters
        ----------
        results : sequence of arrays
            One for each split, in split order; one row a test row (predictions, profits, ...).

        Returns
        -------
        ndarray, shape (n_paths, n, ...)

        Raises
        ------
        ValueError
            If the number of results or their lengths are not those of the splits.

        Examples
        --------
        >>> cv = CombinatorialPurgedCV(3, 2)
        >>> cv.assemble([[test.sum()] * 4 for _, test in cv.split(range(6))]).tolist()
        [[6, 6, 6, 6, 10, 10], [10, 10, 14, 14, 14, 14]]
        """
        parts = [np.asarray(part) for part in results]
        count = self.get_n_splits()
        if len(parts) != count:
            raise ValueError(f"results must have one entry a split, {count}, had {len(parts)}")
        total = sum(len(part) for part in parts)
        n, rest = divmod(total, self.n_paths)
        if rest:
            raise ValueError(f"results must cover all rows {self.n_paths} times, had {total} rows")
        bounds = group_bounds(n, self.n_groups, "n_groups")
        sizes = np.diff(bounds)
        paths = np.empty((self.n_paths, n, *parts[0].shape[1:]), np.result_type(*parts))
        used = [0] * self.n_groups
        for number, (groups, part) in enumerate(zip(self.splits(), parts, strict=True)):
            if len(part) != sum(sizes[g] for g in groups):
                raise ValueError(f"result {number} must have a row for each test row of its "
                                 f"split, {sum(sizes[g] for g in groups)}, had {len(part)}")
            begin = 0
            for g in groups:
                paths[used[g], bounds[g]:bounds[g + 1]] = part[begin:begin + sizes[g]]
                used[g], begin = used[g] + 1, begin + int(sizes[g])
        return paths


class WalkForward(_Splitter):
    """Test blocks one after the other, each trained on rows before it only.

    Parameters
    ----------
    n_splits : int
        Test blocks, 1 or more, at the end of the data.
    test_size : int, optional
        Rows of a test block; ``n // (n_splits + 1)`` if absent.
    train_size : int, optional
        Rows of a rolling training window before purging; all rows before the first test block if
        absent. Not for anchored windows.
    anchored : bool
        Train on everything from the first row on (an expanding window) instead of rolling.
    embargo, label_end_times, label_start_times
        As in `PurgedKFold`, but the embargo lies between training and test: labels must end that
        much before the block starts.

    Examples
    --------
    >>> for train, test in WalkForward(3, embargo=1).split(range(8)):
    ...     print(train, test)
    [0] [2 3]
    [2] [4 5]
    [4] [6 7]
    >>> for train, test in WalkForward(3, anchored=True).split(range(8)):
    ...     print(train, test)
    [0 1] [2 3]
    [0 1 2 3] [4 5]
    [0 1 2 3 4 5] [6 7]
    """

    def __init__(self, n_splits: int = 5, *, test_size: int | None = None,
                 train_size: int | None = None, anchored: bool = False, embargo: Any = 0.0,
                 label_end_times: Any = None, label_start_times: Any = None) -> None:
        super().__init__(embargo, label_end_times, label_start_times)
        self.n_splits = _checks.count("n_splits", n_splits)
        self.test_size = None if test_size is None else _checks.count("test_size", test_size)
        self.train_size = None if train_size is None else _checks.count("train_size", train_size)
        self.anchored = bool(anchored)
        if anchored and train_size is not None:
            raise ValueError("train_size must be absent for anchored windows, which begin at the "
                             f"first row, was {train_size}")

    def _shown(self) -> dict[str, object]:
        return {"n_splits": self.n_splits, "test_size": self.test_size,
                "train_size": self.train_size, "anchored": self.anchored,
                "embargo": self.embargo}

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of test blocks."""
        return self.n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """Yield (training rows, test rows), ascending row numbers; `y`, `groups` are not used.

        Raises
        ------
        ValueError
            If there are too few rows, they are not in order of time, or labels do not fit them.
        """
        spans, embargo = self._read(X)
        n = spans.start.size
        test_size = n // (self.n_splits + 1) if self.test_size is None else self.test_size
        first = n - self.n_splits * test_size
        train_size = first if self.train_size is None else self.train_size
        if test_size < 1 or not 1 <= train_size <= first:
            asked = (f"{self.n_splits} test blocks of {max(test_size, 1)} rows after a training "
                     f"window of {max(train_size, 1)}")
            raise ValueError(f"X must have rows enough for {asked}, had {n}")
        for begin in range(first, n, test_size):
            since = 0 if self.anchored else begin - train_size
            clear, survivors = spans.before(begin, embargo)
            train = np.concatenate([
                np.arange(since, max(clear, since), dtype=np.intp),
                survivors[np.searchsorted(survivors, since):].astype(np.intp, copy=False)])
            yield train, np.arange(begin, begin + test_size, dtype=np.intp)
