"""The Hawkes process of one type: likelihood and fits beside peers and a plain C floor.

Run ``python benchmarks/bench_hawkes.py [--events N] [--runs R]``; ``benchmarks/peers.py`` builds
the peers' environments, and a peer that is absent is skipped. All see the same times, drawn once;
values and fits are asserted equal to ours before a ratio is printed. Peers run one after the other
in processes of their own, best of a few runs each, as ours.
"""

import argparse
import ctypes
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from _bench import c_floor, conditions, pointer, print_table, timed_together, write
from peers import interpreter

from dreammaker._ext.hawkes_likelihood import simd_level
from dreammaker.hawkes import ExponentialKernel, PowerLawKernel, UnivariateHawkes

MU, ALPHA, BETA = 0.5, 0.6, 1.2
LEVELS = ("baseline", "AVX2", "AVX-512")
# Ours faster by at least.
GOALS = {("log-likelihood", "hawkeslib"): 15.0, ("MLE", "hawkes"): 25.0, ("EM", "hawkeslib"): 8.0}
SCALAR_GOAL = 4.0


def peer(name: str, path: Path, T: float, runs: int) -> dict[str, dict[str, float]]:
    """What a peer measured, empty where it is absent."""
    python = interpreter(name)
    if not python.exists():
        write(f"{name}: not installed, skipped (python benchmarks/peers.py {name})")
        return {}
    script = Path(__file__).with_name("peer_hawkes.py")
    done = subprocess.run(
        [str(python), str(script), name, str(path), *map(str, (T, MU, ALPHA / BETA, BETA, runs))],
        capture_output=True, text=True, check=False)
    if done.returncode:
        write(f"{name}: failed, skipped: {done.stderr.strip().splitlines()[-1]}")
        return {}
    return json.loads(done.stdout.strip().splitlines()[-1])


def ours(times: np.ndarray, T: float, runs: int) -> dict[str, tuple[float, float]]:
    """Seconds and log-likelihood by piece of work; the floor and the levels among them."""
    model = UnivariateHawkes(ExponentialKernel(ALPHA, BETA), mu=MU)
    highest = simd_level()
    results = {}
    with c_floor("floor_hawkes.c") as library:
        call = library.floor_log_likelihood
        call.restype = ctypes.c_double
        numbers = [ctypes.c_double(v) for v in (T, MU, ALPHA, BETA)]
        floor, best = timed_together(
            [lambda: call(pointer(times), ctypes.c_int64(times.size), *numbers),
             lambda: model.log_likelihood(times, T)], runs=runs)
    results["log-likelihood, plain C"] = floor.best, float(floor.result)
    for level in range(-1, highest):
        simd_level(level)
        one = timed_together([lambda: model.log_likelihood(times, T)], runs=runs)[0]
        name = "one by one" if level < 0 else LEVELS[level]
        results[f"log-likelihood, {name}"] = one.best, float(one.result)
    simd_level(highest)
    results["log-likelihood"] = best.best, float(best.result)
    newton, sweeps = timed_together(
        [lambda: UnivariateHawkes().fit(times, T),
         lambda: UnivariateHawkes().fit(times, T, "em")], runs=max(2, runs // 2))
    results["MLE"] = newton.best, newton.result.log_likelihood
    results["EM"] = sweeps.best, sweeps.result.log_likelihood
    for value in (seconds_and_value[1] for name, seconds_and_value in results.items()
                  if name.startswith("log-likelihood")):
        assert abs(value / results["log-likelihood"][1] - 1.0) < 1e-11, results
    assert newton.result.converged and sweeps.result.converged
    assert abs(results["EM"][1] / results["MLE"][1] - 1.0) < 1e-9, results
    return results


def power_law(count: int, runs: int) -> list[list[object]]:
    """Fits beyond one exponential, for which no peer is known."""
    truth = UnivariateHawkes(PowerLawKernel(1.5, 2.0, 2.2), mu=0.5)
    T = 0.75 * count
    times = truth.simulate(T, np.random.default_rng(2))
    works = {"power law, MLE": "power_law", "two exponentials, MLE": "sum_exponential"}
    rows = []
    for label, name in works.items():
        done = timed_together([lambda name=name: UnivariateHawkes(name).fit(times, T)],
                              runs=max(1, runs // 3))[0]
        assert done.result.converged
        rows.append([label, times.size, done.best, 1e9 * done.best / times.size])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    T = options.events * (1.0 - ALPHA / BETA) / MU
    times = UnivariateHawkes(ExponentialKernel(ALPHA, BETA), mu=MU).simulate(
        T, np.random.default_rng(1))
    write(f"{conditions()}, {LEVELS[simd_level()]}; {times.size:,} events")
    results = ours(times, T, options.runs)
    peers = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "times.npy"
        np.save(path, times)
        for name in ("hawkeslib", "hawkes", "tick"):
            peers[name] = peer(name, path, T, options.runs)
    rows = [[work, 1e3 * seconds, 1e9 * seconds / times.size, value, ""]
            for work, (seconds, value) in results.items()]
    for name, measured in peers.items():
        for work, figures in measured.items():
            seconds, value = figures["seconds"], figures["log_likelihood"]
            # A likelihood must be ours; a peer's fit may stop short of our optimum, not pass it.
            work_of_ours = work.partition(",")[0]
            if work_of_ours == "log-likelihood":
                assert abs(value / results[work_of_ours][1] - 1.0) < 1e-9, (name, value)
            else:
                assert value <= results[work][1] + 1e-6 * abs(value), (name, value)
                assert value >= results[work][1] - 1e-3 * abs(value), (name, value)
            rows.append([f"{work}, {name}", 1e3 * seconds, 1e9 * seconds / times.size, value,
                         f"{seconds / results[work_of_ours][0]:.1f}x"])
    print_table("Exponential kernel, ratio = ours faster by",
                ["work", "ms", "ns an event", "log-likelihood", "ratio"],
                [[*row[:3], f"{row[3]:.3f}", row[4]] for row in rows])
    for (work, name), goal in GOALS.items():
        if work in peers[name]:
            ratio = peers[name][work]["seconds"] / results[work][0]
            write(f"{work} against {name}: {ratio:.1f}x, goal {goal:g}x: "
                  f"{'reached' if ratio >= goal else 'missed'}")
    baseline = results.get("log-likelihood, baseline", results["log-likelihood"])[0]
    if peers["hawkeslib"]:
        ratio = peers["hawkeslib"]["log-likelihood"]["seconds"] / baseline
        write(f"log-likelihood without AVX against hawkeslib: {ratio:.1f}x, "
              f"goal {SCALAR_GOAL:g}x: {'reached' if ratio >= SCALAR_GOAL else 'missed'}")
    print_table("Other kernels", ["work", "events", "s", "ns an event"],
                power_law(options.events // 10, options.runs))


if __name__ == "__main__":
    main()
