"""One 784-500 machine, PCD-1, batch 100, learning rate 0.1: seconds of a pass over the images."""

from __future__ import annotations

import contextlib
import json

from side_by_side.harness import (
    Context,
    Missing,
    Part,
    Row,
    alternate,
    compare,
    markdown,
    peer,
    resrel,
    run,
    show,
)

HIDDEN = 500
BATCH = 100
# Of ours, over which what a training does once is spread (theirs goes on from round to round).
PASSES = 3
# What we do: options of training, and of the environment.
OURS = {
    "mean visible units": ("", {}),
    "sampled visible units": ('negative_visible = "sampled"', {}),
    "sampled, plain path": ('negative_visible = "sampled"', {"RESREL_PLAIN": "1"}),
}
PEERS = {
    "PyTorch, fastest loop": ("torch_rbm", {"kind": "fast"}, "≥ 1.5"),
    "PyTorch, private oneDNN operator": ("torch_rbm", {"kind": "onednn"}, ""),
    "PyTorch, as a user writes it": ("torch_rbm", {"kind": "plain"}, ""),
    "scikit-learn BernoulliRBM": ("sklearn_rbm", {}, "≥ 1.8"),
}


def measure(context: Context) -> Part:
    part = Part()
    errors = {}
    for threads in context.threads:
        with contextlib.ExitStack() as stack:
            sides, bounds = {}, {}
            for name in OURS:
                sides[name] = lambda name=name: ours(context, threads, name, errors)
            for name, (module, options, needed) in PEERS.items():
                options = {
                    "images": context.images,
                    "hidden": HIDDEN,
                    "batch": BATCH,
                    "updates": context.observations() // BATCH,
                    **options,
                }
                try:
                    process = stack.enter_context(peer(module, threads, **options))
                except Missing as error:
                    part.remarks.append(f"rbm: {name} skipped: {error}")
                    continue
                name = f"{name} ({process.about['version']})"
                sides[name] = lambda process=process, name=name: theirs(process, name, errors)
                bounds[name] = needed
            seconds = alternate(context.rounds, sides)
        for name, needed in bounds.items():
            for ours_ in OURS:
                what = f"rbm: a pass, {ours_}, against {name}"
                part.rows.append(compare(what, threads, seconds[ours_], seconds[name], needed))
    part.remarks.append(
        "rbm: reconstruction error at the end of what was trained (theirs learn on from round to "
        "round): " + ", ".join(f"{name} {error:.4f}" for name, error in errors.items())
    )
    against_products(part)
    return part


def ours(context: Context, threads: int, name: str, errors: dict[str, float]) -> float:
    training, variables = OURS[name]
    config = context.scratch / "rbm.toml"
    config.write_text(f"[training]\n{training}\n")
    result, _ = resrel(
        "train",
        config,
        "--data",
        context.images,
        "--layers",
        f"784-{HIDDEN}",
        "--epochs",
        PASSES,
        "--out",
        context.scratch / "rbm.safetensors",
        threads=threads,
        variables=variables,
    )
    errors[name] = result["monitoring"][0][-1]["reconstruction_error"]
    return result["seconds_per_pass"][0]


def theirs(process, name: str, errors: dict[str, float]) -> float:
    round_ = process()
    if "reconstruction_error" in round_:
        errors[name] = round_["reconstruction_error"]
    return round_["seconds"]


def against_products(part: Part) -> None:
    """One update against its five products, measured within one process."""
    command = ["cargo", "bench", "--quiet", "--package", "resrel-boltzmann"]
    found = json.loads(run([*command, "--bench", "against_products"]).output)
    for side in found["sides"]:
        part.rows.append(
            Row(
                "rbm: an update, in times of its five f32 products alone",
                side["threads"],
                show(side["update_seconds"]),
                show(side["products_seconds"]),
                side["ratio"],
                (side["ratio_low"], side["ratio_high"]),
                "≤ 1.25",
            )
        )
    scaling = [["five products alone", f"{found['products_scaling']:.2f}"]]
    scaling.append(["an update", f"{found['update_scaling']:.2f}"])
    part.tables.append(
        "From one to two threads, times faster:\n\n" + markdown(["what", "scaling"], scaling)
    )
