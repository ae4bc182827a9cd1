"""Power laws, theoretical curves, multi-scale relevance, and the critical layer."""

import warnings

import numpy as np
import pytest

import resrel

RNG = np.random.default_rng(3)
FREQUENCIES = RNG.zipf(2.2, 400)


def test_a_fit_as_the_command_line(command_line, here):
    np.savetxt("counts.txt", FREQUENCIES, fmt="%d")
    printed = command_line("fit", "counts.txt", "--bootstrap", 40, "--compare", "--seed", 5)
    found = resrel.fit(FREQUENCIES, bootstrap=40, compare=True, seed=5)
    for key in ("gamma", "gamma_stderr", "beta", "k_min", "log_likelihood", "ks", "tail", "states", "p_value", "refits"):
        assert getattr(found, key) == printed[key], key
    assert found.comparisons == printed["comparisons"]


def test_a_fit_as_powerlaw():
    powerlaw = pytest.importorskip("powerlaw")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = powerlaw.Fit(FREQUENCIES, discrete=True, xmin=1, verbose=False, estimate_discrete=False)
        alpha = theirs.power_law.alpha
    ours = resrel.fit(FREQUENCIES, k_min=1)
    assert ours.gamma == pytest.approx(alpha, abs=1e-3)


def test_progress_is_heard_and_stops():
    heard = []
    resrel.fit(FREQUENCIES, bootstrap=30, progress=lambda done, line: heard.append(done))
    assert heard == sorted(heard)
    assert heard[-1] == 1

    def stop(done, line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resrel.fit(FREQUENCIES, bootstrap=1_000_000, progress=stop)


def test_no_fit():
    found = resrel.fit([4, 4, 4])
    assert found.gamma is None
    assert found.states == 3
    for wrong in ({"k_min": 0}, {"bootstrap": 0}, {"threads": 0}):
        with pytest.raises(ValueError, match="1 or more"):
            resrel.fit(FREQUENCIES, **wrong)
    with pytest.raises(ValueError):
        resrel.fit([])


def test_limits(command_line, here):
    printed = command_line("limit", "--m", 60000)
    found = resrel.limit(60000)
    assert found.max_relevance == printed["strict"]["max_relevance"]
    assert found.max_sum == printed["strict"]["max_sum"]
    assert found.area == printed["area"]
    assert found.relevance.tolist() == [point["relevance"] for point in printed["poisson"]]
    assert resrel.limit(100, [0.0, 1]).mu.tolist() == [0, 1]
    for wrong in ((1, None), (10**13, None), (100, [-1.0]), (100, [float("nan")])):
        with pytest.raises(ValueError):
            resrel.limit(*wrong)


def test_events(command_line, here):
    times = np.sort(RNG.random(200) ** 2)
    np.savetxt("times.txt", times, fmt="%.17g")
    printed = command_line("msr", "times.txt")
    found = resrel.msr(times)
    assert (found.msr, found.events) == (printed["msr"], 200)
    assert resrel.msr(times[::-1].tolist()).msr == found.msr
    counts, _ = np.histogram(times, 5000)
    assert 0 < resrel.msr(counts=counts).msr < 0.35
    for wrong in ({}, {"times": times, "counts": counts}, {"counts": counts, "start": 0.0}, {"times": [np.nan]}, {"times": times, "bins": 1}):
        with pytest.raises(ValueError):
            resrel.msr(**wrong)
    with pytest.raises(TypeError):
        resrel.msr(["a", "b"])


def test_the_critical_layer():
    states = RNG.zipf(1.8, 2000)
    layers = [resrel.measure(states // step, name=f"H{step}") for step in (1, 2, 8)]
    found = resrel.critical_layer(layers)
    assert found["layer"] == max(layers, key=lambda layer: layer.sum).name
    assert resrel.critical_layer([]) is None
