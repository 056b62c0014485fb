"""Which kernels attention may use: torch has several, we have one, so that what is chosen here changes nothing.

https://pytorch.org/docs/stable/nn.attention.html
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class SDPBackend(enum.IntEnum):
    """torch's kernels."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: SDPBackend | Sequence[SDPBackend], set_priority: bool = False) -> Iterator[None]:
    """Within it, torch's `scaled_dot_product_attention` uses these kernels only; ours stays as it is.

    >>> x = ndl.eye(2)
    >>> with ndl.nn.attention.sdpa_kernel(ndl.nn.attention.SDPBackend.MATH):
    ...     ndl.nn.functional.scaled_dot_product_attention(x, x, x).shape
    Size([2, 2])
    """
    several = list(backends) if isinstance(backends, (list, tuple)) else [backends]
    if not several or not all(isinstance(b, SDPBackend) for b in several):
        raise AssertionError(f"Backend must be an instance of SDPBackend or a list of SDPBackend instances; got {backends!r}")
    yield
