"""Probe placement, scores by hand, fitted powers, and a session's own orders."""

import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from dreammaker.domain.errors import ConfigError, InputError, StoreError
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.orders import (
    ExecutionReport,
    Liquidity,
    OrderType,
    ReportKind,
    SubmitOrder,
    TimeInForce,
)
from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind
from dreammaker.domain.source import SourceProfile
from dreammaker.exchange.queue import Prints, QueueConfig
from dreammaker.exchange.queue_calibration import (
    Outcomes,
    fit_powers,
    halves,
    losses,
    relative_loss,
    score,
    time_losses,
)
from dreammaker.exchange.queue_probes import NO_FILL, Probes, QueueModel, place_probes, run_probes
from dreammaker.exchange.queue_sessions import read_session
from dreammaker.store.eventlog import EventLog
from dreammaker.store.orders_db import OrdersDb
from dreammaker.store.segments import SegmentWriter
from dreammaker.store.session import write_json
from tests.kernels.naive_queue_probe import NS, planted_market

ORDERS = SourceProfile("planted", 10, has_aggressor=True, order_by_order=True)
TICKS = SourceProfile("mt5_ticks", 0, has_aggressor=True)
POLLED = SourceProfile("mt5_book", 5, has_aggressor=True, polled=True)


def planted_log(seed: int = 3, source: SourceProfile = ORDERS, packets: int = 400) -> EventLog:
    return EventLog.of(planted_market(seed, packets), Instrument.win(), source)


def outcomes_of(truth_s: list[float], *models_s: list[float]) -> Outcomes:
    """Orders a block of bootstrap apart, with fill times in seconds, infinite = none."""
    start = np.arange(len(truth_s), dtype=np.int64) * 600 * NS

    def fill(seconds: list[float]) -> np.ndarray:
        return np.array([NO_FILL if math.isinf(s) else t + round(s * NS)
                         for s, t in zip(seconds, start, strict=True)], np.int64)

    count = len(truth_s)
    return Outcomes(start, fill(truth_s), np.array([fill(times) for times in models_s]),
                    np.zeros(count, np.uint8), np.ones(count, np.int32), 0, 0, 0)


INF = math.inf


def test_scores_are_the_hand_values_of_the_second_half() -> None:
    # First half: 4 orders; the model says fill for two, of which one fills; of the others none.
    found = outcomes_of([0.5, INF, INF, INF, 0.5, 5.0, INF, 2.0],
                        [0.5, 0.5, INF, INF, 0.7, INF, 0.9, 1.0])
    [result] = score(found, [QueueModel("log")], [1.0, 10.0], np.random.default_rng(1))
    short, long = result.horizons
    assert (short.true_share.value, short.predicted_share.value) == (0.25, 0.75)
    assert short.difference.value == 0.5
    assert (short.false_share.value, short.missed_share.value) == (0.5, 0.0)
    assert short.brier.value == 0.5
    # (1 + 0.5) / (2 + 1) of the fills predicted were fills, (0 + 0.5) / (2 + 1) of the others.
    expected = -(math.log(0.5) * 3 + math.log(1 - 0.5 / 3)) / 4
    assert short.log_loss.value == pytest.approx(expected)
    assert (long.true_share.value, long.missed_share.value) == (0.75, 0.25)
    assert long.false_share.value == 0.25
    assert result.both_filled == 2
    assert result.time_bias_s.value == pytest.approx((0.2 - 1.0) / 2)
    assert result.time_mae_s.value == pytest.approx((0.2 + 1.0) / 2)
    assert result.time_quantiles_s[1] == pytest.approx(-0.4)
    assert result.loss_first == 0.25 and result.loss_second == 0.5
    assert short.brier.error > 0


def test_losses_of_a_perfect_model_are_zero_and_comparisons_are_paired() -> None:
    truth = [0.5, INF, 3.0, 20.0, INF, 7.0]
    found = outcomes_of(truth, truth, [INF] * 6)
    assert losses(found, [1.0, 10.0]).tolist() == [0.0, pytest.approx((1 / 6 + 3 / 6) / 2)]
    assert time_losses(found, [10.0])[0] == 0.0
    assert time_losses(found, [10.0])[1] == pytest.approx((9.5 + 7.0 + 3.0) / 6 / 10)
    gain = relative_loss(found, 1, 0, [10.0], np.random.default_rng(0))
    assert gain.value == pytest.approx(1 / 3)
    assert relative_loss(found, 0, 0, [10.0], np.random.default_rng(0)).error == 0.0


