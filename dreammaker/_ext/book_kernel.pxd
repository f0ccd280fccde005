# The book kernel as a Python object; other kernels reach the C book through it.
from libc.stdint cimport int64_t

from dreammaker._ext.book cimport book_t

cdef class BookKernel:
    cdef book_t book
    cdef bint ready
    cdef readonly int64_t applied_count
