"""The 27 features of a market: the pipeline's kernel, and the arrays that hold its rows."""
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

from dreammaker._ext.feature_loop cimport pipeline_run
from dreammaker._ext.feature_state cimport (FEATURES, pipeline_delete, pipeline_new, pipeline_t,
                                            settings_t)
from dreammaker._ext.fracdiff cimport fracdiff_width
from dreammaker._ext.schema cimport F_LAST, event_pointer, event_t

cimport numpy as cnp
import numpy as np

cnp.import_array()

cdef enum:
    FRACDIFF_LIMIT = 100_000

_FAULTS = {
    -1: "memory ran out",
    -2: "a quantity below -1",
    -3: "a kind of record that the schema does not know",
    -4: "a snapshot out of order (no SNAP_BEGIN, a second one, or a change inside it)",
    -5: "a side other than -1, 0 and +1",
    -6: "a price that stands for no price",
    -7: "orders at one price that add up to more than a 32-bit quantity",
}


cdef class FeatureRows:
    """Rows of features in arrays made once and written again by every call of `process`.

    Parameters
    ----------
    capacity : int
        Most rows of one call, 1 or more; one row a packet.

    Attributes
    ----------
    values : ndarray of float64, shape (capacity, 27)
        The features in the order of ``FEATURE_NAMES``; C-contiguous.
    exch_ns, local_ns : ndarray of int64
        Running maximum of exchange time at the packet's end; local time of its last record.
    event_index : ndarray of int64
        Index of the packet's last record in the batch that `process` was given.
    bid_ticks, ask_ticks, bid_qty, ask_qty : ndarray of int32
        Best prices and lots; -1 lots = unknown. A side without a price has 0 lots and the price
        INT32_MIN (bid) or INT32_MAX (ask).
    last_trade_ticks : ndarray of int32
        Last continuous print; INT32_MIN where there is none since the windows were emptied.
    trade_flow_10s : ndarray of int64
        Signed lots traded in the flow window that ends now.
    session_volume : ndarray of int64
        Lots traded since the session opened.
    book_ok : ndarray of uint8
        1 where the book is two-sided and neither crossed nor locked.
    count : int
        Rows written by the last call; what lies beyond is old.
    """

    def __cinit__(self, Py_ssize_t capacity):
        if capacity < 1:
            raise ValueError(f"capacity must be 1 or more, was {capacity}")
        self.capacity = capacity
        self.count = 0
        self.values = np.full((capacity, FEATURES), np.nan)
        self.exch_ns = np.zeros(capacity, np.int64)
        self.local_ns = np.zeros(capacity, np.int64)
        self.event_index = np.zeros(capacity, np.int64)
        self.trade_flow_10s = np.zeros(capacity, np.int64)
        self.session_volume = np.zeros(capacity, np.int64)
        self.bid_ticks = np.zeros(capacity, np.int32)
        self.ask_ticks = np.zeros(capacity, np.int32)
        self.bid_qty = np.zeros(capacity, np.int32)
        self.ask_qty = np.zeros(capacity, np.int32)
        self.last_trade_ticks = np.zeros(capacity, np.int32)
        self.book_ok = np.zeros(capacity, np.uint8)
        self.at.values = <double*>cnp.PyArray_DATA(self.values)
        self.at.exch_ns = <int64_t*>cnp.PyArray_DATA(self.exch_ns)
        self.at.local_ns = <int64_t*>cnp.PyArray_DATA(self.local_ns)
        self.at.event_index = <int64_t*>cnp.PyArray_DATA(self.event_index)
        self.at.trade_flow_10s = <int64_t*>cnp.PyArray_DATA(self.trade_flow_10s)
        self.at.session_volume = <int64_t*>cnp.PyArray_DATA(self.session_volume)
        self.at.bid_ticks = <int32_t*>cnp.PyArray_DATA(self.bid_ticks)
        self.at.ask_ticks = <int32_t*>cnp.PyArray_DATA(self.ask_ticks)
        self.at.bid_qty = <int32_t*>cnp.PyArray_DATA(self.bid_qty)
        self.at.ask_qty = <int32_t*>cnp.PyArray_DATA(self.ask_qty)
        self.at.last_trade_ticks = <int32_t*>cnp.PyArray_DATA(self.last_trade_ticks)
        self.at.book_ok = <uint8_t*>cnp.PyArray_DATA(self.book_ok)