def test_no_orders_filled_by_both_then_times_are_not_numbers() -> None:
    found = outcomes_of([INF] * 4, [0.5] * 4)
    [result] = score(found, [QueueModel("log")], [1.0], np.random.default_rng(1))
    assert result.both_filled == 0
    assert math.isnan(result.time_bias_s.value) and math.isnan(result.time_quantiles_s[0])


def test_one_order_is_too_few() -> None:
    with pytest.raises(InputError, match="1 orders could be placed"):
        halves(outcomes_of([1.0], [1.0]))


def test_power_is_fitted_on_the_first_half_and_ties_go_to_the_smaller() -> None:
    truth = [2.0, 2.0, 2.0, 2.0]

    def follow(models: list[QueueModel]) -> Outcomes:
        # Right where n lies in 3..5; the second half would prefer another exponent.
        return outcomes_of(truth, *(
            [2.0, 2.0, INF, INF] if 3.0 <= model.n <= 5.0 else [INF, INF, 2.0, 2.0]
            for model in models))

    for fit in fit_powers(follow, [1.0, 10.0]):
        assert 3.0 <= fit.n <= 3.2
        assert dict((n, loss) for n, loss, _ in fit.curve)[fit.n] == 0.0
        assert [n for n, *_ in fit.curve] == sorted(n for n, *_ in fit.curve)


def test_orders_are_placed_after_prints_only_and_by_the_seed() -> None:
    events = np.zeros(4, EVENT_DTYPE)
    events["exch_ns"] = np.array([10, 20, 500, 900]) * NS
    events["kind"] = [Kind.TRADE, Kind.TRADE, Kind.TRADE, Kind.TRADE]
    events["flags"] = [Flag.LAST, Flag.LAST, Flag.LAST, Flag.LAST | Flag.AUCTION]
    log = EventLog.of(events, Instrument.win(), ORDERS)
    probes = place_probes(log, 4000, 5.0, np.random.default_rng(7), qty_lots=3)
    seconds = probes.time_ns / NS
    assert (((seconds >= 10) & (seconds < 80)) | ((seconds >= 500) & (seconds < 560))).all()
    assert np.mean(seconds < 80) == pytest.approx(70 / 130, abs=0.03)
    assert (np.diff(probes.time_ns) >= 0).all()
    assert abs(np.mean(probes.side)) < 0.1 and set(probes.qty_lots) == {3}
    again = place_probes(log, 4000, 5.0, np.random.default_rng(7))
    other = place_probes(log, 4000, 5.0, np.random.default_rng(8))
    assert (again.time_ns == probes.time_ns).all() and (other.time_ns != probes.time_ns).any()


def test_day_without_prints_is_refused() -> None:
    log = EventLog.of(planted_market(1)[:5].copy(), Instrument.win(), ORDERS)
    with pytest.raises(InputError, match="has no prints"):
        place_probes(log, 10, 1.0, np.random.default_rng(0))


def test_source_without_single_orders_is_refused() -> None:
    log = planted_log(source=POLLED)
    probes = place_probes(log, 10, 1.0, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="does not show single orders"):
        run_probes(log, probes, [QueueModel("log")])


def test_probes_in_parts_then_the_same_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    log, seen = planted_log(), []
    probes = place_probes(log, 200, 20.0, np.random.default_rng(0))
    models = [QueueModel("risk_averse"), QueueModel("power", 2.0)]
    whole = run_probes(log, probes, models)
    monkeypatch.setattr("dreammaker.exchange.queue_probes._CHUNK", 37)
    parts = run_probes(log, probes, models, progress=lambda done, total: seen.append(done))
    assert (parts.model_ns == whole.model_ns).all() and (parts.truth_ns == whole.truth_ns).all()
    assert seen[-1] == len(log) and len(seen) > 5
    twice = Outcomes.joined([whole, parts])
    assert len(twice) == 2 * len(whole) and twice.not_placed == 2 * whole.not_placed


def test_config_says_how_prints_count_and_what_a_source_can_serve() -> None:
    assert QueueConfig().prints(POLLED) is Prints.FULL
    assert QueueConfig(rlp=True).prints(POLLED) is Prints.CONFIRMED
    assert QueueConfig(rlp=True).prints(TICKS) is Prints.SHARED
    assert QueueConfig(rlp=True, rlp_share=0.25).print_share == 0.75
    assert QueueConfig().print_share == 1.0
    assert QueueConfig().carry(POLLED) and not QueueConfig().carry(ORDERS)
    QueueConfig(model="fifo").check(ORDERS)
    with pytest.raises(ConfigError, match="fifo needs an order-by-order source"):
        QueueConfig(model="fifo").check(POLLED)
    assert QueueModel("power_2", 1.5).label == "power_2 n=1.5"


