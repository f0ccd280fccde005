"""Splitters over random label spans, against the definition taken pair by pair."""

from math import comb

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dreammaker.validation import CombinatorialPurgedCV, PurgedKFold, WalkForward


@st.composite
def labels(draw, least: int = 8, most: int = 60):
    """Starts with gaps and ties, and lengths from nothing to most of the data."""
    n = draw(st.integers(least, most))
    gaps = draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))
    longest = draw(st.sampled_from([0, 2, 6, 40]))
    lengths = np.array(draw(st.lists(st.integers(0, longest), min_size=n, max_size=n)))
    # Lone long labels among short ones are what a count of rows or the last label alone misses.
    for row in draw(st.lists(st.integers(0, n - 1), max_size=3)):
        lengths[row] += draw(st.integers(5, 120))
    start = np.cumsum(gaps)
    return start, start + lengths


def overlap(start, end) -> np.ndarray:
    """Whether label i and label j share an instant, for every pair."""
    return (start[:, None] <= end[None, :]) & (start[None, :] <= end[:, None])


def allowed(start, end, test, *, fraction=0.0, span=0) -> list[int]:
    """Training rows by the definition: each against every test label, block by block."""
    rows = np.arange(len(start))
    kept = ~overlap(start, end)[:, test].any(axis=1) & ~np.isin(rows, test)
    for block in np.split(test, np.flatnonzero(np.diff(test) != 1) + 1):
        last = end[block].max()
        kept &= ~((start > last) & (start <= last + span))
        kept[rows[start > last][:int(fraction * len(start) + 1e-9)]] = False
    return rows[kept].tolist()


EMBARGOES = st.one_of(st.sampled_from([0.0, 0.05, 0.1, 0.3]), st.integers(0, 12))


def parts(embargo) -> dict[str, float]:
    return {"span": embargo} if isinstance(embargo, int) else {"fraction": embargo}


@settings(max_examples=200, deadline=None)
@given(spans=labels(), groups=st.integers(2, 7), embargo=EMBARGOES, data=st.data())
def test_cpcv_when_spans_are_random_then_exactly_what_overlaps_goes(spans, groups, embargo,
                                                                     data) -> None:
    start, end = spans
    tested = data.draw(st.integers(1, groups - 1))
    cv = CombinatorialPurgedCV(groups, tested, embargo, end, label_start_times=start)
    count = np.zeros(len(start), int)
    seen = 0
    for train, test in cv.split(start):
        seen += 1
        count[test] += 1
        assert (np.diff(train) > 0).all() and (np.diff(test) > 0).all()
        # Adjacent groups form one block; their union of embargoes is the block's.
        assert train.tolist() == allowed(start, end, test, **parts(embargo))
    assert seen == comb(groups, tested)
    assert (count == comb(groups - 1, tested - 1)).all()


@settings(max_examples=100, deadline=None)
@given(spans=labels(), folds=st.integers(2, 8), embargo=EMBARGOES)
def test_purged_kfold_when_spans_are_random_then_each_row_tested_once(spans, folds,
                                                                      embargo) -> None:
    start, end = spans
    cv = PurgedKFold(folds, embargo, end, label_start_times=start)
    tested = []
    for train, test in cv.split(start):
        tested += test.tolist()
        assert train.tolist() == allowed(start, end, test, **parts(embargo))
        assert not overlap(start, end)[np.ix_(train, test)].any()
    assert tested == list(range(len(start)))
    same = CombinatorialPurgedCV(folds, 1, embargo, end, label_start_times=start)
    for one, other in zip(cv.split(start), same.split(start), strict=True):
        assert one[0].tolist() == other[0].tolist() and one[1].tolist() == other[1].tolist()


@settings(max_examples=100, deadline=None)
@given(spans=labels(), embargo=EMBARGOES, anchored=st.booleans(), data=st.data())
def test_walk_forward_when_spans_are_random_then_trained_on_the_past_only(spans, embargo, anchored,
                                                                          data) -> None:
    start, end = spans
    n = len(start)
    splits = data.draw(st.integers(1, 5))
    size = data.draw(st.integers(1, max(1, (n - 1) // splits)))
    first = n - splits * size
    window = None if anchored else data.draw(st.integers(1, first))
    cv = WalkForward(splits, test_size=size, train_size=window, anchored=anchored,
                     embargo=embargo, label_end_times=end, label_start_times=start)
    begin = first
    for train, test in cv.split(start):
        assert test.tolist() == list(range(begin, begin + size))
        fence = (start[begin] - embargo if isinstance(embargo, int)
                 else start[max(begin - int(embargo * n + 1e-9), 0)])
        since = 0 if anchored else begin - window
        assert train.tolist() == [i for i in range(since, begin) if end[i] < fence]
        begin += size
    assert begin == n


@settings(max_examples=60, deadline=None)
@given(spans=labels(), embargo=st.integers(1, 12), groups=st.integers(3, 6))
def test_cpcv_when_embargo_before_then_it_is_kept_there_too(spans, embargo, groups) -> None:
    start, end = spans
    n = len(start)
    cv = CombinatorialPurgedCV(groups, 2, embargo, end, label_start_times=start,
                               embargo_before=True)
    plain = CombinatorialPurgedCV(groups, 2, embargo, end, label_start_times=start)
    for (train, test), (wider, _) in zip(cv.split(start), plain.split(start), strict=True):
        blocks = np.split(test, np.flatnonzero(np.diff(test) != 1) + 1)
        expected = [i for i in wider.tolist()
                    if all(i > b[-1] or end[i] + embargo < start[b[0]] for b in blocks)]
        assert train.tolist() == expected
        assert len(train) <= n
