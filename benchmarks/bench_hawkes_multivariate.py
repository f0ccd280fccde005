"""Multivariate Hawkes fits and simulation beside tick.

Run ``python benchmarks/bench_hawkes_multivariate.py [--events N] [--runs R]``. tick runs in its own
Python 3.11 environment, ``.cache/peers/tick`` (``uv venv --python 3.11 .cache/peers/tick``, then
install ``tick numpydoc six`` there) and is left out where that is absent.

Fits: one decay, held, in both, so that mu and alpha are free in both; tick's C++ likelihood under
SciPy's L-BFGS-B from the same start. The optimum that tick finds is evaluated by our likelihood
and must not differ by more than 1e-6 of it. Fits with the decay estimated, which tick cannot make,
are timed without a peer. Simulation: the same parameters and length; the mean rates are asserted.
Both sides measure processor time of the call alone, on one thread.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from _bench import ROOT, conditions, print_table, write

from dreammaker.hawkes import MultivariateHawkes, simulate_exponential, simulate_multivariate

PEER = ROOT / ".cache" / "peers" / "tick" / "bin" / "python"
FIT_GOAL, THINNING_GOAL, EXACT_GOAL = 2.0, 1.8, 10.0
DECAY = 2.0

PEER_CODE = r"""
import json, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
from scipy.optimize import minimize
from tick.hawkes import ModelHawkesExpKernLogLik, SimuHawkesExpKernels
task = json.loads(sys.stdin.read())
out = []
for run in range(task["runs"]):
    if task["what"] == "fit":
        events = [np.load(path) for path in task["files"]]
        d = len(events)
        model = ModelHawkesExpKernLogLik(task["decay"], n_threads=1)
        rate = np.array([len(e) for e in events]) / task["T"]
        start = np.concatenate([0.5 * rate, np.full(d * d, 0.5 / d)])
        begin = time.process_time()
        model.fit(events, end_times=task["T"])
        found = minimize(model.loss, start, jac=model.grad, method="L-BFGS-B",
                         bounds=[(1e-9, None)] * len(start),
                         options={"maxiter": 1000, "ftol": 1e-13, "gtol": 1e-9})
        seconds = time.process_time() - begin
        out.append([seconds, found.x.tolist()])
    else:
        simulation = SimuHawkesExpKernels(
            adjacency=np.array(task["adjacency"]), decays=task["decay"],
            baseline=np.array(task["mu"]), end_time=task["T"], seed=run + 1, verbose=False)
        begin = time.process_time()
        simulation.simulate()
        out.append([time.process_time() - begin, int(simulation.n_total_jumps)])