def session_folder(folder: Path, mode: str = "live", with_orders: bool = True) -> EventLog:
    """A recorded session of the planted market with four orders of ours."""
    log = planted_log()
    folder.mkdir()
    writer = SegmentWriter(folder / "events.arrow", EVENT_DTYPE)
    writer.append(log.events)
    writer.close()
    write_json(folder / "session.json", {"data_root": "data", "identity": {
        "instrument": asdict(log.instrument), "source": asdict(log.source),
        "origin": {"kind": "recorded", "day": log.day.isoformat()},
        "config": {"run": {"mode": mode}}}})
    orders = OrdersDb(folder / "orders.sqlite", durable=False)
    last = int(log.events["exch_ns"][-1])

    def report(number: int, kind: ReportKind, at: int, leaves: int = 0,
               liquidity: Liquidity = Liquidity.NONE) -> None:
        orders.report(ExecutionReport(kind, number, venue_ns=at, local_ns=at, fill_id=0,
                                      qty_lots=1, price_ticks=99, leaves_lots=leaves,
                                      liquidity=liquidity))

    for number in range(1, 5 if with_orders else 1):
        orders.intent(SubmitOrder(number, created_ns=1, side=1, order_type=OrderType.LIMIT,
                                  tif=TimeInForce.DAY, qty_lots=2, price_ticks=99))
        report(number, ReportKind.ACCEPTED, (10 - number) * NS, 2)
    if with_orders:
        report(1, ReportKind.FILLED, 12 * NS, 1, Liquidity.MAKER)
        report(1, ReportKind.FILLED, 15 * NS, 0, Liquidity.MAKER)
        report(2, ReportKind.CANCELED, 30 * NS)
        report(3, ReportKind.FILLED, 7 * NS, 0, Liquidity.TAKER)
        assert last > 30 * NS
    orders.close()
    return log


def test_session_then_its_resting_orders_with_their_fills(tmp_path: Path) -> None:
    log = session_folder(tmp_path / "live-day")
    again, probes, own_shown = read_session(tmp_path / "live-day")
    assert own_shown and again.content_hash == log.content_hash
    last = int(log.events["exch_ns"][-1])
    assert probes.fill_ns is not None
    # The order that took is left out; 4 was never answered, 2 was cancelled, 1 filled in two parts.
    assert probes.time_ns.tolist() == [6 * NS, 8 * NS, 9 * NS]
    assert probes.fill_ns.tolist() == [NO_FILL, NO_FILL, 15 * NS]
    assert probes.end_ns.tolist() == [last, 30 * NS, last]
    outcome = run_probes(again, probes, [QueueModel("risk_averse")], own_shown=own_shown)
    assert outcome.truth_ns.tolist()[-1] == 15 * NS


@pytest.mark.parametrize(("spoil", "error", "message"), [
    (lambda folder: (folder / "session.json").unlink(), StoreError, "is missing"),
    (lambda folder: (folder / "orders.sqlite").unlink(), StoreError, "orders.sqlite is missing"),
    (lambda folder: (folder / "orders.sqlite").write_bytes(b"no database" * 100), StoreError,
     "cannot be read"),
    (lambda folder: (folder / "session.json").write_text('{"identity": {}}'), StoreError,
     "is damaged"),
    (lambda folder: (folder / "session.json").write_text("{}"), StoreError, "no identity"),
])
def test_damaged_session_is_one_error(tmp_path: Path, spoil: object, error: type,
                                      message: str) -> None:
    session_folder(tmp_path / "day")
    spoil(tmp_path / "day")
    with pytest.raises(error, match=message):
        read_session(tmp_path / "day")


def test_session_without_resting_orders_is_refused(tmp_path: Path) -> None:
    session_folder(tmp_path / "day", with_orders=False)
    with pytest.raises(InputError, match="rested in the book"):
        read_session(tmp_path / "day")


def test_probe_table_needs_no_single_orders_when_the_outcome_is_known() -> None:
    log = planted_log(source=POLLED)
    start = 5 * NS
    probes = Probes(np.array([start]), np.array([1], np.int8), np.array([97], np.int32),
                    np.array([1], np.int32), np.array([int(log.events["exch_ns"][-1])]),
                    np.array([NO_FILL]))
    assert len(run_probes(log, probes, [QueueModel("log")])) == 1
