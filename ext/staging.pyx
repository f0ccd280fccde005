"""The levels of a snapshot that is not complete yet, one side of it."""
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, qsort, realloc

from dreammaker._ext.staging cimport staged_t, staging_t


cdef void staging_free(staging_t* staging) noexcept nogil:
    free(staging.levels)
    staging.levels = NULL
    staging.count = staging.capacity = 0


cdef int stage_level(staging_t* staging, int32_t key, int32_t qty) noexcept nogil:
    cdef int64_t wanted
    cdef staged_t* grown
    if staging.count == staging.capacity:
        wanted = 2 * staging.capacity + 32
        grown = <staged_t*>realloc(staging.levels, <size_t>wanted * sizeof(staged_t))
        if grown == NULL:
            return -1
        staging.levels = grown
        staging.capacity = wanted
    staging.levels[staging.count].key = key
    staging.levels[staging.count].qty = qty
    staging.levels[staging.count].position = staging.count
    staging.count += 1
    return 0


cdef int _by_key(const void* a, const void* b) noexcept nogil:
    cdef const staged_t* first = <const staged_t*>a
    cdef const staged_t* second = <const staged_t*>b
    if first.key != second.key:
        return 1 if first.key > second.key else -1
    return 1 if first.position > second.position else -1


cdef int64_t staging_sort(staging_t* staging) noexcept nogil:
    # Polled depth comes best first and is only turned round.
    cdef staged_t* levels = staging.levels
    cdef int64_t i
    cdef int64_t kept = 0
    cdef int64_t repeats = 0
    cdef bint descending = True
    cdef staged_t held
    for i in range(1, staging.count):
        if levels[i].key >= levels[i - 1].key:
            descending = False
            break
    if descending:
        for i in range(staging.count // 2):
            held = levels[i]
            levels[i] = levels[staging.count - 1 - i]
            levels[staging.count - 1 - i] = held
        return 0
    qsort(levels, <size_t>staging.count, sizeof(staged_t), _by_key)
    for i in range(staging.count):
        if i + 1 < staging.count and levels[i + 1].key == levels[i].key:
            repeats += 1
        else:
            levels[kept] = levels[i]
            kept += 1
    staging.count = kept
    return repeats
