"""Tree ensembles flattened into arrays, one row at a time (see ``trees.h``).

``dreammaker.models.tree_layout`` makes the arrays and vouches for them; this class checks lengths
and kinds, holds the arrays, and turns raw sums into outcomes with this house's own exp. It works in
buffers of its own, so that one object serves one thread.
"""
import numpy as np

cimport numpy as cnp
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t

from dreammaker._ext.mathx cimport dm_exp
from dreammaker._ext.trees cimport (TREES_EXP, TREES_IDENTITY, TREES_SIGMOID, TREES_SOFTMAX,
                                    dm_tree_entry, dm_tree_node, dm_trees, dm_trees_row,
                                    dm_trees_simd)

cnp.import_array()

# Whether the processor has AVX-512; tests lower it.
cdef int simd = dm_trees_simd()


def simd_level(limit=None):
    """Instruction set in use: 0 baseline, 1 AVX-512. Both give the same bits.

    Parameters
    ----------
    limit : int, optional
        Highest level to use from now on, where the processor has it.

    Returns
    -------
    int
    """
    global simd
    if limit is not None:
        simd = max(0, min(<int>limit, dm_trees_simd()))
    return simd


cdef void* address(dict kept, str name, object kind, int64_t least) except NULL:
    # A contiguous array of this kind; where the class keeps it, its address stays.
    cdef object array = kept[name]
    if (not isinstance(array, np.ndarray) or array.dtype != np.dtype(kind) or array.ndim != 1
            or not array.flags.c_contiguous):
        raise ValueError(f"{name} must be a contiguous array of {np.dtype(kind)}")
    if array.size < least:
        raise ValueError(f"{name} must have at least {least} values, had {array.size}")
    return cnp.PyArray_DATA(<cnp.ndarray>array)


cdef inline const double* row_pointer(object row, int64_t features) except NULL:
    if (not isinstance(row, cnp.ndarray) or cnp.PyArray_TYPE(<cnp.ndarray>row) != cnp.NPY_DOUBLE
            or cnp.PyArray_NDIM(<cnp.ndarray>row) != 1
            or not cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>row)
            or cnp.PyArray_DIM(<cnp.ndarray>row, 0) != features):
        raise ValueError(f"a row must be a contiguous float64 array of {features} values")
    return <const double*>cnp.PyArray_DATA(<cnp.ndarray>row)


