"""Sample weights: the book's example, the naive twin, and draws that follow their probabilities."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreammaker._ext.uniqueness import SequentialSampler
from dreammaker.domain.errors import InputError
from dreammaker.models.labels import (
    average_uniqueness,
    label_concurrency,
    return_attribution,
    sequential_bootstrap,
    sequential_probabilities,
    time_decay,
    triple_barrier,
)
from tests.kernels.naive_labels import naive_uniqueness
from tests.kernels.test_labels import quotes

BOOK = [(0, 2), (2, 3), (4, 5)]
SPANS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 150)), min_size=1, max_size=40).map(
    lambda pairs: [(start, start + length) for start, length in pairs])


def test_oracle_when_the_book_s_spans_then_five_sixths_three_quarters_one() -> None:
    assert average_uniqueness(BOOK) == pytest.approx([5 / 6, 3 / 4, 1], abs=1e-15)


@pytest.mark.parametrize(("drawn", "expected"), [
    ([1], [5 / 14, 3 / 14, 6 / 14]), ([1, 2], [5 / 11, 3 / 11, 3 / 11]), ([], [1 / 3] * 3)])
def test_oracle_when_labels_were_drawn_then_the_book_s_probabilities(
        drawn: list[int], expected: list[float]) -> None:
    assert sequential_probabilities(BOOK, drawn) == pytest.approx(expected, abs=1e-15)


@settings(max_examples=60, deadline=None)
@given(spans=SPANS, seed=st.integers(0, 100))
def test_uniqueness_when_done_by_matrix_then_equal(spans: list, seed: int) -> None:
    assert average_uniqueness(spans) == pytest.approx(naive_uniqueness(spans), rel=1e-13)
    drawn = np.random.default_rng(seed).integers(0, len(spans), 25)
    naive = naive_uniqueness(spans, list(drawn))
    assert sequential_probabilities(spans, drawn) == pytest.approx(naive / naive.sum(), rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(spans=SPANS, seed=st.integers(0, 100))
def test_sampler_when_it_has_drawn_then_its_state_is_that_of_the_draws(spans: list,
                                                                       seed: int) -> None:
    lo, hi = (np.array(column, np.int64) for column in zip(*spans, strict=True))
    sampler = SequentialSampler(lo, hi, 400)
    drawn = sampler.draw(np.random.default_rng(seed).random((300, 2)), 30)
    assert 0 < len(drawn) <= 30
    assert sampler.weights() == pytest.approx(naive_uniqueness(spans, list(drawn)), rel=1e-12)


def test_sequential_bootstrap_when_repeated_then_sequences_follow_their_probabilities() -> None:
    rng, runs = np.random.default_rng(20), 20_000
    counts = dict.fromkeys(product(range(3), repeat=2), 0)
    lo, hi = np.array([0, 2, 4]), np.array([2, 3, 5])
    uniforms = rng.random((runs, 16, 2))
    for i in range(runs):
        counts[tuple(SequentialSampler(lo, hi, 6).draw(uniforms[i], 2).tolist())] += 1
    expected = {(a, b): runs / 3 * sequential_probabilities(BOOK, [a])[b] for a, b in counts}
    statistic = sum((counts[pair] - expected[pair]) ** 2 / expected[pair] for pair in counts)
    # Null: the probabilities of AFML 4.5; 99.9 % quantile of chi-square with 8 degrees.
    assert statistic < 26.1


def test_sequential_bootstrap_when_labels_are_sparse_then_more_unique_than_plain_draws() -> None:
    # AFML 4.5.3: where labels leave room, sequential draws overlap less.
    rng = np.random.default_rng(7)
    start = rng.integers(0, 300, 60)
    spans = np.column_stack([start, start + rng.integers(0, 10, 60)])
    means = np.array([[average_uniqueness(spans[drawn]).mean() for drawn in (
        sequential_bootstrap(spans, rng), rng.integers(0, 60, 60))] for _ in range(200)])
    gain = means[:, 0] - means[:, 1]
    assert gain.mean() > 5 * gain.std(ddof=1) / np.sqrt(200) and means[:, 0].mean() > 0.5


def test_sequential_bootstrap_when_the_seed_is_the_same_then_the_same_draws() -> None:
    one, two, other = (sequential_bootstrap(BOOK, np.random.default_rng(seed), 500)
                       for seed in (3, 3, 4))
    assert (one == two).all() and (one != other).any()


@settings(max_examples=30, deadline=None)
@given(spans=SPANS, seed=st.integers(0, 100))
def test_attribution_when_done_literally_then_equal(spans: list, seed: int) -> None:
    shared = label_concurrency(spans)
    first = min(start for start, _ in spans)
    returns = np.random.default_rng(seed).normal(size=len(shared))
    claims = [abs(sum(returns[t - first] / shared[t - first] for t in range(start, end + 1)))
              for start, end in spans]
    expected = np.array(claims) * len(claims) / sum(claims)
    assert return_attribution(spans, returns) == pytest.approx(expected, rel=1e-9)


def test_decay_when_the_uniqueness_differs_then_by_the_book() -> None:
    uniqueness = np.array([0.5, 0.25, 0.25, 1.0])
    x = np.cumsum(uniqueness)
    assert time_decay(uniqueness, 0.5) == pytest.approx(0.5 + 0.25 * x)
    assert (time_decay(uniqueness) == 1.0).all()
    # c = -0.5: factor 0 up to half of the uniqueness, slope 1 / (0.5 * 2).
    assert time_decay(uniqueness, -0.5) == pytest.approx([0.0, 0.0, 0.0, 1.0])


def test_labels_when_of_times_then_instants_are_their_starts() -> None:
    labels = triple_barrier(quotes(1), horizon=10.0, profit=30, loss=30)
    starts = np.unique(labels.start)
    assert (average_uniqueness(labels) == average_uniqueness(labels, starts)).all()
    series = pd.Series(pd.DatetimeIndex(labels.end.astype("datetime64[ns]"), tz="UTC"),
                       index=pd.DatetimeIndex(labels.start.astype("datetime64[ns]"), tz="UTC"))
    assert (average_uniqueness(series) == average_uniqueness(labels)).all()
    shared = label_concurrency(labels)
    assert shared.min() >= 1 and len(shared) == len(starts)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: average_uniqueness([]), "labels must not be empty"),
    (lambda: average_uniqueness([(3, 1)]), "label 0 does"),
    (lambda: average_uniqueness(np.zeros((2, 3), int)), r"shape \(n, 2\)"),
    (lambda: average_uniqueness(BOOK, [0, 2]), "label 2 covers none"),
    (lambda: average_uniqueness(BOOK, [2, 0]), "instants must be ascending"),
    (lambda: average_uniqueness([(0.5, 1.5)]), "must hold times or integers"),
    (lambda: average_uniqueness((np.arange(2), np.arange(3))), "as many ends as starts, 2, had 3"),
    (lambda: sequential_bootstrap(BOOK, 7), "rng must be a numpy.random.Generator"),
    (lambda: sequential_bootstrap(BOOK, np.random.default_rng(1), 0), "size must be a whole"),
    (lambda: return_attribution(BOOK, [1.0]), "one finite number an instant, 6"),
    (lambda: time_decay([1.0], -1.0), "oldest must be above -1"),
    (lambda: time_decay([0.0]), "sum above 0"),
    (lambda: time_decay([-1.0, 2.0]), "0 or more"),
])
def test_input_when_wrong_then_one_clear_error(make, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
