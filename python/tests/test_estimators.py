"""The estimators of scikit-learn."""

import io
import json
import pickle
import struct
import sys

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.neural_network import BernoulliRBM  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

import resrel  # noqa: E402
from resrel import DBN, RBM, KMeans  # noqa: E402

# What scikit-learn declares of its own BernoulliRBM: score_samples flips features at random.
RANDOM = {
    "check_methods_subset_invariance": "score_samples is random",
    "check_methods_sample_order_invariance": "score_samples is random",
}


@pytest.fixture
def bars():
    """Two kinds of stripes, a little noisy, with their kind."""
    rng = np.random.RandomState(0)
    y = rng.randint(2, size=300)
    X = np.where(y[:, None] == 0, [1, 1, 0, 0, 1, 1, 0, 0], [0, 0, 1, 1, 0, 0, 1, 1])
    return np.where(rng.uniform(size=X.shape) < 0.05, 1 - X, X).astype(float), y


@pytest.mark.parametrize(
    ("estimator", "failing"),
    [
        (RBM(n_components=4, n_iter=2, random_state=0), RANDOM),
        (DBN((4, 3), n_iter=2, random_state=0), {}),
        (KMeans(3, random_state=0), {}),
    ],
    ids=["RBM", "DBN", "KMeans"],
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks(estimator, failing):
    results = check_estimator(estimator, expected_failed_checks=failing, on_skip=None)
    assert len(results) > 40


def test_a_machine_is_that_of_bernoulli_rbm_on_the_same_weights(bars):
    X, _ = bars
    theirs = BernoulliRBM(n_components=5, n_iter=20, learning_rate=0.05, random_state=0).fit(X)
    ours = RBM(n_components=5, n_iter=1, random_state=0).fit(X)
    ours.components_ = theirs.components_
    ours.intercept_hidden_ = theirs.intercept_hidden_
    ours.intercept_visible_ = theirs.intercept_visible_
    np.testing.assert_allclose(ours.transform(X), theirs.transform(X), atol=1e-5)
    # Both flip the features that the same generator names.
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), atol=1e-4)


def test_likelihoods_add_up_to_one(bars):
    X, _ = bars
    machine = RBM(n_components=3, n_iter=20, batch_size=20, random_state=1).fit(X)
    every = np.array([[number >> bit & 1 for bit in range(8)] for number in range(256)], dtype=float)
    assert np.exp(machine.log_likelihood(every)).sum() == pytest.approx(1, abs=1e-5)
    assert machine.log_partition()[1] is None
    # What was learnt is more likely than chance.
    assert machine.log_likelihood(X).mean() > 1 - 8 * np.log(2)


def test_a_networks_first_layer_is_its_machine(bars):
    X, _ = bars
    network = DBN((4, 3), n_iter=20, batch_size=20, random_state=1).fit(X)
    machine = RBM(n_components=4, n_iter=20, batch_size=20, random_state=1).fit(X)
    first, second = network.log_likelihood(X)
    assert first["log_likelihood"] == pytest.approx(machine.log_likelihood(X).mean(), abs=1e-4)
    assert (first["name"], second["name"]) == ("H1", "H2")
    assert network.score(X) == max(first["log_likelihood"], second["log_likelihood"])


