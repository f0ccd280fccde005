"""The Python face of the order book kernel."""
from libc.stdint cimport int32_t, int64_t

from dreammaker._ext.book cimport (BOOK_BAD_KIND, BOOK_BAD_PRICE, BOOK_BAD_QTY, BOOK_BAD_SIDE,
                                   BOOK_BAD_SNAPSHOT, BOOK_NO_MEMORY, BOOK_QTY_OVERFLOW,
                                   FRAME_LEVELS, book_apply_frames, book_ask_qty, book_ask_ticks,
                                   book_bid_qty, book_bid_ticks, book_apply_many, book_frame,
                                   book_free, book_init, book_is_sound, frame_t)
from dreammaker._ext.ladder cimport level_t, side_below, side_t
from dreammaker._ext.order_map cimport order_find, order_t
from dreammaker._ext.schema cimport F_LAST, event_pointer, event_t

import numpy as np

_FAULTS = {
    BOOK_NO_MEMORY: "there is no memory for the book",
    BOOK_BAD_QTY: "a quantity is 0 or more, or -1 for unknown",
    BOOK_BAD_KIND: "the kind is none of the schema's",
    BOOK_BAD_SNAPSHOT: "SNAPSHOT records run from SNAP_BEGIN to SNAP_END with no other change of "
                       "the book between",
    BOOK_BAD_SIDE: "a side is +1, -1 or 0",
    BOOK_BAD_PRICE: "a price lies strictly between the limits of 32 bits",
    BOOK_QTY_OVERFLOW: "the orders at one price add up to more than 2147483647 lots",
}


class BookFaultError(ValueError):
    """A structurally damaged record; those before it were applied, it and later ones were not.

    Parameters
    ----------
    index : int
        Position of the record in the array that was passed, from 0.
    code : int
        Fault code, see ``dreammaker/_ext/book.pxd``.
    record : numpy.void
        The record itself.
    """

    def __init__(self, index, code, record):
        super().__init__(f"event {index} is damaged: {_FAULTS[code]}; it was kind "
                         f"{record['kind']}, side {record['side']}, price {record['price_ticks']}, "
                         f"quantity {record['qty_lots']}, flags {record['flags']}")
        self.index = index
        self.code = code


