"""Market makers' quotes and the calibration of fill rates."""

import numpy as np
import pytest
from scipy import integrate, linalg

from dreammaker.stochastic import (
    AvellanedaStoikov,
    Glft,
    fit_fill_intensity,
    fit_trade_reach,
    passive_quotes,
    simulate_maker,
)

PAPER = Glft(0.01, 0.3, 0.9, 0.3)


def maker(risk_aversion=0.1):
    return AvellanedaStoikov(risk_aversion, 2.0, 140.0, 1.5, 1.0)


# Reference D.7
@pytest.mark.parametrize(("risk_aversion", "spread"), [
    (0.1, 1.2907704), (0.01, 1.3289085), (0.5, 1.1507283)])
def test_avellaneda_stoikov_constant_spread(risk_aversion, spread):
    assert maker(risk_aversion).constant_spread == pytest.approx(spread, abs=5.1e-8)


@pytest.mark.parametrize(("inventory", "bid", "ask", "reservation"), [
    (0, 99.1546148, 100.8453852, 100.0), (-2, 99.9546148, 101.6453852, 100.8),
    (3, 97.9546148, 99.6453852, 98.8)])
def test_avellaneda_stoikov_quotes(inventory, bid, ask, reservation):
    quotes = maker().quotes(100.0, inventory, 0.0)
    assert quotes.bid == pytest.approx(bid, abs=5.1e-8)
    assert quotes.ask == pytest.approx(ask, abs=5.1e-8)
    assert quotes.reservation == pytest.approx(reservation, abs=1e-12)
    assert quotes.spread == pytest.approx(1.6907704, abs=5.1e-8)


def test_avellaneda_stoikov_one_sided_prices():
    # (3.8): r = s + (+-1 - 2q) gamma sigma^2 (T - t) / 2.
    bid, ask = maker().one_sided_prices(100.0, 3.0, 0.5)
    assert bid == pytest.approx(100.0 + (-1 - 6) * 0.1 * 4.0 * 0.5 / 2)
    assert ask == pytest.approx(100.0 + (1 - 6) * 0.1 * 4.0 * 0.5 / 2)
    assert maker().quotes(100.0, 5.0, 1.0).reservation == 100.0


# Reference D.8
@pytest.mark.parametrize(("inventory", "bid", "ask", "bid_approx", "ask_approx"), [
    (0, 3.3130454098, 3.3130454098, 3.3129151986, 3.3129151986),
    (1, 3.3811680739, 3.2449191548, 3.3807810311, 3.2450493660),
    (5, 3.6534794429, 2.9725217728, 3.6522443612, 2.9735860359)])
def test_glft_table(inventory, bid, ask, bid_approx, ask_approx):
    exact = PAPER.quotes(30.0, 600.0)
    assert exact.bid_distance[30 + inventory] == pytest.approx(bid, abs=1e-7)
    assert exact.ask_distance[30 + inventory] == pytest.approx(ask, abs=1e-7)
    assert exact.bid_distance[30 + inventory] == pytest.approx(bid, abs=5.1e-11)
    assert PAPER.asymptotic(inventory) == pytest.approx((bid_approx, ask_approx), abs=5.1e-11)
    # A negative inventory swaps the sides.
    assert exact.ask_distance[30 - inventory] == pytest.approx(bid, abs=5.1e-11)


def test_glft_constants_and_narrow_bound():
    assert PAPER.fill_weight == pytest.approx(0.3256783558, abs=5.1e-11)
    assert PAPER.base_distance == pytest.approx(3.2789822823, abs=5.1e-11)
    assert PAPER.skew == pytest.approx(0.0678658325, abs=5.1e-11)
    assert PAPER.matrix(30.0)[31, 31] == pytest.approx(0.000135)
    narrow = PAPER.quotes(10.0, 600.0)
    assert narrow.bid_distance[10] == pytest.approx(3.3235580781, abs=5.1e-11)
    assert narrow.bid_distance[11] == pytest.approx(3.4137207124, abs=5.1e-11)
    assert narrow.ask_distance[11] == pytest.approx(3.2344064865, abs=5.1e-11)
    assert np.isnan(narrow.bid_distance[-1]) and np.isnan(narrow.ask_distance[0])
    assert np.isfinite(narrow.bid_distance[:-1]).all()


@pytest.mark.parametrize("model", [
    PAPER, Glft(0.05, 0.3, 0.9, 0.3, drift=0.002, order_size_lots=2.0, xi=0.0),
    Glft(0.05, 0.3, 0.9, 0.3, fill_impact=0.4), Glft(0.01, 0.3, 0.9, 0.3, xi=0.2)])
