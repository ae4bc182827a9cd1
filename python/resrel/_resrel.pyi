"""The core, in Rust: what the package calls."""

from collections.abc import Callable, Sequence
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Counts",
    "VERSION",
    "critical_layer",
    "data_folder",
    "fit",
    "limit",
    "measure_array",
    "measure_frequencies",
    "measure_texts",
    "msr_counts",
    "msr_times",
    "prepare",
    "report",
    "reproduce",
    "run_units",
    "status",
]

VERSION: Final[str]

_Measured = tuple[str, NDArray[np.uint64], NDArray[np.uint64], int]
_Labels = NDArray[np.int64] | Sequence[str | None] | None
_Progress = Callable[[float | None, str | None], Any] | None

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
