"""One-row prediction: the tree kernel beside LightGBM's own fast single-row C call.

Run ``python benchmarks/bench_trees.py [--rows N] [--runs R]``: 500 trees of 31 leaves over 27
features, one of a hundred values missing. Everything is on one thread, every way sees the same rows
one at a time, and outcomes are asserted equal to 1e-12 before a ratio is printed. LightGBM's call
goes through ctypes with everything prepared beforehand; what an empty ctypes call costs is measured
and taken off in LightGBM's favour.
"""

import argparse
import ctypes

import lightgbm as lgb
import numpy as np
from _bench import conditions, print_table, timed_together, write

from dreammaker._ext.trees import simd_level
from dreammaker.models.trees import TreeModel

TREES, LEAVES, FEATURES = 500, 31, 27
GOAL, GOAL_BASE = 12.0, 3.0


class SingleRow:
    """``LGBM_BoosterPredictForMatSingleRowFast`` with its configuration made beforehand."""

    def __init__(self, booster: lgb.Booster) -> None:
        self.library = lgb.basic._LIB
        self.booster = lgb.Booster(model_str=booster.model_to_string())
        self.config = ctypes.c_void_p()
        self._checked(self.library.LGBM_BoosterPredictForMatSingleRowFastInit(
            self.booster._handle, ctypes.c_int(0), ctypes.c_int(0), ctypes.c_int(-1),
            ctypes.c_int(1), ctypes.c_int32(FEATURES), ctypes.c_char_p(b"num_threads=1"),
            ctypes.byref(self.config)))
        self.length, self.out = ctypes.c_int64(), ctypes.c_double()
        self.call = self.library.LGBM_BoosterPredictForMatSingleRowFast
        self.arguments = ctypes.byref(self.length), ctypes.byref(self.out)

    def _checked(self, code: int) -> None:
        if code:
            raise RuntimeError(self.library.LGBM_GetLastError().decode())

    def rows(self, pointers: list[ctypes.c_void_p]) -> list[float]:
        call, (length, out), found, config = self.call, self.arguments, [], self.config
        for row in pointers:
            call(config, row, length, out)
            found.append(self.out.value)
        return found

    def empty(self, pointers: list[ctypes.c_void_p]) -> list[float]:
        """As much of the same as costs nothing in C: the call into the library and back."""
        call, (length, out), found, config = self.library.LGBM_GetMaxThreads, self.arguments, [], \
            self.config
        del config, length
        for _ in pointers:
            call(out)
            found.append(self.out.value)
        return found


def trained(rng: np.random.Generator) -> tuple[lgb.Booster, np.ndarray]:
    """A model of the stated size, and rows to predict."""
    X = rng.normal(size=(40_000, FEATURES))
    X[rng.random(X.shape) < 0.01] = np.nan
    y = np.nansum(X[:, :6] * np.array([1, -1, 1, -1, 1, 1]), axis=1) + rng.normal(size=len(X)) > 0
    settings = {"objective": "binary", "num_leaves": LEAVES, "verbose": -1, "num_threads": 1,
                "deterministic": True, "seed": 1}
    booster = lgb.train(settings, lgb.Dataset(X[:20_000], y[:20_000]), TREES)
    assert booster.num_trees() == TREES
    return booster, X[20_000:]


def main() -> None:
    """Train, compare, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=9)
    asked = parser.parse_args()
    booster, X = trained(np.random.default_rng(5))
    model = TreeModel.from_lightgbm(booster.model_to_string())
    rows = [row.copy() for row in X[:asked.rows]]
    pointers = [ctypes.c_void_p(row.ctypes.data) for row in rows]
    single = SingleRow(booster)
    last, best_level = model.kernel.last, simd_level()
    few = [row[None, :] for row in rows[:200]]

    def kernel(level: int) -> list[float]:
        simd_level(level)
        found = [last(row) for row in rows]
        simd_level(best_level)
        return found

    works = [lambda: single.rows(pointers), lambda: single.empty(pointers), lambda: kernel(0),
             lambda: kernel(best_level),
             lambda: [float(booster.predict(row, num_threads=1)[0]) for row in few]]
    timings = timed_together(works, runs=asked.runs)
    theirs, _, base, best, python = (np.array(t.result) for t in timings)
    for found in (base, best):
        assert np.abs(found - theirs).max() <= 1e-12
    assert np.array_equal(base, best)
    assert np.abs(python - theirs[:len(few)]).max() <= 1e-12
    counts = [len(rows)] * 4 + [len(few)]
    each = [1e6 * t.median / n for t, n in zip(timings, counts, strict=True)]
    floor = each[1]
    write(f"conditions: {conditions()}, LightGBM {lgb.__version__}, one thread, "
          f"AVX-512 {'used' if best_level else 'absent'}; medians of {asked.runs} runs")
    lightgbm = each[0] - floor
    names = ["LightGBM C API, fast single row", "an empty ctypes call (taken off)",
             "kernel, without AVX-512, from Python", "kernel, from Python", "Booster.predict"]
    print_table(f"{TREES} trees x {LEAVES} leaves x {FEATURES} features, one row",
                ["way", "us a row", "times faster than the C API"],
                [[name, us, "" if i == 1 else lightgbm / (lightgbm if i == 0 else us)]
                 for i, (name, us) in enumerate(zip(names, each, strict=True))])
    for name, us, goal in (("with AVX-512", each[3], GOAL), ("without", each[2], GOAL_BASE)):
        if name == "with AVX-512" and not best_level:
            continue
        ratio = lightgbm / us
        write(f"{name}: {ratio:.1f}x, goal {goal:g}x: {'reached' if ratio >= goal else 'MISSED'}")


if __name__ == "__main__":
    main()
