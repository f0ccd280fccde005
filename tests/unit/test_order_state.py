"""The order state table, every state by every report."""

import pytest

from dreammaker.domain.order_state import FINAL, WORKING, next_state
from dreammaker.domain.orders import OrderState as S
from dreammaker.domain.orders import ReportKind as K

# Rows: state before. Columns: ACCEPTED, REJECTED, CANCELED, EXPIRED, CANCEL_REJECTED, UNKNOWN, and
# FILLED in part and in full, for an order that had no fill before. REPLACED and TRIGGERED do what
# ACCEPTED does; REPLACE_REJECTED leaves an order that works as it is.
U = S.UNKNOWN
TABLE = {
    S.INITIALIZED: (U, U, U, U, U, U, U, U),
    S.DENIED: (U, U, U, U, U, U, U, U),
    S.SUBMITTED: (S.ACCEPTED, S.REJECTED, S.CANCELED, S.EXPIRED, U, U,
                  S.PARTIALLY_FILLED, S.FILLED),
    S.ACCEPTED: (S.ACCEPTED, S.REJECTED, S.CANCELED, S.EXPIRED, S.ACCEPTED, U,
                 S.PARTIALLY_FILLED, S.FILLED),
    S.PARTIALLY_FILLED: (S.PARTIALLY_FILLED, U, S.CANCELED, S.EXPIRED, S.PARTIALLY_FILLED, U,
                         S.PARTIALLY_FILLED, S.FILLED),
    S.PENDING_CANCEL: (S.PENDING_CANCEL, S.REJECTED, S.CANCELED, S.EXPIRED, S.ACCEPTED, U,
                       S.PENDING_CANCEL, S.FILLED),
    S.FILLED: (S.FILLED, U, S.FILLED, S.FILLED, S.FILLED, S.FILLED, U, S.FILLED),
    S.CANCELED: (S.CANCELED, U, S.CANCELED, S.CANCELED, S.CANCELED, S.CANCELED,
                 S.CANCELED, S.FILLED),
    S.REJECTED: (U, S.REJECTED, U, U, S.REJECTED, S.REJECTED, U, S.FILLED),
    S.EXPIRED: (S.EXPIRED, U, S.EXPIRED, S.EXPIRED, S.EXPIRED, S.EXPIRED,
                S.EXPIRED, S.FILLED),
    S.UNKNOWN: (S.ACCEPTED, S.REJECTED, S.CANCELED, S.EXPIRED, U, U, U, S.FILLED),
}
COLUMNS = (K.ACCEPTED, K.REJECTED, K.CANCELED, K.EXPIRED, K.CANCEL_REJECTED, K.UNKNOWN)


def test_the_table_names_every_state_and_report():
    assert set(TABLE) == set(S)
    assert {*COLUMNS, K.FILLED, K.REPLACED, K.REPLACE_REJECTED, K.TRIGGERED} == set(K)
    assert set(S) == FINAL | WORKING | {S.INITIALIZED}
    assert not FINAL & WORKING


@pytest.mark.parametrize("state", list(S))
def test_every_report_without_a_fill(state):
    expected = TABLE[state][:6]
    if state is S.FILLED:
        assert tuple(next_state(state, kind, 5, 5) for kind in COLUMNS) == expected
    else:
        assert tuple(next_state(state, kind, 0, 5) for kind in COLUMNS) == expected


@pytest.mark.parametrize("state", [s for s in S if s not in (S.INITIALIZED, S.DENIED)])
def test_every_fill(state):
    part, full = TABLE[state][6:]
    if state is not S.FILLED:
        assert next_state(state, K.FILLED, 2, 5) is part
    assert next_state(state, K.FILLED, 5, 5) is full
    assert next_state(state, K.FILLED, 6, 5) is S.UNKNOWN


@pytest.mark.parametrize("state", [S.INITIALIZED, S.DENIED])
@pytest.mark.parametrize("filled", [1, 5])
def test_fill_of_an_order_that_was_never_sent_is_unknown(state, filled):
    assert next_state(state, K.FILLED, filled, 5) is S.UNKNOWN


@pytest.mark.parametrize(("state", "kind"), [(S.PENDING_CANCEL, K.CANCEL_REJECTED),
                                             (S.UNKNOWN, K.ACCEPTED)])
def test_order_that_goes_on_after_fills_is_partially_filled(state, kind):
    assert next_state(state, kind, 2, 5) is S.PARTIALLY_FILLED


@pytest.mark.parametrize("state", [s for s in S if s not in (S.INITIALIZED, S.DENIED)])
def test_an_order_with_fills_cannot_have_been_rejected(state):
    assert next_state(state, K.REJECTED, 2, 5) is S.UNKNOWN


@pytest.mark.parametrize("kind", [K.REPLACED, K.TRIGGERED])
@pytest.mark.parametrize("state", list(S))
def test_changed_or_triggered_order_works_like_an_accepted_one(state, kind):
    filled = 5 if state is S.FILLED else 0
    assert next_state(state, kind, filled, 5) is next_state(state, K.ACCEPTED, filled, 5)


@pytest.mark.parametrize("state", list(S))
def test_refused_change_leaves_a_known_order_as_it_is(state):
    known = state not in (S.INITIALIZED, S.DENIED, S.SUBMITTED, S.UNKNOWN)
    assert next_state(state, K.REPLACE_REJECTED, 0, 5) is (state if known else S.UNKNOWN)
