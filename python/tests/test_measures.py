"""States of every kind of array, and counts in batches."""

import math
import pickle
from collections import Counter, defaultdict

import numpy as np
import pytest

import resrel

RNG = np.random.default_rng(7)
BITS = RNG.random((400, 11)) < 0.2
NUMBERS = RNG.zipf(1.9, 500)
LABELS = RNG.integers(0, 3, 400)


def brute_force(states):
    """H[s] and H[k] in nats, by their definitions."""
    counts = Counter(states)
    m = sum(counts.values())
    degeneracies = Counter(counts.values())
    resolution = -sum(k / m * math.log(k / m) for k in counts.values())
    shares = [k * m_k / m for k, m_k in degeneracies.items()]
    return resolution, -sum(share * math.log(share) for share in shares)


def majority_error(states, labels):
    groups = defaultdict(Counter)
    for state, label in zip(states, labels, strict=True):
        groups[state][label] += 1
    right = sum(max(group.values()) for group in groups.values())
    return 1 - right / len(labels)


def rows(array):
    return [tuple(row) for row in np.asarray(array).astype(int).tolist()]


def test_by_definition():
    found = resrel.measure(BITS, LABELS)
    resolution, relevance = brute_force(rows(BITS))
    assert found.m == 400
    assert found.states == len(set(rows(BITS)))
    assert found.resolution_nats == pytest.approx(resolution, rel=1e-12)
    assert found.relevance_nats == pytest.approx(relevance, rel=1e-12)
    assert found.resolution == pytest.approx(resolution / math.log(400), rel=1e-12)
    assert found.classification_error == pytest.approx(majority_error(rows(BITS), LABELS), abs=1e-12)
    assert found.relevance <= found.bound
    assert (found.k * found.m_k).sum() == 400
    assert found.m_k.sum() == found.states


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "<u2", ">i2", "<i4", ">u4", "i8", "u8", "f2", ">f4", "f8"])
def test_every_type_of_number(dtype):
    same = resrel.measure(BITS)
    assert resrel.measure(BITS.astype(dtype)) == same
    whole = resrel.measure(NUMBERS)
    if np.dtype(dtype).kind in "iu" and np.iinfo(dtype).max >= NUMBERS.max():
        assert resrel.measure(NUMBERS.astype(dtype)) == whole


def test_every_layout():
    same = resrel.measure(BITS)
    assert resrel.measure(np.asfortranarray(BITS)) == same
    wide = np.zeros((800, 22), dtype=np.float32)
    wide[::2, ::2] = BITS
    assert resrel.measure(wide[::2, ::2]) == same
    assert resrel.measure(wide[::-2, ::2][::1]) is not None
    locked = BITS.copy()
    locked.flags.writeable = False
    assert resrel.measure(locked) == same
    assert resrel.measure(BITS.tolist()) == same
    assert resrel.measure(np.ma.masked_array(BITS)) == same


def test_a_contiguous_array_is_not_copied():
    from resrel._arrays import states_of

    values = np.zeros((1000, 50), dtype=np.float32)
    assert np.shares_memory(states_of(values).bytes, values)


def test_a_threshold_makes_bits():
    values = RNG.normal(size=(300, 9))
    assert resrel.measure(values, threshold=0.25) == resrel.measure(values > 0.25)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_and_memory_change_nothing(threads):
    same = resrel.measure(NUMBERS)
    assert resrel.measure(NUMBERS, threads=threads, memory=64 << 20) == same


def test_strings():
    words = np.array(["one", "two", "three"], dtype=object)[NUMBERS % 3]
    numbers = resrel.measure(NUMBERS % 3)
    assert resrel.measure(words).to_dict() == numbers.to_dict()
    assert resrel.measure(words.astype(str), NUMBERS).classification_error is not None
    assert resrel.measure(words.astype("S")) == numbers
    labels = np.array(["a", "b"])[LABELS % 2]
    by_text = resrel.measure(BITS, labels).classification_error
    assert by_text == resrel.measure(BITS, LABELS % 2).classification_error


def test_missing_strings():
    words = ["a", "b", None, "a", None, float("nan")]
    with pytest.raises(ValueError, match="missing"):
        resrel.measure(words)
    dropped = resrel.measure(words, missing="drop")
    assert (dropped.m, dropped.dropped) == (3, 3)
    assert resrel.measure(words, missing="state").states == 3
    with pytest.raises(ValueError, match='give "refuse", "drop" or "state"'):
        resrel.measure(words, missing="forget")


