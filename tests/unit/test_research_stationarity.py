"""Unit-root tests and the least differencing."""

from itertools import pairwise

import numpy as np
import pytest

from dreammaker.domain.errors import InputError
from dreammaker.research.stationarity import least_differencing, unit_root_test


def series() -> dict[str, np.ndarray]:
    noise = np.random.default_rng(1).standard_normal(400)
    reverting = np.zeros(400)
    for i in range(1, 400):
        reverting[i] = 0.9 * reverting[i - 1] + noise[i]
    return {"walk": np.cumsum(noise), "reverting": reverting}


# statsmodels 0.15.0, adfuller(x, maxlag, regression, autolag): statistic, p, lags, n, 5 % value.
ORACLE = [
    ("walk", "n", 1, 1.1960714475211545, 0.9400460748759126, 1, 398, -1.9416956222712258),
    ("walk", "c", 5, -0.9613536835905595, 0.7670974991673393, 5, 394, -2.8689037160476016),
    ("walk", "ct", 1, -2.126436341455813, 0.5312646715856346, 1, 398, -3.4215789195034536),
    ("walk", "ct", None, -1.656153239768842, 0.7696790765877178, 2, 397, -3.421606998979699),
    ("walk", "n", None, 1.5007305190423958, 0.9669591006265279, 2, 397, -1.9416974256079593),
    ("reverting", "n", 5, -3.8170237928167587, 0.00014910152506132825, 5, 394,
     -1.941702892072761),
    ("reverting", "c", 1, -5.4662571550333485, 2.4550419426811793e-06, 1, 398,
     -2.868829424528516),
    ("reverting", "c", None, -4.604530998106028, 0.000126708394580238, 2, 397,
     -2.8688478565083417),
    ("reverting", "ct", 5, -4.611242610724683, 0.0009872420619422189, 5, 394,
     -3.4216920972096454),
]


@pytest.mark.parametrize("case", ORACLE, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}")
def test_unit_root_when_beside_statsmodels_then_equal(case) -> None:
    name, trend, lags, statistic, p_value, chosen, n, critical = case
    found = unit_root_test(series()[name], trend=trend, lags=lags, most_lags=12)
    assert (found.lags, found.n) == (chosen, n)
    assert found.statistic == pytest.approx(statistic, rel=1e-9)
    assert found.p_value == pytest.approx(p_value, rel=1e-8)
    assert found.critical[1] == pytest.approx(critical, rel=1e-12)


def test_unit_root_when_by_hand_then_the_regression_s_t_value() -> None:
    x = np.array([0.0, 1.0, 0.5, 2.0, 1.0, 1.5, 3.0, 2.0, 2.5, 4.0, 3.0, 3.5, 5.0])
    change, level = np.diff(x), x[:-1]
    slope = (level @ change) / (level @ level)
    rest = change - slope * level
    error = np.sqrt(rest @ rest / (len(change) - 1) / (level @ level))
    assert unit_root_test(x, trend="n", lags=0).statistic == pytest.approx(slope / error)


def test_unit_root_when_random_walks_then_rejected_as_often_as_the_level_says() -> None:
    # Null: a random walk; 400 series, 5 %: 20 expected, standard deviation 4.4.
    rng = np.random.default_rng(11)
    walks = np.cumsum(rng.standard_normal((400, 300)), axis=1)
    rejected = sum(unit_root_test(walk, lags=1).rejects() for walk in walks)
    assert 8 <= rejected <= 34
    assert sum(unit_root_test(np.diff(walk), lags=1).rejects() for walk in walks[:20]) == 20


def test_unit_root_when_constant_then_unknown() -> None:
    found = unit_root_test(np.full(50, 3.0))
    assert np.isnan(found.statistic) and np.isnan(found.p_value) and not found.rejects()


def test_differencing_when_a_walk_then_between_none_and_one_and_memory_is_kept() -> None:
    walk = np.cumsum(np.random.default_rng(3).standard_normal(4_000)) + 500.0
    found = least_differencing(walk)
    assert found.d is not None and 0.0 < found.d < 1.0
    by_order = {item.d: item for item in found.tried}
    assert len(by_order) == 21
    assert by_order[found.d].test.rejects() and not by_order[found.d - 0.05 if found.d > 0.05
                                                             else 0.0].test.rejects()
    correlations = [item.correlation for item in found.tried]
    assert all(a >= b - 0.02 for a, b in pairwise(correlations))
    # Another level of the price changes nothing.
    assert least_differencing(walk + 1e4).d == found.d


def test_differencing_when_stationary_then_none_is_needed() -> None:
    assert least_differencing(np.random.default_rng(5).standard_normal(2_000)).d == 0.0
    steep = np.cumsum(np.cumsum(np.random.default_rng(5).standard_normal(2_000)))
    assert least_differencing(steep, orders=[0.0, 0.1]).d is None


@pytest.mark.parametrize(("call", "says"), [
    (lambda: unit_root_test([1.0, 2.0]), "12 values or more"),
    (lambda: unit_root_test(np.append(np.ones(30), np.nan)), "finite"),
    (lambda: unit_root_test(np.arange(30.0), trend="x"), "one of n, c, ct"),
    (lambda: unit_root_test(np.arange(30.0), lags=20), "longer for 20 lags"),
    (lambda: unit_root_test(np.random.default_rng(1).random(50)).rejects(0.2), "level must be"),
    (lambda: least_differencing(np.arange(50.0)), "values for order"),
    (lambda: least_differencing(np.arange(500.0), orders=[0.5, 0.5]), "ascend"),
    (lambda: least_differencing(np.arange(500.0), level=0.2), "level must be")])
def test_test_when_wrong_then_one_clear_sentence(call, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()
