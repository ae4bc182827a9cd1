"""The layers of a PyTorch network, measured while data pass through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from html import escape
from typing import Any

from ._laws import critical_layer
from ._measures import Counts, Measure
from ._progress import Progress, told

__all__ = ["Follow", "Probe", "lightning_callback", "probe"]

# Modules that hand on what they were given, and nothing that is a layer of its own.
_PASSING = ("Dropout", "Identity", "Flatten", "Unflatten")
# Modules whose values are probabilities: a unit is on above one half.
_PROBABILITIES = ("Sigmoid", "Softmax", "Softmax2d", "Hardsigmoid")


@dataclass(frozen=True)
class Probe:
    """What was measured of a network's layers.

    Attributes
    ----------
    layers : list of Measure
        In the order in which data pass through them.
    critical : dict or None
        The layer of the largest H[s] + H[k], as `resrel.critical_layer` gives it.
    step : int or None
        When it was measured, where training is followed.
    """

    layers: list[Measure]
    critical: dict[str, Any] | None = field(repr=False)
    step: int | None = None

    def __getitem__(self, name: str) -> Measure:
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(f"{name!r}: the layers are {', '.join(layer.name for layer in self.layers)}")

    def to_frame(self) -> Any:
        """One row a layer, with the columns of `Measure.to_frame`.

        Returns
        -------
        pandas.DataFrame
        """
        import pandas

        return pandas.concat([layer.to_frame() for layer in self.layers], ignore_index=True)

    def plot(self, ax: Any = None) -> Any:
        """Draws the layers on the plane of H[s] and H[k], below the Poisson optimum.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from ._laws import limit

        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.figure().add_subplot()
        mu = [10 ** (power / 8) for power in range(-16, 25)]
        largest = limit(self.layers[0].m, mu)
        ax.plot(largest.resolution, largest.relevance, color="black", label="Poisson optimum")
        known = [it for it in self.layers if it.resolution is not None and it.relevance is not None]
        ax.plot([it.resolution for it in known], [it.relevance for it in known], "s-", color="#0072B2")
        for layer in known:
            ax.annotate(layer.name, (layer.resolution, layer.relevance), xytext=(5, 5), textcoords="offset points")
        ax.set_xlabel("resolution $H[s]/\\ln M$")
        ax.set_ylabel("relevance $H[k]/\\ln M$")
        ax.legend(frameon=False)
        return ax

    def _rows(self) -> list[list[str]]:
        def number(value: float | None, digits: int = 4) -> str:
            return "–" if value is None else f"{value:.{digits}f}"

        return [
            [
                it.name,
                number(it.resolution),
                number(it.relevance),
                number(it.optimum),
                number(it.beta.mle, 2),
                str(it.states),
                number(it.classification_error, 3),
            ]
            for it in self.layers
        ]

    def __str__(self) -> str:
        rows = [["layer", "H[s]", "H[k]", "optimum", "β", "states", "error"], *self._rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        words = self.critical["words"] if self.critical else "No layer has a resolution to compare"
        return "\n".join([*lines, f"{words}."])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("layer", "H[s]", "H[k]", "optimum", "β", "states", "error"))
        rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self._rows())
        words = escape(self.critical["words"]) if self.critical else "No layer has a resolution to compare"
        return f"<table><caption>{words}.</caption><tr>{head}</tr>{rows}</table>"


