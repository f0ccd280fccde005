# The levels of a snapshot that is not complete yet, one side of it; keys as in ladder.pxd.
from libc.stdint cimport int32_t, int64_t

cdef struct staged_t:
    int32_t key
    int32_t qty
    int64_t position          # within the snapshot: of two records for one price the later counts

cdef struct staging_t:
    staged_t* levels
    int64_t count
    int64_t capacity

cdef void staging_free(staging_t* staging) noexcept nogil
# Adds a level. 0, or -1 without memory.
cdef int stage_level(staging_t* staging, int32_t key, int32_t qty) noexcept nogil
# Ascending keys, one record a price; the number of records dropped for a later one.
cdef int64_t staging_sort(staging_t* staging) noexcept nogil
