"""Block Gibbs steps of many chains of one machine in PyTorch, as fast as its public operators go.

Chains are cut into parts that stay in the cache while they make all their steps; the size of the parts and the
way to draw are those that a short trial finds fastest. Single precision throughout."""

import json
import time

from side_by_side.peers.answering import answer, missing, options

try:
    import numpy
    import torch
except ImportError as error:
    missing(error)

chosen = options()
torch.set_num_threads(chosen["threads"])
torch.manual_seed(1)


def parameters(path: str, layer: int) -> list[torch.Tensor]:
    """W (visible × hidden), a and b of a layer's machine."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        body = file.read()
    found = []
    for name in ["weights", "visible_bias", "hidden_bias"]:
        entry = header[f"H{layer}.{name}"]
        first, last = entry["data_offsets"]
        values = numpy.frombuffer(body[first:last], numpy.float32).reshape(entry["shape"])
        found.append(torch.from_numpy(values.copy()))
    return found


weights, visible_bias, hidden_bias = parameters(chosen["model"], chosen["layer"])
back = weights.T.contiguous()
visible, hidden = weights.shape
chains = chosen["chains"]
states = torch.bernoulli(torch.full((chains, hidden), 0.5))


def by_uniforms(field: torch.Tensor, uniform: torch.Tensor) -> None:
    uniform.uniform_()
    torch.lt(uniform, field.sigmoid_(), out=field)


def by_bernoulli(field: torch.Tensor, _: torch.Tensor) -> None:
    torch.bernoulli(field.sigmoid_(), out=field)


@torch.inference_mode()
def run(steps: int, size: int, draw) -> float:
    """Seconds of a step of all chains."""
    started = time.perf_counter()
    for h in states.split(size):
        v = torch.empty(len(h), visible)
        uniform_v, uniform_h = torch.empty_like(v), torch.empty_like(h)
        for _ in range(steps):
            torch.addmm(visible_bias, h, back, out=v)
            draw(v, uniform_v)
            torch.addmm(hidden_bias, v, weights, out=h)
            draw(h, uniform_h)
    return (time.perf_counter() - started) / steps


trials = {
    (size, draw): min(run(chosen["trial"], size, draw) for _ in range(2))
    for size in [200, 1_000, 5_000, chains]
    for draw in [by_uniforms, by_bernoulli]
}
best = min(trials, key=trials.get)
answer(
    {"version": f"PyTorch {torch.__version__}", "way": f"{best[1].__name__}, {best[0]} chains at once"},
    lambda: {"seconds": run(chosen["steps"], *best)},
)
