"""Sums over events of the exponential Hawkes likelihood, its gradient and curvature: one pass.

The recursions of Ozaki (1979) with their first two derivatives in the decay, O(N).
Long streams run as eight stretches side by side, each warmed up until its memory is complete to
rounding; short ones run one by one.
"""
from libc.math cimport HUGE_VAL, log
from libc.stdint cimport int64_t
from libc.string cimport memset

import numpy as np

# The processor's best level, found once; tests lower it.
cdef int level = dm_simd_available()
# Below this many events the eight stretches are not worth their warm-up.
cdef int64_t least_for_lanes = 512
# exp(-45) = 3e-20: what an event that far back, in decay times, can still add.
cdef double MEMORY = 45.0


def simd_level(limit=None):
    """Instruction set in use: 0 baseline, 1 AVX2, 2 AVX-512.

    Parameters
    ----------
    limit : int, optional
        Highest level to use from now on, where the processor has it; -1 turns the eight stretches
        off, so that every event runs one by one.

    Returns
    -------
    int
    """
    global level, least_for_lanes
    if limit is not None:
        least_for_lanes = 512 if <int>limit >= 0 else <int64_t>0x7FFFFFFFFFFFFFFF
        level = max(0, min(<int>limit, dm_simd_available()))
    return level


# hot: begin
cdef void state_clear(dm_hawkes_state* state) noexcept nogil:
    state.time = 0.0
    state.a = -1.0
    state.b = 0.0
    state.c = 0.0


cdef void state_step(dm_hawkes_state* state, double t, double beta) noexcept nogil:
    cdef double d = t - state.time
    cdef double e = dm_exp_near(-beta * d)
    cdef double r = 1.0 + state.a
    state.c = e * (state.c + d * (2.0 * state.b + d * r))
    state.b = e * (state.b + d * r)
    state.a = e * r
    state.time = t


cdef inline void exp_scalar(const double* t, int64_t count, dm_hawkes_state* state, double mu,
                            double alpha, double beta, int mode,
                            dm_hawkes_sums* sums) noexcept nogil:
    # The reference path. Rates are multiplied and their logarithm taken when the product nears
    # the end of a double's range.
    cdef int64_t i
    cdef double d, e, r, rate, inverse, a_rate, b_rate, product = 1.0
    cdef double before = state.time, a = state.a, b = state.b, c = state.c
    for i in range(count):
        d = t[i] - before
        before = t[i]
        e = dm_exp_near(-beta * d)
        r = 1.0 + a
        if mode == DM_CURVATURE:
            c = e * (c + d * (2.0 * b + d * r))
        if mode != DM_LIKELIHOOD:
            b = e * (b + d * r)
        a = e * r
        rate = mu + alpha * a
        if 1e-100 < rate < 1e100:
            product *= rate
            if product > 1e200 or product < 1e-200:
                sums.log_rates += log(product)
                product = 1.0
        else:
            sums.log_rates += log(rate)
        if mode == DM_LIKELIHOOD:
            continue
        inverse = 1.0 / rate
        a_rate = a * inverse
        b_rate = b * inverse
        sums.one += inverse
        sums.a += a_rate
        sums.b += b_rate
        if mode == DM_CURVATURE:
            sums.c += c * inverse
            sums.one_one += inverse * inverse
            sums.one_a += a_rate * inverse
            sums.one_b += b_rate * inverse
            sums.a_a += a_rate * a_rate
            sums.a_b += a_rate * b_rate
            sums.b_b += b_rate * b_rate
    sums.log_rates += log(product)
    state.time = before
    state.a = a
    state.b = b
    state.c = c


cdef bint warm_up(const double* t, int64_t length, double beta, const dm_hawkes_state* first,
                  dm_hawkes_state* states) noexcept nogil:
    # States at the starts of the eight stretches; False if the memory is too long for it to pay.
    cdef int64_t lane, start, begin, i, spent = 0
    cdef double reach = MEMORY / beta
    states[0] = first[0]
    for lane in range(1, 8):
        start = lane * length
        begin = start - 1
        while begin > 0 and t[start] - t[begin] < reach:
            begin -= 1
            spent += 1
            if spent > length:
                return False
        if begin == 0 and t[start] - t[0] < reach:
            # The whole past counts, and so does the state it began with.
            states[lane] = first[0]
        else:
            state_clear(&states[lane])
            states[lane].time = t[begin]
        for i in range(begin, start):
            state_step(&states[lane], t[i], beta)
    return True