def probe(
    model: Any,
    loader: Iterable[Any],
    layers: Sequence[str] | Callable[[str, Any], bool] | None = None,
    *,
    threshold: float | Mapping[str, float] | None = None,
    pool: str | Callable[[Any], Any] | None = None,
    call: Callable[[Any, Any], Any] | None = None,
    labels: bool = True,
    progress: Progress = None,
) -> Probe:
    """Measures the layers of a PyTorch network on the data of a loader.

    A unit of a layer is on where its value is above the threshold; which units are on is the state of the layer.
    States are counted batch by batch: nothing stays in memory but distinct states and how often each occurred.
    The network is put into evaluation mode and back.

    Parameters
    ----------
    model : torch.nn.Module
        The network.
    loader : iterable
        Batches: a tensor, or a sequence whose first element holds the inputs and whose second one, if it is a
        vector of whole numbers, the labels.
    layers : sequence of str or callable, optional
        Names as of ``model.named_modules()``, or ``layers(name, module)`` that is true for those wanted. By default
        every module without children, but those that hand on what they are given (dropout, flatten).
    threshold : float or mapping, optional
        For all layers, or by name. By default 0.5 behind a sigmoid or softmax and 0 elsewhere.
    pool : {"mean", "max"} or callable, optional
        What makes one number a channel out of feature maps (batch x channels x positions); a callable gets the
        layer's values. By default every value is a unit.
    call : callable, optional
        ``call(model, batch)`` passes a batch through; by default ``model(inputs)``, on the device of the model.
    labels : bool
        Whether labels are looked for.
    progress : bool or callable, optional
        A bar; by default in terminals and notebooks.

    Returns
    -------
    Probe

    Raises
    ------
    ValueError
        If there are no such layers, or the loader gives nothing.
    TypeError
        If a layer's values are no tensor.

    Examples
    --------
    >>> import torch, resrel  # doctest: +SKIP
    >>> network = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU())  # doctest: +SKIP
    >>> resrel.probe(network, [torch.rand(100, 8)]).layers[-1].states  # doctest: +SKIP
    """
    import torch

    chosen = _chosen(model, layers)
    counts: dict[str, Counts] = {}
    batch_labels: list[Any] = [None]
    seen: dict[str, int] = {}

    def record(name: str, module: Any) -> Callable[..., None]:
        own = threshold.get(name) if isinstance(threshold, Mapping) else threshold
        if own is None:
            own = 0.5 if type(module).__name__ in _PROBABILITIES else 0.0

        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            # A module that is passed several times is as many layers.
            seen[name] = seen.get(name, 0) + 1
            layer = name if seen[name] == 1 else f"{name} ({seen[name]})"
            on = _units(layer, output, pool) > own
            states = on.to(torch.uint8).cpu().numpy()
            counts.setdefault(layer, Counts()).observe(states, batch_labels[0])

        return hook

    def passed() -> Iterator[None]:
        device = next((it.device for it in model.parameters()), None)
        for batch in loader:
            inputs, batch_labels[0] = _parts(batch, labels)
            seen.clear()
            if call is not None:
                call(model, batch)
            else:
                model(inputs if device is None else inputs.to(device))
            yield

    hooks = [module.register_forward_hook(record(name, module)) for name, module in chosen]
    was_training = model.training
    total = len(loader) if isinstance(loader, Sized) else None
    try:
        model.eval()
        with torch.no_grad(), told(progress, "probe") as hears:
            for number, _ in enumerate(passed(), start=1):
                if hears is not None and total:
                    hears(min(number / total, 1.0), None)
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    if not counts:
        raise ValueError("loader: gave no batch that passed through the chosen layers")
    measures = [count.measure(name) for name, count in counts.items()]
    return Probe(measures, critical_layer(measures))


def _chosen(model: Any, layers: Any) -> list[tuple[str, Any]]:
    modules = [(name or type(model).__name__, module) for name, module in model.named_modules()]
    if layers is None:
        leaves = [(name, it) for name, it in modules if next(it.children(), None) is None]
        chosen = [(name, it) for name, it in leaves if not type(it).__name__.startswith(_PASSING)]
    elif callable(layers):
        chosen = [(name, it) for name, it in modules if layers(name, it)]
    else:
        names = [layers] if isinstance(layers, str) else list(layers)
        known = dict(modules)
        missing = [name for name in names if name not in known]
        if missing:
            raise ValueError(f"layers: {missing[0]!r} is none; there are {', '.join(known)}")
        chosen = [(name, known[name]) for name in names]
    if not chosen:
        raise ValueError("layers: none of the network's modules is chosen")
    return chosen


def _parts(batch: Any, labels: bool) -> tuple[Any, Any]:
    """Inputs and labels of a batch."""
    import torch

    if not isinstance(batch, (tuple, list)):
        return batch, None
    second = batch[1] if labels and len(batch) > 1 else None
    whole = isinstance(second, torch.Tensor) and second.ndim == 1 and not second.is_floating_point()
    return batch[0], second if whole else None


