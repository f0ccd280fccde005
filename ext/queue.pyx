"""The queue rules of ``queue.pxd`` and ``fifo.pxd`` for tests and for Python callers.

Kernels include the rules themselves; these classes follow one order, or one record's arrivals.
"""
from dreammaker._ext.fifo cimport (fifo_apply, fifo_arrive, fifo_change_t, fifo_free, fifo_init,
                                   fifo_t)
from dreammaker._ext.queue cimport (PRINTS_FULL, PRINTS_SHARED, QUEUE_FIFO, QUEUE_POWER,
                                    QUEUE_POWER_3, QUEUE_RISK_AVERSE, queue_behind_share,
                                    queue_join, queue_level, queue_model, queue_model_t,
                                    queue_order, queue_packet, queue_print, queue_t)
from dreammaker._ext.schema cimport event_pointer, event_t


cdef class Queue:
    """One order of ours in the queue at its price.

    Parameters
    ----------
    kind : int
        ``QUEUE_*`` of ``queue.pxd``.
    shown : float
        Lots that the level shows when the order arrives.
    n : float
        Exponent of the power family, above 0 and at most 32.
    prints : int
        ``PRINTS_*`` of ``queue.pxd``.
    print_share : float
        In 0..1; counts with ``PRINTS_SHARED``.
    carry : bool
        Whether prints and depth come in packets of their own.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> queue = Queue(0, 5.0)
    >>> queue.print_lots(7.0), queue.ahead
    (2, 0.0)
    """

    cdef queue_model_t model
    cdef queue_t state

    def __cinit__(self, int kind, double shown, *, double n=1.0, int prints=0,
                  double print_share=1.0, bint carry=False):
        if not QUEUE_RISK_AVERSE <= kind <= QUEUE_FIFO:
            raise ValueError(f"kind must be in 0..{QUEUE_FIFO}, was {kind}")
        if not PRINTS_FULL <= prints <= PRINTS_SHARED:
            raise ValueError(f"prints must be in 0..{PRINTS_SHARED}, was {prints}")
        if QUEUE_POWER <= kind <= QUEUE_POWER_3 and not 0.0 < n <= 32.0:
            raise ValueError(f"n must be above 0 and at most 32, was {n}")
        if not 0.0 <= print_share <= 1.0:
            raise ValueError(f"print_share must be in 0..1, was {print_share}")
        if not shown >= 0.0:
            raise ValueError(f"shown must be 0 or more, was {shown}")
        self.model = queue_model(kind, n, prints, print_share, carry)
        queue_join(&self.state, shown)

    @property
    def ahead(self):
        """Lots that stand ahead."""
        return self.state.ahead

    @property
    def shown(self):
        """The level's size as last told."""
        return self.state.shown

    def behind_share(self, double front, double back):
        """Probability that a cancel comes from behind, with so much before and behind."""
        return queue_behind_share(&self.model, front, back)

    def print_lots(self, double lots, double ours=0.0):
        """A print at the order's price; whole lots of it that reach the order."""
        return queue_print(&self.model, &self.state, lots, ours)

    def level(self, double shown, double ours=0.0):
        """The level's size is told; whole lots of the prints it confirms that reach the order."""
        return queue_level(&self.model, &self.state, shown, ours)

    def end_packet(self):
        """The packet ends."""
        queue_packet(&self.model, &self.state)

    def order_left(self, bint was_ahead, double lots, bint executed, double ours=0.0):
        """fifo: an order at the price left; whole lots that reach ours."""
        return queue_order(&self.state, was_ahead, lots, executed, ours)


cdef class Arrivals:
    """Order of arrivals of an order-by-order record (``fifo.pxd``)."""

    cdef fifo_t fifo
    cdef bint ready

    def __cinit__(self):
        if fifo_init(&self.fifo) != 0:
            raise MemoryError("no memory for the orders")
        self.ready = True

    def __dealloc__(self):
        if self.ready:
            fifo_free(&self.fifo)

    @property
    def count(self):
        """Orders alive."""
        return self.fifo.count

    def arrive(self):
        """The rank of an order of ours that arrives now."""
        return fifo_arrive(&self.fifo)

    def apply(self, events):
        """What left a queue, by record: (index, rank, side, price_ticks, lots, executed).

        Raises
        ------
        TypeError, ValueError
            If ``events`` is not a contiguous array of EVENT_DTYPE.
        MemoryError
            If there is no memory for the orders.
        """
        cdef Py_ssize_t count = 0
        cdef const event_t* records = event_pointer(events, &count)
        cdef fifo_change_t change
        cdef Py_ssize_t i
        cdef list found = []
        for i in range(count):
            if fifo_apply(&self.fifo, &records[i], &change) != 0:
                raise MemoryError("no memory for the orders")
            if change.lots > 0:
                found.append((i, change.rank, change.side, change.price_ticks, change.lots,
                              bool(change.executed)))
        return found
