"""Labels over a path of prices: first touch of barriers, CUSUM events, trends, running deviation.

Paths may hold NaN where nothing can be traded; no comparison with NaN is true, so such rows are
passed over. A first touch is looked for in blocks: a block whose extremes touch nothing is skipped.
"""
import numpy as np

from libc.math cimport INFINITY, fabs, sqrt
from libc.stdint cimport int8_t, int64_t

from dreammaker._ext.mathx cimport dm_nan

cdef enum:
    BLOCK = 64


# hot: begin
cdef void extremes(const double* x, int64_t n, bint largest, double* out) noexcept nogil:
    # The extreme of every block of rows; NaN never wins.
    cdef int64_t b, j
    cdef double best
    for b in range((n + BLOCK - 1) // BLOCK):
        best = -INFINITY if largest else INFINITY
        for j in range(b * BLOCK, (b + 1) * BLOCK if (b + 1) * BLOCK < n else n):
            if (x[j] > best) if largest else (x[j] < best):
                best = x[j]
        out[b] = best


cdef inline int64_t touch(const double* bid_high, const double* bid_low, const double* ask_high,
                          const double* ask_low, const double* blocks, int64_t block_count,
                          int64_t begin, int64_t stop, const double* level) noexcept nogil:
    # First row in [begin, stop) with the bid at or beyond level 0 (above) or 1 (below), or the ask
    # at or beyond level 2 or 3; -1 = none.
    cdef int64_t j = begin
    cdef int64_t b
    while j < stop:
        b = j // BLOCK
        if j % BLOCK == 0 and not (
                blocks[b] >= level[0] or blocks[block_count + b] <= level[1]
                or blocks[2 * block_count + b] >= level[2]
                or blocks[3 * block_count + b] <= level[3]):
            j += BLOCK
            continue
        if (bid_high[j] >= level[0] or bid_low[j] <= level[1] or ask_high[j] >= level[2]
                or ask_low[j] <= level[3]):
            return j
        j += 1
    return -1


cdef int64_t cusum(const double* x, const double* h, const int64_t* segment, int64_t n,
                   int64_t* rows, int8_t* sides) noexcept nogil:
    cdef int64_t i
    cdef int64_t found = 0
    cdef int64_t current = -1
    cdef bint known = False
    cdef double last = 0.0
    cdef double up = 0.0
    cdef double down = 0.0
    cdef double move
    for i in range(n):
        if segment[i] != current:
            current = segment[i]
            known = False
            up = down = 0.0
        if x[i] != x[i]:
            continue
        if known:
            move = x[i] - last
            up = up + move if up + move > 0.0 else 0.0
            down = down + move if down + move < 0.0 else 0.0
            # A threshold that is not known yet lets nothing through.
            if up >= h[i]:
                up = 0.0
                rows[found] = i
                sides[found] = 1
                found += 1
            elif down <= -h[i]:
                down = 0.0
                rows[found] = i
                sides[found] = -1
                found += 1
        last = x[i]
        known = True
    return found


cdef void trend(const double* x, const int64_t* time, int64_t row, int64_t last_row,
                int64_t start, int64_t step, int64_t shortest, int64_t longest,
                double* best_t, int64_t* best_length) noexcept nogil:
    # t of the OLS slope over the first L samples, for the L whose |t| is largest (the first such).
    # Centred moments are carried along (Welford), measured from the first sample.
    cdef int64_t k
    cdef int64_t moment = start
    cdef double first = x[row]
    cdef double n, y, dx, dy
    cdef double mean_x = 0.0
    cdef double mean_y = 0.0
    cdef double sxx = 0.0
    cdef double sxy = 0.0
    cdef double syy = 0.0
    cdef double rest, t
    best_t[0] = 0.0
    best_length[0] = shortest
    for k in range(longest):
        while row < last_row and time[row + 1] <= moment:
            row += 1
        n = <double>(k + 1)
        y = x[row] - first
        dx = <double>k - mean_x
        dy = y - mean_y
        mean_x += dx / n
        mean_y += dy / n
        sxx += dx * (<double>k - mean_x)
        sxy += dx * (y - mean_y)
        syy += dy * (y - mean_y)
        moment += step
        if k + 1 < shortest:
            continue
        rest = syy - sxy * sxy / sxx
        if sxy == 0.0 or syy == 0.0:
            t = 0.0
        elif rest <= 1e-13 * syy:
            # A straight line: no residual is left but rounding.
            t = INFINITY if sxy > 0.0 else -INFINITY
        else:
            t = sxy / sxx / sqrt(rest / (n - 2.0) / sxx)
        if fabs(t) > fabs(best_t[0]):
            best_t[0] = t
            best_length[0] = k + 1


cdef void deviation(const double* x, int64_t n, double keep, int64_t least,
                    double* out) noexcept nogil:
    # Exponentially weighted standard deviation, weights normalised and bias removed.
    cdef int64_t i
    cdef int64_t seen = 0
    cdef double weight = 0.0
    cdef double squares = 0.0
    cdef double mean = 0.0
    cdef double spread = 0.0
    cdef double apart
    for i in range(n):
        if x[i] == x[i]:
            seen += 1
            weight = keep * weight + 1.0
            squares = keep * keep * squares + 1.0
            apart = x[i] - mean
            mean += apart / weight
            spread = keep * spread + (1.0 - 1.0 / weight) * apart * apart
        if seen < least or seen < 2:
            out[i] = dm_nan()
        else:
            out[i] = sqrt(spread / (weight - squares / weight))
# hot: end


def first_touch(const double[::1] bid_high, const double[::1] bid_low,
                const double[::1] ask_high, const double[::1] ask_low,
                const int64_t[::1] begin, const int64_t[::1] stop, const double[:, ::1] levels):
    """First row of each event whose prices reach one of its four levels.

    Parameters
    ----------
    bid_high, bid_low, ask_high, ask_low : float64 array, shape (n,)
    begin, stop : int64 array, shape (m,)
        Rows [begin, stop) of the n are looked at.
    levels : float64 array, shape (m, 4)
        Bid at or above, bid at or below, ask at or above, ask at or below; infinite = none.

    Returns
    -------
    int64 array, shape (m,)
        Row, -1 where none does.
    """
    cdef int64_t n = bid_high.shape[0]
    cdef int64_t m = begin.shape[0]
    cdef int64_t block_count = (n + BLOCK - 1) // BLOCK
    cdef int64_t i
    found = np.full(m, -1, np.int64)
    if not (bid_low.shape[0] == ask_high.shape[0] == ask_low.shape[0] == n
            and stop.shape[0] == levels.shape[0] == m and levels.shape[1] == 4):
        raise ValueError("arrays must have one entry a row or one an event")
    if n == 0 or m == 0:
        return found
    if np.min(begin) < 0 or np.max(stop) > n:
        raise ValueError(f"rows must lie in [0, {n}]")
    blocks = np.empty((4, block_count))
    cdef double[:, ::1] block = blocks
    cdef int64_t[::1] out = found
    with nogil:
        extremes(&bid_high[0], n, True, &block[0, 0])
        extremes(&bid_low[0], n, False, &block[1, 0])
        extremes(&ask_high[0], n, True, &block[2, 0])
        extremes(&ask_low[0], n, False, &block[3, 0])
        for i in range(m):
            out[i] = touch(&bid_high[0], &bid_low[0], &ask_high[0], &ask_low[0], &block[0, 0],
                           block_count, begin[i], stop[i], &levels[i, 0])
    return found


def cusum_rows(const double[::1] values, const double[::1] threshold,
               const int64_t[::1] segment):
    """Rows at which a symmetric CUSUM reaches its threshold, and the side (AFML 2.5.2.1).

    Parameters
    ----------
    values, threshold : float64 array, shape (n,)
        A NaN value is passed over; a NaN threshold lets nothing through.
    segment : int64 array, shape (n,)
        The sums start anew where it changes.

    Returns
    -------
    rows : int64 array
    sides : int8 array
        +1 up, -1 down.
    """
    cdef int64_t n = values.shape[0]
    cdef int64_t count = 0
    if threshold.shape[0] != n or segment.shape[0] != n:
        raise ValueError("arrays must have one entry a row")
    rows = np.empty(n, np.int64)
    sides = np.empty(n, np.int8)
    cdef int64_t[::1] row = rows
    cdef int8_t[::1] side = sides
    if n:
        with nogil:
            count = cusum(&values[0], &threshold[0], &segment[0], n, &row[0], &side[0])
    return rows[:count].copy(), sides[:count].copy()


def trends(const double[::1] values, const int64_t[::1] time, const int64_t[::1] row,
           const int64_t[::1] last_row, const int64_t[::1] start, int64_t step,
           int64_t shortest, const int64_t[::1] longest):
    """The t-value of each event's most certain trend, and its samples.

    Parameters
    ----------
    values, time : array, shape (n,)
        Prices (no NaN where they are looked at) and their times, non-decreasing.
    row, last_row, start, longest : int64 array, shape (m,)
        Row in force at the first sample; last row that may be used; time of the first sample; the
        most samples, `shortest` or more.
    step : int
        Time between samples, above 0.
    shortest : int
        Fewest samples, 3 or more.

    Returns
    -------
    t : float64 array, shape (m,)
        Infinite for a straight line, 0 for a flat one.
    samples : int64 array, shape (m,)
    """
    cdef int64_t m = row.shape[0]
    cdef int64_t i
    if not (last_row.shape[0] == start.shape[0] == longest.shape[0] == m
            and values.shape[0] == time.shape[0]):
        raise ValueError("arrays must have one entry a row or one an event")
    if m and (np.min(row) < 0 or np.max(last_row) >= values.shape[0] or shortest < 3):
        raise ValueError("rows must lie inside the path, shortest must be 3 or more")
    found = np.empty(m)
    counts = np.empty(m, np.int64)
    cdef double[::1] t = found
    cdef int64_t[::1] length = counts
    with nogil:
        for i in range(m):
            trend(&values[0], &time[0], row[i], last_row[i], start[i], step, shortest, longest[i],
                  &t[i], &length[i])
    return found, counts


def ewm_deviation(const double[::1] values, double span, int64_t least):
    """Exponentially weighted standard deviation, as pandas'
    ``ewm(span=span, ignore_na=True).std()``.

    Parameters
    ----------
    values : float64 array, shape (n,)
        NaN is passed over; the deviation before it stands.
    span : float
        Above 1; a value's weight falls by 1 - 2 / (span + 1) with every later one.
    least : int
        NaN until this many values were seen.

    Returns
    -------
    float64 array, shape (n,)
    """
    out = np.empty(values.shape[0])
    cdef double[::1] target = out
    if values.shape[0]:
        with nogil:
            deviation(&values[0], values.shape[0], 1.0 - 2.0 / (span + 1.0), least, &target[0])
    return out
