"""The packed event record and the meaning of its fields.

Everything that happens in a market is one 64-byte record. A *packet* is one source message or
one poll: consecutive records of which the last carries ``Flag.LAST``.

===================  ===========================================================================
field                meaning
===================  ===========================================================================
exch_ns, local_ns    exchange and local receive time, UTC ns since 1970
mono_ns              monotonic ns since the recording's anchor, -1 where there is none
seq                  the source's sequence number, else the row number of the import
order_id             the source's order number, 0 = none
price_ticks          price in whole ticks (rounded to the nearest where ``Flag.OFF_GRID``)
qty_lots             whole lots; -1 = unknown, never 0; in LEVEL_SET, SNAPSHOT, QUOTE 0 = gone
residual_microticks  price minus ``price_ticks``, in millionths of a tick (OFF_GRID only)
flags                ``Flag`` bits
instrument_id        index of the instrument in the session's table
stream_id            which of the source's streams the record came from
kind                 ``Kind``
side                 +1 bid or buyer, -1 ask or seller, 0 unknown. TRADE: the aggressor's side.
                     ORDER_*, LEVEL_SET, SNAPSHOT, QUOTE: the side of the book (ORDER_EXECUTE: of
                     the resting order, so its aggressor is ``-side``)
aux                  SESSION: ``Phase``; BAR: 0 open, 1 high, 2 low, 3 close; ORDER_CANCEL,
                     ORDER_MODIFY: 1 = by a fill that a TRADE of the same packet told
===================  ===========================================================================

How the kinds are used:

* LEVEL_SET sets the total at a price. SNAPSHOT records from SNAP_BEGIN to SNAP_END replace the
  whole book; an empty book is one record with both flags, side 0 and quantity 0.
* ORDER_ADD, ORDER_CANCEL (quantity removed; -1 = all of it), ORDER_MODIFY (new price and
  quantity), ORDER_EXECUTE (quantity executed; it is a trade as well).
* QUOTE is the best price of one side, from a stream without depth; quantity -1 where the source
  gives no size. It never touches the depth book.
* TRADE is a print that does not change the book by itself.
* SESSION announces a phase in ``aux``. GAP says that data are missing; its quantity is the length
  in ms. CLEAR empties the book.
* BAR is four records a bar (open, high, low, close); the quantity is the tick volume in the open's
  record, the traded volume in the high's, the spread in ticks in the low's, -1 in the close's.
"""

from enum import IntEnum, IntFlag

import numpy as np
from numpy.typing import NDArray

from dreammaker._ext.schema import EVENT_DTYPE
from dreammaker.domain.codes import plain_members

SCHEMA_VERSION = 1
UNKNOWN_QTY = -1

EventArray = NDArray[np.void]

__all__ = ["EVENT_DTYPE", "SCHEMA_VERSION", "UNKNOWN_QTY", "EventArray", "Flag", "Kind", "Phase",
           "Side"]


class Kind(IntEnum):
    """What a record says."""

    LEVEL_SET = 1
    SNAPSHOT = 2
    ORDER_ADD = 3
    ORDER_CANCEL = 4
    ORDER_MODIFY = 5
    ORDER_EXECUTE = 6
    CLEAR = 7
    QUOTE = 8
    TRADE = 9
    SESSION = 10
    GAP = 11
    BAR = 12


class Side(IntEnum):
    """Bid or buyer, ask or seller."""

    BUY = 1
    SELL = -1
    UNKNOWN = 0


class Flag(IntFlag):
    """What has to be known about a record besides what it says."""

    LAST = 1
    SNAP_BEGIN = 2
    SNAP_END = 4
    OFF_GRID = 8
    LOCAL_SYNTHETIC = 16
    EXCH_ESTIMATED = 32
    TIME_BACKWARDS = 64
    REVEALED = 128
    AUCTION = 256
    HIDDEN = 512
    SIDE_INFERRED = 1024
    CROSSED = 2048
    DUPLICATE_SEQ = 4096


@plain_members
class Phase(IntEnum):
    """Session phases, as a SESSION record's ``aux``."""

    CLOSED = 0
    PRE_OPEN = 1
    CONTINUOUS = 2
    AUCTION = 3
    CLOSING_CALL = 4
    HALT = 5
    ROLL = 6
