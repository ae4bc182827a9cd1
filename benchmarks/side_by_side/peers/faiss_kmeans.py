"""k-means by faiss, on all points, from random points as it always starts."""

import time

from side_by_side.peers.answering import answer, missing, options

try:
    import faiss
    import numpy
except ImportError as error:
    missing(error)

chosen = options()
faiss.omp_set_num_threads(chosen["threads"])
points = numpy.load(chosen["images"])


def cluster(iterations: int) -> dict:
    machine = faiss.Kmeans(
        points.shape[1],
        chosen["k"],
        niter=iterations,
        seed=1,
        max_points_per_centroid=len(points),
        min_points_per_centroid=1,
    )
    started = time.perf_counter()
    machine.train(points)
    seconds = time.perf_counter() - started
    # faiss states the inertia of the assignments before it moves the centroids a last time.
    squared, _ = machine.index.search(points, 1)
    statistics = machine.iteration_stats
    return {
        "seconds": seconds,
        "inertia": float(squared.sum(dtype="f8")),
        "trajectory": [(row["time"], row["obj"]) for row in statistics],
    }


cluster(1)
answer({"version": f"faiss {faiss.__version__}"}, lambda: cluster(chosen["iterations"]))