@pytest.mark.parametrize(
    ("states", "error", "words"),
    [
        (np.float64(3), ValueError, "single value"),
        (3, TypeError, "no array"),
        ("text", TypeError, "no array"),
        (None, TypeError, "no array"),
        (np.zeros((0, 4)), ValueError, "empty"),
        ([], ValueError, "empty"),
        (np.zeros((2, 3, 4)), ValueError, "reshape"),
        ([[1, 0], [1]], ValueError, "different lengths"),
        (np.zeros(4, dtype=complex), TypeError, "complex"),
        (np.zeros(4, dtype="datetime64[s]"), TypeError, "datetime64"),
        (np.zeros(4, dtype=[("a", int)]), TypeError, "give whole or real numbers"),
        (np.array([[0, 2]]), ValueError, "threshold"),
        (np.array([[0.5, 1.0]]), ValueError, "threshold"),
        (np.array([[np.nan, 1.0]]), ValueError, "NaN"),
        (np.array([1.5, 2.5]), ValueError, "1.5"),
        (np.array([object()]), TypeError, "row 0 holds object"),
        (np.ma.masked_array([1, 2], mask=[0, 1]), ValueError, "masked"),
    ],
)
def test_what_is_no_array_of_states(states, error, words):
    with pytest.raises(error, match=words):
        resrel.measure(states)


def test_a_threshold_with_nan():
    with pytest.raises(ValueError, match="NaN"):
        resrel.measure(np.array([[0.5, np.nan]]), threshold=0.0)
    with pytest.raises(ValueError, match="NaN"):
        resrel.measure(BITS.astype(float), threshold=float("nan"))
    with pytest.raises(ValueError, match="text has no threshold"):
        resrel.measure(["a", "b"], threshold=1.0)


@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        (LABELS[:-1], ValueError, "399 labels for 400"),
        (np.zeros((400, 2), dtype=int), ValueError, "2 axes"),
        (np.full(400, 0.5), ValueError, "whole numbers"),
        (np.full(400, np.nan), ValueError, "whole numbers"),
        (np.zeros(400, dtype=complex), TypeError, "complex"),
    ],
)
def test_labels_that_are_none(labels, error, words):
    with pytest.raises(error, match=words):
        resrel.measure(BITS, labels)
    with pytest.raises(error, match=words):
        resrel.Counts().observe(BITS, labels)


def test_one_observation_has_no_fractions():
    found = resrel.measure([5])
    assert found.resolution is None
    assert found.sum is None
    assert found.resolution_nats == 0


@pytest.mark.parametrize("options", [{"threads": 0}, {"threads": 1.5}, {"memory": 1}])
def test_impossible_settings(options):
    with pytest.raises(ValueError, match="threads|memory"):
        resrel.measure(BITS, **options)


def test_a_measure_shows_itself():
    found = resrel.measure(BITS, LABELS, name="<H1>")
    assert "resolution H[s] / ln M" in str(found)
    assert "&lt;H1&gt;" in found._repr_html_()
    assert found.to_dict()["beta"]["mle"] == found.beta.mle


def test_frames():
    pandas = pytest.importorskip("pandas")
    found = resrel.measure(pandas.Series(NUMBERS))
    assert found == resrel.measure(NUMBERS)
    assert resrel.measure(pandas.DataFrame(BITS.astype(int)), pandas.Series(LABELS)) == resrel.measure(BITS, LABELS)
    frame = found.to_frame()
    assert frame.loc[0, "relevance"] == found.relevance
    assert frame.loc[0, "beta_mle"] == found.beta.mle
    texts = pandas.Series(["a", None, "b", "a"])
    assert resrel.measure(texts, missing="drop").m == 3


def test_columns_of_polars_and_arrow():
    polars = pytest.importorskip("polars")
    assert resrel.measure(polars.Series(NUMBERS)) == resrel.measure(NUMBERS)
    pyarrow = pytest.importorskip("pyarrow")
    chunked = pyarrow.chunked_array([NUMBERS[:100], NUMBERS[100:]])
    assert resrel.measure(chunked) == resrel.measure(NUMBERS)


def test_tensors():
    torch = pytest.importorskip("torch")
    values = torch.randn(100, 6, requires_grad=True)
    assert resrel.measure(values, threshold=0.0) == resrel.measure(values.detach().numpy(), threshold=0.0)


