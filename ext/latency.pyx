"""Latencies: constant, log-normal by median and 99th percentile, or measured ones in turn."""
import numpy as np

cimport numpy as cnp
from libc.stdint cimport int64_t

from dreammaker._ext.latency cimport (LATENCY_LIMIT_S, latency_constant, latency_lognormal,
                                      latency_ns, latency_recorded)

cnp.import_array()

cdef int64_t NS_PER_S = 1000000000
cdef int64_t LIMIT_NS = LATENCY_LIMIT_S * NS_PER_S


cdef class Latency:
    """How long messages travel, by their number.

    Examples
    --------
    >>> Latency.constant(5).ns(3)
    5
    >>> drawn = Latency.lognormal(40e6, 250e6, 1, 0)
    >>> drawn.ns(7) == drawn.ns(7) != drawn.ns(8)
    True
    """

    def __cinit__(self):
        self.latency = latency_constant(0)

    @staticmethod
    def constant(int64_t each_ns):
        """Every message takes the same."""
        cdef Latency made = Latency()
        if not 0 <= each_ns <= LIMIT_NS:
            raise ValueError(f"each_ns must be in [0, {LIMIT_NS}], was {each_ns}")
        made.latency = latency_constant(each_ns)
        return made

    @staticmethod
    def lognormal(double median_ns, double p99_ns, seed, stream):
        """Log-normal; seed in [0, 2**64), stream (one a direction) in [0, 256)."""
        cdef Latency made = Latency()
        if not 0.0 < median_ns <= p99_ns <= LIMIT_NS:
            raise ValueError(f"median_ns must be above 0, p99_ns in [median_ns, {LIMIT_NS}], were "
                             f"{median_ns} and {p99_ns}")
        if not 0 <= seed < 2**64 or not 0 <= stream < 256:
            raise ValueError(f"seed must be in [0, 2**64) and stream in [0, 256), were {seed} "
                             f"and {stream}")
        made.latency = latency_lognormal(median_ns, p99_ns, seed, stream)
        return made

    @staticmethod
    def recorded(samples_ns):
        """Measured latencies, int64 of shape (n,), taken in turn."""
        cdef Latency made = Latency()
        samples = np.ascontiguousarray(samples_ns, np.int64)
        if samples.ndim != 1 or not len(samples):
            raise ValueError("samples_ns must be one row of at least one latency")
        if samples.min() < 0 or samples.max() > LIMIT_NS:
            raise ValueError(f"samples_ns must be in [0, {LIMIT_NS}], were "
                             f"{samples.min()} to {samples.max()}")
        made.samples = samples
        made.latency = latency_recorded(<const int64_t*>cnp.PyArray_DATA(samples), len(samples))
        return made

    def ns(self, int64_t number):
        """Latency of the message with a number of 0 or more."""
        if number < 0:
            raise ValueError(f"number must be 0 or more, was {number}")
        return latency_ns(&self.latency, number)

    def delay(self, const int64_t[:] exch_ns, int64_t last_ns, int64_t[::1] out):
        """Local times of records: one draw a second of exchange time, none before an earlier one.

        A draw a record would, as records do not overtake each other, delay all of them by the
        longest of thousands of draws.

        Parameters
        ----------
        exch_ns : int64 array, shape (n,)
        last_ns : int
            Local time of the record before.
        out : int64 array, shape (n,)

        Returns
        -------
        int
            Local time of the last record.
        """
        cdef Py_ssize_t i
        cdef int64_t at
        cdef int64_t second
        cdef int64_t drawn_for = -1
        cdef int64_t drawn_ns = 0
        if exch_ns.shape[0] != out.shape[0]:
            raise ValueError("exch_ns and out must be of one length, were "
                             f"{exch_ns.shape[0]} and {out.shape[0]}")
        with nogil:
            for i in range(exch_ns.shape[0]):
                second = exch_ns[i] // NS_PER_S if exch_ns[i] >= 0 else 0
                if second != drawn_for:
                    drawn_for = second
                    drawn_ns = latency_ns(&self.latency, second)
                at = exch_ns[i] + drawn_ns
                if at > last_ns:
                    last_ns = at
                out[i] = last_ns
        return last_ns
