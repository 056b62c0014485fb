"""What is in an array, in a few words and numbers: what remains of it in a picture, which must not keep it alive."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend

BINS = 24
FEW = 16  # so many numbers are shown one by one
MANY = 200_000  # of more, a histogram counts an even part


def glance(array: Any) -> dict[str, Any]:
    """Shape, dtype, norm and, if they are few, the numbers themselves."""
    array = backend.to_numpy(array)
    about: dict[str, Any] = {"shape": list(array.shape), "dtype": str(array.dtype)}
    if array.dtype.kind in "fiub" and array.size:
        flat = array.astype(np.float64).ravel() if array.size <= MANY else array.ravel()
        with np.errstate(all="ignore"):
            about["norm"] = number(math.sqrt(float(np.dot(flat, flat))) if flat.dtype.kind == "f"
                                   else np.linalg.norm(flat.astype(np.float64)))
    if array.size <= FEW:
        about["values"] = [number(v) for v in array.ravel().tolist()]
    return about


def describe(array: Any) -> dict[str, Any]:
    """What `glance` says, and the distribution: ends, mean, how many are zero or not finite, counts in equal bins."""
    about = glance(array)
    array = backend.to_numpy(array)
    if array.dtype.kind not in "fiub" or not array.size:
        return about
    flat = array.ravel()
    if flat.size > MANY:
        flat = flat[::-(-flat.size // MANY)]
    flat = flat.astype(np.float64)
    finite = flat if np.isfinite(flat).all() else flat[np.isfinite(flat)]
    about["zeros"] = number(1 - np.count_nonzero(flat) / flat.size)
    if finite.size < flat.size:
        about["bad"] = number(1 - finite.size / flat.size)
    if finite.size:
        low, high = float(finite.min()), float(finite.max())
        about.update(low=number(low), high=number(high), mean=number(finite.mean()))
        if flat.size > 1 and high > low and math.isfinite((high - low) * BINS / (high - low)):
            about["counts"] = np.histogram(finite, BINS, (low, high))[0].tolist()
    return about


def number(value: Any) -> float | str:
    """A number for JSON, which knows no infinity: six digits of it."""
    value = float(value)
    return float(f"{value:.6g}") if math.isfinite(value) else str(value)


def shape_text(shape: Any) -> str:
    return f"({', '.join(map(str, shape))})" if len(shape) else "scalar"


def bytes_text(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}" if unit != "B" else f"{count:.0f} B"
        count /= 1000
    return f"{count:,.3g} GB"


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length - 1] + "…"
