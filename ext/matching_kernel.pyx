"""Python's face of the matching kernel. The rules are told in ``matching.pyx`` (records) and
``matching_orders.pyx`` (orders)."""
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc

cimport numpy as cnp

from dreammaker._ext.matching cimport (MAX_RESTING, MARKET, STOP_LIMIT, TIF_DAY, TIF_FOK, entry_t,
                                       matching_advance, matching_arrive, matching_cancel,
                                       matching_free, matching_hash, matching_init,
                                       matching_replace, matching_t, settings_t)
from dreammaker._ext.matching_state cimport is_auction, matching_best
from dreammaker._ext.queue cimport queue_model
from dreammaker._ext.schema cimport PHASE_CONTINUOUS, event_pointer, event_t

cnp.import_array()

_LIMITS = {
    # name: (default, least, most)
    "capabilities": (8191 - 2, 0, 8191),
    "reject_self_trade": (0, 0, 1),
    "max_order_lots": (2**31 - 1, 1, 2**31 - 1),
    "band_low": (-2**31, -2**31, 2**31 - 1),
    "band_high": (2**31 - 1, -2**31, 2**31 - 1),
    "tunnel_ticks": (0, 0, 2**30),
    "margin_micros": (0, 0, 2**53),
    "equity_micros": (0, -2**60, 2**60),
    "tick_value_micros": (1, 1, 2**40),
    "fee_micros": (0, 0, 2**40),
    "queue_kind": (0, 0, 6),
    "queue_prints": (0, 0, 2),
    "queue_carry": (0, 0, 1),
}
_NO_IMPACT = {"permanent_ticks": 0.0, "permanent_exponent": 1.0, "temporary_ticks": 0.0,
              "temporary_exponent": 1.0, "volume_lots": 1.0, "half_life_ns": 1.0}


