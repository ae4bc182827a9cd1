"""k-means on all images, k = 1,024, ten iterations."""

from __future__ import annotations

from side_by_side.harness import Context, Missing, Part, alternate, compare, peer, resrel

ITERATIONS = 10
# Iterations that ours may take to an inertia that faiss reaches in ten.
LIMIT = 40


def measure(context: Context) -> Part:
    part = Part()
    k = 256 if context.quick else 1024
    for threads in context.threads:
        try:
            process = peer(
                "faiss_kmeans", threads, images=context.images, k=k, iterations=ITERATIONS
            )
        except Missing as error:
            part.remarks.append(f"kmeans: faiss skipped: {error}")
            return part
        with process:
            name = process.about["version"]
            found = {"ours": [], "theirs": []}
            seconds = alternate(
                context.rounds,
                {
                    "ours": lambda: note(found["ours"], ours(context, k, ITERATIONS, threads)),
                    "theirs": lambda: note(found["theirs"], process()),
                },
            )
            inertias = {side: rounds[-1]["inertia"] for side, rounds in found.items()}
            part.rows.append(
                compare(
                    f"kmeans: k = {k:,}, {ITERATIONS} iterations, start included, against {name}",
                    threads,
                    seconds["ours"],
                    seconds["theirs"],
                )
            )
            enough = fewest(context, k, inertias["theirs"], threads)
            if enough is None:
                part.remarks.append(f"kmeans: ours needs more than {LIMIT} iterations to faiss's")
            else:
                equal = alternate(
                    context.rounds,
                    {
                        "ours": lambda: ours(context, k, enough, threads)["seconds"],
                        "theirs": lambda: process()["seconds"],
                    },
                )
                what = (
                    f"kmeans: to an inertia no higher than that of faiss after {ITERATIONS} "
                    f"iterations, which ours reaches after {enough}"
                )
                part.rows.append(compare(what, threads, equal["ours"], equal["theirs"], "≥ 1.0"))
        part.remarks.append(
            f"kmeans: inertia of the final centroids after {ITERATIONS} iterations, {threads} "
            f"thread(s): ours {inertias['ours']:,.1f}, faiss {inertias['theirs']:,.1f} "
            f"(ours/faiss {inertias['ours'] / inertias['theirs']:.5f}). faiss starts from random "
            "points, ours from k-means++, whose time is included."
        )
    return part


def note(found: list[dict], round_: dict) -> float:
    found.append(round_)
    return round_["seconds"]


def ours(context: Context, k: int, iterations: int, threads: int) -> dict:
    result, _ = resrel(
        "cluster", context.images, "--k", k, "--iterations", iterations, threads=threads
    )
    return result["layers"][0]


def fewest(context: Context, k: int, inertia: float, threads: int) -> int | None:
    """Iterations after which our inertia is no higher; the same seed retraces the same steps, and no
    step raises it."""

    def reached(iterations: int) -> bool:
        return ours(context, k, iterations, threads)["inertia"] <= inertia

    if not reached(LIMIT):
        return None
    low, high = 1, LIMIT
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle + 1, high)
    return low
