"""Block Gibbs steps of many chains of one machine in PyTorch, as fast as its public operators go.

Chains are cut into parts that stay in the cache while they make all their steps; the size of the parts, the products
and the way to draw are those that a short trial finds fastest. Products are in single precision, or of bytes with
weights of 16 bits in two digits as ours, by an operator that PyTorch does not document."""

import json
import math
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
visible, hidden = weights.shape
chains = chosen["chains"]
states = torch.bernoulli(torch.full((chains, hidden), 0.5))


class Single:
    """Fields by a product in single precision."""

    dtype = torch.float32

    def __init__(self, weights: torch.Tensor, bias: torch.Tensor) -> None:
        self.weights, self.bias = weights.contiguous(), bias

    def __call__(self, inputs: torch.Tensor, field: torch.Tensor) -> None:
        torch.addmm(self.bias, inputs, self.weights, out=field)


class Bytes:
    """Fields by products of bytes with two digits, low + 255 high."""

    dtype = torch.int8

    def __init__(self, weights: torch.Tensor, bias: torch.Tensor) -> None:
        self.unit = 2.0 ** -math.floor(math.log2(32_512 / float(weights.abs().max())))
        whole = (weights / self.unit).round().int()
        high = torch.div(whole + whole.sign() * 127, 255, rounding_mode="trunc")
        digits = torch.cat([whole - 255 * high, high], 1)
        self.digits, self.bias = digits.to(torch.int8).contiguous(), bias

    def __call__(self, inputs: torch.Tensor, field: torch.Tensor) -> None:
        low, high = torch._int_mm(inputs, self.digits).chunk(2, 1)
        torch.add(self.bias, low.add_(high, alpha=255), alpha=self.unit, out=field)


def by_uniforms(field: torch.Tensor, uniform: torch.Tensor, out: torch.Tensor) -> None:
    uniform.uniform_()
    torch.lt(uniform, field.sigmoid_(), out=out)


def by_bernoulli(field: torch.Tensor, _: torch.Tensor, out: torch.Tensor) -> None:
    torch.bernoulli(field.sigmoid_(), out=out)


@torch.inference_mode()
def run(steps: int, size: int, draw, down, up) -> float:
    """Seconds of a step of all chains."""
    started = time.perf_counter()
    for part in states.split(size):
        h = part.to(down.dtype)
        field_v, field_h = torch.empty(len(h), visible), torch.empty(len(h), hidden)
        v = torch.empty_like(field_v, dtype=down.dtype)
        uniform_v, uniform_h = torch.empty_like(field_v), torch.empty_like(field_h)
        for _ in range(steps):
            down(h, field_v)
            draw(field_v, uniform_v, v)
            up(v, field_h)
            draw(field_h, uniform_h, h)
    return (time.perf_counter() - started) / steps


trials = {}
for product in [Single, Bytes]:
    ways = product(weights.T, visible_bias), product(weights, hidden_bias)
    for draw in [by_uniforms, by_bernoulli]:
        for size in [200, 1_000, 5_000, chains]:
            way = (size, draw, *ways)
            try:
                trials[way] = min(run(chosen["trial"], *way) for _ in range(2))
            except RuntimeError:
                # What is not documented may refuse a shape.
                continue
best = min(trials, key=trials.get)
answer(
    {
        "version": f"PyTorch {torch.__version__}",
        "way": f"{type(best[2]).__name__}, {best[1].__name__}, {best[0]} chains at once".lower(),
    },
    lambda: {"seconds": run(chosen["steps"], *best)},
)