cdef class Trees:
    """An ensemble of decision trees.

    Parameters
    ----------
    arrays : mapping of str to array
        As ``dreammaker.models.tree_layout.flatten`` makes them; kept.
    features, outputs : int
        Values in a row; values that a row gives.
    rounds : int
        Consecutive trees that belong to different outputs (1, or ``outputs``).
    width : int
        Values in a leaf (``outputs`` where each leaf speaks of all of them, else 1).
    single : bool
        Whether inputs are rounded to single precision first.
    transform : int
        From raw sums to outcomes: 0 as they are, 1 sigmoid of each, 2 softmax, 3 exp.
    slope : float
        Of the sigmoid.
    divisor : float
        Raw sums are divided by it first.

    Raises
    ------
    ValueError
        If an array is missing, too short or of another kind.
    """

    def __init__(self, arrays, *, int64_t features, int64_t outputs, int64_t rounds,
                 int64_t width, bint single, int64_t transform, double slope, double divisor):
        cdef dict kept = dict(arrays)
        cdef dm_trees* m = &self.model
        if features < 1 or outputs < 1 or not TREES_IDENTITY <= transform <= TREES_EXP:
            raise ValueError("features and outputs must be at least 1, transform in 0..3")
        if (rounds, width) not in ((1, 1), (1, outputs), (outputs, 1)) or (
                outputs > 1 and rounds == width):
            raise ValueError("each output must have its own trees or its own value in each leaf")
        m.features, m.rounds, m.width, m.single = features, rounds, width, single
        m.columns = len(kept["column_feature"])
        m.narrow, m.wide = len(kept["narrow_tree"]), len(kept["wide_tree"])
        m.trees = m.narrow + m.wide
        m.blocks = len(kept["block_first"]) - 1
        if m.blocks > 0 and m.columns > 64:
            raise ValueError(f"blocks take 64 columns at most, were {m.columns}")
        steps = int(kept["block_first"][m.blocks]) * 32 if m.blocks > 0 else 0
        m.first = <const int64_t*>address(kept, "first", np.int64, features + 1)
        m.thresholds = <const double*>address(
            kept, "thresholds", np.float64, int(kept["first"][features]))
        m.grid_first = <const int64_t*>address(kept, "grid_first", np.int64, features)
        m.grid = <const double*>address(kept, "grid", np.float64, 0)
        m.column_feature = <const int32_t*>address(kept, "column_feature", np.int32, 0)
        m.column_kind = <const uint8_t*>address(kept, "column_kind", np.uint8, m.columns)
        m.narrow_tree = <const int64_t*>address(kept, "narrow_tree", np.int64, 0)
        m.narrow_leaf = <const int64_t*>address(kept, "narrow_leaf", np.int64, m.narrow)
        m.column_prefix = <const int64_t*>address(kept, "column_prefix", np.int64, m.columns)
        m.prefix = <const int32_t*>address(kept, "prefix", np.int32, 0)
        m.entry_first = <const int32_t*>address(kept, "entry_first", np.int32, m.columns)
        m.entries = <const dm_tree_entry*>address(kept, "entries", np.uint32, 0)
        m.block_first = <const int64_t*>address(kept, "block_first", np.int64, 1)
        m.block_column = <const uint8_t*>address(kept, "block_column", np.uint8, steps)
        m.block_cut = <const int16_t*>address(kept, "block_cut", np.int16, steps)
        m.block_mask = <const uint32_t*>address(kept, "block_mask", np.uint32, steps)
        m.wide_tree = <const int64_t*>address(kept, "wide_tree", np.int64, 0)
        groups = (m.wide + 7) // 8
        m.wide_root = <const int32_t*>address(kept, "wide_root", np.int32, groups * 8)
        m.wide_depth = <const int32_t*>address(kept, "wide_depth", np.int32, groups)
        m.nodes = <const dm_tree_node*>address(kept, "nodes", np.int32, 0)
        m.leaves = <const double*>address(kept, "leaves", np.float64, 0)
        kept["ranks"] = np.zeros(max(m.columns, 1), np.int32)
        kept["short_ranks"] = np.zeros(64, np.int16)
        kept["gone"] = np.zeros((m.narrow + 31) // 32 * 32 + 32, np.uint32)
        kept["exits"] = np.zeros(max(m.trees, 1), np.int32)
        m.ranks = <int32_t*>address(kept, "ranks", np.int32, 1)
        m.short_ranks = <int16_t*>address(kept, "short_ranks", np.int16, 64)
        m.gone = <uint32_t*>address(kept, "gone", np.uint32, m.narrow)
        m.exits = <int32_t*>address(kept, "exits", np.int32, m.trees)
        if m.trees % rounds:
            raise ValueError(f"{m.trees} trees cannot be dealt out to {rounds} outputs")
        self.kept = kept
        self.features, self.outputs = features, outputs
        self.transform, self.slope, self.divisor = transform, slope, divisor
        self.work = np.zeros(outputs)

    # hot: begin
    cdef void raw(self, const double* row, double* out) noexcept nogil:
        cdef int64_t i
        dm_trees_row(&self.model, row, self.outputs, out, simd)
        if self.divisor != 1.0:
            for i in range(self.outputs):
                out[i] = out[i] / self.divisor

    cdef void outcome(self, const double* row, double* out) noexcept nogil:
        # As LightGBM's objectives convert raw sums, with this house's exp.
        cdef int64_t i
        cdef double top, total
        self.raw(row, out)
        if self.transform == TREES_SIGMOID:
            for i in range(self.outputs):
                out[i] = 1.0 / (1.0 + dm_exp(-self.slope * out[i]))
        elif self.transform == TREES_SOFTMAX:
            top = out[0]
            for i in range(1, self.outputs):
                if out[i] > top:
                    top = out[i]
            total = 0.0
            for i in range(self.outputs):
                out[i] = dm_exp(out[i] - top)
                total += out[i]
            for i in range(self.outputs):
                out[i] = out[i] / total
        elif self.transform == TREES_EXP:
            for i in range(self.outputs):
                out[i] = dm_exp(out[i])
    # hot: end

    def raw_row(self, row):
        """Raw sums of one row, before they are converted; float64 array of shape (outputs,)."""
        cdef const double* values = row_pointer(row, self.features)
        self.raw(values, &self.work[0])
        return np.array(self.work)

    def row(self, row, out):
        """Outcomes of one row into ``out``, a float64 array of shape (outputs,)."""
        cdef const double* values = row_pointer(row, self.features)
        self.outcome(values, <double*>row_pointer(out, self.outputs))

    def last(self, row):
        """The last outcome of one row: of two classes the probability of the second."""
        cdef const double* values = row_pointer(row, self.features)
        self.outcome(values, &self.work[0])
        return self.work[self.outputs - 1]

    def rows(self, rows):
        """Outcomes of many rows.

        Parameters
        ----------
        rows : float64 array, shape (n, features), C order

        Returns
        -------
        float64 array, shape (n, outputs)
        """
        cdef const double[:, ::1] x = rows
        cdef int64_t i
        if x.shape[1] != self.features:
            raise ValueError(f"rows must have {self.features} values, had {x.shape[1]}")
        found = np.empty((x.shape[0], self.outputs))
        cdef double[:, ::1] out = found
        if x.shape[0]:
            for i in range(x.shape[0]):
                self.outcome(&x[i, 0], &out[i, 0])
        return found
