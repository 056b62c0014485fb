"""What few scripts call: numerical derivatives, histograms in several dimensions, matrices of low rank, other spellings."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

from .. import backend
from ..composite import composite, face
from ..faces import FACES, F, deliver, named_result
from ..op import op
from ..tensor import Tensor, wrap
from .shape import normal_dim


@op(input=lambda g, exponent, input_dtype: g * F.exp2(-F.to_dtype(exponent, input_dtype)),
    outputs=("mantissa", "exponent"))
def frexp(xp, input):
    """``(mantissa, exponent)`` with input = mantissa * 2 ** exponent and 0.5 <= abs(mantissa) < 1.

    >>> tuple(ndl.frexp(ndl.tensor([6.0])))
    (tensor([0.7500]), tensor([3], dtype=ndl.int32))
    """
    if input.dtype.kind != "f":
        raise RuntimeError(f"torch.frexp() only supports floating-point dtypes; got {input.dtype}")
    return xp.frexp(input)


# --- derivatives of what is only known in places ------------------------------------------------------------------------


@composite(on="torch", out=False)
def gradient(input, *, spacing=None, dim=None, edge_order=1):
    """The derivative of a function along each dimension (or those in `dim`) from its values: differences of neighbours
    on both sides, of `edge_order` at the ends. A tuple.

    spacing  the distance of neighbours (1): a number, one for each dimension, or a tensor of places for each

    >>> ndl.gradient(ndl.tensor([1.0, 4.0, 9.0, 16.0]))
    (tensor([3., 4., 6., 7.]),)
    """
    dims = range(input.ndim) if dim is None else dim if isinstance(dim, (tuple, list)) else [dim]
    dims = [normal_dim(d, input.ndim, "gradient") for d in dims]
    if len(set(dims)) < len(dims):
        raise RuntimeError(f"dim {max(dims, key=dims.count)} appears multiple times in the list of dims of gradient")
    spacing = 1 if spacing is None else spacing
    spacings = list(spacing) if isinstance(spacing, (tuple, list)) else [spacing] * len(dims)
    if len(spacings) != len(dims):
        raise RuntimeError(f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length {len(dims)}, one "
                           f"for each dimension; got a list of length {len(spacings)}")
    if edge_order not in (1, 2):
        raise RuntimeError(f"torch.gradient only supports edge_order=1 and edge_order=2; got {edge_order}")
    if builtins.any(input.shape[d] < edge_order + 1 for d in dims):
        raise RuntimeError(f"torch.gradient expected each dimension size to be at least edge_order+1; got {list(input.shape)} "
                           f"with edge_order={edge_order}")
    return tuple(_slope(input, d, s, edge_order) for d, s in zip(dims, spacings, strict=True))


def _slope(x: Tensor, dim: int, spacing: Any, edge_order: int) -> Tensor:
    n = x.shape[dim]
    if isinstance(spacing, Tensor) and spacing.ndim:
        if len(spacing) != n:
            raise RuntimeError(f"torch.gradient expected each element of spacing to have the same length as the dimension, "
                               f"{n}; got {len(spacing)}")
        steps = spacing.diff().reshape((-1,) + (1,) * (x.ndim - 1 - dim))
    else:
        steps = (x.new_ones(n - 1) * spacing).reshape((-1,) + (1,) * (x.ndim - 1 - dim))
    rises = x.diff(dim=dim) / steps
    left, right = rises.narrow(dim, 0, n - 2), rises.narrow(dim, 1, n - 2)
    before, after = steps[:-1], steps[1:]
    inner = (left * after + right * before) / (before + after)
    first, last = rises.narrow(dim, 0, 1), rises.narrow(dim, n - 2, 1)
    if edge_order == 2:  # the parabola through the three outermost places
        bend = (right - left) / (before + after)
        first = first - bend.narrow(dim, 0, 1) * steps[:1]
        last = last + bend.narrow(dim, n - 3, 1) * steps[-1:]
    return F.cat([first, inner, last], dim)


# --- histograms -------------------------------------------------------------------------------------------------------

_HISTOGRAM = named_result("histogramdd", ("hist", "bin_edges"))


@face("histogramdd")
def histogramdd(input: Tensor, bins: Any, *, range: Sequence[float] | None = None, weight: Tensor | None = None,
                density: bool = False) -> Any:
    """How many of the points (..., D) lie in each cell of a grid, and the cells' edges in each dimension.

    bins   for each dimension a number of equal ones, or a tensor of edges; or one number for all
    range  the ends of the equal ones: low, high for each dimension, one after the other

    https://pytorch.org/docs/stable/generated/torch.histogramdd.html

    >>> ndl.histogramdd(ndl.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), bins=[2, 2]).hist
    tensor([[0., 1.],
            [1., 1.]])
    """
    dims = input.shape[-1]
    each = [bins] * dims if isinstance(bins, int) else list(bins)
    if len(each) != dims:
        raise RuntimeError(f"torch.histogramdd: expected {dims} sequences of bin edges or numbers of bins for input with shape "
                           f"{tuple(input.shape)}; got {len(each)}")
    points = input.reshape(-1, dims)
    ends = [None] * dims if range is None else [range[2 * d:2 * d + 2] for d in builtins.range(dims)]
    edges = [F.histogram(points[:, d].contiguous(), each[d], ends[d], None, False)[1] for d in builtins.range(dims)]
    sizes = [len(e) - 1 for e in edges]
    place, inside = 0, points[:, 0] == points[:, 0]
    for d, e in enumerate(edges):
        x = points[:, d].contiguous()
        inside = inside & (x >= e[0]) & (x <= e[-1])
        place = place * sizes[d] + (F.searchsorted(e, x, right=True) - 1).clamp(max=sizes[d] - 1)
    weights = None if weight is None else weight.reshape(-1)[inside]
    hist = F.bincount(place[inside], weights, math.prod(sizes)).to(input.dtype).reshape(sizes)
    if density:
        volume = hist.new_ones(())
        for d, e in enumerate(edges):
            volume = volume * e.diff().reshape((-1,) + (1,) * (dims - 1 - d))
        hist = hist / (hist.sum() * volume)
    return _HISTOGRAM(hist, tuple(edges))


@composite(out=False)
def nonzero_static(input, *, size, fill_value=-1):
    """As `nonzero`, but exactly `size` rows: cut off, or filled up with `fill_value`.

    >>> ndl.tensor([0, 7, 7]).nonzero_static(size=3).flatten()
    tensor([ 1,  2, -1])
    """
    found = input.nonzero()[:size]
    return F.cat([found, found.new_full((size - len(found), input.ndim), fill_value)])


# --- matrices -----------------------------------------------------------------------------------------------------------


@composite(on="torch")
def nuclear_norm(input, dim=None, keepdim=False):
    """The sum of the singular values. (Now `linalg.matrix_norm`.)"""
    return F.matrix_norm(input, "nuc", (-2, -1) if dim is None else tuple(dim), keepdim)


@composite(on="torch")
def frobenius_norm(input, dim=(), keepdim=False):
    """The root of the sum of squares over `dim`, or over all. (Now `linalg.vector_norm`.)"""
    return F.vector_norm(input, 2, tuple(dim) if isinstance(dim, (tuple, list)) and dim else dim or None, keepdim)


@composite(on="torch", out=False)
def norm_except_dim(v, pow=2, dim=0):
    """The norm over all dimensions but one: what `weight_norm` divides by."""
    if dim == -1:
        return v.norm(pow)
    return F.vector_norm(v, pow, tuple(d for d in builtins.range(v.ndim) if d != dim % v.ndim), True)


@composite(on="torch", out=False)
def svd_lowrank(A, q=6, niter=2, M=None):
    """``(U, S, V)`` with A - M approximately U @ diag(S) @ V.T: of rank `q`, found from random directions.

    N. Halko et al., "Finding structure with randomness", 2011. https://arxiv.org/abs/0909.4061
    """
    q, qr = 6 if q is None else q, FACES["linalg"]["qr"]
    A = A if M is None else A - M
    wide = A.shape[-2] < A.shape[-1]
    A = A.mT if wide else A
    directions = FACES["torch"]["randn"](A.shape[-1], q, dtype=A.dtype, device=A.device)
    basis = qr(A @ directions)[0]
    for _ in builtins.range(niter):
        basis = qr(A @ qr(A.mT @ basis)[0])[0]
    U, S, Vh = FACES["linalg"]["svd"](basis.mT @ A, full_matrices=False)
    U, V = basis @ U, Vh.mT
    return (V, S, U) if wide else (U, S, V)


@composite(on="torch", out=False)
def pca_lowrank(A, q=None, center=True, niter=2):
    """``(U, S, V)``: `svd_lowrank` of the rows of A minus their mean. V's columns are the principal directions."""
    q = min(6, *A.shape[-2:]) if q is None else q
    if not 0 <= q <= min(A.shape[-2:]):
        raise ValueError(f"q must be non-negative integer and not greater than min(m, n); got q={q} for shape {tuple(A.shape)}")
    return svd_lowrank.composite(A - A.mean(-2, True) if center else A, q, niter)


