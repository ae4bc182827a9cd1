"""Counting 60,000 states of 120 bits: those of a trained layer, and a Zipf-like sample."""

from __future__ import annotations

import json
import pathlib

import numpy

from side_by_side.harness import (
    Context,
    Missing,
    Part,
    Process,
    alternate,
    compare,
    peer,
    resrel,
    run,
)

BITS = 120


def measure(context: Context) -> Part:
    part = Part()
    program = executable("count_file")
    for kind, states in {
        "of a trained layer": trained(context),
        "whose frequencies follow Zipf's law": zipf(context),
    }.items():
        try:
            process = peer("numpy_count", 1, states=states)
        except Missing as error:
            part.remarks.append(f"count: NumPy skipped: {error}")
            return part
        with process, Process([program, "--bench", states]) as ours:
            name = process.about["version"]
            ours()
            found = []
            seconds = alternate(
                3 * context.rounds,
                {
                    "ours": lambda: note(found, ours()),
                    "theirs": lambda: note(found, process()),
                },
            )
        counts = {round_["states"] for round_ in found}
        if len(counts) != 1:
            raise SystemExit(f"{states}: the two sides count {counts} states")
        packing = [round_["packing"] for round_ in found if "packing" in round_]
        whole = [a + b for a, b in zip(packing, seconds["ours"])]
        what = f"count: 60,000 states of {BITS} bits {kind} ({counts.pop():,} distinct), against {name}"
        part.rows.append(compare(what, 1, seconds["ours"], seconds["theirs"], "≥ 20"))
        part.rows.append(
            compare(
                "count: the same, packing of 32-bit floats included", 1, whole, seconds["theirs"]
            )
        )
    return part


def note(found: list[dict], round_: dict) -> float:
    found.append(round_)
    return round_["seconds"]


def executable(bench: str) -> pathlib.Path:
    """A program that counts as we do, as Cargo names it."""
    command = f"cargo bench --no-run --quiet --package resrel --bench {bench}"
    messages = run([*command.split(), "--message-format", "json"]).output
    for line in messages.splitlines():
        message = json.loads(line)
        if message.get("executable"):
            return pathlib.Path(message["executable"])
    raise SystemExit(f"{command} made no program")


def trained(context: Context) -> pathlib.Path:
    """The binarised states of a 784-120 machine after one pass over the images."""
    model = context.scratch / "count.safetensors"
    resrel(
        "train",
        "--data",
        context.images,
        "--layers",
        f"784-{BITS}",
        "--epochs",
        1,
        "--out",
        model,
        threads=max(context.threads),
    )
    tensors = safetensors(model)
    weights = next(t for t in tensors.values() if t.shape == (784, BITS))
    bias = next(t for t in tensors.values() if t.shape == (BITS,))
    return save(context, "trained", numpy.load(context.images) @ weights + bias > 0)


def zipf(context: Context) -> pathlib.Path:
    """60,000 draws of random states, the r-th of which has a probability proportional to 1/r."""
    random = numpy.random.default_rng(1)
    states = random.random((60_000, BITS)) < 0.5
    probability = 1 / numpy.arange(1, len(states) + 1)
    chosen = random.choice(len(states), len(states), p=probability / probability.sum())
    return save(context, "zipf", states[chosen])


def save(context: Context, name: str, states: numpy.ndarray) -> pathlib.Path:
    path = context.scratch / f"states-{name}.npy"
    numpy.save(path, states.astype("u1"))
    return path


def safetensors(path: pathlib.Path) -> dict[str, numpy.ndarray]:
    """The 32-bit floats of a safetensors file: eight bytes of length, a JSON header, the numbers."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    tensors = {}
    for name, entry in json.loads(content[8:start]).items():
        if entry.get("dtype") == "F32":
            begin, end = entry["data_offsets"]
            values = numpy.frombuffer(content[start + begin : start + end], "<f4")
            tensors[name] = values.reshape(entry["shape"])
    return tensors
