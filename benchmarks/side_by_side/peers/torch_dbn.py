"""The training of a whole deep belief network in PyTorch: each machine for a number of updates on the
binarised states of the one below."""

import time

from side_by_side.peers.answering import answer, missing, options

try:
    import numpy
    import torch
except ImportError as error:
    missing(error)

from side_by_side.peers.torch_machine import KINDS, order

BATCH = 100
CHUNK = 10_000

chosen = options()
torch.set_num_threads(chosen["threads"])
torch.manual_seed(1)
images = torch.from_numpy(numpy.load(chosen["images"]))


@torch.inference_mode()
def train(updates: int) -> dict:
    started = time.perf_counter()
    data, seconds = images, []
    for visible, hidden in zip(chosen["layers"], chosen["layers"][1:]):
        machine = KINDS[chosen["kind"]](visible, hidden, BATCH, 0.1)
        batches = order(len(data), BATCH)
        layer_started = time.perf_counter()
        for _ in range(updates):
            machine.update(data, next(batches))
        seconds.append(time.perf_counter() - layer_started)
        parts = data.split(CHUNK)
        data = torch.cat(
            [(part @ machine.weights + machine.hidden_bias > 0).float() for part in parts]
        )
    return {"seconds": sum(seconds), "layers": seconds, "whole": time.perf_counter() - started}


train(20)
answer({"version": f"PyTorch {torch.__version__}"}, lambda: train(chosen["updates"]))
