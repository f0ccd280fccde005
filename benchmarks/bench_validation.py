"""Splits and overfitting: CPCV beside skfolio, the overfitting probability beside NumPy.

Run ``python benchmarks/bench_validation.py [--rows N] [--runs R]``; ``benchmarks/peers.py skfolio``
builds the peer's environment, and without it the peer is skipped. Splits are asserted equal to the
peer's (labels that span a fixed number of rows, the only ones it knows) and choices equal to the
slower ways before a ratio is printed.

pypbo, the peer of the overfitting probability, is in no package registry, so it is not run. Its
method (join the rows of each choice, take the metric anew, rank all strategies) is timed on a
sample of the choices in a form of our own, and its time for all is an extrapolation, marked so.
"""

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
from itertools import combinations
from math import comb, log
from pathlib import Path

import numpy as np
from _bench import ROOT, conditions, print_table, timed, timed_together, write
from peers import interpreter

from dreammaker.validation import CombinatorialPurgedCV, probability_of_backtest_overfitting

sys.path.insert(0, str(ROOT))
from tests.kernels.naive_pbo import cscv

GROUPS, TESTED, PURGED, EMBARGO = 10, 2, 100, 1000
BLOCKS, STRATEGIES, OBSERVATIONS, SAMPLE = 16, 100, 10_000, 40
SPLIT_GOAL, SUMS_GOAL, NAIVE_GOAL = 20.0, 2.0, 1000.0


def verdict(name: str, ratio: float, goal: float, note: str = "") -> None:
    """Say how many times faster, and whether that is enough."""
    word = "reached" if ratio >= goal else "MISSED"
    write(f"{name}: {ratio:,.1f}x faster{note}, goal {goal:g}x: {word}")


def skfolio(rows: int, runs: int) -> dict[str, object]:
    """What the peer measured, empty where it is absent."""
    python = interpreter("skfolio")
    if not python.exists():
        write("skfolio: not installed, skipped (python benchmarks/peers.py skfolio)")
        return {}
    script = Path(__file__).with_name("peer_skfolio.py")
    done = subprocess.run([str(python), str(script), *map(str, (
        rows, GROUPS, TESTED, PURGED, EMBARGO, runs))], capture_output=True, text=True,
        check=False)
    if done.returncode:
        write(f"skfolio: failed, skipped: {done.stderr.strip().splitlines()[-1]}")
        return {}
    return json.loads(done.stdout.strip().splitlines()[-1])


def masks(X: np.ndarray, ends: np.ndarray, embargo: int):
    """Boolean masks over all rows, envelope of each group: the plain NumPy way."""
    n = len(X)
    starts = np.arange(n)
    bounds = np.linspace(0, n, GROUPS + 1).astype(int)
    for chosen in combinations(range(GROUPS), TESTED):
        train, test = np.ones(n, bool), np.zeros(n, bool)
        for g in chosen:
            a, b = bounds[g], bounds[g + 1]
            last = ends[a:b].max()
            train[a:b], test[a:b] = False, True
            train[:a] &= ends[:a] < starts[a]
            train[b:min(last + 1 + embargo, n)] = False
        yield np.flatnonzero(train), np.flatnonzero(test)


def digest(splits) -> str:
    """Hash of all rows of all splits."""
    found = hashlib.sha256()
    for train, test in splits:
        found.update(np.ascontiguousarray(train, np.int64))
        found.update(np.ascontiguousarray(test, np.int64))
    return found.hexdigest()