def test_a_plot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    axes = resrel.measure(NUMBERS).plot()
    assert len(axes.lines) == 2
    assert resrel.measure([1, 2]).plot(axes) is axes


def test_frequencies():
    counts = np.array(list(Counter(NUMBERS.tolist()).values()))
    by_counts, by_states = resrel.measure_counts(counts), resrel.measure(NUMBERS)
    assert {**by_counts.to_dict(), "name": "states"} == by_states.to_dict()
    for wrong, error in (([], ValueError), ([0], ValueError), ([-1], ValueError), ([1.5], TypeError), ([[1]], ValueError)):
        with pytest.raises(error):
            resrel.measure_counts(wrong)


def test_batches_merge_to_the_whole():
    whole = resrel.measure(BITS, LABELS)
    parts = [resrel.Counts() for _ in range(3)]
    for number in range(8):
        batch = slice(50 * number, 50 * (number + 1))
        parts[number % 3].observe(BITS[batch], LABELS[batch])
    counts = pickle.loads(pickle.dumps(parts[0]))
    counts.merge(parts[1]).merge(pickle.loads(pickle.dumps(parts[2]))).merge(resrel.Counts())
    assert counts.measure() == whole
    assert (counts.observations, counts.states) == (whole.m, whole.states)
    assert pickle.dumps(counts) == pickle.dumps(pickle.loads(pickle.dumps(counts)))


def test_what_does_not_go_together_is_not_counted():
    counts = resrel.Counts().observe(BITS)
    before = counts.measure()
    for states, labels, words in (
        (BITS[:, :-1], None, "states of 10 bits after states of 11 bits"),
        (NUMBERS, None, "whole numbers after states of 11 bits"),
        (BITS, LABELS, "labels with all"),
    ):
        with pytest.raises(ValueError, match=words):
            counts.observe(states, labels)
        with pytest.raises(ValueError, match=words):
            counts.merge(resrel.Counts().observe(states, labels))
    bad = BITS.astype(float)
    bad[-1, -1] = 0.5
    with pytest.raises(ValueError, match="row 399"):
        counts.observe(bad)
    with pytest.raises(TypeError, match="number the strings"):
        counts.observe(["a"])
    with pytest.raises(TypeError, match="whole numbers"):
        resrel.Counts().observe(BITS, ["a"] * 400)
    with pytest.raises(ValueError, match="not with themselves"):
        counts.merge(counts)
    with pytest.raises(ValueError, match="no states"):
        resrel.Counts().measure()
    # −1 and 2⁶⁴ − 1 have the same 64 bits.
    huge = np.array([2**64 - 1], dtype=np.uint64)
    below = resrel.Counts().observe([-1])
    for add in (below.observe, lambda it: below.merge(resrel.Counts().observe(it))):
        with pytest.raises(ValueError, match="count them apart"):
            add(huge)
    assert below.observe([3]).states == 2
    assert counts.measure() == before


def test_damaged_pickles_are_refused():
    units, signs, labelled, words, counts, labels = resrel.Counts().observe(BITS, LABELS).__getstate__()["core"]
    number, label, times = labels[0]
    for damaged in (
        (0, signs, labelled, words, counts, labels),
        (units, (True, True), labelled, words, counts, labels),
        (units, signs, labelled, words[:-1], counts, labels),
        (units, signs, labelled, words, np.zeros_like(counts), labels),
        (units, signs, labelled, words, counts, labels[1:]),
        (units, signs, labelled, words, counts, [*labels, (10**6, 0, 1)]),
        (units, signs, labelled, words, counts, [(number, label, 2**63), *labels[1:]]),
    ):
        with pytest.raises(ValueError):
            resrel.Counts().__setstate__({"core": damaged})


def test_as_the_command_line(command_line, here):
    np.save("states.npy", BITS)
    np.save("labels.npy", LABELS)
    np.save("numbers.npy", NUMBERS)
    printed = command_line("measure", "states.npy", "--labels", "labels.npy")
    found = resrel.measure(BITS, LABELS, name="states.npy").to_dict()
    assert {key: printed[key] for key in found} == found
    printed = command_line("measure", "numbers.npy")
    found = resrel.measure(NUMBERS, name="numbers.npy").to_dict()
    assert {key: printed[key] for key in found} == found
