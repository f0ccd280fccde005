"""One peer's figures, run by `bench_hawkes.py` inside that peer's own environment.

``python peer_hawkes.py NAME TIMES.npy T MU RATIO DECAY RUNS`` prints one line of JSON: seconds and
results by piece of work. Parameters are mu, branching ratio and decay.
"""

import json
import sys
import time
import warnings

import numpy as np


def best(work, runs):
    seconds, result = [], None
    for _ in range(runs):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def hawkeslib(times, T, mu, ratio, decay, runs):
    from hawkeslib import UnivariateExpHawkesProcess as Process

    out = {}
    seconds, value = best(
        lambda: Process.log_likelihood_with_params(times, mu, ratio, decay, T), runs)
    out["log-likelihood"] = {"seconds": seconds, "log_likelihood": float(value)}
    for work, method in (("MLE", "gd"), ("EM", "em")):
        def fit(method=method):
            np.random.seed(1)
            model = Process()
            model.fit(times, T, method=method)
            return model

        seconds, model = best(fit, max(1, runs // 3))
        out[work] = {"seconds": seconds, "estimates": [float(v) for v in model.get_params()],
                     "log_likelihood": float(model.log_likelihood(times, T))}
    return out


def hawkes(times, T, mu, ratio, decay, runs):
    import Hawkes

    def fit():
        return Hawkes.estimator().set_kernel("exp").set_baseline("const").fit(times, [0.0, T])

    fit()
    seconds, model = best(fit, max(1, runs // 3))
    values = model.parameter
    return {"MLE": {"seconds": seconds, "log_likelihood": float(model.L),
                    "estimates": [float(np.ravel(values[k])[0]) for k in ("mu", "alpha", "beta")]}}


def tick(times, T, mu, ratio, decay, runs):
    from tick.hawkes import ModelHawkesExpKernLogLik

    point = np.array([mu, ratio])

    def built():
        model = ModelHawkesExpKernLogLik(decay, n_threads=1)
        model.fit([times], end_times=T)
        return model, model.loss(point)

    # Its loss is a mean an event and integrates lambda - 1: T is added back.
    seconds, (model, loss) = best(built, runs)
    again, _ = best(lambda: model.loss(point), runs)
    value = float(-loss * times.size - T)
    return {"log-likelihood": {"seconds": seconds, "log_likelihood": value},
            "log-likelihood, decay fixed before": {"seconds": again, "log_likelihood": value}}


def main():
    warnings.simplefilter("ignore")
    name, path = sys.argv[1:3]
    T, mu, ratio, decay = (float(v) for v in sys.argv[3:7])
    result = {"hawkeslib": hawkeslib, "hawkes": hawkes, "tick": tick}[name](
        np.load(path), T, mu, ratio, decay, int(sys.argv[7]))
    print(json.dumps(result))


main()
