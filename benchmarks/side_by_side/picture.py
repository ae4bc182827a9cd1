"""Curves of cost against size, as one picture."""

from __future__ import annotations

import pathlib
import textwrap

from side_by_side.harness import Curve, show

# Okabe and Ito's colours, which people with any kind of colour vision tell apart; markers besides.
OURS = ["#0072B2", "#56B4E9"]
PEERS = ["#D55E00", "#E69F00", "#CC79A7", "#009E73"]
MARKERS = ["s", "^", "v", "D"]
COLUMNS = 2


def draw(curves: list[Curve], path: pathlib.Path) -> None:
    """Writes the picture, whose kind the file's ending names."""
    import matplotlib

    matplotlib.use("Agg")
    # Text stays text, and the same measurements give the same file.
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "resrel"}
    from matplotlib import pyplot, ticker

    rows = -(-len(curves) // COLUMNS)
    figure, places = pyplot.subplots(
        rows, COLUMNS, figsize=(10, 3.6 * rows), layout="constrained", squeeze=False
    )
    for curve, axes in zip(curves, places.flat):
        colours = {True: iter(OURS), False: iter(zip(PEERS, MARKERS))}
        for name, seconds in curve.seconds.items():
            there = [(x, y) for x, y in zip(curve.sizes, seconds) if y is not None]
            ours = name.startswith("resrel")
            style = {"linewidth": 2.2 if ours else 1.2, "markersize": 5}
            if name == "dense products alone":
                style |= {"color": "#444444", "linestyle": "--"}
            elif ours:
                style |= {"color": next(colours[True]), "marker": "o"}
            else:
                style["color"], style["marker"] = next(colours[False])
            axes.plot(*zip(*there), label=name, **style)
        axes.set(xscale="log", yscale="log", xlabel=curve.size)
        axes.set_xticks(curve.sizes, [f"{size:,}" for size in curve.sizes])
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(lambda seconds, _: show(seconds))
        axes.minorticks_off()
        axes.set_title("\n".join(textwrap.wrap(curve.title, 52)), fontsize=10)
        axes.grid(which="major", color="#dddddd", linewidth=0.6)
        axes.legend(fontsize=8, frameon=False)
    for axes in list(places.flat)[len(curves) :]:
        axes.set_visible(False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
