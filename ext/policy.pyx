"""Quoting policies: what should rest on either side, given the best prices and our position."""
from libc.math cimport ceil, floor
from libc.stdint cimport int32_t, int64_t

cdef enum:
    MAX_LOTS = 1000000


cdef class PolicyKernel:
    """A quoting policy that needs no interpreter.

    Derive from it in Cython and override ``quote`` (``dreammaker/_ext/policy.pxd``); called from
    Python, ``quotes`` gives the same answer. A policy holds no state that a decision changes, so
    that one object may serve many runs.
    """

    cdef void quote(self, const view_t* view, quotes_t* wish) noexcept nogil:
        wish.bid_lots = wish.ask_lots = 0

    def quotes(self, int64_t now_ns, int64_t position_lots, int32_t bid_ticks, int32_t ask_ticks,
               int32_t bid_lots=-1, int32_t ask_lots=-1):
        """What should rest in a market.

        Parameters
        ----------
        now_ns : int
            Loop time, ns.
        position_lots : int
        bid_ticks, ask_ticks : int
            Best prices, ticks.
        bid_lots, ask_lots : int, optional
            What they show; -1 = not known.

        Returns
        -------
        bid_ticks, bid_lots, ask_ticks, ask_lots : int
            0 lots = nothing should rest on that side.
        """
        cdef view_t view
        cdef quotes_t wish
        view.now_ns, view.position_lots = now_ns, position_lots
        view.bid_ticks, view.ask_ticks = bid_ticks, ask_ticks
        view.bid_lots, view.ask_lots = bid_lots, ask_lots
        wish.bid_ticks = wish.ask_ticks = wish.bid_lots = wish.ask_lots = 0
        self.quote(&view, &wish)
        return wish.bid_ticks, wish.bid_lots, wish.ask_ticks, wish.ask_lots


cdef class NoQuotes(PolicyKernel):
    """Never quotes.

    Examples
    --------
    >>> NoQuotes().quotes(0, 0, 100, 101)
    (0, 0, 0, 0)
    """


cdef int32_t _checked(name, value):
    if not 1 <= value <= MAX_LOTS:
        raise ValueError(f"{name} must be in [1, {MAX_LOTS}], was {value}")
    return value


cdef inline void _size(const view_t* view, int32_t lots, int32_t most,
                       quotes_t* wish) noexcept nogil:
    # No quote whose fill would take the position beyond the most.
    wish.bid_lots = lots if view.position_lots + lots <= most else 0
    wish.ask_lots = lots if view.position_lots - lots >= -most else 0


cdef class TouchMaker(PolicyKernel):
    """Joins the best bid and the best ask while the position leaves room.

    Parameters
    ----------
    lots : int
        Of each quote.
    max_position_lots : int
        No quote whose fill would take the position beyond it.

    Examples
    --------
    >>> TouchMaker(lots=2, max_position_lots=4).quotes(0, 3, 100, 101)
    (100, 0, 101, 2)
    """

    cdef readonly int32_t lots
    cdef readonly int32_t max_position_lots

    def __init__(self, *, lots=1, max_position_lots=10):
        self.lots = _checked("lots", lots)
        self.max_position_lots = _checked("max_position_lots", max_position_lots)

    cdef void quote(self, const view_t* view, quotes_t* wish) noexcept nogil:
        wish.bid_ticks = view.bid_ticks
        wish.ask_ticks = view.ask_ticks
        _size(view, self.lots, self.max_position_lots, wish)


cdef class SkewedMaker(PolicyKernel):
    """Quotes around a reserve price that leans against the position.

    The reserve price is the mid less ``skew_ticks`` a lot held, the quotes stand
    ``half_spread_ticks`` from it, the bid rounded down and the ask up to whole ticks and never
    through the other side: the asymptotic quotes of Guéant, Lehalle and Fernandez-Tapia (2013),
    whose c + C/2 and C are `stochastic.glft`'s.

    Parameters
    ----------
    half_spread_ticks : float
        Above 0.
    skew_ticks : float
        A lot of position, 0 or more.
    lots, max_position_lots : int
        As of ``TouchMaker``.

    Examples
    --------
    >>> SkewedMaker(half_spread_ticks=1.5, skew_ticks=0.5).quotes(0, 2, 100, 101)
    (98, 1, 101, 1)
    """

    cdef readonly int32_t lots
    cdef readonly int32_t max_position_lots
    cdef readonly double half_spread_ticks
    cdef readonly double skew_ticks

    def __init__(self, *, double half_spread_ticks, double skew_ticks, lots=1,
                 max_position_lots=10):
        if not 0.0 < half_spread_ticks <= 1e6:
            raise ValueError(f"half_spread_ticks must be in (0, 1e6], was {half_spread_ticks}")
        if not 0.0 <= skew_ticks <= 1e6:
            raise ValueError(f"skew_ticks must be in [0, 1e6], was {skew_ticks}")
        self.half_spread_ticks, self.skew_ticks = half_spread_ticks, skew_ticks
        self.lots = _checked("lots", lots)
        self.max_position_lots = _checked("max_position_lots", max_position_lots)

    cdef void quote(self, const view_t* view, quotes_t* wish) noexcept nogil:
        cdef double mid = 0.5 * (<double>view.bid_ticks + <double>view.ask_ticks)
        cdef double reserve = mid - self.skew_ticks * <double>view.position_lots
        cdef double bid = floor(reserve - self.half_spread_ticks)
        cdef double ask = ceil(reserve + self.half_spread_ticks)
        # A quote stays on its own side of the market.
        bid = min(bid, <double>view.ask_ticks - 1.0)
        ask = max(ask, <double>view.bid_ticks + 1.0)
        wish.bid_ticks = <int32_t>max(bid, -1e9)
        wish.ask_ticks = <int32_t>min(ask, 1e9)
        _size(view, self.lots, self.max_position_lots, wish)
