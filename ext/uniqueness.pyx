"""Overlapping labels: concurrency, uniqueness, attribution, and the sequential bootstrap.

Labels cover instants ``lo`` to ``hi``, both included, of T instants. Sums over instants are
differences of prefix sums held as a value and its rounding error, so they lose nothing.
"""
import numpy as np

from libc.stdint cimport int64_t

cdef enum:
    BLOCK = 64


# hot: begin
cdef void prefix_sums(const double* x, int64_t n, double* high, double* low) noexcept nogil:
    # high[i] + low[i] is the sum of the first i values (Knuth's exact addition).
    cdef int64_t i
    cdef double s, part, error
    high[0] = 0.0
    low[0] = 0.0
    for i in range(n):
        s = high[i] + x[i]
        part = s - high[i]
        error = (high[i] - (s - part)) + (x[i] - part)
        high[i + 1] = s
        low[i + 1] = low[i] + error


cdef struct sampler_t:
    int64_t n                   # labels
    int64_t instants
    int64_t leaves              # of the tree, a power of two
    const int64_t* lo
    const int64_t* hi
    int64_t* count              # drawn labels over each instant
    double* share               # 1 / (1 + count)
    double* block               # sums of BLOCK shares
    double* tree                # upper bounds of the labels' uniqueness; node k holds 2k + (2k+1)