cdef class BookKernel:
    """An order book, fed with packed event records.

    Prices are whole ticks, quantities whole lots. What each kind of record does stands in
    `dreammaker._ext.book`. An update is O(1) near the best price and O(log n + n) far from it,
    n being the levels further than some thousand ticks away.

    Examples
    --------
    >>> import numpy as np
    >>> from dreammaker._ext.book_kernel import BookKernel
    >>> from dreammaker.domain.schema import EVENT_DTYPE, Flag, Kind, Side
    >>> events = np.zeros(3, EVENT_DTYPE)
    >>> events["kind"] = Kind.LEVEL_SET
    >>> events["side"] = [Side.BUY, Side.BUY, Side.SELL]
    >>> events["price_ticks"] = [26_000, 25_999, 26_001]
    >>> events["qty_lots"] = [10, 25, 7]
    >>> events["flags"] = [0, 0, Flag.LAST]
    >>> book = BookKernel()
    >>> book.apply(events)
    3
    >>> book.best()
    ((26000, 10), (26001, 7))
    """

    def __cinit__(self):
        if book_init(&self.book) != 0:
            raise MemoryError("there is no memory for a book")
        self.ready = True

    def __dealloc__(self):
        if self.ready:
            book_free(&self.book)

    def apply(self, events):
        """Apply records in order.

        Parameters
        ----------
        events : numpy.ndarray
            One-dimensional, C-contiguous, of ``EVENT_DTYPE``.

        Returns
        -------
        int
            The number of records applied, all of them.

        Raises
        ------
        BookFaultError
            At a damaged record, after those before it were applied.
        TypeError, ValueError
            If ``events`` is no such array; nothing was applied.
        """
        cdef Py_ssize_t count
        cdef const event_t* first = event_pointer(events, &count)
        cdef int fault = 0
        cdef int64_t done
        with nogil:
            done = book_apply_many(&self.book, first, count, &fault)
        self.applied_count += done
        if fault != 0:
            raise BookFaultError(done, fault, events[done])
        return done

    def frames(self, events, out_ticks, out_qty, *, every_record=False):
        """Apply records and write the best levels after every packet.

        Parameters
        ----------
        events : numpy.ndarray
            As for `apply`.
        out_ticks, out_qty : numpy.ndarray
            int32, shape (rows, 2, N) with N from 1 to 10, C-contiguous, writeable: bids at [:, 0],
            asks at [:, 1], best first. Unused entries have quantity 0 and the price -2**31 (bid)
            or 2**31 - 1 (ask). The number of rows must reach for all packets.
        every_record : bool
            One row a record instead of one a packet (a packet ends with ``Flag.LAST``).

        Returns
        -------
        int
            The number of rows written.

        Raises
        ------
        BookFaultError
            At a damaged record, after the rows before it were written.
        TypeError, ValueError
            If an argument does not fit; nothing was applied.
        """
        cdef Py_ssize_t count
        cdef const event_t* first = event_pointer(events, &count)
        cdef int32_t[:, :, ::1] ticks = out_ticks
        cdef int32_t[:, :, ::1] qty = out_qty
        cdef bint every = every_record
        cdef int64_t levels = ticks.shape[2]
        cdef int64_t rows = 0
        cdef int64_t done = 0
        cdef int fault = 0
        if ticks.shape[1] != 2 or not 1 <= levels <= FRAME_LEVELS:
            raise ValueError(f"out_ticks must have shape (rows, 2, 1 to {FRAME_LEVELS}), "
                             f"had {np.shape(out_ticks)}")
        if np.shape(out_qty) != np.shape(out_ticks):
            raise ValueError(f"out_qty must have the shape of out_ticks {np.shape(out_ticks)}, "
                             f"had {np.shape(out_qty)}")
        needed = count if every else int(np.count_nonzero(events["flags"] & F_LAST))
        if ticks.shape[0] < needed:
            raise ValueError(f"out_ticks must have a row for each of {needed} frames, "
                             f"had {ticks.shape[0]}")
        if needed == 0:
            return self.apply(events) * 0
        with nogil:
            done = book_apply_frames(&self.book, first, count, &ticks[0, 0, 0], &qty[0, 0, 0],
                                     levels, every, &rows, &fault)
        self.applied_count += done
        if fault != 0:
            raise BookFaultError(done, fault, events[done])
        return rows

    def best(self):
        """Return ((bid ticks, lots), (ask ticks, lots)); None for a side that is empty."""
        cdef int32_t bid_qty = book_bid_qty(&self.book)
        cdef int32_t ask_qty = book_ask_qty(&self.book)
        return ((book_bid_ticks(&self.book), bid_qty) if bid_qty else None,
                (book_ask_ticks(&self.book), ask_qty) if ask_qty else None)

    def levels(self, int side, max_count=None):
        """Return the levels of a side, best first.

        Parameters
        ----------
        side : int
            +1 for bids, -1 for asks.
        max_count : int, optional
            At most so many levels; all by default.

        Returns
        -------
        list of tuple of int
            (price in ticks, quantity in lots).
        """
        if side != 1 and side != -1:
            raise ValueError(f"side must be +1 (bid) or -1 (ask), was {side}")
        if max_count is not None and max_count < 0:
            raise ValueError(f"max_count must be 0 or more, was {max_count}")
        cdef side_t* book_side = &self.book.sides[side < 0]
        cdef level_t level
        cdef int64_t key = <int64_t>1 << 31
        found = []
        while (max_count is None or len(found) < max_count) and side_below(book_side, key, &level):
            key = level.key
            found.append((level.key ^ book_side.flip, level.qty))
        return found

    def frame(self):
        """Return (ticks, lots), int32 arrays of shape (2, 10): bids, asks; see `frames`."""
        cdef const frame_t* frame = book_frame(&self.book)
        ticks = np.empty((2, FRAME_LEVELS), np.int32)
        qty = np.empty((2, FRAME_LEVELS), np.int32)
        cdef int32_t[:, ::1] ticks_view = ticks
        cdef int32_t[:, ::1] qty_view = qty
        cdef int i
        for i in range(FRAME_LEVELS):
            ticks_view[0, i] = frame.bid_ticks[i]
            ticks_view[1, i] = frame.ask_ticks[i]
            qty_view[0, i] = frame.bid_qty[i]
            qty_view[1, i] = frame.ask_qty[i]
        return ticks, qty

    def changes(self):
        """Return the level changes of the last record: (ticks, side, old lots, new lots) each."""
        cdef int64_t i
        return [(self.book.changes[i].price_ticks, self.book.changes[i].side,
                 self.book.changes[i].old_qty, self.book.changes[i].new_qty)
                for i in range(self.book.change_count)]

    def order(self, int64_t order_id):
        """Return (side, ticks, remaining lots) of a live order, None if it is not known."""
        cdef order_t* order
        if order_id == 0:
            return None
        order = order_find(&self.book.orders, order_id)
        if order.order_id == 0:
            return None
        return (1 if order.lots > 0 else -1), order.price_ticks, abs(order.lots)

    def is_sound(self):
        """Whether frame, bitmaps and order of levels agree with a full rescan (slow)."""
        return book_is_sound(&self.book)

    @property
    def order_count(self):
        """Number of live orders that are known by number."""
        return self.book.orders.count

    @property
    def order_capacity(self):
        """Number of orders the table has slots for; it follows the most orders alive at once."""
        return self.book.orders.mask + 1

    @property
    def counters(self):
        """Counts of oddities since the book was made, by name; see `oddities_t` in book.pxd."""
        return dict(self.book.oddities)
