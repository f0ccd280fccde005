"""What the loop knows of the market at a moment, against a plain look at all records so far."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dreammaker.domain.instrument import Instrument
from dreammaker.domain.schema import EVENT_DTYPE
from dreammaker.engine.clock import NS_PER_MS
from dreammaker.engine.market import MarketView
from dreammaker.features.pipeline import FeatureRows

STEPS = st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=8)
"""Records of a batch: ms since the one before, and whether it ends a packet."""


def packets(local_ms: int, steps: list[tuple[int, bool]]) -> tuple[np.ndarray, list[int]]:
    """A batch from a time on: its records, and which of them have a row."""
    events = np.zeros(len(steps), EVENT_DTYPE)
    events["local_ns"] = (local_ms + np.cumsum([wait for wait, _ in steps])) * NS_PER_MS
    return events, [index for index, (_, is_last) in enumerate(steps) if is_last]


def fill(rows: FeatureRows, events: np.ndarray, places: list[int]) -> None:
    for row, place in enumerate(places):
        rows.local_ns[row], rows.event_index[row] = events["local_ns"][place], place
        rows.bid_ticks[row] = 100 + row


@given(st.lists(STEPS, min_size=1, max_size=4), st.integers(1, 6), st.data())
def test_view_when_time_goes_on_then_as_a_look_at_all_records(batches, most_ms, data) -> None:
    view, rows = MarketView(Instrument.win(), 27), FeatureRows(8)
    seen: list[int] = []
    taken = row_ns = 0
    # Time may lag behind the records, as it never should: data from the future are not fresh.
    lag = data.draw(st.sampled_from([0, 0, 5])) * NS_PER_MS
    for steps in batches:
        events, places = packets(max(seen, default=20 * NS_PER_MS) // NS_PER_MS, steps)
        fill(rows, events, places)
        view.open_batch(events, rows, len(seen))
        view.reveal(len(places))
        first, last = int(events["local_ns"][0]), int(events["local_ns"][-1])
        now = data.draw(st.integers(first, last + 8 * NS_PER_MS)) - lag
        view.seek(now)
        known = [place for place in places if events["local_ns"][place] <= now]
        if known:
            taken, row_ns = len(seen) + known[-1] + 1, int(events["local_ns"][known[-1]])
            assert view.bid_ticks == 100 + len(known) - 1
        assert (view.event_count, view.row_time_ns) == (taken, row_ns)
        latest = [time for time in events["local_ns"].tolist() if time <= now]
        age_ns = now - (latest[-1] if latest else (seen[-1] if seen else 0))
        assert view.data_age_ns(now) == (0 if now == row_ns else age_ns)
        assert view.is_fresh(now, most_ms) == (
            now == row_ns or 0 <= age_ns / NS_PER_MS <= most_ms)
        seen += events["local_ns"].tolist()
