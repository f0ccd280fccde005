"""The life of an order as one table: state and report give the next state.

A pair that is not in the table is a protocol violation: the order becomes UNKNOWN, which blocks
new risk until it was looked up. A fill may arrive after a cancel was asked for or even reported
(the two race on the way), so fills are taken in every state from SUBMITTED on. Reports may come
twice or out of order: one that says what is known already, or what was true earlier, changes
nothing. An order that is filled whole stays so, whatever is still said about its end.
"""

from dreammaker.domain.orders import OrderState as S
from dreammaker.domain.orders import ReportKind as K

FINAL = frozenset({S.DENIED, S.FILLED, S.CANCELED, S.REJECTED, S.EXPIRED})
"""States an order does not leave (but for a late fill)."""

WORKING = frozenset({S.SUBMITTED, S.ACCEPTED, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.UNKNOWN})
"""States in which an order may still be filled."""

_LIVE = (S.SUBMITTED, S.ACCEPTED, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.UNKNOWN)

_TABLE: dict[tuple[S, K], S] = {
    (S.SUBMITTED, K.ACCEPTED): S.ACCEPTED,
    (S.ACCEPTED, K.ACCEPTED): S.ACCEPTED,
    (S.PARTIALLY_FILLED, K.ACCEPTED): S.PARTIALLY_FILLED,
    (S.PENDING_CANCEL, K.ACCEPTED): S.PENDING_CANCEL,
    (S.UNKNOWN, K.ACCEPTED): S.ACCEPTED,
    (S.SUBMITTED, K.REJECTED): S.REJECTED,
    # A broker may take an order that the exchange then refuses.
    (S.ACCEPTED, K.REJECTED): S.REJECTED,
    (S.PENDING_CANCEL, K.REJECTED): S.REJECTED,
    (S.UNKNOWN, K.REJECTED): S.REJECTED,
    (S.REJECTED, K.REJECTED): S.REJECTED,
    (S.PENDING_CANCEL, K.CANCEL_REJECTED): S.ACCEPTED,
    (S.ACCEPTED, K.CANCEL_REJECTED): S.ACCEPTED,
    (S.PARTIALLY_FILLED, K.CANCEL_REJECTED): S.PARTIALLY_FILLED,
    # What was changed or triggered is known to work; a refused change leaves an order as it is.
    **{(state, kind): after for state, after in (
        (S.SUBMITTED, S.ACCEPTED), (S.ACCEPTED, S.ACCEPTED),
        (S.PARTIALLY_FILLED, S.PARTIALLY_FILLED), (S.PENDING_CANCEL, S.PENDING_CANCEL),
        (S.UNKNOWN, S.ACCEPTED), (S.FILLED, S.FILLED), (S.CANCELED, S.CANCELED),
        (S.EXPIRED, S.EXPIRED)) for kind in (K.REPLACED, K.TRIGGERED)},
    **{(state, K.REPLACE_REJECTED): state for state in (
        S.ACCEPTED, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.FILLED, S.CANCELED, S.REJECTED,
        S.EXPIRED)},
    # A cancel that loses the race against the end is refused; the order stays what it is.
    **{(state, K.CANCEL_REJECTED): state for state in (S.FILLED, S.CANCELED, S.REJECTED,
                                                       S.EXPIRED)},
    **{(state, K.CANCELED): S.CANCELED for state in _LIVE},
    **{(state, K.EXPIRED): S.EXPIRED for state in _LIVE},
    **{(state, kind): state for state in (S.FILLED, S.CANCELED, S.EXPIRED)
       for kind in (K.ACCEPTED, K.CANCELED, K.EXPIRED, K.UNKNOWN)},
    (S.REJECTED, K.UNKNOWN): S.REJECTED,
    **{(state, K.UNKNOWN): S.UNKNOWN for state in _LIVE},
}


def next_state(state: S, kind: K, filled_lots: int, qty_lots: int) -> S:
    """State after a report.

    Parameters
    ----------
    state : OrderState
        Before the report.
    kind : ReportKind
    filled_lots : int
        Filled in all, this report's fill included.
    qty_lots : int
        Of the order.

    Examples
    --------
    >>> next_state(S.ACCEPTED, K.FILLED, 2, 5).name
    'PARTIALLY_FILLED'
    >>> next_state(S.REJECTED, K.ACCEPTED, 0, 5).name
    'UNKNOWN'
    """
    if kind is K.FILLED:
        if filled_lots > qty_lots or state in (S.INITIALIZED, S.DENIED):
            return S.UNKNOWN
        if filled_lots == qty_lots:
            return S.FILLED
        if state in (S.PENDING_CANCEL, S.CANCELED, S.EXPIRED, S.UNKNOWN):
            return state
        return S.PARTIALLY_FILLED if state in _LIVE else S.UNKNOWN
    if kind is K.REJECTED and filled_lots:
        return S.UNKNOWN
    after = _TABLE.get((state, kind), S.UNKNOWN)
    return S.PARTIALLY_FILLED if after is S.ACCEPTED and filled_lots else after
