"""Order-flow imbalance: published hand values, absent levels, the identity by price."""

import numpy as np
import pytest

from dreammaker._ext.book_kernel import BookKernel
from dreammaker._ext.ofi import ofi_rows
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind

TICK = 5
# (bid, its size, ask, its size), in points
SEQUENCE = [(130000, 10, 130005, 12), (130000, 15, 130005, 12), (130000, 15, 130005, 7),
            (130005, 4, 130010, 20), (130005, 4, 130010, 25), (130000, 9, 130005, 3),
            (130000, 9, 130005, 3)]
CONT = [5, 5, 11, -5, -7, 0]
VOLUME = [5, 5, -24, -5, 27, 0]


def frames_of(rows):
    """Arrays from rows of (bid levels, ask levels), each a list of (points, size)."""
    depth = max(len(side) for row in rows for side in row)
    ticks = np.zeros((len(rows), 2, depth), np.int32)
    qty = np.zeros((len(rows), 2, depth), np.int32)
    for i, row in enumerate(rows):
        for j, side in enumerate(row):
            for m, (points, size) in enumerate(side):
                ticks[i, j, m], qty[i, j, m] = points // TICK, size
    return ticks, qty


def best_frames():
    return frames_of([([(b, qb)], [(a, qa)]) for b, qb, a, qa in SEQUENCE])


@pytest.mark.parametrize(("method", "expected"), [("cont", CONT), ("volume", VOLUME)])
def test_published_sequence_gives_its_hand_values(method, expected):
    rows = ofi_rows(*best_frames(), method=method)
    assert rows[:, 0].tolist() == [0, *expected]


def test_sums_over_the_sequence():
    assert ofi_rows(*best_frames()).sum() == 9
    assert ofi_rows(*best_frames(), method="volume").sum() == 8


def test_two_levels_both_prices_up_then_each_level_counts_what_came():
    ticks, qty = frames_of([
        ([(130000, 10), (129995, 20)], [(130005, 12), (130010, 30)]),
        ([(130005, 4), (130000, 15)], [(130010, 28), (130015, 40)]),
    ])
    assert ofi_rows(ticks, qty)[1].tolist() == [16, 45]
    assert ofi_rows(ticks, qty, levels=1)[1].tolist() == [16]


def test_cont_regression_of_the_published_sequence():
    ofi = np.array([5, -4, 6, -7, 1, 0], float)
    moves = np.array([1, -1, 1, -2, 0, 0], float)
    design = np.column_stack([np.ones(6), ofi])
    (alpha, beta), residual, *_ = np.linalg.lstsq(design, moves)
    assert alpha == pytest.approx(-0.2049934297, abs=1e-10)
    assert beta == pytest.approx(0.2299605782, abs=1e-10)
    assert 1 - residual[0] / ((moves - moves.mean())**2).sum() == pytest.approx(0.9815390532)


@pytest.mark.parametrize(("bid_sizes", "ask_sizes", "expected"), [
    ([0, 7], [0, 0], 7), ([7, 0], [0, 0], -7), ([0, 0], [0, 9], -9), ([0, 0], [9, 0], 9),
    ([0, 0], [0, 0], 0),
])
@pytest.mark.parametrize("unused_price", [0, 26_050])
def test_level_absent_from_a_frame_then_only_the_other_frame_counts(
        bid_sizes, ask_sizes, expected, unused_price):
    ticks = np.full((2, 2, 1), unused_price, np.int32)
    qty = np.array([bid_sizes, ask_sizes], np.int32).T.reshape(2, 2, 1).copy()
    ticks[qty > 0] = 26_000
    assert ofi_rows(ticks, qty)[1].tolist() == [expected]