def test_glft_matrix_exponential_against_scipy_and_against_the_ode(model):
    bound, left = 6.0 * model.order_size_lots, 7.0
    m = model.matrix(bound)
    v0 = np.exp(model.log_value(bound, 0.0))
    by_scipy = linalg.expm(-m * left) @ v0
    by_ode = integrate.solve_ivp(lambda t, v: -m @ v, (0.0, left), v0, method="DOP853",
                                 rtol=1e-12, atol=1e-14).y[:, -1]
    ours = np.exp(model.log_value(bound, left))
    assert ours == pytest.approx(by_scipy, rel=1e-11)
    assert ours == pytest.approx(by_ode, rel=1e-8)


@pytest.mark.parametrize("model", [
    PAPER, Glft(0.05, 0.3, 0.9, 0.3, drift=0.01, order_size_lots=2.0, xi=0.0),
    Glft(0.05, 0.3, 0.9, 0.3, fill_impact=0.4),
    Glft(0.02, 0.3, 0.9, 0.3, drift=-0.01, order_size_lots=3.0, xi=0.1, fill_impact=0.2)])
def test_glft_solves_the_original_control_problem(model):
    # The HJB equation before any substitution, its supremum over distances taken by search.
    size, k, A = model.order_size_lots, model.decay, model.intensity
    risk = (model.risk_aversion if model.xi is None else model.xi) * size
    q = np.arange(-3, 4) * size
    distances = np.linspace(-8.0, 25.0, 66001)
    rates = A * np.exp(-k * distances)

    def best(gain):
        # gain: what a fill at distance 0 adds to the value, per lot.
        surplus = distances + gain
        worth = size * surplus if risk == 0.0 else -np.expm1(-risk * surplus) / risk * size
        return np.max(rates * worth)

    def slope(_, theta):
        out = model.drift * q - 0.5 * model.risk_aversion * model.volatility ** 2 * q * q
        for i in range(len(q)):
            if i + 1 < len(q):
                jump = theta[i + 1] - theta[i] - model.fill_impact * (q[i] + size)
                out[i] += best(jump / size)
            if i > 0:
                jump = theta[i - 1] - theta[i] + model.fill_impact * (q[i] - size)
                out[i] += best(jump / size)
        return out

    theta = integrate.solve_ivp(slope, (0.0, 2.0), np.zeros(len(q)), rtol=1e-8,
                                atol=1e-9).y[:, -1]
    found = model.quotes(3.0 * size, 2.0)
    assert found.inventory_lots.tolist() == q.tolist()
    for i in range(len(q) - 1):
        gain = (theta[i + 1] - theta[i] - model.fill_impact * (q[i] + size)) / size
        surplus = distances + gain
        worth = surplus if risk == 0.0 else -np.expm1(-risk * surplus) / risk
        best_distance = distances[np.argmax(rates * worth)]
        assert found.bid_distance[i] == pytest.approx(best_distance, abs=1e-3)


def test_glft_generalised_closed_form():
    # Gueant 2017 (4.6): sqrt(gamma s^2 / (2 A Delta k) (1 + xi Delta / k)^(k/(xi Delta) + 1)).
    g, s, A, k, size, xi = 0.02, 0.3, 0.9, 0.3, 4.0, 0.05
    model = Glft(g, s, A, k, order_size_lots=size, xi=xi)
    root = (g * s * s / (2 * A * size * k) * (1 + xi * size / k) ** (k / (xi * size) + 1)) ** 0.5
    c = np.log(1 + xi * size / k) / (xi * size)
    assert model.asymptotic(8.0) == pytest.approx(
        (c + (16 + size) / 2 * root, c - (16 - size) / 2 * root), rel=1e-13)
    limit = Glft(g, s, A, k, order_size_lots=size, xi=0.0).asymptotic(8.0)
    root = (g * s * s * np.e / (2 * A * size * k)) ** 0.5
    assert limit == pytest.approx((1 / k + 10 * root, 1 / k - 6 * root), rel=1e-13)
    tiny = Glft(g, s, A, k, order_size_lots=size, xi=1e-9).asymptotic(8.0)
    assert tiny == pytest.approx(limit, rel=1e-7)


def test_glft_drift_is_an_inventory_shift():
    drifting = Glft(0.01, 0.3, 0.9, 0.3, drift=0.01 * 0.3 ** 2 * 2.0)
    assert drifting.asymptotic(2.0) == pytest.approx(PAPER.asymptotic(0.0), rel=1e-13)
    # The bounds are far away: the exact quotes shift alike.
    exact = drifting.quotes(60.0, 900.0)
    still = PAPER.quotes(60.0, 900.0)
    assert exact.bid_distance[62] == pytest.approx(still.bid_distance[60], abs=1e-6)