print(json.dumps(out))
"""


def peer(**task: object) -> list | None:
    if not PEER.is_file():
        return None
    done = subprocess.run([str(PEER), "-W", "ignore", "-c", PEER_CODE], input=json.dumps(task),
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def clocked(work, runs: int) -> tuple[float, object]:
    seconds, result = [], None
    for run in range(runs + 1):
        begin = time.process_time()
        result = work(run)
        if run:
            seconds.append(time.process_time() - begin)
    return float(np.median(seconds)), result


def model_of(d: int) -> MultivariateHawkes:
    return MultivariateHawkes(np.full(d, 0.5), 0.6 / d + 0.3 * np.eye(d), DECAY)


def bench_fits(d: int, events: int, runs: int, folder: Path) -> tuple[list, tuple | None]:
    truth = model_of(d)
    T = events / float(truth.mean_rates.sum())
    data = truth.simulate(T, np.random.default_rng(d))
    files = [str(folder / f"{d}-{i}.npy") for i in range(d)]
    for path, part in zip(files, data, strict=True):
        np.save(path, part)
    rows, ratio = [], None
    pairs = MultivariateHawkes(truth.mu, truth.alpha, truth.beta)
    held, fit = clocked(lambda _: truth.fit(data, T, fixed_decays=True), runs)
    free, free_fit = clocked(lambda _: truth.fit(data, T), runs)
    each, each_fit = clocked(lambda _: pairs.fit(data, T), max(1, runs // 2))
    # Sources and pairs free can only fit better.
    assert fit.log_likelihood <= free_fit.log_likelihood + 1e-3
    assert free_fit.log_likelihood <= each_fit.log_likelihood + 1e-3
    total = sum(len(part) for part in data)
    beside = peer(what="fit", files=files, T=T, decay=DECAY, runs=runs)
    label = f"{d}x{d}, {total:,} events"
    if beside is None:
        rows.append((label + ", decay held", held, "-", "-"))
    else:
        seconds = float(np.median([row[0] for row in beside]))
        x = np.array(beside[-1][1])
        theirs = MultivariateHawkes(x[:d], DECAY * x[d:].reshape(d, d), DECAY).log_likelihood(
            data, T)
        assert abs(theirs - fit.log_likelihood) < 1e-6 * abs(theirs), (theirs, fit.log_likelihood)
        ratio = (f"fit {d}x{d}: tick over ours", seconds / held, FIT_GOAL)
        rows.append((label + ", decay held", held, seconds, seconds / held))
    rows.append((label + ", shared decay fitted", free, "-", "-"))
    rows.append((label + ", decay of each pair fitted", each, "-", "-"))
    return rows, ratio


def bench_simulation(events: int, runs: int) -> tuple[list, list]:
    T = events / 1.5
    rows, ratios = [], []
    beside = peer(what="simulate", mu=[0.5], adjacency=[[0.8 / 1.2]], decay=1.2, T=T, runs=runs)
    theirs = None if beside is None else float(np.median([1e9 * s / n for s, n in beside]))
    for method, goal in (("thinning", THINNING_GOAL), ("exact", EXACT_GOAL)):
        seconds, times = clocked(lambda run, method=method: simulate_exponential(
            0.5, 0.8, 1.2, T, np.random.default_rng(run), method=method), runs)
        assert abs(len(times) / events - 1) < 6 * 3 / np.sqrt(events)
        ns = 1e9 * seconds / len(times)
        rows.append((f"one type, {method}", ns, theirs or "-", theirs / ns if theirs else "-"))
        if theirs:
            ratios.append((f"{method}: tick over ours", theirs / ns, goal))
    for d in (2, 5):
        truth = model_of(d)
        length = events / float(truth.mean_rates.sum())
        beside = peer(what="simulate", mu=truth.mu.tolist(), decay=DECAY, T=length, runs=runs,
                      adjacency=truth.branching_matrix.tolist())
        theirs = None if beside is None else float(np.median([1e9 * s / n for s, n in beside]))
        seconds, drawn = clocked(lambda run, m=truth, length=length: simulate_multivariate(
            m.mu, m.alpha, m.beta, length, np.random.default_rng(run)), runs)
        assert abs(len(drawn[0]) / events - 1) < 0.05
        ns = 1e9 * seconds / len(drawn[0])
        rows.append((f"{d}x{d}, thinning", ns, theirs or "-", theirs / ns if theirs else "-"))
    return rows, ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(conditions(), "\n")
    fits, ratios = [], []
    with tempfile.TemporaryDirectory() as folder:
        for d in (2, 5):
            rows, ratio = bench_fits(d, options.events, options.runs, Path(folder))
            fits += rows
            ratios += [ratio] if ratio else []
    simulations, more = bench_simulation(options.events, options.runs)
    print_table("Fits, seconds of one thread, medians", ("fit", "ours", "tick", "ratio"), fits)
    print_table("Simulation, ns an event, medians", ("process", "ours", "tick", "ratio"),
                simulations)
    for name, ratio, goal in ratios + more:
        verdict = "reached" if ratio >= goal else f"missed by {100 * (1 - ratio / goal):.0f} %"
        write(f"{name}: {ratio:.1f}x, goal at least {goal:g}x: {verdict}")
    if not PEER.is_file():
        write("tick is not installed in .cache/peers/tick; only our figures were taken")


if __name__ == "__main__":
    main()
