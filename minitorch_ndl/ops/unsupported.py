"""Names of torch's that have no meaning here. They exist, so that using one says why, and what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..composite import face
from ..tensor import Tensor

_COMPLEX = ("complex numbers are out of scope here. Keep the real and the imaginary part as two tensors, or as a last "
            "dimension of size 2.")
_SPARSE = ("of sparse tensors there is `sparse_coo_tensor` here, to multiply dense ones by. Use that, or a dense one: "
           "zeros(...).index_put_((rows, columns), values, accumulate=True).")
_QUANTIZED = "quantized tensors are out of scope here. Use floats."

# What follows is (the names of functions, of methods, the exception, what is wrong).
_TABLE: tuple[tuple[str, str, type[Exception], str], ...] = (
    ("complex polar view_as_complex stft istft", "stft istft", NotImplementedError, _COMPLEX),
    ("imag view_as_real", "", RuntimeError, "is not implemented for tensors with non-complex dtypes: " + _COMPLEX),
    ("sparse_csr_tensor sparse_csc_tensor sparse_bsr_tensor sparse_bsc_tensor sparse_compressed_tensor smm "
     "dsmm hsmm hspmm saddmm sspaddmm",
     "to_sparse_csr to_sparse_csc to_sparse_bsr to_sparse_bsc sparse_mask smm "
     "sspaddmm coalesce is_coalesced indices values crow_indices col_indices ccol_indices row_indices", NotImplementedError,
     _SPARSE),
    ("quantize_per_tensor quantize_per_channel dequantize", "dequantize int_repr q_scale q_zero_point", NotImplementedError,
     _QUANTIZED),
    ("eig", "eig", RuntimeError, "was removed from torch. Use linalg.eig, or linalg.eigh for symmetric matrices."),
    ("symeig", "symeig", RuntimeError, "was removed from torch. Use linalg.eigh."),
    ("lstsq", "lstsq", RuntimeError, "was removed from torch. Use linalg.lstsq, whose arguments come in the other order."),
    ("solve", "solve", RuntimeError, "was removed from torch. Use linalg.solve, whose arguments come in the other order."),
    ("matrix_rank", "", RuntimeError, "was removed from torch. Use linalg.matrix_rank."),
)


def _refusal(name: str, kind: type[Exception], why: str) -> Callable:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise kind(f"{name}: {why}")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Raises {kind.__name__}: {why}"
    return refuse


for _functions, _methods, _kind, _why in _TABLE:
    for _name in _functions.split():
        face(_name)(_refusal(_name, _kind, _why))
    for _name in _methods.split():
        face(_name, "method")(_refusal(_name, _kind, _why))
Tensor.imag = property(_refusal("imag", RuntimeError, _TABLE[1][3]))  # type: ignore[attr-defined]
