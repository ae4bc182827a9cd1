"""Networks of PyTorch, probed."""

import resource

import numpy as np
import pytest

import resrel

torch = pytest.importorskip("torch")
nn = torch.nn


@pytest.fixture
def digits():
    """Blurred patterns of three kinds, and their kind."""
    rng = np.random.RandomState(0)
    y = rng.randint(3, size=600)
    X = np.eye(3).repeat(4, axis=1)[y] + 0.2 * rng.normal(size=(600, 12))
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 8), nn.Sigmoid(), nn.Dropout(0.5), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3))


def batches(X, y=None, size=50):
    dataset = torch.utils.data.TensorDataset(*([X] if y is None else [X, y]))
    return torch.utils.data.DataLoader(dataset, batch_size=size)


def test_layers_are_measured_as_their_states_are(digits):
    X, y = digits
    model = network()
    assert model.training
    found = resrel.probe(model, batches(X, y))
    assert model.training
    assert not model[0]._forward_hooks
    assert [layer.name for layer in found.layers] == ["0", "1", "3", "4", "5"]
    model.eval()
    with torch.no_grad():
        values = X
        for place, module in enumerate(model):
            values = module(values)
            if place == 2:
                continue
            on = values > (0.5 if place == 1 else 0)
            expected = resrel.measure(on.numpy(), labels=y.numpy(), name=str(place))
            assert found[str(place)] == expected
    assert found.critical == resrel.critical_layer(found.layers)
    # A sigmoid is above one half where what it is given is above 0.
    assert found["0"].states == found["1"].states
    assert "critical" in str(found) or "cannot be told apart" in str(found) or "H[s]+H[k]" in str(found)
    assert "<table>" in found._repr_html_()
    assert len(found.to_frame()) == 5


def test_layers_and_thresholds_are_chosen(digits):
    X, _ = digits
    model = network()
    assert [it.name for it in resrel.probe(model, [X], ["4", "1"]).layers] == ["1", "4"]
    wanted = lambda name, module: isinstance(module, nn.ReLU)
    assert [it.name for it in resrel.probe(model, [X], wanted).layers] == ["4"]
    with torch.no_grad():
        values = model.eval()[:2](X)
    high = resrel.probe(model, [X], ["1"], threshold={"1": 0.6})
    assert high["1"] == resrel.measure((values > 0.6).numpy(), name="1")
    assert high["1"].classification_error is None
    whole = resrel.probe(model, [X], lambda name, module: name == "Sequential")
    assert [it.name for it in whole.layers] == ["Sequential"]


def test_channels_are_pooled_and_modules_used_twice_are_two_layers():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = nn.Conv2d(1, 2, 3, padding=1)
            self.relu = nn.ReLU()
            self.second = nn.Conv2d(2, 2, 3)

        def forward(self, x):
            return self.relu(self.second(self.relu(self.convolution(x))))

    torch.manual_seed(1)
    model, X = Twice(), torch.rand(64, 1, 6, 6)
    found = resrel.probe(model, [X], pool="max")
    assert [it.name for it in found.layers] == ["convolution", "relu", "second", "relu (2)"]
    with torch.no_grad():
        maps = model.convolution(X)
    assert found["convolution"] == resrel.measure((maps.amax((2, 3)) > 0).numpy(), name="convolution")
    means = resrel.probe(model, [X], ["convolution"], pool=lambda values: values.mean((2, 3)))
    assert means["convolution"] == resrel.measure((maps.mean((2, 3)) > 0).numpy(), name="convolution")
    assert resrel.probe(model, [X], ["convolution"])["convolution"] == resrel.measure(
        (maps.flatten(1) > 0).numpy(), name="convolution"
    )


def test_what_cannot_be_probed_is_refused(digits):
    X, _ = digits
    model = network()
    with pytest.raises(ValueError, match="layers: 'seven' is none; there are Sequential, 0, 1"):
        resrel.probe(model, [X], ["seven"])
    with pytest.raises(ValueError, match="gave no batch"):
        resrel.probe(model, [])
    with pytest.raises(ValueError, match="none of the network's modules"):
        resrel.probe(model, [X], lambda name, module: False)
    with pytest.raises(ValueError, match="pool = 'sum'"):
        resrel.probe(nn.Conv1d(1, 1, 1), [X[:, None]], pool="sum")
    recurrent = nn.LSTM(12, 4, batch_first=True)
    assert resrel.probe(recurrent, [X[:, None]]).layers[0].m == 600

    class Words(nn.Module):
        def forward(self, x):
            return "words"

    with pytest.raises(TypeError, match="layer Words: gives str"):
        resrel.probe(Words(), [X])
    # What failed leaves no hook behind.
    bad = nn.Sequential(nn.Linear(12, 2), Words())
    with pytest.raises(TypeError):
        resrel.probe(bad, [X])
    assert not bad[0]._forward_hooks
    assert bad.training


