"""The simulated market's bytes are the same on every machine and in every release."""

import hashlib
from datetime import date

from dreammaker.domain.instrument import Instrument
from dreammaker.simulation import SimulatedMarket, SimulationConfig


def test_one_minute_of_the_default_market_has_the_recorded_hash():
    # A change of this hash changes every simulated session and its journal: say so in the
    # changelog. On another machine or compiler it means that some arithmetic is not exact there.
    market = SimulatedMarket(SimulationConfig(session_minutes=1.0), Instrument.win(),
                             date(2026, 3, 2), 2026)
    events = market.next_events(1 << 17)
    assert len(events) == 9695
    assert len(market.next_events(1)) == 0
    assert hashlib.sha256(events.tobytes()).hexdigest() == (
        "06ec55d66c2bbcb66b347c2beac633602e2784fa80f8acc2b93255895e9e1515")
