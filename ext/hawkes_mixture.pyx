"""Sums over events of Hawkes likelihoods beyond one exponential, with gradient and curvature.

Sums of exponentials in O(N m), the power law as a gamma mixture of exponentials in O(N m), and the
power law itself in O(N^2). Each pass keeps, for every component, the sums
over earlier events of exp(-b u), u exp(-b u) and u^2 exp(-b u), u the lag.
"""
from libc.math cimport exp, log1p
from libc.stdint cimport int64_t

from dreammaker._ext.hawkes_fold cimport (
    fold_event,
    fold_t,
    memory_step,
    memory_t,
    power_derivatives,
    power_event,
    sum_event,
)
from dreammaker._ext.hawkes_likelihood cimport dm_exp_block, dm_exp_near, dm_simd_available

import numpy as np

cdef int level = dm_simd_available()
cdef enum:
    BLOCK = 64                   # events whose exponentials are taken together


# hot: begin
cdef inline void memory_decays(memory_t* m, const double* t, double before,
                               int64_t count) noexcept nogil:
    # exp(-b d) of the next `count` events.
    cdef int64_t k, i
    for k in range(count):
        for i in range(m.count):
            m.decay[k * m.count + i] = -m.rates[i] * (t[k] - before)
        before = t[k]
    dm_exp_block(m.decay, count * m.count, level)
# hot: end


def _scratch(Py_ssize_t count, Py_ssize_t pieces):
    return (np.zeros(count), np.zeros((count, count)), np.zeros(count), np.zeros((count, count)),
            np.zeros((pieces, 2 + count)))


def mixture_sums(const double[::1] times, double duration, const double[::1] mu,
                 const int64_t[::1] splits, const double[::1] weights, const double[::1] rates,
                 const double[::1] left, bint fitted_decays, const double[::1] nodes, bint full):
    """Sums over events for a sum of exponentials, or for a power law written as one.

    The caller has checked the input.

    Parameters
    ----------
    times : array of float64, shape (n,)
    duration : float
    mu : array of float64, shape (pieces,)
    splits : array of int64, shape (pieces + 1,)
        Events ``splits[j]`` to ``splits[j + 1] - 1`` lie in piece j.
    weights : array of float64
        Shape (m,), the alphas of a sum; or (1 + 3 m,): alpha of a power law, then the mixture's
        weights and their first two derivatives in p.
    rates : array of float64, shape (m,)
        Decay rates.
    left : array of float64, shape (m,)
        Excitation at time 0 (zeros for a power law).
    fitted_decays : bool
        Derivatives in the decays too (of a sum).
    nodes : array of float64, shape (0,) or (m,)
        Decay rates over beta, for a power law.
    full : bool
        Derivatives, or the likelihood alone.

    Returns
    -------
    tuple
        Sum of log lambda; gradient, shape (q,); curvature, shape (q, q), upper triangle; pieces,
        shape (pieces, 2 + q): sums of 1/lambda, 1/lambda^2, first/lambda^2; and the memory at
        `duration`, shape (3, m).
    """
    cdef Py_ssize_t m = rates.shape[0], n = times.shape[0], pieces = mu.shape[0]
    cdef Py_ssize_t j, begin, count, k
    cdef bint power = nodes.shape[0] > 0
    cdef Py_ssize_t q = 3 if power else (2 * m if fitted_decays else m)
    first, second, gradient, curvature, rows = _scratch(q, pieces)
    state, decays = np.zeros((4, m)), np.zeros((BLOCK, m))
    state[3] = left
    cdef double[::1] first_, gradient_
    cdef double[:, ::1] second_, curvature_, rows_, state_, decays_
    first_, gradient_ = first, gradient
    second_, curvature_, rows_, state_, decays_ = second, curvature, rows, state, decays
    cdef fold_t f = fold_t(q, &first_[0], &second_[0, 0], &gradient_[0], &curvature_[0, 0], 0.0)
    cdef memory_t memory = memory_t(m, &rates[0], &state_[0, 0], &state_[1, 0], &state_[2, 0],
                                    &state_[3, 0], &decays_[0, 0], 0.0)
    cdef double before = 0.0, rate
    with nogil:
        for j in range(pieces):
            begin = splits[j]
            while begin < splits[j + 1]:
                count = min(BLOCK, splits[j + 1] - begin)
                memory_decays(&memory, &times[begin], before, count)
                for k in range(count):
                    memory_step(&memory, &decays_[k, 0], times[begin + k] - before, full)
                    memory.fresh = 1.0
                    before = times[begin + k]
                    if power:
                        rate = power_event(&memory, &f, &nodes[0], &weights[1], weights[0], mu[j],
                                           full)
                    else:
                        rate = sum_event(&memory, &f, &weights[0], before, mu[j], fitted_decays,
                                         full)
                    fold_event(&f, rate, &rows_[j, 0], full)
                begin += count
        if n:
            memory_decays(&memory, &duration, before, 1)
            memory_step(&memory, &decays_[0, 0], duration - before, True)
    return f.log_rates, gradient, curvature, rows, state[:3]


