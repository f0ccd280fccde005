"""A backtest is the session that ``run`` runs, at any batch size, on any number of workers."""

import random
import weakref
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import open_source
from dreammaker.backtest import Backtest, BacktestResult, Retraining
from dreammaker.backtest.costs import COST_PARTS
from dreammaker.backtest.days import plan_days
from dreammaker.backtest.linear_retrainer import LinearFlowRetrainer
from dreammaker.backtest.store import ResultStore
from dreammaker.backtest.sweep import Sweep, grid_points
from dreammaker.domain.instrument import Instrument
from dreammaker.research.workers import Workers
from dreammaker.store.eventlog import EventLog, EventStore
from tests.end_to_end.sessions import QUOTES, quotes_log, short_config

GRID = {"model.entry_threshold": [1.0, 0.3, 2.0, 3.0]}


def same(left: BacktestResult, right: BacktestResult) -> None:
    assert left.summary == right.summary
    for name, table in left.tables.items():
        assert list(table) == list(right.tables[name])
        for column, values in table.items():
            np.testing.assert_array_equal(values, right.tables[name][column], f"{name}.{column}")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("archive")
    for index in range(3):
        events = quotes_log(index, 2500)
        for name in ("exch_ns", "local_ns"):
            events[name] += index * 86_400 * 10**9
        EventStore(root).save(EventLog.of(events, Instrument.win("WIN"), QUOTES,
                                          day=date(2026, 3, 2 + index)))
    return root


def replay_config(archive: Path, **sections: dict[str, object]):  # type: ignore[no-untyped-def]
    sections = {"run": {"mode": "replay"}, "data": {"root": str(archive)},
                "backtest": {"symbol": "WIN"}, **sections}
    return short_config(**sections)


def test_backtest_of_a_day_when_beside_run_then_the_same_journal(archive: Path) -> None:
    for days in ("2026-03-03", "2026-03-04"):
        result = Backtest(replay_config(archive), days=days).run()
        session = Session(*_as_run(replay_config(archive, backtest={
            "symbol": "WIN", "day": days})))
        assert result.tables["daily"]["journal_hash"][0] == session.run().digests["journal"]
        assert result.summary["fills"] > 5


def test_simulated_backtest_when_beside_run_then_the_same_journal() -> None:
    config = short_config(3.0)
    result = Backtest(config).run()
    assert result.tables["daily"]["journal_hash"][0] == Session(
        config, open_source(config)).run().digests["journal"]


def _as_run(config):  # type: ignore[no-untyped-def]
    return config, open_source(config)


def test_log_in_memory_when_beside_the_archive_then_the_same_result(archive: Path) -> None:
    logs = [EventStore(archive).open("WIN", date(2026, 3, day)) for day in (2, 3)]
    held = Backtest(replay_config(archive), log=logs).run()
    same(held, Backtest(replay_config(archive), days="2026-03-02,2026-03-03").run())
    assert held.key == Backtest(replay_config(archive), days="2026-03-02,2026-03-03").key


@pytest.mark.parametrize("batch_events", [7, 333, 100_000])
def test_result_when_batches_differ_then_every_column_the_same(archive: Path,
                                                               batch_events: int) -> None:
    config = replay_config(archive)
    cut = replay_config(archive, data={"root": str(archive), "batch_events": batch_events})
    left, right = Backtest(config, days=2), Backtest(cut, days=2)
    assert left.key == right.key
    same(left.run(), right.run())


def test_costs_when_summed_then_paper_less_net_to_the_millionth(archive: Path) -> None:
    # The day closes at 10:01: all of them end flat.
    config = replay_config(archive, instrument={"close_time": "10:01"}, risk={
        "entry_start_minutes_after_open": 0.0, "entry_stop_minutes_before_close": 0.6,
        "flatten_minutes_before_close": 0.5}, exchange={"profile": "ideal"})
    for style in ("far_touch", "near_touch", "market"):
        result = Backtest(config, changes={"execution.entry_style": style}).run()
        assert result.summary["fills"] > 10
        summary, fills, daily = result.summary, result.tables["fills"], result.tables["daily"]
        parts = sum(summary[f"cost_{part}_micros"] for part in COST_PARTS)
        assert summary["paper_micros"] - parts == summary["net_micros"]
        assert int(fills["cost_micros"].sum()) == parts
        # The paper result, independently: cash at the mids of the fills' orders, and what is open.
        orders = result.tables["orders"]
        for index, day in enumerate(daily["day"]):
            own, sent = fills["day"] == day, orders["day"] == day
            mids = dict(zip(orders["order_id"][sent].tolist(),
                            orders["decision_mid_half_ticks"][sent].tolist(), strict=True))
            cash = sum(-side * qty * mids[number] for side, qty, number in zip(
                *(fills[name][own].tolist() for name in ("side", "qty_lots", "order_id")),
                strict=True))
            assert daily["end_lots"][index] == 0
            assert cash * 1_000_000 // 2 == daily["paper_micros"][index]


def test_sweep_when_on_one_or_two_workers_then_the_same_and_resumed(tmp_path: Path) -> None:
    config = short_config(2.0)
    found = {}
    for jobs in (1, 2):
        store = ResultStore(tmp_path / str(jobs))
        found[jobs] = Sweep(config, GRID, store).run(Workers(jobs))
        assert [point.changes for point in found[jobs]] == grid_points(GRID)
    for left, right in zip(found[1], found[2], strict=True):
        assert (left.run.key, left.run.status, left.run.summary) == (
            right.run.key, right.run.status, right.run.summary)
    # An exit threshold of 0.4 cannot stand beside an entry of 0.3: that run fails, the rest stays.
    assert [point.run.status for point in found[1]] == ["done", "failed", "done", "done"]
    assert "exit_threshold must be below entry_threshold" in found[1][1].run.error