cdef int64_t _packets(const event_t* events, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t k
    cdef int64_t packets = 0
    for k in range(count):
        packets += events[k].flags & F_LAST
    return packets


cdef class FeatureKernel:
    """The pipeline's state; `dreammaker.features.FeaturePipeline` validates and is its face.

    Parameters
    ----------
    settings : dict
        Whole numbers and floats, one for each field of ``settings_t`` but ``hawkes`` and
        ``fracdiff_width``; ``hawkes_mu`` (2), ``hawkes_alpha`` and ``hawkes_beta`` (4 each, rows
        first). Validated by the caller.

    Attributes
    ----------
    fault : tuple of (int, int, str) or None
        Index in the batch, code and text of the structural fault that stopped the pipeline.
    """

    def __cinit__(self, dict settings, *_arguments, **_options):
        cdef settings_t s
        memset(&s, 0, sizeof(s))
        s.ofi_ns = settings["ofi_ns"]
        s.velocity_ns = settings["velocity_ns"]
        s.cell_ns = settings["cell_ns"]
        s.bar_ns = settings["bar_ns"]
        s.flow_ns = settings["flow_ns"]
        s.auction_ns = settings["auction_ns"]
        s.gap_ms = settings["gap_ms"]
        s.volatility_cells = settings["volatility_cells"]
        s.impact_cells = settings["impact_cells"]
        s.roll_trades = settings["roll_trades"]
        s.depth_levels = settings["depth_levels"]
        s.tick_size = settings["tick_size"]
        s.tick_value = settings["tick_value"]
        s.depth_decay = settings["depth_decay"]
        s.fracdiff_d = settings["fracdiff_d"]
        s.fracdiff_width = fracdiff_width(s.fracdiff_d, settings["fracdiff_threshold"],
                                          FRACDIFF_LIMIT)
        if s.fracdiff_width < 1:
            raise ValueError(f"fracdiff_threshold must keep 1 to {FRACDIFF_LIMIT} weights, was "
                             f"{settings['fracdiff_threshold']}")
        s.rsi_period = settings["rsi_period"]
        s.macd_fast = settings["macd_fast"]
        s.macd_slow = settings["macd_slow"]
        s.macd_signal = settings["macd_signal"]
        s.bollinger_bars = settings["bollinger_bars"]
        s.bollinger_width = settings["bollinger_width"]
        s.hawkes.types = 2
        s.hawkes.one_decay = len(set(settings["hawkes_beta"])) == 1
        for i in range(2):
            s.hawkes.mu[i] = settings["hawkes_mu"][i]
        for i in range(4):
            s.hawkes.alpha[i] = settings["hawkes_alpha"][i]
            s.hawkes.beta[i] = settings["hawkes_beta"][i]
        self.fault = None
        self.state = pipeline_new(&s)
        if self.state == NULL:
            raise MemoryError("no memory for the feature pipeline")

    def __dealloc__(self):
        pipeline_delete(self.state)

    def process(self, events, FeatureRows rows not None):
        """Take a batch of records, cut anywhere, and write the rows of the packets it ends.

        Parameters
        ----------
        events : ndarray of EVENT_DTYPE, shape (n,)
            C-contiguous; the records that follow those of the last call.
        rows : FeatureRows
            Overwritten from its first row.

        Returns
        -------
        int
            Rows written, also in ``rows.count``.

        Raises
        ------
        ValueError
            If the batch ends more packets than `rows` holds (nothing is taken then), or if an
            earlier call met a structural fault.
        TypeError
            If `events` is not an array of EVENT_DTYPE.
        """
        cdef Py_ssize_t count
        cdef const event_t* pointer = event_pointer(events, &count)
        cdef int fault = 0
        cdef int64_t fault_index = 0
        cdef int64_t written
        if self.fault is not None:
            raise ValueError("the feature pipeline stopped at record {} of an earlier batch: {}; "
                             "start a new one".format(self.fault[0], self.fault[2]))
        if count > rows.capacity and _packets(pointer, count) > rows.capacity:
            raise ValueError(f"rows hold {rows.capacity} packets, the batch ends "
                             f"{_packets(pointer, count)}; give smaller batches")
        if count > 32:
            with nogil:
                written = pipeline_run(self.state, pointer, count, &rows.at, &fault, &fault_index)
        else:
            written = pipeline_run(self.state, pointer, count, &rows.at, &fault, &fault_index)
        rows.count = written
        if fault != 0:
            self.fault = (fault_index, fault, _FAULTS[fault])
        return written

    @property
    def memory_bytes(self):
        """Bytes held by the windows that grow with the market's pace."""
        cdef pipeline_t* p = self.state
        return ((p.ofi.mask + p.trade_flow.mask + 2) * sizeof(p.ofi.entries[0])
                + (p.mids.mask + 1) * sizeof(p.mids.entries[0]))
