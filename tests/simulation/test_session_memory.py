"""Many sessions in one process: what one left is gone when the next one begins."""

import gc
import weakref

from dreammaker.assembly.session import MOST_ENDED, Session
from dreammaker.assembly.sources import open_source
from tests.end_to_end.sessions import short_config


def test_sessions_in_a_row_do_not_pile_up():
    """A session is full of cycles, and garbage that is frozen while the next one runs stays."""
    config = short_config(0.5)
    gc.collect()
    gc.disable()
    past, alive = [], []
    try:
        for _ in range(3 * MOST_ENDED):
            session = Session(config, open_source(config))
            usual = session.loop.run

            def run(progress, usual=usual):
                alive.append(sum(one() is not None for one in past))
                return usual(progress)

            session.loop.run = run
            session.run()
            past.append(weakref.ref(session.coordinator))
            del session, usual, run
    finally:
        gc.enable()
    assert max(alive) <= MOST_ENDED
    assert alive[-1] < len(past) - 1