def _units(name: str, output: Any, pool: Any) -> Any:
    """A layer's values, batch x units."""
    import torch

    if isinstance(output, (tuple, list)) and output and isinstance(output[0], torch.Tensor):
        output = output[0]
    if not isinstance(output, torch.Tensor) or output.ndim == 0:
        raise TypeError(f"layer {name}: gives {type(output).__name__}, no tensor of batch x units; leave it out")
    if callable(pool):
        output = pool(output)
    elif pool is not None and output.ndim > 2:
        if pool not in ("mean", "max"):
            raise ValueError(f"pool = {pool!r}: give 'mean', 'max' or a function")
        positions = output.flatten(2)
        output = positions.mean(2) if pool == "mean" else positions.amax(2)
    return output.reshape(len(output), -1)


class Follow:
    """Follows resolution and relevance while a PyTorch network is trained.

    Parameters
    ----------
    model : torch.nn.Module
        The network.
    loader : iterable
        The data to measure on, the same at each look.
    writer : SummaryWriter, optional
        Where to log: ``writer.add_scalar(name, value, step)``, as TensorBoard's.
    every : int
        Every so many calls the network is measured.
    **options
        As of `probe`.

    Attributes
    ----------
    history : list of Probe
        What was measured, with the step of each.

    Examples
    --------
    >>> follow = resrel.Follow(network, loader, SummaryWriter())  # doctest: +SKIP
    >>> for epoch in range(20):  # doctest: +SKIP
    ...     train(network)
    ...     follow(epoch)
    """

    def __init__(self, model: Any, loader: Iterable[Any], writer: Any = None, *, every: int = 1, **options: Any) -> None:
        if every < 1:
            raise ValueError(f"every = {every}: give 1 or more")
        self.model, self.loader, self.writer, self.every = model, loader, writer, every
        self.options = {"progress": False, **options}
        self.history: list[Probe] = []
        self._calls = 0

    def __call__(self, step: int | None = None) -> Probe | None:
        """Measures, if it is time, and logs.

        Parameters
        ----------
        step : int, optional
            What to log it under; the number of the call by default.

        Returns
        -------
        Probe or None
            None where it is not time.
        """
        call, self._calls = self._calls, self._calls + 1
        if call % self.every:
            return None
        found = probe(self.model, self.loader, **self.options)
        found = Probe(found.layers, found.critical, call if step is None else step)
        self.history.append(found)
        if self.writer is not None:
            for name, value in _scalars(found):
                self.writer.add_scalar(name, value, found.step)
        return found

    def to_frame(self) -> Any:
        """One row a layer and step.

        Returns
        -------
        pandas.DataFrame
        """
        import pandas

        return pandas.concat([it.to_frame().assign(step=it.step) for it in self.history], ignore_index=True)


def _scalars(found: Probe) -> Iterator[tuple[str, float]]:
    for layer in found.layers:
        for name, value in (
            ("resolution", layer.resolution),
            ("relevance", layer.relevance),
            ("beta", layer.beta.mle),
            ("classification_error", layer.classification_error),
        ):
            if value is not None:
                yield f"{name}/{layer.name}", value


def lightning_callback(loader: Iterable[Any], *, every: int = 1, **options: Any) -> Any:
    """A callback for Lightning's ``Trainer``: measures after each epoch and logs with the trainer's loggers.

    Parameters
    ----------
    loader : iterable
        The data to measure on.
    every : int
        Every so many epochs.
    **options
        As of `probe`.

    Returns
    -------
    lightning.Callback
        Its ``history`` is a list of `Probe`.
    """
    try:
        from lightning.pytorch import Callback
    except ImportError:
        from pytorch_lightning import Callback  # type: ignore[assignment]

    class Following(Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.follow: Follow | None = None

        @property
        def history(self) -> list[Probe]:
            return [] if self.follow is None else self.follow.history

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            if self.follow is None:
                self.follow = Follow(pl_module, loader, every=every, **options)
            found = self.follow(trainer.current_epoch)
            if found is not None:
                for logger in trainer.loggers:
                    logger.log_metrics(dict(_scalars(found)), step=trainer.global_step)

    return Following()