def literal(before, after, depth):
    """The case table of the papers, with infinite prices for what is absent."""
    out = []
    for m in range(depth):
        total = 0
        for j, sign in ((0, 1), (1, -1)):
            worst = -sign * float("inf")
            prices = [float(t[j, m]) if q[j, m] else worst for t, q in (before, after)]
            sizes = [int(q[j, m]) for _, q in (before, after)]
            better = (prices[1] - prices[0]) * sign if prices[0] != prices[1] else 0.0
            total += sign * (sizes[1] if better > 0 else -sizes[0] if better < 0
                             else sizes[1] - sizes[0])
        out.append(total)
    return out


def random_depth(seed, rows=2_000, levels=10):
    """Frames of a random level-set stream, one a packet."""
    rng = np.random.default_rng(seed)
    events = np.zeros(rows, EVENT_DTYPE)
    events["kind"], events["flags"] = Kind.LEVEL_SET, Flag.LAST
    events["side"] = rng.choice([1, -1], rows)
    events["price_ticks"] = 26_000 - events["side"] * rng.integers(-3, 9, rows)
    events["qty_lots"] = rng.integers(0, 4, rows) * rng.integers(0, 2_000_000_000 // 4, rows)
    ticks, qty = np.zeros((2, rows, 2, levels), np.int32)
    assert BookKernel().frames(events, ticks, qty) == rows
    return ticks, qty


@pytest.mark.parametrize("levels", [1, 3, 10])
def test_random_frames_equal_the_case_table_at_every_row(levels):
    ticks, qty = random_depth(7)
    rows = ofi_rows(ticks, qty, levels=levels)
    frames = list(zip(ticks, qty, strict=True))
    for i in range(1, len(frames)):
        assert rows[i].tolist() == literal(frames[i - 1], frames[i], levels)


def test_level_one_equals_the_change_of_volume_at_the_better_price():
    # e = change of bid volume at max(b', b) less change of ask volume at min(a', a).
    ticks, qty = random_depth(11)
    rows = ofi_rows(ticks, qty, levels=1)[:, 0]
    compared = 0
    for i in range(1, len(ticks)):
        if not qty[i - 1:i + 1, :, 0].all():
            continue
        held = [[dict(zip(ticks[k, j].tolist(), qty[k, j].tolist(), strict=True)) for j in (0, 1)]
                for k in (i - 1, i)]
        bid, ask = int(ticks[i - 1:i + 1, 0, 0].max()), int(ticks[i - 1:i + 1, 1, 0].min())
        expected = (held[1][0].get(bid, 0) - held[0][0].get(bid, 0)
                    - held[1][1].get(ask, 0) + held[0][1].get(ask, 0))
        assert rows[i] == expected
        compared += 1
    assert compared > 1_000


def test_methods_agree_exactly_where_no_price_moves():
    ticks, qty = random_depth(13)
    still = (ticks[1:] == ticks[:-1]).all(axis=1)
    cont, volume = ofi_rows(ticks, qty)[1:], ofi_rows(ticks, qty, method="volume")[1:]
    assert (cont[still] == volume[still]).all()
    assert (cont[~still] != volume[~still]).any()


@pytest.mark.parametrize(("change", "message"), [
    ({"levels": 0}, "levels must be 1 to 1, was 0"),
    ({"levels": 2}, "levels must be 1 to 1, was 2"),
    ({"method": "naive"}, 'method must be "cont" or "volume"'),
])
def test_bad_argument_then_value_error_names_it(change, message):
    with pytest.raises(ValueError, match=message):
        ofi_rows(*best_frames(), **change)


def test_shapes_that_do_not_fit_then_value_error():
    ticks, qty = best_frames()
    with pytest.raises(ValueError, match="qty must have the shape"):
        ofi_rows(ticks, qty[:3].copy())
    with pytest.raises(ValueError, match="ticks must have shape"):
        ofi_rows(ticks[:, :1].copy(), qty[:, :1].copy())


def test_no_row_or_one_row_then_nothing_has_changed():
    ticks, qty = best_frames()
    assert ofi_rows(ticks[:0], qty[:0]).shape == (0, 1)
    assert ofi_rows(ticks[:1], qty[:1]).tolist() == [[0]]