# --- tensors whose elements mean nothing yet ----------------------------------------------------------------------------


@face("empty_strided")
def empty_strided(size: Sequence[int], stride: Sequence[int], *, dtype: Any = None, layout: Any = None, device: Any = None,
                  requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A tensor of this size whose elements lie `stride` elements apart.

    https://pytorch.org/docs/stable/generated/torch.empty_strided.html
    """
    reach = 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if 0 not in size else 0
    memory = FACES["torch"]["empty"](reach, dtype=dtype, device=device)
    array = backend.restride(memory._array, tuple(size), tuple(s * memory._array.itemsize for s in stride))
    return wrap(array).requires_grad_(requires_grad)


@face("new_empty_strided", "method")
def new_empty_strided(self: Tensor, size: Sequence[int], stride: Sequence[int], dtype: Any = None, **options: Any) -> Tensor:
    """`empty_strided` of this tensor's dtype."""
    return empty_strided(size, stride, dtype=dtype or self.dtype, **options)


# --- other spellings ----------------------------------------------------------------------------------------------------

for _name in ("detach", "detach_", "index_put_", "resize_as_", "as_strided_", "addmv_"):
    face(_name)(getattr(Tensor, _name))
face("spmm")(FACES["torch"]["mm"])
for _name in ("chunk", "split", "split_with_sizes"):
    face(f"unsafe_{_name}", "torch", "method")(FACES["torch"].get(_name) or getattr(Tensor, _name))


def _copying(name: str) -> None:
    view = FACES["torch"].get(name) or getattr(Tensor, name)

    def copy(input: Tensor, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        seen = view(input, *args, **kwargs)
        copies = tuple(map(F.clone, seen)) if isinstance(seen, (tuple, list)) else F.clone(seen)
        return copies if out is None else deliver(f"{name}_copy", copies, out)

    copy.__doc__ = f"`{name}`, but a copy instead of a view."
    face(f"{name}_copy", "torch", "method")(copy) if name == "narrow" else face(f"{name}_copy")(copy)


for _name in ("as_strided detach diagonal expand narrow permute select split split_with_sizes squeeze t transpose unbind "
              "unfold unsqueeze view").split():
    _copying(_name)


def _dropouts(name: str, functional: str) -> None:
    def drop(input: Tensor, p: float, train: bool) -> Tensor:
        return FACES["functional"][functional](input, p, train)

    def drop_(input: Tensor, p: float, train: bool) -> Tensor:
        return FACES["functional"][functional](input, p, train, True)

    drop.__doc__ = drop_.__doc__ = f"`nn.functional.{functional}` with all of its arguments."
    face(name)(drop)
    face(name + "_")(drop_)


for _name, _functional in (("dropout", "dropout"), ("alpha_dropout", "alpha_dropout"), ("feature_dropout", "dropout2d"),
                           ("feature_alpha_dropout", "feature_alpha_dropout")):
    _dropouts(_name, _functional)


@face("embedding")
def embedding(weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False,
              sparse: bool = False) -> Tensor:
    """`nn.functional.embedding` with the table first; a `padding_idx` of -1 means none."""
    padding = None if padding_idx < 0 else padding_idx
    return FACES["functional"]["embedding"](indices, weight, padding, None, 2.0, scale_grad_by_freq, sparse)


@face("constant_pad_nd")
def constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    """``nn.functional.pad(input, pad, "constant", value)``."""
    return FACES["functional"]["pad"](input, list(pad), "constant", value)


for _name in ("is_conj", "is_neg", "is_distributed"):
    face(_name, "torch", "method")(lambda input: False)
for _name in ("ipu", "maia", "mkldnn", "mtia", "nested", "sparse_csr", "vulkan", "xla", "xpu"):
    setattr(Tensor, f"is_{_name}", property(lambda self: False))