def test_glft_keeps_relative_accuracy_over_long_horizons():
    far = PAPER.quotes(30.0, 6000.0)
    assert np.isfinite(far.bid_distance[:-1]).all()
    # Long before, the ground state of M is all that is left (reference C.9.3).
    ground = np.abs(np.linalg.eigh(PAPER.matrix(30.0))[1][:, 0])
    limit = np.log(ground[:-1] / ground[1:]) / 0.3 + PAPER.base_distance
    assert far.bid_distance[20:41] == pytest.approx(limit[20:41], abs=1e-9)
    assert PAPER.quotes(30.0, 600.0).bid_distance[30] == pytest.approx(limit[30], abs=1e-7)


def test_passive_quotes_stay_outside():
    assert passive_quotes(100.0, 5.0, 5.0, 5.0) == (95.0, 105.0)
    assert passive_quotes(0.3, 0.1, 0.1, 0.1) == pytest.approx((0.2, 0.4))
    bid, ask = passive_quotes(100.0, float("nan"), 1.0, 5.0)
    assert np.isnan(bid) and ask == 105.0


@pytest.mark.parametrize(("build", "message"), [
    (lambda: maker(0.0), "risk_aversion must be above 0 and finite, was 0.0"),
    (lambda: maker().quotes(100.0, 0.0, 1.5), r"time must be in \[0, 1\], was 1.5"),
    (lambda: Glft(0.1, 1.0, 1.0, 1.0, xi=-1.0), "xi must be 0 or more"),
    (lambda: PAPER.quotes(2.5, 1.0), "bound_lots must be a whole number of orders"),
    (lambda: PAPER.quotes(2.0, -1.0), "time_left must be 0 or more"),
    (lambda: PAPER.quotes(30.0, 1e9), "time_left must be at most"),
    (lambda: PAPER.quotes(600.0, 100.0), "bound_lots must be at most about"),
    (lambda: simulate_maker(maker(), "symmetric", 2, 2, 7), "rng must be a numpy.random.Generator"),
    (lambda: passive_quotes(1.0, 1.0, 1.0, 0.0), "tick_size must be above 0"),
    (lambda: simulate_maker(maker(), "both", 2, 2, np.random.default_rng(0)), "strategy must be"),
    (lambda: fit_fill_intensity([0.0, 1.0], [0, 5], [1.0, 1.0]), "at two distances or more"),
    (lambda: fit_fill_intensity([0.0, 1.0], [1], [1.0, 1.0]), "same length"),
    (lambda: fit_trade_reach([0.1, 0.2], 1.0, 1.0), "two cells"),
    (lambda: fit_trade_reach([0.1, -0.2], 1.0, 1.0), "reaches must be 0 or more, was -0.2")])
def test_quotes_refuse(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(("x", "n", "time"), [
    ([0.0, 1.0, 50.0], [100_000, 1, 0], [1.0, 1.0, 1e6]),
    ([0.0, 1.0], [1, 100_000], [1e6, 1.0]),
    ([0.0, 1e-4, 30.0, 31.0], [3, 2, 5, 1], [1e-3, 1e-3, 1e5, 10.0])])
def test_fill_intensity_converges_from_far(x, n, time):
    fit = fit_fill_intensity(x, n, time)
    x, n = np.array(x), np.array(n)
    mean = np.array(time) * fit.intensity * np.exp(-fit.decay * x)
    assert (n - mean).sum() == pytest.approx(0.0, abs=1e-6 * n.sum())
    assert ((n - mean) * x).sum() == pytest.approx(0.0, abs=1e-6 * (n * x).sum())


def test_fill_intensity_solves_the_poisson_score():
    x = np.array([0.5, 1.0, 2.0, 4.0, 7.0])
    n, time = np.array([90, 61, 30, 8, 0]), np.array([10.0, 10.0, 12.0, 9.0, 20.0])
    fit = fit_fill_intensity(x, n, time)
    mean = time * fit.intensity * np.exp(-fit.decay * x)
    assert (n - mean).sum() == pytest.approx(0.0, abs=1e-9)
    assert ((n - mean) * x).sum() == pytest.approx(0.0, abs=1e-9)
    assert fit.freedom == 3
    # Standard errors from a numerical Hessian of the log-likelihood.
    def loss(a, k):
        m = time * a * np.exp(-k * x)
        return -(n * np.log(m) - m).sum()
    h = (1e-3, 1e-4)
    hess = np.empty((2, 2))
    for i in range(2):
        for j in range(2):
            d = np.zeros((2, 2))
            d[0, i] += h[i]
            d[1, j] += h[j]
            at = [loss(fit.intensity + s * d[0, 0] + r * d[1, 0],
                       fit.decay + s * d[0, 1] + r * d[1, 1])
                  for s, r in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            hess[i, j] = (at[0] - at[1] - at[2] + at[3]) / (4 * h[i] * h[j])
    errors = np.sqrt(np.diag(np.linalg.inv(hess)))
    assert (fit.intensity_se, fit.decay_se) == pytest.approx(tuple(errors), rel=1e-4)
