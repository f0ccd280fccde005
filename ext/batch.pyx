"""Passes over a batch of records that the loop makes before it steps: one look at each record."""
from libc.stdint cimport int64_t

cimport numpy as cnp
import numpy as np

from dreammaker._ext.schema cimport (
    F_LAST,
    GAP,
    ORDER_EXECUTE,
    SESSION,
    TRADE,
    event_pointer,
    event_t,
)

cnp.import_array()


def scan(events):
    """Count what is in a batch and find the session's phases in it.

    Parameters
    ----------
    events : array of EVENT_DTYPE

    Returns
    -------
    packets, trades, gaps : int
    phases : list of (local_ns, index, phase)
        SESSION records, in order.
    """
    cdef Py_ssize_t count = 0
    cdef const event_t* records = event_pointer(events, &count)
    cdef Py_ssize_t i
    cdef int64_t packets = 0
    cdef int64_t trades = 0
    cdef int64_t gaps = 0
    cdef int kind
    cdef list phases = []
    for i in range(count):
        kind = records[i].kind
        packets += records[i].flags & F_LAST
        if kind == TRADE or kind == ORDER_EXECUTE:
            trades += 1
        elif kind == GAP:
            gaps += 1
        elif kind == SESSION:
            phases.append((records[i].local_ns, i, records[i].aux))
    return packets, trades, gaps, phases


def running_times(events, bint exchange, int64_t floor_ns):
    """Running maximum of the records' times.

    Parameters
    ----------
    events : array of EVENT_DTYPE
    exchange : bool
        Exchange time; otherwise local time.
    floor_ns : int
        Maximum before the first record.

    Returns
    -------
    int64 array, shape (records,)
    """
    cdef Py_ssize_t count = 0
    cdef const event_t* records = event_pointer(events, &count)
    cdef cnp.ndarray times = np.empty(count, np.int64)
    cdef int64_t* out = <int64_t*>cnp.PyArray_DATA(times)
    cdef int64_t latest = floor_ns
    cdef int64_t time_ns
    cdef Py_ssize_t i
    for i in range(count):
        time_ns = records[i].exch_ns if exchange else records[i].local_ns
        if time_ns > latest:
            latest = time_ns
        out[i] = latest
    return times


def decision_rows(const int64_t[::1] local_ns, Py_ssize_t count, int64_t interval_ns,
                  int64_t last_period):
    """First row of every interval.

    Parameters
    ----------
    local_ns : int64 array
        Non-decreasing, from 0 on.
    count : int
        Rows to look at.
    interval_ns : int
    last_period : int
        Interval of the row before the first one.

    Returns
    -------
    indices : list of int
    last_period : int
        Interval of the last row.
    """
    cdef list found = []
    # The first moment that is beyond the last period: a comparison a row, a division a decision.
    cdef int64_t next_ns = (last_period + 1) * interval_ns
    cdef Py_ssize_t i
    if count > local_ns.shape[0]:
        raise ValueError(f"count must be at most {local_ns.shape[0]}, was {count}")
    for i in range(count):
        if local_ns[i] >= next_ns:
            found.append(i)
            last_period = local_ns[i] // interval_ns
            next_ns = (last_period + 1) * interval_ns
    return found, last_period