def power_law_sums(const double[::1] times, const double[::1] mu, const int64_t[::1] splits,
                   double alpha, double beta, double p, bint full):
    """Sums over events for the power law itself, O(N^2).

    Parameters and result as in `mixture_sums`, without the memory; the kernel's parameters are
    alpha, beta and p.
    """
    cdef Py_ssize_t pieces = mu.shape[0], j, i, k
    first, second, gradient, curvature, rows = _scratch(3, pieces)
    cdef double[::1] first_, gradient_
    cdef double[:, ::1] second_, curvature_, rows_
    first_, gradient_ = first, gradient
    second_, curvature_, rows_ = second, curvature, rows
    cdef fold_t f = fold_t(3, &first_[0], &second_[0, 0], &gradient_[0], &curvature_[0, 0], 0.0)
    cdef double f0, fb, fp, fbb, fbp, fpp, lag, v, g, phi
    with nogil:
        for j in range(pieces):
            for i in range(splits[j], splits[j + 1]):
                f0 = fb = fp = fbb = fbp = fpp = 0.0
                for k in range(i):
                    lag = times[i] - times[k]
                    v = log1p(beta * lag)
                    phi = exp(-p * v)
                    f0 += phi
                    if full:
                        g = lag / (1.0 + beta * lag)
                        fb += p * phi * g
                        fp -= phi * v
                        fbb += p * (p + 1.0) * phi * g * g
                        fbp += phi * g * (1.0 - p * v)
                        fpp += phi * v * v
                if full:
                    power_derivatives(&f, alpha, f0, fb, fp, fbb, fbp, fpp)
                fold_event(&f, mu[j] + alpha * f0, &rows_[j, 0], full)
    return f.log_rates, gradient, curvature, rows


def excitation_sums(const double[::1] times, const double[::1] queries,
                    const double[::1] weights, const double[::1] rates):
    """Sum over events strictly before each query of the kernel at their lag, O((n + k) m).

    Parameters
    ----------
    times, queries : array of float64, shapes (n,) and (k,)
        Both sorted.
    weights, rates : array of float64, shape (m,)
        The kernel is the sum of weights exp(-rates lag).

    Returns
    -------
    ndarray of float64, shape (k,)
    """
    cdef Py_ssize_t n = times.shape[0], m = rates.shape[0], j = 0, k, i
    cdef double d, before
    out, state = np.zeros(queries.shape[0]), np.zeros(m)
    cdef double[::1] out_ = out
    cdef double[::1] s = state
    before = times[0] if n else 0.0
    with nogil:
        for k in range(queries.shape[0]):
            while j < n and times[j] < queries[k]:
                d = times[j] - before
                before = times[j]
                for i in range(m):
                    s[i] = s[i] * dm_exp_near(-rates[i] * d) + 1.0
                j += 1
            if j:
                for i in range(m):
                    out_[k] += weights[i] * s[i] * dm_exp_near(-rates[i] * (queries[k] - before))
    return out
