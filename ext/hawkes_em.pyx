"""One E-step of the EM algorithm for Hawkes processes: O(N) time and memory.

The branching probabilities (Veen and Schoenberg 2008) are never formed: what the
M-step needs of them, sums over all pairs, follows from the recursions.
"""
from libc.math cimport log
from libc.stdint cimport int64_t
from libc.string cimport memset

from dreammaker._ext.hawkes_likelihood cimport (
    DM_EM, dm_exp_near, dm_hawkes_state, dm_hawkes_sums, exp_piece, state_clear, state_step)

import numpy as np


def em_sums(const double[::1] times, double duration, const double[::1] mu,
            const int64_t[::1] splits, const double[::1] alphas, const double[::1] betas,
            const double[::1] left):
    """Expected numbers and lags of background and triggered events at the given parameters.

    The caller has checked the input.

    Parameters
    ----------
    times : array of float64, shape (n,)
    duration : float
    mu : array of float64, shape (pieces,)
    splits : array of int64, shape (pieces + 1,)
        Events ``splits[j]`` to ``splits[j + 1] - 1`` lie in piece j.
    alphas, betas : array of float64, shape (m,)
    left : array of float64, shape (m,)
        Excitation at time 0.

    Returns
    -------
    tuple of (float, ndarray, ndarray)
        Sum of log lambda; expected background events of each piece, shape (pieces,); and a table
        of shape (6, m): expected triggered events, their summed lags, events triggered from before
        time 0, their summed times, and at `duration` the sums over all events of exp(-beta u) and
        u exp(-beta u), u the time since the event.
    """
    cdef Py_ssize_t m = alphas.shape[0], pieces = mu.shape[0], j, i, k
    background, table = np.zeros(pieces), np.zeros((6, m))
    cdef double[::1] background_ = background
    cdef double[:, ::1] table_ = table
    cdef dm_hawkes_sums sums
    cdef dm_hawkes_state one
    cdef double log_rates = 0.0, rate, inverse, before, d, e, r, own = 0.0
    if times.shape[0] == 0:
        return 0.0, background, table
    if m == 1 and left[0] == 0.0:
        state_clear(&one)
        one.time = times[0]
        with nogil:
            for j in range(pieces):
                memset(&sums, 0, sizeof(sums))
                if splits[j + 1] > splits[j]:
                    exp_piece(&times[splits[j]], splits[j + 1] - splits[j], &one, mu[j],
                              alphas[0], betas[0], DM_EM, &sums)
                log_rates += sums.log_rates
                background_[j] = mu[j] * sums.one
                table_[0, 0] += alphas[0] * sums.a
                table_[1, 0] += alphas[0] * sums.b
            state_step(&one, duration, betas[0])
            table_[4, 0] = one.a
            table_[5, 0] = one.b
        return log_rates, background, table
    state = np.zeros((3, m))
    cdef double[:, ::1] s = state
    state[2] = left
    before = 0.0
    with nogil:
        for j in range(pieces):
            for i in range(splits[j], splits[j + 1]):
                d = times[i] - before
                before = times[i]
                rate = mu[j]
                for k in range(m):
                    e = dm_exp_near(-betas[k] * d)
                    r = own + s[0, k]
                    s[1, k] = e * (s[1, k] + d * r)
                    s[0, k] = e * r
                    s[2, k] *= e
                    rate += alphas[k] * s[0, k] + s[2, k]
                own = 1.0
                log_rates += log(rate)
                inverse = 1.0 / rate
                background_[j] += mu[j] * inverse
                for k in range(m):
                    table_[0, k] += alphas[k] * s[0, k] * inverse
                    table_[1, k] += alphas[k] * s[1, k] * inverse
                    table_[2, k] += s[2, k] * inverse
                    table_[3, k] += before * s[2, k] * inverse
        d = duration - before
        for k in range(m):
            e = dm_exp_near(-betas[k] * d)
            r = own + s[0, k]
            table_[4, k] = e * r
            table_[5, k] = e * (s[1, k] + d * r)
    return log_rates, background, table
