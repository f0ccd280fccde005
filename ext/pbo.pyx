"""Combinatorially symmetric cross-validation: every choice of half the blocks, from block sums.

A half's sums are one addition: all subsets of the lower and of the upper blocks are summed once
beforehand, and a half is a pair of those. A choice and its complement are evaluated together, since
each is the other's test.
"""
import numpy as np

from libc.math cimport fabs, sqrt
from libc.stdint cimport int64_t

# A half whose spread is below this share of its squares about the column's mean is constant; the
# difference of the two sums carries rounding of that order.
cdef double CONSTANT = 1e-13
cdef double ZERO = 1e-12


# hot: begin
cdef void block_sums(const double* x, const int64_t* bounds, int64_t blocks, int64_t n,
                     double* centre, double* sums, double* squares) noexcept nogil:
    # Row after row, so that the order of addition is fixed and columns go side by side.
    cdef int64_t b, t, j
    cdef double d
    cdef double rows = <double>bounds[blocks]
    for j in range(n):
        centre[j] = 0.0
    for t in range(bounds[blocks]):
        for j in range(n):
            centre[j] += x[t * n + j]
    for j in range(n):
        centre[j] /= rows
    for b in range(blocks):
        for j in range(n):
            sums[b * n + j] = 0.0
            squares[b * n + j] = 0.0
        for t in range(bounds[b], bounds[b + 1]):
            for j in range(n):
                d = x[t * n + j] - centre[j]
                sums[b * n + j] += d
                squares[b * n + j] += d * d


cdef void subset_sums(const double* parts, int64_t count, int64_t n, double* table) noexcept nogil:
    # table[mask] is the sum of the parts whose bit is set, lowest bit added last.
    cdef int64_t mask, bit, rest, j
    for j in range(n):
        table[j] = 0.0
    for mask in range(1, (<int64_t>1) << count):
        bit = 0
        while not (mask >> bit) & 1:
            bit += 1
        rest = mask & (mask - 1)
        for j in range(n):
            table[mask * n + j] = table[rest * n + j] + parts[bit * n + j]


cdef int64_t half_values(const double* low_sum, const double* high_sum, const double* low_square,
                         const double* high_square, const double* centre, double rows, int64_t n,
                         int64_t sharpe, double* spread, double* out) noexcept nogil:
    # The metric of each column on one half; the column that has none, or -1.
    cdef int64_t j, constant = 0
    cdef double s, q, mean, per_row = 1.0 / rows, per_degree
    if not sharpe:
        for j in range(n):
            out[j] = centre[j] + (low_sum[j] + high_sum[j]) * per_row
        return -1
    per_degree = 1.0 / (rows - 1.0)
    for j in range(n):
        s = low_sum[j] + high_sum[j]
        q = low_square[j] + high_square[j]
        spread[j] = q - s * s * per_row - CONSTANT * q
        out[j] = (centre[j] + s * per_row) / sqrt((q - s * s * per_row) * per_degree)
    for j in range(n):
        constant |= not spread[j] > 0.0
    if not constant:
        return -1
    for j in range(n):
        if spread[j] > 0.0:
            continue
        # What never moved from zero neither won nor lost.
        mean = centre[j] + (low_sum[j] + high_sum[j]) * per_row
        if fabs(mean) > ZERO * fabs(centre[j]):
            return j
        out[j] = 0.0
    return -1


cdef void choose(const double* inside, const double* outside, int64_t n, int64_t at, int64_t* best,
                 double* chosen_in, double* chosen_out, double* rank,
                 double* mean_out) noexcept nogil:
    # The first best inside, and its average rank outside (1 the worst).
    cdef int64_t j, top = 0, below = 0, equal = 0
    cdef double a = 0.0, b = 0.0, value
    for j in range(1, n):
        if inside[j] > inside[top]:
            top = j
    value = outside[top]
    for j in range(n):
        below += outside[j] < value
        equal += outside[j] == value
    j = 0
    while j + 2 <= n:
        a += outside[j]
        b += outside[j + 1]
        j += 2
    if j < n:
        a += outside[j]
    best[at] = top
    chosen_in[at] = inside[top]
    chosen_out[at] = value
    rank[at] = <double>below + 0.5 * <double>(equal + 1)
    mean_out[at] = (a + b) / <double>n


