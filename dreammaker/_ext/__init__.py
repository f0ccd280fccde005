"""The compiled kernels: interfaces here (.pxd, .pyi), implementations in ``ext/``."""
