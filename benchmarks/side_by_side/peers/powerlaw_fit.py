"""The search for k_min, and with it the exponent, by the Python package powerlaw."""

import time
import warnings

from side_by_side.peers.answering import answer, missing, options

try:
    import numpy
    import powerlaw
except ImportError as error:
    missing(error)

counts = numpy.loadtxt(options()["counts"], dtype="int64")


def fit(counts: numpy.ndarray) -> dict:
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = powerlaw.Fit(counts, discrete=True, verbose=False)
    return {
        "seconds": time.perf_counter() - started,
        "gamma": float(found.power_law.alpha),
        "k_min": int(found.xmin),
        "ks": float(found.power_law.D),
    }


fit(numpy.array([1, 1, 1, 1, 2, 2, 3, 4, 5, 9]))
answer({"version": f"powerlaw {powerlaw.__version__}"}, lambda: fit(counts))
