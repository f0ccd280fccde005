"""Sums over the events of one type for Hawkes likelihoods of several types.

Each source excites the type by a sum of exponentials of its own, or by a power law written as one.
O(N d m) for N events of all types, d sources and m terms each.
"""
from libc.stdint cimport int32_t, int64_t

from dreammaker._ext.hawkes_fold cimport (
    fold_event,
    fold_t,
    memory_step,
    memory_t,
    power_event,
    sum_event,
)
from dreammaker._ext.hawkes_likelihood cimport dm_exp_block, dm_simd_available

import numpy as np

cdef int level = dm_simd_available()
cdef enum:
    SOURCES = 16


# hot: begin
cdef inline void rows_step(memory_t* memories, int64_t d, const double* rates, double* decay,
                           int64_t m, double elapsed, bint full) noexcept nogil:
    cdef int64_t j
    for j in range(d * m):
        decay[j] = -rates[j] * elapsed
    dm_exp_block(decay, d * m, level)
    for j in range(d):
        memory_step(&memories[j], decay + j * m, elapsed, full)
# hot: end


def row_sums(const double[::1] times, const int32_t[::1] marks, double duration, int32_t row,
             const double[::1] mu, const int64_t[::1] splits, const double[:, ::1] weights,
             const double[:, ::1] rates, const double[:, ::1] nodes, bint full):
    """Sums over the events of type `row`. The caller has checked the input.

    Parameters
    ----------
    times, marks : array of float64 and int32, shape (n,)
        Events of all types, in time order; those of one moment do not excite each other.
    duration : float
    row : int
        The excited type.
    mu : array of float64, shape (pieces,)
    splits : array of int64, shape (pieces + 1,)
        Events (of all types) ``splits[j]`` to ``splits[j + 1] - 1`` lie in piece j.
    weights : array of float64
        Shape (d, m), jumps; or (d, 1 + 3 m) for power laws: alpha, then the mixture's weights and
        their first two derivatives in p.
    rates : array of float64, shape (d, m)
        Decay rates, at most 16 sources.
    nodes : array of float64, shape (d, 0) or (d, m)
        Decay rates over beta, for power laws.
    full : bool
        Derivatives, or the likelihood alone.

    Returns
    -------
    tuple
        Sum of log lambda; gradient, shape (q,), source by source (alphas and betas of sums; alpha,
        beta, p of power laws); curvature, shape (q, q), upper triangle; pieces, shape
        (pieces, 2 + q): sums of 1/lambda, 1/lambda^2, first/lambda^2; and the memory at
        `duration`, shape (d, 3, m).
    """
    cdef int64_t d = rates.shape[0], m = rates.shape[1], j, k, piece
    cdef bint power = nodes.shape[1] > 0
    cdef int64_t r = 3 if power else 2 * m
    cdef int64_t q = d * r
    if d > SOURCES:
        raise ValueError(f"there may be at most {SOURCES} sources, were {d}")
    first, second, gradient, curvature = (np.zeros(q), np.zeros((q, q)), np.zeros(q),
                                          np.zeros((q, q)))
    pieces, state, decays = np.zeros((mu.shape[0], 2 + q)), np.zeros((d, 4, m)), np.zeros(d * m)
    cdef double[::1] first_ = first, gradient_ = gradient, decays_ = decays
    cdef double[:, ::1] second_ = second, curvature_ = curvature, pieces_ = pieces
    cdef double[:, :, ::1] state_ = state
    cdef fold_t f = fold_t(q, &first_[0], &second_[0, 0], &gradient_[0], &curvature_[0, 0], 0.0)
    cdef fold_t part
    cdef memory_t[SOURCES] memories
    cdef double before = 0.0, rate
    for j in range(d):
        memories[j] = memory_t(m, &rates[j, 0], &state_[j, 0, 0], &state_[j, 1, 0],
                               &state_[j, 2, 0], &state_[j, 3, 0], &decays_[0], 0.0)
    with nogil:
        for piece in range(mu.shape[0]):
            for k in range(splits[piece], splits[piece + 1]):
                if times[k] > before:
                    rows_step(memories, d, &rates[0, 0], &decays_[0], m, times[k] - before, full)
                    before = times[k]
                memories[marks[k]].fresh += 1.0
                if marks[k] != row:
                    continue
                rate = mu[piece]
                for j in range(d):
                    part = fold_t(q, f.first + j * r, f.second + j * r * (q + 1), NULL, NULL, 0.0)
                    if power:
                        rate = power_event(&memories[j], &part, &nodes[j, 0], &weights[j, 1],
                                           weights[j, 0], rate, full)
                    else:
                        rate = sum_event(&memories[j], &part, &weights[j, 0], before, rate, True,
                                         full)
                fold_event(&f, rate, &pieces_[piece, 0], full)
        rows_step(memories, d, &rates[0, 0], &decays_[0], m, duration - before, True)
    return f.log_rates, gradient, curvature, pieces, state[:, :3]
