"""Arrays and columns of any library, as what the core reads."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Array", "Texts", "frequencies_of", "labels_of", "states_of"]


class Array(NamedTuple):
    """An array of numbers: the header of its npy file, and the bytes behind it."""

    header: bytes
    bytes: np.ndarray
    rows: int


class Texts(NamedTuple):
    """Strings; None is a missing one."""

    values: list[str | None]


def as_numpy(values: Any, what: str) -> np.ndarray:
    """``values`` as a NumPy array, without a copy where its library allows."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(f"{what}: a masked array with masked values; fill them or leave them out")
    if isinstance(values, np.ndarray):
        return np.asarray(values)
    # A tensor that remembers its gradient, or lies on a graphics card.
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        values = values.detach().cpu()
    if hasattr(values, "combine_chunks"):  # a chunked column of Arrow
        values = values.combine_chunks()
    if hasattr(values, "to_numpy"):  # pandas, Polars, Arrow
        try:
            return np.asarray(values.to_numpy(zero_copy_only=False))
        except TypeError:
            return np.asarray(values.to_numpy())
    if hasattr(values, "__array__"):
        return np.asarray(values)
    if hasattr(values, "__dlpack__"):
        return np.from_dlpack(values)
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise TypeError(f"{what}: {type(values).__name__} is no array; give an array, a column or a list")
    try:
        return np.asarray(list(values))
    except ValueError as error:
        raise ValueError(f"{what}: rows of different lengths; give an array ({error})") from None


def states_of(states: Any) -> Array | Texts:
    """States as the core reads them."""
    array = as_numpy(states, "states")
    if array.ndim == 0:
        raise ValueError("states: a single value is no array; give an observation a row")
    if array.ndim > 2:
        raise ValueError(
            f"states: {array.ndim} axes; give observations x units, for instance x.reshape(len(x), -1)"
        )
    if array.size == 0:
        raise ValueError("states: the array is empty; give at least one observation")
    if array.dtype.kind in "UOST":
        return texts_of(array, "states")
    return npy_of(array, "states")


def npy_of(array: np.ndarray, what: str) -> Array:
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(
            f"{what}: values of type {array.dtype}; give whole or real numbers of at most 64 bits"
        )
    # In rows one after the other: a copy only where they are not.
    array = np.ascontiguousarray(array)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(array))
    return Array(header.getvalue(), array.reshape(-1).view(np.uint8), len(array))


def texts_of(array: np.ndarray, what: str) -> Texts:
    if array.ndim != 1:
        raise ValueError(f"{what}: text in {array.ndim} axes; give one string an observation")
    values: list[str | None] = []
    for row, value in enumerate(array.tolist()):
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        if value is None or isinstance(value, str):
            values.append(value)
        elif value != value:  # NaN, and what pandas takes for it
            values.append(None)
        elif isinstance(value, (bool, int)):
            values.append(str(int(value)))
        else:
            raise TypeError(
                f"{what}: row {row} holds {type(value).__name__}; give strings, or numbers of one type"
            )
    return Texts(values)


def labels_of(labels: Any) -> Any:
    """Labels as the core reads them: whole numbers, or strings."""
    if labels is None:
        return None
    array = as_numpy(labels, "labels")
    if array.ndim != 1:
        raise ValueError(f"labels: {array.ndim} axes; give one label an observation")
    if array.dtype.kind in "UOST":
        return texts_of(array, "labels").values
    if array.dtype.kind == "f":
        whole = array.astype(np.int64, copy=False, casting="unsafe") if np.isfinite(array).all() else None
        if whole is None or (whole != array).any():
            raise ValueError("labels: real numbers are no labels; give whole numbers or strings")
        return np.ascontiguousarray(whole)
    if array.dtype.kind not in "biu":
        raise TypeError(f"labels: values of type {array.dtype}; give whole numbers or strings")
    # Only which labels are alike matters: the largest unsigned ones may become negative.
    return np.ascontiguousarray(array.astype(np.int64, casting="unsafe"))


def frequencies_of(frequencies: Any, what: str) -> np.ndarray:
    """Numbers of observations, each at least 1, as 64-bit numbers."""
    array = as_numpy(frequencies, what)
    if array.ndim != 1:
        raise ValueError(f"{what}: {array.ndim} axes; give a vector of whole numbers")
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"{what}: values of type {array.dtype}; give whole numbers")
    if array.dtype.kind == "i" and (array < 0).any():
        raise ValueError(f"{what}: {array[array < 0][0]} is below 0; give whole numbers of 1 or more")
    return np.ascontiguousarray(array.astype(np.uint64, copy=False))
