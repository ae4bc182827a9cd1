"""The core, in Rust: what the package calls."""

from collections.abc import Callable, Sequence
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Counts",
    "VERSION",
    "cluster",
    "command",
    "critical_layer",
    "data_folder",
    "fit",
    "free_energy",
    "hidden_means",
    "layer_states",
    "likelihoods",
    "limit",
    "log_partition",
    "measure_array",
    "measure_frequencies",
    "measure_texts",
    "msr_counts",
    "msr_times",
    "prepare",
    "report",
    "reproduce",
    "run_units",
    "sample",
    "status",
    "train",
    "train_on",
]

VERSION: Final[str]

_Measured = tuple[str, NDArray[np.uint64], NDArray[np.uint64], int]
_Labels = NDArray[np.int64] | Sequence[str | None] | None
_Progress = Callable[[float | None, str | None], Any] | None
_Machine = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]

def command(arguments: Sequence[str]) -> int: ...
def measure_array(
    settings: dict[str, Any],
    header: bytes,
    bytes: NDArray[np.uint8],
    rows: int,
    labels: _Labels,
    progress: _Progress,
) -> _Measured: ...
def measure_texts(
    settings: dict[str, Any],
    values: Sequence[str | None],
    labels: _Labels,
    progress: _Progress,
) -> _Measured: ...
def measure_frequencies(name: str, frequencies: NDArray[np.uint64]) -> _Measured: ...
def fit(frequencies: NDArray[np.uint64], settings: dict[str, Any], progress: _Progress) -> str: ...
def limit(m: int, multipliers: Sequence[float] | None) -> str: ...
def msr_times(times: NDArray[np.float64], start: float | None, end: float | None, grid: int) -> str: ...
def msr_counts(counts: NDArray[np.uint64], grid: int) -> str: ...
def critical_layer(layers: str) -> str: ...
def reproduce(asked: dict[str, Any], threads: int, progress: _Progress) -> str: ...
def report(out: str) -> str: ...
def prepare(asked: dict[str, Any], threads: int) -> tuple[Any, list[tuple[str, list[str]]]]: ...
def run_units(
    out: str,
    names: Sequence[str],
    data_folder: str | None,
    labels: str | None,
    threads: int,
) -> None: ...
def status(out: str) -> str: ...
def data_folder() -> Any: ...
@final
class Counts:
    def __new__(cls) -> Counts: ...
    def observe(
        self,
        header: bytes,
        bytes: NDArray[np.uint8],
        rows: int,
        threshold: float | None,
        labels: _Labels,
    ) -> None: ...
    def merge(self, other: Counts) -> None: ...
    def observations(self) -> int: ...
    def states(self) -> int: ...
    def measure(self, name: str) -> _Measured: ...
    def __getstate__(self) -> Any: ...
    def __setstate__(self, state: Any) -> None: ...
def train(
    values: NDArray[np.float32], settings: str, seed: int, threads: int, progress: _Progress
) -> list[_Machine]: ...
def train_on(
    values: NDArray[np.float32],
    hidden: int,
    settings: str,
    seed: int,
    threads: int,
    before: tuple[_Machine, NDArray[np.uint8], int] | None,
) -> tuple[_Machine, NDArray[np.uint8], int]: ...
def hidden_means(given: _Machine, values: NDArray[np.float32], threads: int) -> NDArray[np.float32]: ...
def free_energy(given: _Machine, values: NDArray[np.float32], threads: int) -> NDArray[np.float64]: ...
def log_partition(
    given: _Machine, means: NDArray[np.float32], seed: int, threads: int, progress: _Progress
) -> tuple[float, float | None]: ...
def likelihoods(
    machines: list[_Machine], values: NDArray[np.float32], seed: int, threads: int, progress: _Progress
) -> str: ...
def sample(
    machines: list[_Machine], settings: str, seed: int, threads: int, progress: _Progress
) -> NDArray[np.float32]: ...
def layer_states(
    machines: list[_Machine], values: NDArray[np.float32], threads: int
) -> list[NDArray[np.uint8]]: ...
def cluster(
    values: NDArray[np.float32], settings: str, threads: int, progress: _Progress
) -> tuple[NDArray[np.float32], NDArray[np.uint32], float, int]: ...
