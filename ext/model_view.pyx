"""What a model sees of a feature row, and whether that still looks like what it was trained on."""
import numpy as np

cimport numpy as cnp
from libc.stdint cimport int64_t, uint8_t

from dreammaker._ext.mathx cimport dm_nan

cnp.import_array()


cdef inline double* values_of(object row, int64_t count) except NULL:
    if (not isinstance(row, cnp.ndarray) or cnp.PyArray_TYPE(<cnp.ndarray>row) != cnp.NPY_DOUBLE
            or cnp.PyArray_NDIM(<cnp.ndarray>row) != 1
            or not cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>row)
            or cnp.PyArray_DIM(<cnp.ndarray>row, 0) != count):
        raise ValueError(f"a row must be a contiguous float64 array of {count} values")
    return <double*>cnp.PyArray_DATA(<cnp.ndarray>row)


cdef class RowView:
    """Inputs of a model from a feature row: a column as it is, or less the mid in ticks.

    Parameters
    ----------
    column : int64 array, shape (inputs,)
        Feature of each input.
    relative : uint8 array, shape (inputs,)
        1 where the input is ``(feature - mid) / tick_size``.
    mid : int
        Column of the mid.
    features : int
        Values in a feature row.
    tick_size : float
        Points.

    Raises
    ------
    ValueError
        If a column lies outside the row, or the tick size is not above 0.
    """

    cdef readonly int64_t inputs, features
    cdef int64_t[::1] column
    cdef uint8_t[::1] relative
    cdef int64_t mid
    cdef double tick_size

    def __init__(self, column, relative, int64_t mid, int64_t features, double tick_size):
        self.column = np.array(column, np.int64)
        self.relative = np.array(relative, np.uint8)
        self.inputs, self.features, self.mid = self.column.shape[0], features, mid
        self.tick_size = tick_size
        if self.relative.shape[0] != self.inputs or not 0 <= mid < features or any(
                not 0 <= each < features for each in column):
            raise ValueError(f"columns must lie in 0..{features - 1}, one kind for each")
        if not 0.0 < tick_size < 1e300:
            raise ValueError(f"tick_size must be above 0, was {tick_size}")

    # hot: begin
    cdef void view(self, const double* features, double* out) noexcept nogil:
        cdef int64_t j
        cdef double value
        for j in range(self.inputs):
            value = features[self.column[j]]
            if self.relative[j]:
                value = (value - features[self.mid]) / self.tick_size
            out[j] = value if value == value else dm_nan()
    # hot: end

    def row(self, features, out):
        """Inputs of one row into ``out``, a float64 array of shape (inputs,)."""
        cdef const double* values = values_of(features, self.features)
        self.view(values, values_of(out, self.inputs))

    def rows(self, features):
        """Inputs of many rows; float64 arrays of shape (n, features) and (n, inputs)."""
        cdef const double[:, ::1] x = features
        cdef int64_t i
        if x.shape[1] != self.features:
            raise ValueError(f"rows must have {self.features} features, had {x.shape[1]}")
        found = np.empty((x.shape[0], self.inputs))
        cdef double[:, ::1] out = found
        for i in range(x.shape[0]):
            self.view(&x[i, 0], &out[i, 0])
        return found


cdef class Watch:
    """Running shares of missing and of out-of-range inputs, against those of the training rows.

    Parameters
    ----------
    nan_rate, low, high : float64 array, shape (inputs,)
        Of the training rows; low and high NaN where a range is not known.
    window : float
        Rows over which shares are averaged, exponentially.
    missing_excess : float
        How far the share of missing values may rise above that of training.
    outside_share : float
        Share of values outside the range above which an input has drifted away.
    opening_s : float64 array, shape (inputs,), optional
        How long an input may be missing from a session's first row on before that counts; 0 for
        all where not given.
    """

    cdef readonly object missing, outside
    cdef double[::1] missing_now, outside_now, nan_rate, low, high, opening_s
    cdef uint8_t[::1] seen
    cdef double step, missing_excess, outside_share

    def __init__(self, nan_rate, low, high, double window, double missing_excess,
                 double outside_share, opening_s=None):
        if opening_s is None:
            opening_s = np.zeros(len(nan_rate))
        if (not (len(nan_rate) == len(low) == len(high) == len(opening_s))
                or not window >= 1.0):
            raise ValueError("rates and ranges must have one length, window be 1 or more")
        self.nan_rate, self.low, self.high, self.opening_s = (
            np.array(part, np.float64) for part in (nan_rate, low, high, opening_s))
        self.seen = np.zeros(len(nan_rate), np.uint8)
        self.missing, self.outside = np.array(nan_rate, np.float64), np.zeros(len(nan_rate))
        self.missing_now, self.outside_now = self.missing, self.outside
        self.step, self.missing_excess = 1.0 / window, missing_excess
        self.outside_share = outside_share

    # hot: begin
    cdef int64_t take(self, const double* row, double age_s) noexcept nogil:
        # Every input is taken in before the first that is wrong is named.
        cdef int64_t j, found = 0
        cdef double value, out
        for j in range(self.nan_rate.shape[0]):
            value = row[j]
            out = 1.0 if value < self.low[j] or value > self.high[j] else 0.0
            if value == value:
                self.seen[j] = 1
                self.outside_now[j] = self.outside_now[j] + self.step * (out - self.outside_now[j])
            # The session has just opened, and its windows were as empty in training.
            if self.seen[j] or age_s >= self.opening_s[j]:
                self.missing_now[j] = self.missing_now[j] + self.step * (
                    (0.0 if value == value else 1.0) - self.missing_now[j])
            if found == 0:
                if self.missing_now[j] > self.nan_rate[j] + self.missing_excess:
                    found = j + 1
                elif self.outside_now[j] > self.outside_share:
                    found = -(j + 1)
        return found
    # hot: end

    def open(self):
        """Begin a session: no input has been seen in it."""
        self.seen[:] = 0

    def look(self, row, double age_s):
        """Take a row in, so many seconds after the session's first one.

        0 = all is well, j + 1 = input j is missing, -(j + 1) = it has drifted.
        """
        return self.take(values_of(row, self.nan_rate.shape[0]), age_s)
