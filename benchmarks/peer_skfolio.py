"""skfolio's figures, run by `bench_validation.py` inside skfolio's own environment.

``python peer_skfolio.py ROWS GROUPS TESTED PURGED EMBARGO RUNS`` prints one line of JSON: seconds
of each run and a digest of all splits.
"""

import hashlib
import json
import sys
import time
import warnings

import numpy as np


def main() -> None:
    warnings.simplefilter("ignore")
    from skfolio import __version__
    from skfolio.model_selection import CombinatorialPurgedCV

    rows, groups, tested, purged, embargo, runs = (int(v) for v in sys.argv[1:])
    X = np.zeros((rows, 1))
    cv = CombinatorialPurgedCV(n_folds=groups, n_test_folds=tested, purged_size=purged,
                               embargo_size=embargo)
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        total = 0
        for train, test in cv.split(X):
            total += train.size + sum(part.size for part in test)
        seconds.append(time.perf_counter() - start)
    digest = hashlib.sha256()
    for train, test in cv.split(X):
        digest.update(np.ascontiguousarray(train, np.int64))
        digest.update(np.ascontiguousarray(np.concatenate(test), np.int64))
    print(json.dumps({"version": __version__, "seconds": seconds, "total": total,
                      "digest": digest.hexdigest()}))


main()
