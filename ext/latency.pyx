"""Latencies: constant, log-normal by median and 99th percentile, or measured ones in turn."""
import numpy as np

cimport numpy as cnp
from libc.stdint cimport int64_t

from dreammaker._ext.latency cimport (LATENCY_LIMIT_S, latency_constant, latency_lognormal,
                                      latency_ns, latency_recorded, latency_t)

cnp.import_array()

cdef int64_t LIMIT_NS = LATENCY_LIMIT_S * <int64_t>1000000000


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

    cdef latency_t latency
    cdef object samples

    def __cinit__(self):
        self.latency = latency_constant(0)

    @staticmethod
    def constant(int64_t latency_ns):
        """Every message takes the same."""
        cdef Latency made = Latency()
        if not 0 <= latency_ns <= LIMIT_NS:
            raise ValueError(f"latency_ns must be in [0, {LIMIT_NS}], was {latency_ns}")
        made.latency = latency_constant(latency_ns)
        return made

    @staticmethod
    def lognormal(double median_ns, double p99_ns, seed, stream):
        """Log-normal; seed in [0, 2**64), stream (one a direction) in [0, 256)."""
        cdef Latency made = Latency()
        if not 0.0 < median_ns <= p99_ns <= LIMIT_NS:
            raise ValueError("0 < median_ns <= p99_ns must hold, and p99_ns be no more than "
                             f"{LIMIT_NS}, were {median_ns} and {p99_ns}")
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

    def delay(self, const int64_t[:] exch_ns, const int64_t[::1] packet, int64_t first_packet,
              int64_t last_ns, int64_t[::1] out):
        """Local times of records: one draw a packet, none before the one that came earlier.

        Parameters
        ----------
        exch_ns : int64 array, shape (n,)
        packet : int64 array, shape (n,)
            Number of each record's packet, the array's first being 0.
        first_packet : int
            Packets before this array.
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
        if not exch_ns.shape[0] == packet.shape[0] == out.shape[0]:
            raise ValueError("exch_ns, packet and out must be of one length, were "
                             f"{exch_ns.shape[0]}, {packet.shape[0]} and {out.shape[0]}")
        if first_packet < 0:
            raise ValueError(f"first_packet must be 0 or more, was {first_packet}")
        with nogil:
            for i in range(exch_ns.shape[0]):
                at = exch_ns[i] + latency_ns(&self.latency, first_packet + packet[i])
                if at > last_ns:
                    last_ns = at
                out[i] = last_ns
        return last_ns
