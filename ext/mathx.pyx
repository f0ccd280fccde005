"""exp and log with the same bits on every machine (for tests and for Python callers)."""
from dreammaker._ext.mathx cimport dm_exp, dm_log


def exp(double x):
    """exp(x), below 1 ulp; 0 below -708.396 instead of denormals."""
    return dm_exp(x)


def log(double x):
    """Natural logarithm, below 1 ulp; NaN for negative x."""
    return dm_log(x)