def test_training_is_followed(digits, tmp_path):
    X, y = digits
    model = network()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)

    class Writer:
        def __init__(self):
            self.scalars = {}

        def add_scalar(self, name, value, step):
            self.scalars.setdefault(name, []).append((step, value))

    writer = Writer()
    follow = resrel.Follow(model, batches(X, y), writer, every=2)
    for epoch in range(6):
        for inputs, labels in batches(X, y):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(inputs), labels).backward()
            optimiser.step()
        follow(epoch)
    assert [found.step for found in follow.history] == [0, 2, 4]
    errors = [value for _, value in writer.scalars["classification_error/5"]]
    assert errors[-1] < errors[0]
    assert [step for step, _ in writer.scalars["resolution/1"]] == [0, 2, 4]
    assert len(follow.to_frame()) == 15


@pytest.mark.filterwarnings("ignore")
def test_onnx_layers_are_those_of_the_network_that_was_exported(digits, tmp_path, command_line):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    X, y = digits
    images = X.repeat(1, 3).reshape(600, 1, 6, 6)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 5), nn.Sigmoid(), nn.Linear(5, 3)
    ).eval()
    torch.onnx.export(
        model, (images[:2],), tmp_path / "net.onnx", dynamo=True, external_data=False, verbose=False,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    )
    np.save(tmp_path / "x.npy", images.reshape(600, 36).numpy())
    np.save(tmp_path / "y.npy", y.numpy())
    words = ["probe", "net.onnx", "--data", "x.npy", "--labels", "y.npy", "--states", "states"]
    found = command_line(*words, cwd=tmp_path)
    ours = resrel.probe(model, batches(images, y), progress=False)
    assert [it["operator"] for it in found["layers"]] == ["Conv", "Relu", "MaxPool", "Gemm", "Sigmoid", "Gemm"]
    # The values are the same to 1e-5: only where one is as near to its threshold may states differ.
    values, modules = images, [it for it in model if not isinstance(it, nn.Flatten)]
    for module, layer, states in zip(modules, found["layers"], found["states"]):
        if isinstance(module, nn.Linear):
            values = values.flatten(1)
        with torch.no_grad():
            values = module(values)
        flat = values.flatten(1).numpy()
        threshold = 0.5 if layer["operator"] == "Sigmoid" else 0.0
        differs = np.load(tmp_path / states) != (flat > threshold)
        assert np.abs(flat - threshold)[differs].max(initial=0) < 1e-5
        assert layer["units"] == flat.shape[1]
    assert found["layers"][-1]["classification_error"] == pytest.approx(ours["6"].classification_error, abs=0.01)


@pytest.mark.filterwarnings("ignore")
def test_lightning_logs_to_tensorboard(digits, tmp_path):
    lightning = pytest.importorskip("lightning.pytorch")
    loggers = pytest.importorskip("lightning.pytorch.loggers")
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    X, y = digits

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = network()

        def forward(self, x):
            return self.network(x)

        def training_step(self, batch, _):
            return nn.functional.cross_entropy(self(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=0.01)

    callback = resrel.lightning_callback(batches(X, y), layers=["network.1", "network.4"])
    trainer = lightning.Trainer(
        max_epochs=3,
        accelerator="cpu",
        callbacks=[callback],
        logger=loggers.TensorBoardLogger(tmp_path),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Module(), batches(X, y))
    assert [found.step for found in callback.history] == [0, 1, 2]
    events = EventAccumulator(trainer.logger.log_dir).Reload()
    scalars = events.Scalars("relevance/network.4")
    assert len(scalars) == 3
    assert scalars[-1].value == pytest.approx(callback.history[-1]["network.4"].relevance, rel=1e-6)


def test_memory_does_not_grow_with_the_data():
    model = nn.Sequential(nn.Linear(64, 6), nn.ReLU())
    generator = torch.Generator().manual_seed(0)

    def stream(rows):
        for _ in range(rows // 10_000):
            yield torch.randn(10_000, 64, generator=generator)

    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert resrel.probe(model, stream(50_000))["1"].m == 50_000
    before = peak()
    found = resrel.probe(model, stream(1_000_000))
    assert found["1"].m == 1_000_000
    # In KiB: all rows would be 256 MB, their states 12 MB.
    assert peak() - before < 8_000
