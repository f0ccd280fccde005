"""Splitters: exact folds, paths, every kind of input, and scikit-learn's use of them."""

from datetime import timedelta
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, check_cv, cross_val_score

from dreammaker.validation import CombinatorialPurgedCV, PurgedKFold, WalkForward

TEN = np.arange(10)
ENDS = np.minimum(TEN + 2, 9)


def shown(splitter, X) -> list[tuple[list[int], list[int]]]:
    return [(test.tolist(), train.tolist()) for train, test in splitter.split(X)]


@pytest.mark.parametrize(("embargo", "trains"), [
    (0.0, ([4, 5, 6, 7, 8, 9], [6, 7, 8, 9], [0, 1, 8, 9], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5])),
    (0.1, ([5, 6, 7, 8, 9], [7, 8, 9], [0, 1, 9], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5])),
    (1, ([5, 6, 7, 8, 9], [7, 8, 9], [0, 1, 9], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5]))])
def test_purged_kfold_when_ten_rows_then_these_folds(embargo, trains) -> None:
    found = shown(PurgedKFold(5, embargo=embargo, label_end_times=ENDS), TEN)
    assert found == [([2 * k, 2 * k + 1], train) for k, train in enumerate(trains)]


def test_purged_kfold_when_labels_are_instants_then_plain_kfold() -> None:
    for train, test in PurgedKFold(3).split(TEN):
        assert sorted([*train, *test]) == list(range(10))
    assert [len(test) for _, test in PurgedKFold(3).split(TEN)] == [4, 3, 3]