def read_model(path):
    """The tensors of a safetensors file."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(data[slice(*entry["data_offsets"])], np.float32).reshape(entry["shape"])
        for name, entry in header.items()
        if entry["dtype"] == "F32"
    }


def test_the_same_bits_as_the_command_line(bars, tmp_path, command_line):
    X, y = bars
    np.save(tmp_path / "x.npy", X.astype(np.float32))
    words = ["train", "--data", "x.npy", "--layers", "8-5-3", "--epochs", "4", "--batch", "30", "--seed", "7"]
    told = command_line(*words, "--out", "model.safetensors", cwd=tmp_path)
    network = DBN((5, 3), n_iter=4, batch_size=30, random_state=7, n_jobs=1).fit(X)
    theirs = sorted(tensor.tobytes() for tensor in read_model(tmp_path / "model.safetensors").values())
    ours = sorted(np.ascontiguousarray(part).tobytes() for machine in network.machines_ for part in machine)
    assert ours == theirs
    assert [layer.to_dict() for layer in network.measure(X)] == told["layers"]
    assert network.critical_layer(X) == told["critical"]
    machine = RBM(n_components=5, n_iter=4, batch_size=30, random_state=7, n_jobs=2).fit(X)
    assert np.array_equal(machine.components_.T, network.machines_[0][0])
    told = command_line("cluster", "x.npy", "--k", "6", "--seed", "7", cwd=tmp_path)
    clusters = KMeans(6, random_state=7).fit(X)
    ours = resrel.measure(clusters.labels_, name="6").to_dict()
    assert {key: told["layers"][0][key] for key in ours} == ours


def test_pipelines_grids_pickles_and_clones(bars):
    X, y = bars
    pipeline = make_pipeline(RBM(n_components=4, n_iter=20, batch_size=20, random_state=0), LogisticRegression())
    assert pipeline.fit(X, y).score(X, y) > 0.95
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.predict_proba(X), pipeline.predict_proba(X))
    search = GridSearchCV(RBM(n_components=4, batch_size=20, random_state=0), {"n_iter": [0, 30]}, cv=2).fit(X)
    assert search.best_params_ == {"n_iter": 30}
    assert clone(pipeline).get_params()["rbm__n_components"] == 4
    assert list(pipeline[0].get_feature_names_out()) == ["rbm0", "rbm1", "rbm2", "rbm3"]
    network = pickle.loads(pickle.dumps(DBN((4, 2), n_iter=5, random_state=0).fit(X)))
    assert network.transform(X).shape == (300, 2)
    assert [states.shape for states in network.states(X)] == [(300, 4), (300, 2)]


def test_a_machine_is_trained_on_in_parts(bars):
    X, _ = bars
    machine = RBM(n_components=4, batch_size=20, random_state=0)
    for _ in range(15):
        machine.partial_fit(X)
    # Pass after pass is what fit does.
    whole = RBM(n_components=4, batch_size=20, n_iter=15, random_state=0).fit(X)
    assert np.array_equal(machine.components_, whole.components_)
    for part in np.split(X, 3):
        machine.partial_fit(part)
    untrained = RBM(n_components=4, batch_size=20, n_iter=0, random_state=0).fit(X)
    assert machine.log_likelihood(X).mean() > untrained.log_likelihood(X).mean() + 1
    again = pickle.loads(pickle.dumps(machine))
    assert np.array_equal(again.partial_fit(X).components_, machine.partial_fit(X).components_)
    # One that was fitted goes on as well.
    assert whole.partial_fit(X).score(X) > -2
    with pytest.raises(ValueError, match="momentum = 0.5: partial_fit"):
        RBM(n_components=2, momentum=0.5).partial_fit(X)


def test_samples_are_those_of_the_data(bars):
    X, _ = bars
    for model in (
        RBM(n_components=4, batch_size=20, n_iter=60, random_state=0).fit(X),
        DBN((4, 3), batch_size=20, n_iter=60, random_state=0).fit(X),
    ):
        samples = model.sample(400, steps=200)
        assert samples.shape == (400, 8)
        assert np.array_equal(samples, model.sample(400, steps=200))
        # Units 0 and 1 go together, 0 and 2 against each other.
        together = np.corrcoef(samples.T)
        assert together[0, 1] > 0.5
        assert together[0, 2] < -0.5


def test_clusters(bars):
    X, y = bars
    clusters = KMeans(2, random_state=0).fit(X)
    assert resrel.measure(clusters.labels_, labels=y).classification_error < 0.05
    assert np.array_equal(clusters.predict(X), clusters.labels_)
    assert -clusters.score(X) == pytest.approx(clusters.inertia_, rel=1e-5)
    one, two = (KMeans(5, random_state=0, n_jobs=jobs).fit(X) for jobs in (1, 2))
    assert np.array_equal(one.cluster_centers_, two.cluster_centers_)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (RBM(n_components=0), "0"),
        (RBM(learning_rate=-1.0), "learning_rate"),
        (RBM(negative_phase="pdc"), "pdc"),
        (DBN(()), "layers"),
        (KMeans(400), "400"),
    ],
)
def test_impossible_settings_are_refused(bars, estimator, words):
    with pytest.raises(ValueError, match=words):
        estimator.fit(bars[0])


def test_a_bar_is_shown_to_who_wants_it(bars, monkeypatch):
    import resrel._progress as progress

    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    RBM(n_components=200, n_iter=200, verbose=True).fit(bars[0])
    shown = sys.stderr.getvalue()
    assert "RBM [" in shown
    assert shown.endswith("\r")
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    RBM(n_components=20, n_iter=20).fit(bars[0])
    assert sys.stderr.getvalue() == ""
