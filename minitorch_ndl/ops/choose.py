"""`where`, several times as fast as the array module's own on large masks without pattern.

NumPy takes a branch for each element, and a random mask makes the processor guess wrong half the time. Bits need no
branch: with m all ones or all zeros, ``b ^ ((a ^ b) & m)`` is a or b.
"""

from __future__ import annotations

from typing import Any

from .. import backend

_LARGE = 8192


def choose(xp: Any, mask: Any, a: Any, b: Any) -> Any:
    """`a` where the boolean `mask` is True, else `b`: arrays of one dtype (or one array and a number), broadcast."""
    if mask.size < _LARGE or xp is not backend.CPU.xp:
        return xp.where(mask, a, b)
    dtype = a.dtype if hasattr(a, "dtype") else b.dtype
    a, b = xp.asarray(a), xp.asarray(b)
    a, b = (v if v.dtype == dtype or v.ndim else v.astype(dtype) for v in (a, b))
    if a.dtype != b.dtype or dtype.kind == "b":
        return xp.where(mask, a, b)
    bits = f"i{dtype.itemsize}"
    a, b = a.view(bits), b.view(bits)
    m = xp.negative(mask.view("i1")).astype(bits)
    if xp.broadcast_shapes(a.shape, b.shape, m.shape) == m.shape:  # no more memory than the result
        m &= a ^ b
        m ^= b
    else:
        m = ((a ^ b) & m) ^ b
    return m.view(dtype)
