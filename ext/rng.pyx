"""Random numbers with the same bits on every machine, for Python callers and tests."""
from dreammaker._ext.rng cimport rng_exponential, rng_next, rng_normal, rng_seed, rng_t, rng_uniform


cdef class Rng:
    """xoshiro256** seeded through splitmix64.

    Parameters
    ----------
    seed, stream : int
        In [0, 2**64); streams of one seed are independent.
    """

    cdef rng_t state

    def __cinit__(self, seed, stream=0):
        for name, value in (("seed", seed), ("stream", stream)):
            if not 0 <= value < 2**64:
                raise ValueError(f"{name} must be in [0, 2**64), was {value}")
        rng_seed(&self.state, seed, stream)

    def bits(self):
        """The next 64 bits as an integer in [0, 2**64)."""
        return rng_next(&self.state)

    def uniform(self):
        """53 random bits in [0, 1)."""
        return rng_uniform(&self.state)

    def exponential(self):
        """An exponential deviate of mean 1."""
        return rng_exponential(&self.state)

    def normal(self):
        """A standard normal deviate (polar method)."""
        return rng_normal(&self.state)