def splits(rows: int, runs: int) -> None:
    """CPCV over many rows; every split is consumed as it comes."""
    X = np.zeros((rows, 1))
    ends = np.arange(rows) + PURGED
    ragged = np.arange(rows) + np.random.default_rng(1).integers(0, 2 * PURGED, rows)

    def consume(labels: np.ndarray):
        cv = CombinatorialPurgedCV(GROUPS, TESTED, EMBARGO, labels)
        return lambda: sum(len(train) + len(test) for train, test in cv.split(X))

    peer = skfolio(rows, max(3, runs // 2))
    plain = masks(X, ends, EMBARGO)
    ours_digest = digest(CombinatorialPurgedCV(GROUPS, TESTED, EMBARGO, ends).split(X))
    assert digest(plain) == ours_digest
    assert digest(masks(X, ragged, EMBARGO)) == digest(
        CombinatorialPurgedCV(GROUPS, TESTED, EMBARGO, ragged).split(X))
    even, uneven, slow = timed_together(
        [consume(ends), consume(ragged),
         lambda: sum(len(train) + len(test) for train, test in masks(X, ends, EMBARGO))],
        runs=runs)
    table = [["ours, labels of equal length", 1e3 * even.median, 1e3 * even.best],
             ["ours, labels of random length", 1e3 * uneven.median, 1e3 * uneven.best],
             ["NumPy masks, equal length", 1e3 * slow.median, 1e3 * slow.best]]
    if peer:
        assert peer["digest"] == ours_digest and peer["total"] == even.result
        theirs = statistics.median(peer["seconds"])
        table.append([f"skfolio {peer['version']}, equal length", 1e3 * theirs,
                      1e3 * min(peer["seconds"])])
    print_table(f"CPCV N={GROUPS}, k={TESTED}, {rows:,} rows, purge {PURGED}, embargo {EMBARGO}",
                ["", "median ms", "best ms"], table)
    if peer:
        verdict("CPCV beside skfolio, medians", theirs / even.median, SPLIT_GOAL)


def block_sums(matrix: np.ndarray, blocks: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The plain NumPy way: block sums, one matrix product for all halves, vectorised ranks."""
    n, _ = matrix.shape
    cuts = np.linspace(0, n, blocks + 1).astype(int)[:-1]
    chosen = np.array(list(combinations(range(blocks), blocks // 2)))
    member = np.zeros((len(chosen), blocks))
    np.put_along_axis(member, chosen, 1.0, axis=1)
    centred = matrix - matrix.mean(axis=0)
    half = n // 2
    total = member @ np.add.reduceat(centred, cuts)
    square = member @ np.add.reduceat(centred * centred, cuts)
    mean = total / half
    value = (mean + matrix.mean(axis=0)) / np.sqrt((square - total * mean) / (half - 1))
    outside = value[::-1]
    best = value.argmax(axis=1)
    picked = outside[np.arange(len(best)), best]
    rank = (outside < picked[:, None]).sum(axis=1) + 1.0
    return best, rank, np.log(rank / (matrix.shape[1] + 1 - rank))


def overfitting(runs: int) -> None:
    """The probability of backtest overfitting at the usual size."""
    matrix = np.random.default_rng(2).standard_normal((OBSERVATIONS, STRATEGIES))
    choices = comb(BLOCKS, BLOCKS // 2)
    found, sums = timed_together([
        lambda: probability_of_backtest_overfitting(matrix, BLOCKS),
        lambda: block_sums(matrix, BLOCKS)], runs=runs)
    best, rank, logits = sums.result
    ours = found.result
    assert (ours.best == best).all() and (ours.rank == rank).all()
    assert np.abs(ours.logits - logits).max() < 1e-12
    naive = timed(lambda: cscv(matrix, BLOCKS, limit=SAMPLE), runs=3)
    for at, (column, place, logit, *_) in enumerate(naive.result):
        assert (ours.best[at], ours.rank[at]) == (column, place)
        assert abs(ours.logits[at] - logit) < 1e-12
    assert abs(ours.logits).max() <= log(STRATEGIES) + 1e-12
    whole = naive.median * choices / SAMPLE
    print_table(f"PBO S={BLOCKS}, {STRATEGIES} strategies x {OBSERVATIONS:,} rows, "
                f"{choices:,} choices", ["", "median ms", "best ms"], [
        ["ours", 1e3 * found.median, 1e3 * found.best],
        ["NumPy block sums", 1e3 * sums.median, 1e3 * sums.best],
        [f"each choice anew, extrapolated from {SAMPLE}", 1e3 * whole,
         1e3 * naive.best * choices / SAMPLE]])
    verdict("PBO beside NumPy block sums, medians", sums.median / found.median, SUMS_GOAL)
    verdict("PBO beside each choice anew (not pypbo itself)", whole / found.median, NAIVE_GOAL,
            ", extrapolated")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    if options.rows % GROUPS:
        parser.error(f"--rows must be a multiple of {GROUPS}: skfolio cuts other groups")
    write(conditions())
    splits(options.rows, options.runs)
    overfitting(options.runs)


if __name__ == "__main__":
    main()
