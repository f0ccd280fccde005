# The matching kernel's Python object, for kernels that drive a venue without the interpreter.
from dreammaker._ext.matching cimport matching_t

cdef class Matcher:
    cdef matching_t* m
