# Tree ensembles, one row at a time: for kernels that predict without the interpreter.
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t

cdef extern from "trees.h" nogil:
    ctypedef struct dm_tree_node:
        int32_t cut
        int32_t column
        int32_t left
        int32_t right
    ctypedef struct dm_tree_entry:
        uint32_t mask
        uint32_t tree
    ctypedef struct dm_trees:
        int64_t features, columns, trees, narrow, wide, blocks, rounds, width, single
        const int64_t* first
        const double* thresholds
        const int64_t* grid_first
        const double* grid
        const int32_t* column_feature
        const uint8_t* column_kind
        const int64_t* narrow_tree
        const int64_t* narrow_leaf
        const int64_t* column_prefix
        const int32_t* prefix
        const int32_t* entry_first
        const dm_tree_entry* entries
        const int64_t* block_first
        const uint8_t* block_column
        const int16_t* block_cut
        const uint32_t* block_mask
        const int64_t* wide_tree
        const int32_t* wide_root
        const int32_t* wide_depth
        const dm_tree_node* nodes
        const double* leaves
        int32_t* ranks
        int16_t* short_ranks
        uint32_t* gone
        int32_t* exits
    int dm_trees_simd()
    void dm_trees_row(const dm_trees* m, const double* row, int64_t outputs, double* out,
                      int simd)


cdef enum:
    TREES_IDENTITY = 0
    TREES_SIGMOID = 1
    TREES_SOFTMAX = 2
    TREES_EXP = 3


cdef class Trees:
    cdef dm_trees model
    cdef object kept
    cdef double[::1] work
    cdef readonly int64_t features
    cdef readonly int64_t outputs
    cdef int64_t transform
    cdef double slope, divisor
    cdef void raw(self, const double* row, double* out) noexcept nogil
    cdef void outcome(self, const double* row, double* out) noexcept nogil