cdef class Matcher:
    """Our orders beside recorded flow.

    Parameters
    ----------
    view_levels : int
        Prices a side that the source shows; with 0, QUOTE records give the best prices. Above 10
        every price counts as shown.
    assumed_touch_lots : int
        Lots at every price of a source without sizes.
    queue_n, queue_print_share : float
        Exponent of the power family; share of a print that moves the visible queue.
    impact : dict, optional
        ``permanent_ticks, permanent_exponent, temporary_ticks, temporary_exponent, volume_lots,
        half_life_ns`` (see ``impact.pxd``); None is off.
    **limits : int
        ``capabilities`` (bits of ``matching.pxd``), ``reject_self_trade``, ``max_order_lots``,
        ``band_low``, ``band_high``, ``tunnel_ticks``, ``margin_micros`` a lot,
        ``equity_micros``, ``tick_value_micros``, ``fee_micros`` a lot and side, ``queue_kind``,
        ``queue_prints``, ``queue_carry``.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> matcher = Matcher(view_levels=10, assumed_touch_lots=1)
    >>> matcher.arrive(1, 1, 1, 0, 5, 1, 0)
    >>> [outcome[:2] for outcome in matcher.take_outcomes()]
    [(1, 1), (4, 1)]
    """

    def __cinit__(self, *, view_levels, assumed_touch_lots, double queue_n=3.0,
                  double queue_print_share=1.0, impact=None, **limits):
        cdef settings_t settings
        if view_levels < 0:
            raise ValueError(f"view_levels must be 0 or more, was {view_levels}")
        if assumed_touch_lots < 1:
            raise ValueError(f"assumed_touch_lots must be 1 or more, was {assumed_touch_lots}")
        if not (0.0 < queue_n <= 32.0 and 0.0 < queue_print_share <= 1.0):
            raise ValueError("queue_n must be in (0, 32] and queue_print_share in (0, 1], were "
                             f"{queue_n} and {queue_print_share}")
        if unknown := sorted(set(limits) - set(_LIMITS)):
            raise ValueError(f"unknown limits {unknown}; allowed: {sorted(_LIMITS)}")
        chosen = {}
        for name, (default, least, most) in _LIMITS.items():
            value = chosen[name] = limits.get(name, default)
            if not least <= value <= most:
                raise ValueError(f"{name} must be in [{least}, {most}], was {value}")
        settings.view_levels, settings.assumed_touch_lots = view_levels, assumed_touch_lots
        settings.capabilities = chosen["capabilities"]
        settings.reject_self_trade = chosen["reject_self_trade"]
        settings.max_order_lots = chosen["max_order_lots"]
        settings.band_low, settings.band_high = chosen["band_low"], chosen["band_high"]
        settings.tunnel_ticks = chosen["tunnel_ticks"]
        settings.margin_micros = chosen["margin_micros"]
        settings.equity_micros = chosen["equity_micros"]
        settings.tick_value_micros = chosen["tick_value_micros"]
        settings.fee_micros = chosen["fee_micros"]
        settings.queue = queue_model(chosen["queue_kind"], queue_n, chosen["queue_prints"],
                                     queue_print_share, chosen["queue_carry"])
        self.m = <matching_t*>malloc(sizeof(matching_t))
        if self.m == NULL:
            raise MemoryError("no memory for the matcher")
        if matching_init(self.m, &settings) != 0:
            free(self.m)
            self.m = NULL
            raise MemoryError("no memory for the order book")
        if impact is not None:
            self._set_impact(impact)

    def _set_impact(self, impact):
        values = {**_NO_IMPACT, **impact}
        if set(values) != set(_NO_IMPACT):
            raise ValueError(f"unknown impact {sorted(set(values) - set(_NO_IMPACT))}; allowed: "
                             f"{sorted(_NO_IMPACT)}")
        for name, value in values.items():
            is_size = name in ("permanent_ticks", "temporary_ticks")
            if not (0.0 <= value < 1e300 and (is_size or value > 0.0)):
                raise ValueError(f"impact {name} must be {'0 or more' if is_size else 'above 0'}, "
                                 f"was {value}")
        self.m.impact.on = True
        self.m.impact.permanent_ticks = values["permanent_ticks"]
        self.m.impact.permanent_exponent = values["permanent_exponent"]
        self.m.impact.temporary_ticks = values["temporary_ticks"]
        self.m.impact.temporary_exponent = values["temporary_exponent"]
        self.m.impact.volume_lots = values["volume_lots"]
        self.m.impact.decay_per_ns = 0.6931471805599453 / values["half_life_ns"]

    def __dealloc__(self):
        if self.m != NULL:
            matching_free(self.m)
            free(self.m)

    @property
    def outcome_count(self):
        """Outcomes that have not been taken."""
        return self.m.outcome_count

    @property
    def continuous(self):
        """Whether the venue is in continuous trading."""
        return self.m.phase == PHASE_CONTINUOUS

    @property
    def collecting(self):
        """Whether the venue collects orders for an auction."""
        return bool(is_auction(self.m.phase))

    @property
    def is_full(self):
        """Whether no further order can rest."""
        return self.m.resting_count + self.m.stop_count >= MAX_RESTING

    @property
    def resting_orders(self):
        """Resting orders as (order_id, side, price, remaining, lots ahead), in order of arrival."""
        return [(self.m.resting[i].order.order_id, self.m.resting[i].order.side,
                 self.m.resting[i].order.price, self.m.resting[i].remaining,
                 self.m.resting[i].queue.ahead) for i in range(self.m.resting_count)]

    @property
    def stop_orders(self):
        """Stops that wait, as (order_id, side, trigger, remaining), in order of arrival."""
        return [(self.m.stops[i].order.order_id, self.m.stops[i].order.side,
                 self.m.stops[i].order.trigger, self.m.stops[i].remaining)
                for i in range(self.m.stop_count)]

    @property
    def taken_levels(self):
        """What we took and the record still shows, as (side, price, lots), oldest first."""
        return [(self.m.taken.entries[i].side, self.m.taken.entries[i].price,
                 self.m.taken.entries[i].lots) for i in range(self.m.taken.count)]

    @property
    def account(self):
        """Position in lots, cash in tick-lots (received less paid), fees in millionths."""
        return (self.m.account.position, self.m.account.cash_tick_lots,
                self.m.account.fees_micros)

    @property
    def impact_tick_lots(self):
        """What impact has cost, in ticks times lots."""
        return self.m.impact.cost_tick_lots

    @property
    def last_trade(self):
        """Price of the last trade in ticks, None before the first."""
        return self.m.last if self.m.last_there else None

    def state_hash(self):
        """A hash of all that decides what happens next, the recorded book apart."""
        return matching_hash(self.m)

    def advance(self, events, const int64_t[::1] times, Py_ssize_t start, int64_t until_ns):
        """Apply records up to a time, or up to the first that concerns one of our orders.

        Parameters
        ----------
        events : array of EVENT_DTYPE
        times : int64 array of the same length
            Venue time of each record, non-decreasing.
        start : int
            First record to apply.
        until_ns : int

        Returns
        -------
        int
            Index of the first record not applied.

        Raises
        ------
        ValueError
            If the arrays do not agree, outcomes have not been taken, or a record is damaged.
        """
        cdef Py_ssize_t count = 0
        cdef const event_t* records = event_pointer(events, &count)
        cdef int64_t index = start
        if times.shape[0] != count or start < 0:
            raise ValueError(f"times must have {count} entries and start be 0 or more")
        self._expect_taken()
        if self.m.fault:
            raise ValueError(f"the book refused an earlier record ({self.m.fault})")
        if start < count:
            with nogil:
                index = matching_advance(self.m, records, &times[0], start, count, until_ns)
        if self.m.fault:
            raise ValueError(f"record {index - 1} is damaged: the book refuses it "
                             f"({self.m.fault})")
        return index

    def arrive(self, int64_t order_id, int side, int order_type, int32_t price_ticks,
               int32_t qty_lots, int tif, int64_t time_ns, *, bint post_only=False,
               int32_t trigger_ticks=0, bint reduce_only=False):
        """Let an order arrive; what becomes of it is among the outcomes."""
        cdef entry_t entry
        if side not in (1, -1) or qty_lots < 1:
            raise ValueError(f"an order has a side and lots, was {side}, {qty_lots}")
        if not MARKET <= order_type <= STOP_LIMIT or not TIF_DAY <= tif <= TIF_FOK:
            raise ValueError(f"an order has a type and a time in force, was {order_type}, {tif}")
        self._expect_taken()
        entry.order_id, entry.side, entry.order_type = order_id, side, order_type
        entry.tif, entry.qty, entry.price = tif, qty_lots, price_ticks
        entry.trigger, entry.post_only, entry.reduce_only = trigger_ticks, post_only, reduce_only
        matching_arrive(self.m, &entry, time_ns)

    def cancel(self, int64_t order_id, int64_t time_ns):
        """Take a working order out; what becomes of it is among the outcomes."""
        self._expect_taken()
        matching_cancel(self.m, order_id, time_ns)

    def replace(self, int64_t order_id, int32_t qty_lots, int32_t price_ticks, int64_t time_ns):
        """Change a working order to a quantity in all and a limit."""
        if qty_lots < 1:
            raise ValueError(f"qty_lots must be 1 or more, was {qty_lots}")
        self._expect_taken()
        matching_replace(self.m, order_id, qty_lots, price_ticks, time_ns)

    def _expect_taken(self):
        if self.m.outcome_count:
            raise ValueError(f"{self.m.outcome_count} outcomes must be taken first")

    def take_outcomes(self):
        """What happened to our orders since the last call, in order.

        Returns
        -------
        list of (kind, order_id, qty, price, leaves, cum, liquidity, time_ns, reason)
        """
        cdef int i
        cdef list found = []
        for i in range(self.m.outcome_count):
            found.append((self.m.outcomes[i].kind, self.m.outcomes[i].order_id,
                          self.m.outcomes[i].qty, self.m.outcomes[i].price,
                          self.m.outcomes[i].leaves, self.m.outcomes[i].cum,
                          self.m.outcomes[i].liquidity, self.m.outcomes[i].time_ns,
                          self.m.outcomes[i].reason))
        self.m.outcome_count = 0
        return found

    def best(self):
        """Best bid and ask in ticks, None where a side is empty."""
        cdef int32_t bid = 0
        cdef int32_t ask = 0
        return (bid if matching_best(self.m, 1, &bid) else None,
                ask if matching_best(self.m, -1, &ask) else None)
