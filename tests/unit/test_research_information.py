"""Information coefficients, forward moves and clusters."""

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from dreammaker.domain.errors import InputError
from dreammaker.models.labels import PricePath
from dreammaker.research.clusters import feature_clusters, rank_correlation
from dreammaker.research.information import (
    forward_moves,
    information_coefficient,
    information_decay,
    standardised_ranks,
)
from tests.unit.research_logs import SECOND, quote_log


def test_ranks_when_ties_then_averaged() -> None:
    values = np.array([2.0, 1.0, 2.0, 5.0, -1.0, 2.0])
    ranks = rankdata(values)
    np.testing.assert_allclose(standardised_ranks(values), (ranks - ranks.mean()) / ranks.std())
    assert standardised_ranks(np.full(4, 7.0)).tolist() == [0.0] * 4


def test_coefficient_when_beside_scipy_then_equal_and_rows_without_a_value_left_out() -> None:
    rng = np.random.default_rng(2)
    x = np.round(rng.standard_normal(300), 1)
    y = 0.3 * x + rng.standard_normal(300)
    x[::17] = np.nan
    y[3] = np.nan
    known = ~np.isnan(x) & ~np.isnan(y)
    found, t = information_coefficient(x, y)
    assert found.value == pytest.approx(spearmanr(x[known], y[known])[0], abs=1e-12)
    assert found.n == known.sum() and found.ci[0] < found.value < found.ci[1] and t > 2.0
    other, _ = information_coefficient(x, y, method="bootstrap", rng=np.random.default_rng(1))
    assert other.value == found.value
    assert other.ci == pytest.approx(found.ci, abs=0.05)


def test_coefficient_when_independent_then_covered_as_often_as_said() -> None:
    # Null: no relation, both columns persistent (AR 0.9). At 95 % the truth, 0, should lie in 285
    # of 300 intervals; Newey and West's are somewhat too short on 2 000 rows (275 here, 92 %),
    # naive ones hold it in half.
    rng = np.random.default_rng(7)
    covered = naive = 0
    for _ in range(300):
        noise = rng.standard_normal((2, 2_000))
        columns = np.zeros_like(noise)
        for i in range(1, noise.shape[1]):
            columns[:, i] = 0.9 * columns[:, i - 1] + noise[:, i]
        found, _ = information_coefficient(*columns, overlap=15)
        covered += found.ci[0] <= 0.0 <= found.ci[1]
        naive += abs(found.value) < 1.96 / np.sqrt(2_000)
    assert 270 <= covered <= 297 and naive < 230


def test_coefficient_when_nothing_can_be_said_then_nan() -> None:
    for x, y in ((np.arange(10.0), np.arange(10.0)), (np.ones(100), np.arange(100.0))):
        found, t = information_coefficient(x, y)
        assert np.isnan(found.value) and np.isnan(t)


def test_moves_when_measured_then_by_hand_and_never_across_the_end() -> None:
    log = quote_log([100, 102, 104, 103, 101, 99])
    path = PricePath.of_log(log)
    decided = np.array([0, 1, 3, 4]) * SECOND + int(log.events["exch_ns"][0])
    # Half ticks of 2.5 points.
    assert forward_moves(path, decided, 2.0).tolist()[:3] == [10.0, 2.5, -10.0]
    assert np.isnan(forward_moves(path, decided, 2.0)[3])
    assert forward_moves(path, decided, 1.0, 1.0).tolist()[:3] == [5.0, -2.5, -5.0]
    with pytest.raises(InputError, match="above 0"):
        forward_moves(path, decided, 0.0)


def test_decay_when_a_feature_knows_one_step_then_the_first_horizon_stands_out() -> None:
    rng = np.random.default_rng(4)
    steps = rng.standard_normal(3_001)
    X = np.column_stack([steps[1:] + rng.standard_normal(3_000), rng.standard_normal(3_000)])
    sums = np.concatenate([[0.0], np.cumsum(steps[1:])])
    moves = {float(h): np.append(sums[h:] - sums[:-h], np.full(h - 1, np.nan)) for h in (1, 5, 25)}
    rows = information_decay(X, ["signal", "noise"], moves, 1.0)
    signal = [item.coefficient.value for item in rows[0]]
    assert [item.horizon_s for item in rows[0]] == [1.0, 5.0, 25.0]
    assert signal[0] > 0.6 > signal[1] > signal[2] and rows[0][0].is_significant
    assert rows[0][0].t > 20.0 and abs(rows[1][0].t) < 3.0


@pytest.mark.parametrize(("options", "says"), [
    ({"overlap": -1}, "overlap must be"), ({"method": "x"}, "method must be"),
    ({"confidence": 0.5}, "confidence must be"), ({"method": "bootstrap"}, "rng must be given")])
def test_coefficient_when_wrong_then_one_clear_sentence(options: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        information_coefficient(np.arange(50.0), np.arange(50.0), **options)
    with pytest.raises(InputError, match="one entry a row"):
        information_coefficient(np.arange(50.0), np.arange(49.0))


def test_clusters_when_features_share_sources_then_grouped_by_source() -> None:
    rng = np.random.default_rng(6)
    sources = rng.standard_normal((4, 500))
    X = np.column_stack([(-1) ** k * sources[k % 4] + 0.3 * rng.standard_normal(500)
                         for k in range(12)])
    X[::9, 5] = np.nan
    names = [f"f{k}" for k in range(12)]
    found = feature_clusters(X, names)
    assert found.groups == tuple(tuple(f"f{k}" for k in range(s, 12, 4)) for s in range(4))
    assert found.silhouette > 0.4
    assert len(feature_clusters(X, names, 2).groups) == 2
    assert feature_clusters(X[:, :1], names[:1]).groups == (("f0",),)
    known = ~np.isnan(X[:, 5])
    assert rank_correlation(X)[1, 5] == pytest.approx(spearmanr(X[known, 1], X[known, 5])[0])
    with pytest.raises(InputError, match="names must"):
        feature_clusters(X, names[:3])
    with pytest.raises(InputError, match="count must"):
        feature_clusters(X, names, 13)