cdef void exp_piece(const double* t, int64_t count, dm_hawkes_state* state, double mu,
                    double alpha, double beta, int mode, dm_hawkes_sums* sums) noexcept nogil:
    # Adds nothing to what `sums` held. In the likelihood-only mode B and C of the state stand
    # still, in the EM mode C.
    cdef dm_hawkes_state states[8]
    cdef int64_t length = count // 8
    memset(sums, 0, sizeof(dm_hawkes_sums))
    # Eight rates are multiplied before the product is folded: it must stay within a double.
    if (DM_LANES and count >= least_for_lanes and mu > 1e-37
            and mu + alpha * (<double>count + state.a + 2.0) < 1e37
            and warm_up(t, length, beta, state, states)):
        dm_hawkes_lanes(t, length, states, mu, alpha, beta, mode, sums, level)
        state[0] = states[7]
        t += 8 * length
        count -= 8 * length
    # The mode is a constant in each call, so that each is compiled for it.
    if mode == DM_LIKELIHOOD:
        exp_scalar(t, count, state, mu, alpha, beta, DM_LIKELIHOOD, sums)
    elif mode == DM_EM:
        exp_scalar(t, count, state, mu, alpha, beta, DM_EM, sums)
    else:
        exp_scalar(t, count, state, mu, alpha, beta, DM_CURVATURE, sums)


cdef double shortest_gap(const double* t, int64_t n, int64_t* ties) noexcept nogil:
    cdef int64_t i, equal = 0
    cdef double gap, least = HUGE_VAL
    for i in range(1, n):
        gap = t[i] - t[i - 1]
        equal += gap == 0.0
        gap = gap if gap > 0.0 else HUGE_VAL
        least = gap if gap < least else least
    ties[0] = equal
    return least
# hot: end


def in_order(const double[::1] times, double duration):
    """Whether times do not decrease and lie in [0, duration]; False if any is NaN.

    Parameters
    ----------
    times : array of float64, shape (n,)
    duration : float

    Returns
    -------
    bool
    """
    cdef Py_ssize_t n = times.shape[0]
    if n == 0:
        return True
    return bool(times[0] >= 0.0 and times[n - 1] <= duration
                and not dm_disorder(&times[0], n, level))


def gaps(const double[::1] times):
    """Shortest time between events that do not coincide, and how many coincide with the one before.

    Parameters
    ----------
    times : array of float64, shape (n,)
        Sorted.

    Returns
    -------
    tuple of (float, int)
        The gap is infinite where there is none.
    """
    cdef int64_t ties = 0
    cdef double least = HUGE_VAL
    if times.shape[0]:
        least = shortest_gap(&times[0], times.shape[0], &ties)
    return least, ties


def exponential_sums(const double[::1] times, double duration, const double[::1] mu,
                     const int64_t[::1] splits, double alpha, double beta, int mode):
    """Sums over the events, one row for each piece of the base rate, and the sums at the end.

    The caller has checked the input: times sorted within [0, duration], mu above 0 where a piece
    has events, alpha 0 or more, beta above 0.

    Parameters
    ----------
    times : array of float64, shape (n,)
    duration : float
    mu : array of float64, shape (pieces,)
    splits : array of int64, shape (pieces + 1,)
        Events ``splits[j]`` to ``splits[j + 1] - 1`` lie in piece j.
    alpha, beta : float
    mode : int
        0: log lambda only; 1: also 1, A, B over lambda; 2: also C and the squares.

    Returns
    -------
    tuple of (ndarray of float64, shape (pieces, 11), tuple of 3 floats)
        Columns: log lambda; 1, A, B, C over lambda; 1, A, B, A A, A B, B B over lambda squared.
        Then A, B, C at `duration` over all events (B, C only in the modes that keep them).
    """
    cdef Py_ssize_t pieces = mu.shape[0], j
    cdef dm_hawkes_state state
    out = np.zeros((pieces, 11))
    cdef double[:, ::1] rows = out
    state_clear(&state)
    if times.shape[0] == 0:
        return out, (0.0, 0.0, 0.0)
    state.time = times[0]
    with nogil:
        for j in range(pieces):
            if splits[j + 1] > splits[j]:
                exp_piece(&times[splits[j]], splits[j + 1] - splits[j], &state, mu[j], alpha,
                          beta, mode, <dm_hawkes_sums*>&rows[j, 0])
        state_step(&state, duration, beta)
    return out, (state.a, state.b, state.c)
