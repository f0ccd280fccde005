"""A backtest equals itself at any batch size, bit for bit (invariant 1)."""

import numpy as np
import pytest

from dreammaker.assembly.session import Session
from dreammaker.assembly.sources import open_source
from dreammaker.store.segments import MemorySegment
from tests.end_to_end.sessions import (
    ORDERS,
    QUOTES,
    array_session,
    orders_log,
    quotes_log,
    short_config,
)

BATCHES = (1, 7, 64, 4096)
# Answers and give-up timers fall on the records' own grid of 1 ms.
ON_GRID = {
    "execution": {"entry_style": "near_touch", "near_touch_ms": 200.0, "far_touch_ms": 20.0},
    "exchange": {"entry_latency_ms": 1.0, "response_latency_ms": 1.0},
    "model": {"voters": ["spread"], "entry_threshold": 0.6, "exit_threshold": 0.3,
              "min_hold_s": 0.1, "decision_interval_s": 0.1, "max_spread_ticks": 100,
              "weight_ofi": 2.0},
    "risk": {"max_orders_per_minute": 1000, "max_orders_per_second": 50,
             "max_daily_loss": 1e6, "entry_start_minutes_after_open": 0.0},
}
NO_LATENCY = {**ON_GRID, "exchange": {"entry_latency_ms": 0.0, "response_latency_ms": 0.0}}


def records(session: Session) -> tuple[bytes, bytes, dict[str, object]]:
    result = session.run()
    entries, decisions = session.journal.entries, session.journal.decisions
    assert isinstance(entries, MemorySegment) and isinstance(decisions, MemorySegment)
    return entries.records.tobytes(), decisions.records.tobytes(), result.digests


def assert_same(sessions: list[Session], *, fills: int) -> None:
    results = [records(session) for session in sessions]
    assert sessions[0].context.ledger.fill_count >= fills
    assert sessions[0].loop.counts.batches > sessions[-1].loop.counts.batches
    for result, size in zip(results[1:], BATCHES[1:], strict=True):
        assert result == results[0], f"batch of {size} differs from a batch of {BATCHES[0]}"


def test_simulated_session_when_batch_size_changes_then_same_journal() -> None:
    sessions = []
    for size in BATCHES:
        config = short_config(2.0, batch_events=size)
        sessions.append(Session(config, open_source(config)))
    assert_same(sessions, fills=2)


@pytest.mark.parametrize("settings", [ON_GRID, NO_LATENCY], ids=["latency 1 ms", "no latency"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_quotes_when_batch_size_changes_then_same_journal(
        seed: int, settings: dict[str, dict[str, object]]) -> None:
    log = quotes_log(seed)
    assert_same([array_session(log, QUOTES, short_config(batch_events=size, **settings))
                 for size in BATCHES], fills=10)


@pytest.mark.parametrize("seed", [1, 2])
def test_orders_when_batch_size_changes_then_same_journal(seed: int) -> None:
    log = orders_log(seed)
    assert_same([array_session(log, ORDERS, short_config(batch_events=size, **ON_GRID))
                 for size in BATCHES], fills=10)


def test_features_when_session_differs_then_rows_do_too() -> None:
    # The comparison above is not between empty things.
    one, two = (array_session(quotes_log(seed), QUOTES, short_config(**ON_GRID))
                for seed in (1, 2))
    first, second = records(one), records(two)
    assert first[1] != second[1] and np.isfinite(one.context.market.features).any()