cdef int64_t all_choices(const double* low_sum, const double* high_sum, const double* low_square,
                         const double* high_square, const double* centre, const int64_t* bounds,
                         int64_t blocks, int64_t n, int64_t sharpe, int64_t choices,
                         int64_t* picked, double* work, int64_t* best, double* chosen_in,
                         double* chosen_out, double* rank, double* mean_out) noexcept nogil:
    # The first half of the choices in lexicographic order holds block 0; their complements are the
    # second half, backwards. Returns the column without a metric, or -1.
    cdef int64_t half = blocks // 2, full = ((<int64_t>1) << half) - 1
    cdef int64_t at, i, k, low, high, fault
    cdef double rows
    cdef double* inside = work
    cdef double* outside = work + n
    cdef double* spread = work + 2 * n
    for i in range(half):
        picked[i] = i
    for at in range(choices // 2):
        low = 0
        high = 0
        rows = 0.0
        for i in range(half):
            k = picked[i]
            rows += <double>(bounds[k + 1] - bounds[k])
            if k < half:
                low |= (<int64_t>1) << k
            else:
                high |= (<int64_t>1) << (k - half)
        fault = half_values(low_sum + low * n, high_sum + high * n, low_square + low * n,
                            high_square + high * n, centre, rows, n, sharpe, spread, inside)
        if fault >= 0:
            return fault
        low = full - low
        high = full - high
        rows = <double>bounds[blocks] - rows
        fault = half_values(low_sum + low * n, high_sum + high * n, low_square + low * n,
                            high_square + high * n, centre, rows, n, sharpe, spread, outside)
        if fault >= 0:
            return fault
        choose(inside, outside, n, at, best, chosen_in, chosen_out, rank, mean_out)
        choose(outside, inside, n, choices - 1 - at, best, chosen_in, chosen_out, rank, mean_out)
        # The next choice in lexicographic order.
        i = half - 1
        while i >= 0 and picked[i] == blocks - half + i:
            i -= 1
        if i < 0:
            break
        picked[i] += 1
        for k in range(i + 1, half):
            picked[k] = picked[k - 1] + 1
    return -1
# hot: end


def evaluate(const double[:, ::1] returns not None, const int64_t[::1] bounds not None,
             int64_t choices, bint sharpe):
    """Best strategy of each half and how it did on the other.

    Parameters
    ----------
    returns : array of float64, shape (T, N)
        Finite.
    bounds : array of int64, shape (S + 1,)
        Row numbers that cut the rows into S blocks; S even, 2 to 24.
    choices : int
        ``C(S, S / 2)``.
    sharpe : bool
        Mean over standard deviation (ddof 1) if true, else the mean.

    Returns
    -------
    tuple
        ``(fault, best, in_sample, out_of_sample, rank, mean_out_of_sample)``, arrays of shape
        (choices,) in lexicographic order of the chosen blocks. `fault` is a column that is
        constant, and not zero, on some half, or -1.
    """
    cdef int64_t blocks = bounds.shape[0] - 1, n = returns.shape[1], half = blocks // 2
    cdef int64_t i, expected = 1
    if not 2 <= blocks <= 24 or blocks % 2 or n < 1 or returns.shape[0] < blocks:
        raise ValueError(f"blocks must be even, 2 to 24 and no more than the rows, was {blocks}")
    if bounds[0] != 0 or bounds[blocks] != returns.shape[0] or (np.diff(bounds) < 1).any():
        raise ValueError("bounds must rise from 0 to the number of rows")
    for i in range(half):
        # Exact at every step: C(blocks, i + 1).
        expected = expected * (blocks - i) // (i + 1)
    if choices != expected:
        raise ValueError(f"choices must be C({blocks}, {half}) = {expected}, was {choices}")
    sums_of, squares_of = np.empty((blocks, n)), np.empty((blocks, n))
    tables = np.empty((4, 1 << half, n))
    scratch = np.empty((3, n))
    middle = np.empty(n)
    chosen = np.empty(half, np.int64)
    best_of = np.empty(choices, np.int64)
    figures = np.empty((4, choices))
    cdef double[:, ::1] sums = sums_of, squares = squares_of, work = scratch, out = figures
    cdef double[:, :, ::1] table = tables
    cdef double[::1] centre = middle
    cdef int64_t[::1] picked = chosen, best = best_of
    cdef int64_t fault
    with nogil:
        block_sums(&returns[0, 0], &bounds[0], blocks, n, &centre[0], &sums[0, 0], &squares[0, 0])
        subset_sums(&sums[0, 0], half, n, &table[0, 0, 0])
        subset_sums(&sums[half, 0], half, n, &table[1, 0, 0])
        subset_sums(&squares[0, 0], half, n, &table[2, 0, 0])
        subset_sums(&squares[half, 0], half, n, &table[3, 0, 0])
        fault = all_choices(&table[0, 0, 0], &table[1, 0, 0], &table[2, 0, 0], &table[3, 0, 0],
                            &centre[0], &bounds[0], blocks, n, sharpe, choices, &picked[0],
                            &work[0, 0], &best[0], &out[0, 0], &out[1, 0], &out[2, 0], &out[3, 0])
    return fault, best_of, figures[0], figures[1], figures[2], figures[3]
