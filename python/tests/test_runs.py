"""Recipes from Python: the same records as from the command line."""

import json

import numpy as np
import pytest

import resrel

RECIPE = """figure = "fig2"
title = "Small"
data = "kinds.npy"
series = ["trained", "untrained", "k-means"]

[dbn]
layers = [12, 8, 5, 3]

[dbn.training]
batch = 10
updates = {updates}

[k_means]
k = [2, 4]
max_iterations = 20
"""


@pytest.fixture
def recipe(here):
    rows, columns = np.mgrid[:200, :12]
    noise = (rows * 7919 + columns * 104729) % 101
    np.save("kinds.npy", ((rows % 2 == columns % 2) != (noise < 20)).astype(np.float32))

    def write(updates):
        (here / "small.toml").write_text(RECIPE.format(updates=updates))
        return here / "small.toml"

    return write


def records(folder):
    """Records without what depends on the clock."""
    found = {}
    for path in sorted((folder / "records").glob("*.json")):
        record = json.loads(path.read_text())
        for key in ("seconds", "seconds_per_pass"):
            record.pop(key)
        found[path.name] = record
        found[path.stem] = path.with_suffix(".safetensors").read_bytes()
    return found


def test_as_the_command_line(recipe, command_line, here):
    path = recipe(50)
    heard = []
    run = resrel.reproduce(path, out="ours", progress=lambda done, line: heard.append((done, line)))
    printed = command_line("reproduce", path, "--out", "theirs")
    assert records(here / "ours") == records(here / "theirs")
    assert run.critical == printed["critical"]
    assert run.claims == printed["claims"]
    assert [layer["name"] for layer in run.layers] == ["H1", "H2", "H3"]
    assert all(figure.exists() for figure in run.figures)
    assert any(line and "Small: 4 units" in line for _, line in heard)
    assert max(done for done, _ in heard if done is not None) == pytest.approx(1)
    assert run._repr_html_().startswith("<svg")
    again = resrel.report("ours")
    assert again.layers == run.layers


def test_a_stopped_run_goes_on(recipe, here):
    path = recipe(20_000)

    def stop(done, line):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resrel.reproduce(path, out="stopped", progress=stop, threads=1)
    resrel.reproduce(path, out="stopped", threads=2)
    resrel.reproduce(path, out="whole", threads=1)
    assert records(here / "stopped") == records(here / "whole")


def test_mistakes(recipe, here):
    path = recipe(50)
    with pytest.raises(ValueError, match="fig99"):
        resrel.reproduce("fig99")
    with pytest.raises(ValueError, match='give "smoke", "quick" or "full"'):
        resrel.reproduce(path, size="huge")
    with pytest.raises(ValueError, match="paper-critical"):
        resrel.reproduce(path, preset="mine")
    with pytest.raises(ValueError, match="gone.npy"):
        resrel.reproduce(path, data="gone.npy")
    with pytest.raises(ValueError, match="resrel reproduce"):
        resrel.report("nowhere")
    (here / "wrong.toml").write_text(RECIPE.format(updates=50).replace("batch", "bach"))
    with pytest.raises(ValueError, match="line 10.*did you mean batch"):
        resrel.reproduce("wrong.toml")
    assert not (here / "out").exists()
