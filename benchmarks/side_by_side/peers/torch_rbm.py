"""Some updates of one machine in PyTorch, in one of the ways of `torch_machine`."""

import time

from side_by_side.peers.answering import answer, missing, options

try:
    import numpy
    import torch
except ImportError as error:
    missing(error)

from side_by_side.peers.torch_machine import KINDS, order

chosen = options()
torch.set_num_threads(chosen["threads"])
torch.manual_seed(1)
data = torch.from_numpy(numpy.load(chosen["images"]))
batch = chosen["batch"]
machine = KINDS[chosen["kind"]](data.shape[1], chosen["hidden"], batch, 0.1)
batches = order(len(data), batch)


@torch.inference_mode()
def train(updates: int) -> float:
    started = time.perf_counter()
    for _ in range(updates):
        machine.update(data, next(batches))
    return time.perf_counter() - started


@torch.inference_mode()
def reconstruction_error() -> float:
    """Mean of (v − P(v = 1 | h))², h one sample given v: shows that this machine learns too."""
    v = data[:1000]
    h = torch.bernoulli(torch.sigmoid(v @ machine.weights + machine.hidden_bias))
    return float((v - torch.sigmoid(h @ machine.weights.T + machine.visible_bias)).square().mean())


def round_() -> dict:
    found = {"seconds": train(chosen["updates"])}
    # Products alone learn nothing.
    if chosen["kind"] != "products":
        found["reconstruction_error"] = reconstruction_error()
    return found


train(chosen["updates"] // 10)
answer({"version": f"PyTorch {torch.__version__}"}, round_)