def test_cpcv_when_six_and_two_then_fifteen_exact_splits() -> None:
    cv = CombinatorialPurgedCV(6, 2)
    found = shown(cv, np.zeros(12))
    assert len(found) == cv.get_n_splits() == 15
    for (test, train), (a, b) in zip(found, combinations(range(6), 2), strict=True):
        assert test == [2 * a, 2 * a + 1, 2 * b, 2 * b + 1]
        assert train == [row for row in range(12) if row // 2 not in (a, b)]


def test_cpcv_when_labels_overlap_then_these_exact_splits() -> None:
    # Labels span two rows more; one row of embargo.
    ends = np.arange(12) + 2
    found = shown(CombinatorialPurgedCV(6, 2, embargo=1, label_end_times=ends), np.zeros(12))
    assert found[0] == ([0, 1, 2, 3], [7, 8, 9, 10, 11])
    assert found[2] == ([0, 1, 6, 7], [11])
    # Between test groups that are far enough apart there is training: not one span.
    assert found[4] == ([0, 1, 10, 11], [5, 6, 7])
    assert found[6] == ([2, 3, 6, 7], [11])
    assert found[14] == ([8, 9, 10, 11], [0, 1, 2, 3, 4, 5])
    both = CombinatorialPurgedCV(6, 2, embargo=1, label_end_times=ends, embargo_before=True)
    assert shown(both, np.zeros(12))[14] == ([8, 9, 10, 11], [0, 1, 2, 3, 4])


def test_cpcv_when_one_label_is_long_then_only_that_row_goes() -> None:
    ends = np.arange(12)
    ends[3] = 8
    found = dict((tuple(test), train) for test, train in
                 shown(CombinatorialPurgedCV(6, 2, label_end_times=ends), np.zeros(12)))
    assert found[(0, 1, 8, 9)] == [2, 4, 5, 6, 7, 10, 11]
    assert found[(0, 1, 10, 11)] == [2, 3, 4, 5, 6, 7, 8, 9]
    # And where the long label is tested, what starts under it goes.
    assert found[(2, 3, 10, 11)] == [0, 1, 9]
    # Also past the end of a later test group, whose own labels are short.
    assert found[(2, 3, 4, 5)] == [0, 1, 9, 10, 11]


def test_embargo_when_a_share_then_rounded_down_but_not_by_float_rounding() -> None:
    assert 0.29 * 100 < 29
    for share, rows in ((0.29, 29), (0.295, 29), (0.005, 0), (0.01, 1)):
        train, _ = next(PurgedKFold(2, share).split(np.zeros(100)))
        assert train.tolist() == list(range(50 + rows, 100))


@pytest.mark.parametrize(("groups", "tested", "splits", "paths"), [
    (4, 2, 6, 3), (5, 2, 10, 4), (6, 1, 6, 1), (6, 2, 15, 5), (6, 3, 20, 10), (8, 2, 28, 7),
    (10, 2, 45, 9), (10, 3, 120, 36), (16, 8, 12870, 6435)])
def test_cpcv_when_counted_then_the_formula_s(groups, tested, splits, paths) -> None:
    cv = CombinatorialPurgedCV(groups, tested)
    assert cv.get_n_splits() == len(cv.splits()) == splits
    assert cv.n_paths == paths == tested * comb(groups, tested) // groups
    table = cv.paths()
    assert table.shape == (paths, groups)
    assert len({tuple(row) for row in table.tolist()}) == paths
    chosen = cv.splits()
    assert all(group in chosen[split] for row in table[:50].tolist()
               for group, split in enumerate(row))
    # Every tested group of every split is used once.
    assert all(len(set(column)) == paths for column in table.T.tolist())


def test_cpcv_when_six_and_two_then_five_exact_paths() -> None:
    assert CombinatorialPurgedCV(6, 2).paths().tolist() == [
        [0, 0, 1, 2, 3, 4], [1, 5, 5, 6, 7, 8], [2, 6, 9, 9, 10, 11], [3, 7, 10, 12, 12, 13],
        [4, 8, 11, 13, 14, 14]]


def test_assemble_when_splits_predict_then_paths_cover_all_rows_and_differ() -> None:
    cv = CombinatorialPurgedCV(6, 2)
    X = np.zeros(13)
    results = [np.column_stack([test, np.full(test.size, number)])
               for number, (_, test) in enumerate(cv.split(X))]
    paths = cv.assemble(results)
    assert paths.shape == (5, 13, 2)
    assert (paths[:, :, 0] == np.arange(13)).all()
    group_of = np.repeat(np.arange(6), [3, 2, 2, 2, 2, 2])
    assert (paths[:, :, 1] == cv.paths()[:, group_of]).all()
    with pytest.raises(ValueError, match="results must have one entry a split, 15, had 14"):
        cv.assemble(results[:-1])
    with pytest.raises(ValueError, match="result 0 must have a row for each test row"):
        cv.assemble([results[0][:-1], *results[1:-1], np.vstack([results[-1], results[-1][:1]])])


def test_walk_forward_when_rolling_or_anchored_then_these_blocks() -> None:
    rolling = WalkForward(3, test_size=2, train_size=3, label_end_times=ENDS)
    assert shown(rolling, TEN) == [([4, 5], [1]), ([6, 7], [3]), ([8, 9], [5])]
    anchored = WalkForward(3, test_size=2, anchored=True, label_end_times=ENDS)
    assert shown(anchored, TEN) == [([4, 5], [0, 1]), ([6, 7], [0, 1, 2, 3]),
                                    ([8, 9], [0, 1, 2, 3, 4, 5])]
    spaced = WalkForward(3, test_size=2, anchored=True, embargo=0.1, label_end_times=ENDS)
    assert [train for _, train in shown(spaced, TEN)] == [[0], [0, 1, 2], [0, 1, 2, 3, 4]]


def test_walk_forward_when_one_label_is_long_then_only_that_row_goes() -> None:
    ends = TEN.copy()
    ends[2] = 6
    found = shown(WalkForward(3, test_size=2, anchored=True, label_end_times=ends), TEN)
    assert found == [([4, 5], [0, 1, 3]), ([6, 7], [0, 1, 3, 4, 5]),
                     ([8, 9], [0, 1, 2, 3, 4, 5, 6, 7])]


def minutes(count: int, zone: str | None = None) -> pd.DatetimeIndex:
    return pd.date_range("2026-03-02 09:00", periods=count, freq="1min", tz=zone)


@pytest.mark.parametrize("zone", [None, "America/Sao_Paulo"])
def test_splits_when_index_is_times_then_spans_are_times(zone) -> None:
    index = minutes(10, zone)
    X = pd.DataFrame({"x": np.arange(10.0)}, index=index)
    ends = pd.Series(index + pd.Timedelta("2min"), index=index)
    for embargo in (timedelta(minutes=1), pd.Timedelta("1min"), np.timedelta64(60, "s"), 0.1):
        found = shown(PurgedKFold(5, embargo, ends), X)
        assert found[0] == ([0, 1], [5, 6, 7, 8, 9])
        assert found[2] == ([4, 5], [0, 1, 9])
    # A span is inclusive: a row that starts at its very end is dropped, the next moment is not.
    assert shown(PurgedKFold(5, timedelta(seconds=59), ends), X)[0][1] == [4, 5, 6, 7, 8, 9]
    assert shown(PurgedKFold(5, timedelta(minutes=1), ends.dt.as_unit("s")), X)[0][1] == (
        [5, 6, 7, 8, 9])


def test_splits_when_times_are_irregular_then_purged_by_time_not_by_rows() -> None:
    starts = pd.DatetimeIndex(["2026-03-02 09:00", "2026-03-02 09:01", "2026-03-02 09:01",
                               "2026-03-02 11:00", "2026-03-02 11:30", "2026-03-02 11:31"])
    ends = pd.Series(starts + pd.Timedelta("10min"), index=starts)
    found = shown(PurgedKFold(2, label_end_times=ends), pd.DataFrame({"x": 0.0}, index=starts))
    assert found == [([0, 1, 2], [3, 4, 5]), ([3, 4, 5], [0, 1, 2])]


def test_splits_when_equal_starts_straddle_a_cut_then_purged() -> None:
    starts = np.array([0, 1, 2, 2, 3, 4])
    found = shown(PurgedKFold(2, label_start_times=starts, label_end_times=starts), np.zeros(6))
    assert found == [([0, 1, 2], [4, 5]), ([3, 4, 5], [0, 1])]


def test_splits_when_series_is_wider_then_looked_up_by_index() -> None:
    index = minutes(20)
    ends = pd.Series(index + pd.Timedelta("2min"), index=index)
    X = pd.DataFrame({"x": np.arange(20.0)}, index=index)
    expected = shown(PurgedKFold(5, 0.1, ends.iloc[4:14].to_numpy()), X.iloc[4:14])
    assert shown(PurgedKFold(5, 0.1, ends.iloc[::-1]), X.iloc[4:14]) == expected
    with pytest.raises(ValueError, match="label_end_times has no entry for row 9 of X"):
        shown(PurgedKFold(5, 0.1, ends.iloc[:13]), X.iloc[4:14])
    twice = pd.concat([ends, ends])
    with pytest.raises(ValueError, match="or one without duplicates"):
        shown(PurgedKFold(5, 0.1, twice), X.iloc[4:14])


def test_splits_when_integer_index_then_as_numpy() -> None:
    index = np.arange(10) * 100
    X = pd.DataFrame({"x": np.zeros(10)}, index=index)
    ends = pd.Series(np.minimum(index + 200, 900), index=index)
    assert shown(PurgedKFold(5, 100, ends), X) == shown(PurgedKFold(5, 1, ENDS), TEN)
    assert shown(PurgedKFold(5, 100, ends), X["x"]) == shown(PurgedKFold(5, 1, ENDS), TEN)
    assert shown(PurgedKFold(5, label_end_times=list(ENDS)), TEN.tolist()) == (
        shown(PurgedKFold(5, label_end_times=ENDS), TEN))


@pytest.mark.parametrize("splitter", [
    PurgedKFold(4, 0.01), CombinatorialPurgedCV(4, 2, 0.01), WalkForward(4),
    WalkForward(4, anchored=True)])
@pytest.mark.filterwarnings("ignore::FutureWarning:sklearn")
def test_scikit_learn_when_given_a_splitter_then_works(splitter) -> None:
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.standard_normal((200, 3)), index=minutes(200))
    y = (X[0] + 0.5 * rng.standard_normal(200) > 0).astype(int)
    scores = cross_val_score(LogisticRegression(), X, y, cv=splitter)
    assert scores.shape == (splitter.get_n_splits(X, y),) and scores.mean() > 0.75
    again = cross_val_score(LogisticRegression(), X.to_numpy(), y.to_numpy(), cv=splitter)
    assert again.tolist() == scores.tolist()
    search = GridSearchCV(LogisticRegression(), {"C": [0.01, 1.0]}, cv=splitter)
    assert clone(search).fit(X, y).best_params_["C"] in (0.01, 1.0)
    assert check_cv(splitter) is splitter
    assert list(map(len, next(splitter.split(X, y, None)))) == list(
        map(len, next(splitter.split(X))))


