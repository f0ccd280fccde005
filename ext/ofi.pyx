"""Order-flow imbalance over arrays of frames."""
from libc.stdint cimport int32_t, int64_t

from dreammaker._ext.book cimport FRAME_LEVELS, frame_t
from dreammaker._ext.ladder cimport worst_key
from dreammaker._ext.ofi cimport ofi_levels, ofi_volume_levels

import numpy as np


cdef void _read_frame(const int32_t* ticks, const int32_t* qty, int64_t depth, int levels,
                      frame_t* frame) noexcept nogil:
    cdef int m
    for m in range(levels):
        frame.bid_qty[m] = qty[m] if qty[m] > 0 else 0
        frame.bid_ticks[m] = ticks[m] if qty[m] > 0 else worst_key()
        frame.ask_qty[m] = qty[depth + m] if qty[depth + m] > 0 else 0
        frame.ask_ticks[m] = ticks[depth + m] if qty[depth + m] > 0 else ~worst_key()


cdef void _ofi_rows(const int32_t* ticks, const int32_t* qty, int64_t rows, int64_t depth,
                    int levels, bint volume, int64_t* out) noexcept nogil:
    cdef frame_t frames[2]
    cdef int64_t row
    _read_frame(ticks, qty, depth, levels, &frames[0])
    for row in range(1, rows):
        _read_frame(&ticks[row * 2 * depth], &qty[row * 2 * depth], depth, levels,
                    &frames[row & 1])
        if volume:
            ofi_volume_levels(&frames[(row - 1) & 1], &frames[row & 1], levels, &out[row * levels])
        else:
            ofi_levels(&frames[(row - 1) & 1], &frames[row & 1], levels, &out[row * levels])


def ofi_rows(ticks, qty, *, levels=None, method="cont"):
    """Order-flow imbalance of each frame against the one before it, level by level.

    With b, qb (a, qa) the price and size of bid (ask) level m, and b', qb', a', qa' the same one
    row earlier, ``method="cont"`` gives

        e^m = [b >= b'] qb - [b <= b'] qb' - [a <= a'] qa + [a >= a'] qa'

    (Cont, Kukanov and Stoikov 2014, section 2.1; at deeper levels Xu, Gould and Howison 2018). A
    level that a row does not have (quantity 0, whatever its price) stands there with size 0 at the
    worst price there is, so its own term is nothing: a level that appears counts with its whole
    size, one that vanishes with minus its size, one absent in both rows with 0.
    ``method="volume"`` gives the literal (qb - qb') - (qa - qa'), which differs wherever a price
    moves.

    Parameters
    ----------
    ticks, qty : numpy.ndarray
        int32, shape (rows, 2, N), N from 1 to 10, C-contiguous: bids at [:, 0], asks at [:, 1],
        best first, as `BookKernel.frames` writes them.
    levels : int, optional
        Levels to compute, 1 to N; all N by default.
    method : {"cont", "volume"}
        See above.

    Returns
    -------
    numpy.ndarray
        int64, shape (rows, levels), lots. Row 0 is 0: it has no row before it.

    Raises
    ------
    ValueError
        If a shape, `levels` or `method` is not as described.

    Examples
    --------
    >>> import numpy as np
    >>> ticks = np.array([[[26000], [26001]], [[26001], [26002]]], np.int32)
    >>> qty = np.array([[[15], [7]], [[4], [20]]], np.int32)
    >>> ofi_rows(ticks, qty).tolist(), ofi_rows(ticks, qty, method="volume").tolist()
    ([[0], [11]], [[0], [-24]])
    """
    cdef const int32_t[:, :, ::1] ticks_view = ticks
    cdef const int32_t[:, :, ::1] qty_view = qty
    cdef int64_t rows = ticks_view.shape[0]
    cdef int64_t depth = ticks_view.shape[2]
    if ticks_view.shape[1] != 2 or not 1 <= depth <= FRAME_LEVELS:
        raise ValueError(f"ticks must have shape (rows, 2, 1 to {FRAME_LEVELS}), "
                         f"had {np.shape(ticks)}")
    if np.shape(qty) != np.shape(ticks):
        raise ValueError(f"qty must have the shape of ticks {np.shape(ticks)}, "
                         f"had {np.shape(qty)}")
    if levels is None:
        levels = depth
    if not 1 <= levels <= depth:
        raise ValueError(f"levels must be 1 to {depth}, was {levels}")
    if method not in ("cont", "volume"):
        raise ValueError(f'method must be "cont" or "volume", was {method!r}')
    cdef int used = levels
    cdef bint volume = method == "volume"
    out = np.zeros((rows, used), np.int64)
    cdef int64_t[:, ::1] out_view = out
    if rows > 1:
        with nogil:
            _ofi_rows(&ticks_view[0, 0, 0], &qty_view[0, 0, 0], rows, depth, used, volume,
                      &out_view[0, 0])
    return out