def test_sweep_when_stopped_half_way_then_only_the_rest_is_done(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, store = short_config(2.0), ResultStore(tmp_path)
    grid = {"model.entry_threshold": [1.0, 1.5, 2.0]}

    def stop(done: int, count: int, point: object) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Sweep(config, grid, store).run(progress=stop)
    again = Sweep(config, grid, store).run()
    assert [point.resumed for point in again][:2] == [True, True]
    assert [point.run.status for point in again] == ["done"] * 3

    ran = []
    monkeypatch.setattr(Backtest, "run", lambda self, *rest: ran.append(self.key))
    third = Sweep(config, grid, store).run()
    assert ran == []
    assert [point.run.summary for point in third] == [point.run.summary for point in again]
    # Other data, another configuration: not the same run.
    assert {point.run.key for point in third}.isdisjoint(
        Backtest(config, changes={"run.seed": 2, "model.entry_threshold": value}).key
        for value in (1.0, 1.5, 2.0))


def test_walk_forward_when_the_future_is_cut_off_or_changed_then_nothing_before_changes(
        archive: Path, tmp_path: Path) -> None:
    def walk(root: Path, days: str) -> BacktestResult:
        return Backtest(replay_config(root, model={"decision_interval_s": 0.1}), days=days,
                        retraining=Retraining(LinearFlowRetrainer(2.0), train_days=2)).run()

    whole = walk(archive, "2026-03-02..2026-03-04")
    cut = walk(archive, "2026-03-02..2026-03-03")
    assert len(whole.header["fits"]) == 2
    assert whole.header["fits"][:1] == cut.header["fits"]
    assert whole.header["fits"][0]["parameters"]["fitted"] == 1.0
    hashes = whole.tables["daily"]["journal_hash"].tolist()
    assert cut.tables["daily"]["journal_hash"].tolist() == hashes[:2]

    # A last day with other records: the days before it, and the fit it is traded with, stay.
    other = EventStore(tmp_path)
    for day in (2, 3):
        other.save(EventStore(archive).open("WIN", date(2026, 3, day)))
    events = quotes_log(99, 2500)
    for name in ("exch_ns", "local_ns"):
        events[name] += 2 * 86_400 * 10**9
    other.save(EventLog.of(events, Instrument.win("WIN"), QUOTES, day=date(2026, 3, 4)))
    changed = walk(tmp_path, "2026-03-02..2026-03-04")
    assert changed.header["fits"] == whole.header["fits"]
    assert changed.tables["daily"]["journal_hash"].tolist()[:2] == hashes[:2]
    assert changed.tables["daily"]["journal_hash"].tolist()[2] != hashes[2]


def test_fit_when_a_past_day_is_added_then_the_fit_changes() -> None:
    config = short_config(3.0)
    plans = plan_days(config, days=2)
    fitter = LinearFlowRetrainer(2.0)
    one, two = fitter.fit(plans[:1], config), fitter.fit(plans[:2], config)
    assert set(one.changes) == {"model.weight_ofi", "model.weight_imbalance"}
    assert one.changes != two.changes
    assert two.changes == fitter.fit(plans[:2], config).changes


def test_retraining_when_asked_at_each_day_then_it_hands_on_past_days_only() -> None:
    seen: list[tuple[date, ...]] = []

    class Spy:
        name = "spy"

        def settings(self) -> dict[str, object]:
            return {}

        def fit(self, past, config):  # type: ignore[no-untyped-def]
            from dreammaker.backtest import Refit

            seen.append(tuple(plan.day for plan in past))
            return Refit()

    plans = plan_days(short_config(), days=6)
    retraining = Retraining(Spy(), train_days=2, least_days=1, every=2)
    fits = [retraining.before(index, plans, short_config()) for index in range(6)]
    days = [plan.day for plan in plans]
    assert [fit is None for fit in fits] == [True] + [False] * 5
    assert seen == [(days[0],), (days[1], days[2]), (days[3], days[4])]


def test_carried_model_when_asked_for_then_it_remembers_and_the_journal_says_so(
        archive: Path) -> None:
    fresh = Backtest(replay_config(archive)).run()
    carried = Backtest(replay_config(archive), changes={"backtest.carry_model": True}).run()
    left, right = (run.tables["daily"]["journal_hash"].tolist() for run in (fresh, carried))
    assert left[0] == right[0]
    assert left[1] != right[1]


def test_sessions_when_days_go_by_then_only_one_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    from dreammaker.backtest import runner

    alive: weakref.WeakSet[Session] = weakref.WeakSet()
    seen: list[int] = []

    class Watched(Session):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            alive.add(self)
            seen.append(len(alive))

    monkeypatch.setattr(runner, "Session", Watched)
    Backtest(short_config(1.5), days=4).run()
    assert seen == [1, 1, 1, 1]


def test_stored_result_when_loaded_then_the_same_and_damage_is_named(archive: Path,
                                                                     tmp_path: Path) -> None:
    from dreammaker.domain.errors import StoreError

    result = Backtest(replay_config(archive), days=1, name="one").run()
    folder = result.save(tmp_path / "kept")
    same(result, BacktestResult.load(folder))
    assert BacktestResult.load(folder).header == result.header
    with pytest.raises(StoreError, match="not empty"):
        result.save(folder)
    whole = (folder / "fills.parquet").read_bytes()
    generator = random.Random(4)
    (folder / "fills.parquet").write_bytes(whole[:generator.randrange(len(whole) // 2)])
    with pytest.raises(StoreError, match=r"fills\.parquet is damaged"):
        BacktestResult.load(folder)
    (folder / "fills.parquet").unlink()
    with pytest.raises(StoreError, match=r"fills\.parquet is missing"):
        BacktestResult.load(folder)