def test_split_when_purge_leaves_nothing_then_empty_training_rows() -> None:
    found = shown(PurgedKFold(2, label_end_times=np.full(4, 9)), np.zeros(4))
    assert found == [([0, 1], []), ([2, 3], [])]


def test_split_when_arrays_are_changed_then_the_next_are_not() -> None:
    cv = CombinatorialPurgedCV(3, 1)
    splits = cv.split(TEN)
    train, test = next(splits)
    train[:], test[:] = -1, -1
    assert [(t.tolist(), r.tolist()) for t, r in splits] == [
        (t.tolist(), r.tolist()) for t, r in list(cv.split(TEN))[1:]]
    assert train.dtype == np.intp


def test_repr_when_shown_then_parameters() -> None:
    assert repr(CombinatorialPurgedCV(6, 2, 0.01, [1])) == (
        "CombinatorialPurgedCV(n_groups=6, n_test_groups=2, embargo=0.01, label_end_times=...)")
    assert repr(PurgedKFold()) == "PurgedKFold(n_splits=5, embargo=0.0)"
    assert "anchored=True" in repr(WalkForward(anchored=True))


def timed(values) -> pd.DataFrame:
    return pd.DataFrame({"x": np.zeros(len(values))}, index=values)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: PurgedKFold(1), "n_splits must be 2 or more, was 1"),
    (lambda: PurgedKFold(True), "n_splits must be a whole number, was True"),
    (lambda: PurgedKFold(2.0), "n_splits must be a whole number, was 2.0"),
    (lambda: PurgedKFold(embargo=1.5), r"embargo must be in \[0, 1\), was 1.5"),
    (lambda: PurgedKFold(embargo=float("nan")), r"embargo must be in \[0, 1\), was nan"),
    (lambda: PurgedKFold(embargo=-1), "embargo must be a fraction .* was -1"),
    (lambda: PurgedKFold(embargo=True), "embargo must be a fraction .* was True"),
    (lambda: PurgedKFold(embargo="1min"), "embargo must be a fraction .* was '1min'"),
    (lambda: PurgedKFold(embargo=timedelta(-1)), "embargo must be a fraction .* of 0 or more"),
    (lambda: PurgedKFold(embargo=np.timedelta64("NaT")), "embargo must be a fraction"),
    (lambda: CombinatorialPurgedCV(6, 6), "n_test_groups must be below n_groups 6, was 6"),
    (lambda: CombinatorialPurgedCV(6, 0), "n_test_groups must be 1 or more, was 0"),
    (lambda: WalkForward(0), "n_splits must be 1 or more, was 0"),
    (lambda: WalkForward(anchored=True, train_size=5), "train_size must be absent for anchored"),
    (lambda: shown(WalkForward(5), TEN[:5]), "X must have rows enough for 5 test blocks of 1"),
    (lambda: shown(WalkForward(2, test_size=4, train_size=3), TEN), "rows enough for 2 test"),
    (lambda: shown(PurgedKFold(5), TEN[:4]), "n_splits must not exceed the number of rows 4"),
    (lambda: shown(CombinatorialPurgedCV(), TEN[:4]), "n_groups must not exceed .* 4, was 6"),
    (lambda: shown(PurgedKFold(2), None), "X must have rows, was None"),
    (lambda: shown(PurgedKFold(2, label_end_times=ENDS[:5]), TEN),
     "label_end_times must have one entry a row of X, 10, had 5"),
    (lambda: shown(PurgedKFold(2, label_end_times=ENDS - 3), TEN),
     "label_end_times must not lie before the label starts, but does in row 0"),
    (lambda: shown(PurgedKFold(2, label_end_times=ENDS * 1.0), TEN),
     "label_end_times must hold times .* or integers, held float64"),
    (lambda: shown(PurgedKFold(2, label_end_times=minutes(10)), TEN),
     "must be of the kind of the label starts: integers in the index .* times in label_end_times"),
    (lambda: shown(PurgedKFold(2, label_end_times=ENDS), timed(minutes(10))),
     "times in the index of X .* integers in label_end_times"),
    (lambda: shown(PurgedKFold(2, label_end_times=minutes(10, "UTC")), timed(minutes(10))),
     "must both have a time zone or both have none"),
    (lambda: shown(PurgedKFold(2, embargo=1), timed(minutes(10))),
     "embargo must fit the index, which holds times; was a span of integers"),
    (lambda: shown(PurgedKFold(2, embargo=timedelta(1)), TEN),
     "embargo must fit the index, which holds integers; was a span of times"),
    (lambda: shown(PurgedKFold(2), timed(minutes(10)[::-1])),
     "rows must be in order of time, but row 1 starts before row 0"),
    (lambda: shown(PurgedKFold(2), timed(list("abcd"))), "the index of X must hold times"),
    (lambda: shown(PurgedKFold(2, label_end_times=[*minutes(9), pd.NaT]), timed(minutes(10))),
     "label_end_times must hold times|label_end_times has no time in row 9"),
    (lambda: shown(PurgedKFold(2, label_end_times=pd.DatetimeIndex([*minutes(9), pd.NaT])),
                   timed(minutes(10))), "label_end_times has no time in row 9"),
    (lambda: shown(PurgedKFold(2, label_end_times=np.zeros((10, 2), int)), TEN),
     "label_end_times must be one-dimensional, had shape"),
])
def test_parameters_when_bad_then_one_clear_sentence(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
