"""Intensity of an exponential Hawkes process at its own events, by recursion."""
from libc.stdint cimport int64_t
from libc.string cimport memset

import numpy as np


def hawkes_intensity(times, mu, alpha, beta, marks=None, initial=None):
    """Intensity of each event's own type just before it, lambda_m(t-).

    ``lambda_i(t) = mu_i + sum_j sum_{t_k < t of type j} alpha_ij exp(-beta_ij (t - t_k))``, by the
    recursion of Ozaki (1979): O(n d^2), one exponential an event where all decays are equal.

    Parameters
    ----------
    times : array of float64, shape (n,)
        Event times in seconds, not decreasing and not before 0.
    mu : float or array, shape (d,)
        Base rates, above 0; d is at most 8.
    alpha, beta : float or array, shape (d, d)
        Jumps (0 or more) and decay rates (above 0); row = excited type, column = source.
    marks : array of int, shape (n,), optional
        Type of each event, 0 to d - 1; zeros where it is not given.
    initial : float or array, shape (d, d), optional
        Excitation that type j has left in type i at time 0, decaying at beta_ij.

    Returns
    -------
    ndarray of float64, shape (n,)

    Raises
    ------
    ValueError
        If a shape or value is not as above.
    """
    cdef const double[::1] t = np.ascontiguousarray(times, np.float64)
    cdef Py_ssize_t n = t.shape[0], k
    base = np.atleast_1d(np.asarray(mu, np.float64))
    cdef Py_ssize_t d = base.size
    if base.ndim != 1 or not 1 <= d <= HAWKES_MAX:
        raise ValueError(f"mu must have 1 to {HAWKES_MAX} rates, had shape {base.shape}")
    jumps, decays, left = (
        np.broadcast_to(np.asarray(value, np.float64), (d, d)) for value in
        (alpha, beta, 0.0 if initial is None else initial))
    if not ((base > 0).all() and (jumps >= 0).all() and (decays > 0).all() and (left >= 0).all()):
        raise ValueError("mu and beta must be above 0, alpha and initial 0 or more")
    if ((left > 0) & (jumps == 0)).any():
        raise ValueError("initial excitation must be 0 where alpha is 0")
    cdef const int64_t[::1] kind = np.ascontiguousarray(
        np.zeros(n) if marks is None else marks, np.int64)
    if kind.shape[0] != n:
        raise ValueError(f"{n} times but {kind.shape[0]} marks")
    if n and (np.min(kind) < 0 or np.max(kind) >= d):
        raise ValueError(f"marks must be 0 to {d - 1}")
    if n and not (t[0] >= 0.0 and np.all(np.diff(t) >= 0.0)):
        raise ValueError("times must not decrease and not begin before 0")
    cdef hawkes_t h
    cdef double before = 0.0
    memset(&h, 0, sizeof(h))
    h.types = d
    h.one_decay = bool((decays == decays[0, 0]).all())
    for k in range(d * d):
        h.alpha[k] = jumps.flat[k]
        h.beta[k] = decays.flat[k]
        h.r[k] = left.flat[k] / jumps.flat[k] if left.flat[k] > 0 else 0.0
    for k in range(d):
        h.mu[k] = base[k]
    out = np.empty(n)
    cdef double[::1] rates = out
    for k in range(n):
        hawkes_advance(&h, t[k] - before)
        rates[k] = hawkes_rate(&h, kind[k])
        hawkes_bump(&h, kind[k])
        before = t[k]
    return out