cdef inline double uniqueness(const sampler_t* s, int64_t i) noexcept nogil:
    # Mean share over the label's instants, if it were drawn next.
    cdef int64_t t = s.lo[i]
    cdef int64_t end = s.hi[i] + 1
    cdef double total = 0.0
    while t < end:
        if t % BLOCK == 0 and t + BLOCK <= end:
            total += s.block[t // BLOCK]
            t += BLOCK
        else:
            total += s.share[t]
            t += 1
    return total / <double>(s.hi[i] - s.lo[i] + 1)


cdef inline void set_bound(sampler_t* s, int64_t i, double bound) noexcept nogil:
    cdef int64_t k = s.leaves + i
    s.tree[k] = bound
    k //= 2
    while k >= 1:
        s.tree[k] = s.tree[2 * k] + s.tree[2 * k + 1]
        k //= 2


cdef inline int64_t pick(const sampler_t* s, double u) noexcept nogil:
    # A label with probability in proportion to its bound.
    cdef double left = u * s.tree[1]
    cdef int64_t k = 1
    while k < s.leaves:
        k *= 2
        if left >= s.tree[k]:
            left -= s.tree[k]
            k += 1
    return k - s.leaves


cdef inline void take(sampler_t* s, int64_t i) noexcept nogil:
    cdef int64_t t, b
    cdef int64_t end
    cdef double total
    for t in range(s.lo[i], s.hi[i] + 1):
        s.count[t] += 1
        s.share[t] = 1.0 / <double>(1 + s.count[t])
    for b in range(s.lo[i] // BLOCK, s.hi[i] // BLOCK + 1):
        total = 0.0
        end = (b + 1) * BLOCK if (b + 1) * BLOCK < s.instants else s.instants
        for t in range(b * BLOCK, end):
            total += s.share[t]
        s.block[b] = total


cdef int64_t draw(sampler_t* s, const double* u, int64_t pairs, int64_t* out,
                  int64_t wanted, int64_t* tried) noexcept nogil:
    # Rejection under bounds that only ever fall: a label is proposed by its bound and taken with
    # probability uniqueness / bound, so the draw is exact; each trial tightens the bound it met.
    cdef int64_t done = 0
    cdef int64_t p = 0
    cdef int64_t i
    cdef double exact, bound
    while p < pairs and done < wanted:
        i = pick(s, u[2 * p])
        if i < s.n:
            bound = s.tree[s.leaves + i]
            exact = uniqueness(s, i)
            if u[2 * p + 1] * bound < exact:
                out[done] = i
                done += 1
                take(s, i)
                exact = uniqueness(s, i)
            set_bound(s, i, exact)
        p += 1
    tried[0] = p
    return done
# hot: end


def covered(const int64_t[::1] lo, const int64_t[::1] hi, int64_t instants):
    """Labels over each instant.

    Parameters
    ----------
    lo, hi : int64 array, shape (n,)
        First and last instant of each label, in [0, instants).
    instants : int

    Returns
    -------
    int64 array, shape (instants,)
    """
    steps = np.zeros(instants + 1, np.int64)
    cdef int64_t[::1] step = steps
    cdef int64_t i
    _check(lo, hi, instants)
    for i in range(lo.shape[0]):
        step[lo[i]] += 1
        step[hi[i] + 1] -= 1
    return np.cumsum(steps[:instants])


def span_sums(const double[::1] values, const int64_t[::1] lo, const int64_t[::1] hi):
    """Sum of the values over each label's instants.

    Parameters
    ----------
    values : float64 array, shape (instants,)
    lo, hi : int64 array, shape (n,)

    Returns
    -------
    float64 array, shape (n,)
    """
    cdef int64_t n = values.shape[0]
    cdef int64_t i
    _check(lo, hi, n)
    sums = np.empty(lo.shape[0])
    highs = np.empty(n + 1)
    lows = np.empty(n + 1)
    cdef double[::1] out = sums
    cdef double[::1] high = highs
    cdef double[::1] low = lows
    if n == 0:
        return sums
    with nogil:
        prefix_sums(&values[0], n, &high[0], &low[0])
        for i in range(lo.shape[0]):
            out[i] = (high[hi[i] + 1] - high[lo[i]]) + (low[hi[i] + 1] - low[lo[i]])
    return sums


def _check(lo, hi, instants):
    if len(lo) != len(hi):
        raise ValueError("lo and hi must have one entry a label")
    if len(lo) and (np.min(lo) < 0 or np.max(hi) >= instants or
                    np.any(np.asarray(lo) > np.asarray(hi))):
        raise ValueError(f"labels must cover instants of [0, {instants})")


cdef class SequentialSampler:
    """Draws labels with probability in proportion to their uniqueness given those drawn (AFML 4.5).

    Parameters
    ----------
    lo, hi : int64 array, shape (n,)
        First and last instant of each label, in [0, instants); n is 1 or more.
    instants : int

    Notes
    -----
    Exact, with O(log n) and the sum over a label's instants a trial; trials are few because a
    label's uniqueness never rises.
    """

    cdef sampler_t state
    cdef object arrays

    def __cinit__(self, lo, hi, int64_t instants):
        _check(lo, hi, instants)
        cdef int64_t n = len(lo)
        cdef int64_t leaves = 1
        cdef int64_t k
        if n < 1:
            raise ValueError("there must be a label to draw")
        while leaves < n:
            leaves *= 2
        bounds = np.zeros(2 * leaves)
        bounds[leaves:leaves + n] = 1.0
        self.arrays = (
            np.array(lo, np.int64), np.array(hi, np.int64), np.zeros(instants, np.int64),
            np.ones(instants),
            np.add.reduceat(np.ones(instants), np.arange(0, instants, <int64_t>BLOCK)), bounds)
        cdef int64_t[::1] first = self.arrays[0]
        cdef int64_t[::1] last = self.arrays[1]
        cdef int64_t[::1] count = self.arrays[2]
        cdef double[::1] share = self.arrays[3]
        cdef double[::1] block = self.arrays[4]
        cdef double[::1] tree = bounds
        for k in range(leaves - 1, 0, -1):
            tree[k] = tree[2 * k] + tree[2 * k + 1]
        self.state.n = n
        self.state.instants = instants
        self.state.leaves = leaves
        self.state.lo = &first[0]
        self.state.hi = &last[0]
        self.state.count = &count[0]
        self.state.share = &share[0]
        self.state.block = &block[0]
        self.state.tree = &tree[0]

    def draw(self, const double[:, ::1] uniforms, int64_t wanted):
        """Draw until there are enough labels or no more uniforms.

        Parameters
        ----------
        uniforms : float64 array, shape (k, 2), in [0, 1)
            One row a trial.
        wanted : int

        Returns
        -------
        int64 array, at most `wanted`
        """
        out = np.empty(wanted, np.int64)
        cdef int64_t[::1] target = out
        cdef int64_t tried = 0
        cdef int64_t done
        if wanted < 1 or uniforms.shape[0] < 1 or uniforms.shape[1] != 2:
            return out[:0]
        with nogil:
            done = draw(&self.state, &uniforms[0, 0], uniforms.shape[0], &target[0], wanted,
                        &tried)
        return out[:done].copy()

    def take(self, int64_t label):
        """Count a label as drawn."""
        if not 0 <= label < self.state.n:
            raise ValueError(f"label must lie in [0, {self.state.n}), was {label}")
        take(&self.state, label)

    def weights(self):
        """Each label's uniqueness given those drawn, were it drawn next; shape (n,)."""
        out = np.empty(self.state.n)
        cdef double[::1] target = out
        cdef int64_t i
        with nogil:
            for i in range(self.state.n):
                target[i] = uniqueness(&self.state, i)
        return out
