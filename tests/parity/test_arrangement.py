"""Shapes, views, joining, splitting, picking and placing, counting: many calls, on torch and on us.

Each line is an expression. `m` is the library; x (3, 4), y (2, 3, 4), z (1, 3, 1), row (4,), s () are tensors of the dtype
under test; i = [0, 2, 1] and j, mask, mask2 pick from x. Values, shapes, dtypes, and gradients of both orders must agree.
"""

import warnings

import numpy as np
import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")

CALLS = """
x.reshape(2, -1); x.reshape((4, 3)); m.reshape(x, (12,)); x.reshape(shape=(6, 2)); x.reshape([2, 6]); s.reshape(1, 1)
x.view(-1, 2); x.view(x.shape); x.view((2, 6)); y.view_as(y); x.reshape_as(x.T); x.view(*[4, 3]); s.view(1)
x.flatten(); m.flatten(y, 1); m.flatten(y, start_dim=0, end_dim=1); y.flatten(-2, -1); s.flatten(); m.ravel(y); x.t().ravel()
y.unflatten(2, (2, 2)); m.unflatten(y, -1, (-1, 2)); y.unflatten(dim=0, sizes=[2, 1])
x.transpose(0, 1); m.transpose(y, -1, 0); y.swapaxes(0, 1); m.swapdims(y, 1, 2); x.t(); row.t(); s.t(); x.T; y.mT; x.H; y.mH
m.t(x); y.adjoint(); m.adjoint(x); m.swapaxes(y, axis0=0, axis1=1); m.transpose(y, dim0=0, dim1=2); s.transpose(0, -1)
y.permute(2, 0, 1); m.permute(y, (2, 0, 1)); y.permute(-1, 0, 1); y.permute((0, 2, 1)); m.permute(y, dims=(1, 0, 2))
y.movedim(0, 2); m.movedim(y, (0, 1), (2, 0)); m.moveaxis(y, 2, 0); y.movedim(source=0, destination=1); y.moveaxis((1,), (0,))
z.squeeze(); m.squeeze(z); z.squeeze(0); z.squeeze(1); z.squeeze((0, 2)); z.squeeze(dim=-1); m.squeeze(z, (0, 1)); s.squeeze(0)
x.unsqueeze(0); x.unsqueeze(-1); m.unsqueeze(x, 1); s.unsqueeze(0); x.unsqueeze(dim=-3)
row.expand(3, 4); z.expand(2, 3, 5); z.expand(-1, 3, 5); s.expand(2, 2); m.broadcast_to(row, (2, 3, 4)); row.expand_as(x)
row.broadcast_to((2, 4)); row.expand(size=(3, 4)); x.expand(x.size()); s.expand(())
x.repeat(2, 3); x.repeat(2, 1, 2); row.repeat((2, 2)); s.repeat(3); x.repeat(0, 2); row.repeat(1)
m.tile(x, (2,)); x.tile(2, 2, 1); x.tile((1, 2)); s.tile((2,)); m.tile(row, dims=(2, 2))
m.repeat_interleave(x, 2); x.repeat_interleave(2, 1); m.repeat_interleave(x, i, 0); x.repeat_interleave(i, dim=0); s.repeat_interleave(3)
m.repeat_interleave(x, m.tensor([2]), 1); row.repeat_interleave(0); x.repeat_interleave(m.tensor(2), dim=0); x.repeat_interleave(repeats=2)
y.flip(0, 2); m.flip(y, [1]); y.flip((0,)); m.flip(x, dims=(0, -1)); x.fliplr(); m.flipud(x); row.flipud(); s.flip(())
m.rot90(x); m.rot90(x, 2); m.rot90(y, 3, [1, 2]); x.rot90(-1); m.rot90(y, k=1, dims=(2, 0)); x.rot90(4)
x.roll(1); m.roll(x, -5); x.roll((1, 2), (0, 1)); y.roll(shifts=3, dims=-1); x.roll(1, 0); x.roll((1, 1), (0, 0)); s.roll(1)
x.select(0, 1); x.select(dim=1, index=-1); m.select(y, 1, 2); x.narrow(1, 1, 2); m.narrow(y, 2, -3, 2); x.narrow(0, 1, 0)
x.diagonal(); x.diagonal(1); y.diagonal(-1, 2, 0); m.diagonal(y, offset=1, dim1=0, dim2=2); x.diagonal(7); y.diagonal(dim1=-1, dim2=-2)
m.diag(row); m.diag(x); x.diag(1); row.diag(-2); m.diag_embed(x); m.diag_embed(x, 1, 0, 2); row.diag_embed(-1); m.diagflat(x); x.diagflat(1)
x.tril(); m.tril(y, 1); x.triu(-1); m.triu(y, diagonal=2); x.tril(-9); x.triu(9)
x.unfold(1, 2, 1); x.unfold(0, 3, 2); y.unfold(-1, 2, 2); row.unfold(0, 4, 1); s.unfold(0, 1, 1); x.unfold(dimension=1, size=1, step=3)
x.as_strided((2, 2), (1, 3)); x.as_strided((3, 3), (1, 1), 1); m.as_strided(x, (2,), (5,)); row.as_strided((4, 2), (1, 0)); x[1:].as_strided((2,), (4,))
m.atleast_1d(s); m.atleast_2d(row); m.atleast_3d(x); m.atleast_3d(row); m.atleast_2d(s, row)[1]; m.atleast_1d((s, x))[0]
m.block_diag(x, row, s); m.block_diag(x)
m.broadcast_tensors(x, row)[1]; m.broadcast_tensors(z, row)[0]
m.meshgrid(row, i.to(row.dtype), indexing="ij")[0]; m.meshgrid(row, i.to(row.dtype), indexing="xy")[1]; m.meshgrid([row, row, s], indexing="xy")[1]
m.cartesian_prod(row, row[:2]); m.cartesian_prod(row); m.combinations(row); m.combinations(row, 3); m.combinations(row, 2, True); m.combinations(row, r=1)
m.cat([x, x], 1); m.cat((x, y[0])); m.cat([x, x], dim=-1); m.concat([x, x]); m.concatenate([x, x], axis=1); m.cat([row[:0], x], 1); m.cat([x])
m.cat([x, x.double()]); m.cat([x, x.long()]) ; m.cat(tensors=[x, x], dim=0); m.cat([x[:0], x]); m.cat([x.t(), x.t()], 1); m.cat([x, x, x[:1]])
m.stack([x, x], -1); m.stack((row, row * 2)); m.stack([s, s]); m.stack([x, x.double()], 1); m.stack([x], dim=0); m.stack([x, x, x], 2)
m.hstack([x, x]); m.hstack([row, row]); m.hstack([s, row]); m.vstack([row, x]); m.row_stack([row, row]) if hasattr(m, "row_stack") else m.vstack([row, row]); m.dstack([x, x]); m.dstack([row, row]); m.column_stack([row, row]); m.column_stack([x[:, 0], x]); m.column_stack([s, s])
x.split(2)[1]; m.split(x, [1, 3], 1)[1]; m.split(x, 3, dim=1)[1]; x.split((1, 2)) [0]; x.split(split_size=2)[0]; m.split(x, split_size_or_sections=2)[0]; m.split(tensor=x, split_size_or_sections=[1, 2])[1]
m.stack([t.sum() * k for k, t in enumerate(x.split(1))]); x.split(99)[0]; x[:0].split(3)[0]; x[:0].split(0)[0]; x.split_with_sizes([1, 2])[1]; m.split_with_sizes(x, split_sizes=[2, 2], dim=1)[1]
x.chunk(2, 1)[0] * x.chunk(2, 1)[1]; m.chunk(x, 2)[1]; x.chunk(5, 0)[2]; x[:0].chunk(3)[2]; m.chunk(input=x, chunks=2, dim=1)[1]
m.tensor_split(x, 2, 1)[0]; x.tensor_split((1, 2), 1)[1]; x.tensor_split([1, 5], 1)[2]; x.tensor_split(m.tensor([1]))[1]; x.tensor_split(sections=2)[1]; x.tensor_split(indices=(1,))[0]; x.tensor_split(5)[4]; x.tensor_split([-1], dim=1)[0]
x.hsplit(2)[1]; m.hsplit(row, 2)[0]; m.vsplit(x, 3)[1]; x.vsplit([1])[1]; m.dsplit(y, 2)[0]; y.dsplit((1, 3))[1]
x.unbind(1)[2]; m.unbind(x)[0]; y.unbind(-1)[1]; m.stack(x.unbind(dim=1)); m.unbind(x, 0)[1] * m.unbind(x, 0)[2]
x.gather(1, j); m.gather(x, 0, k); x.gather(dim=-1, index=j); x.gather(0, k[:1, :2]); s.gather(0, m.tensor([0, 0])); row.gather(0, m.tensor(1)); x.gather(0, i[:0]); x.gather(1, j.int())
m.take_along_dim(x, j, 1); x.take_along_dim(j[:1], 0); m.take_along_dim(x.contiguous(), i); x.take_along_dim(indices=j - 4, dim=1); m.take_along_dim(x[:1], j, 1)
x.take(i); m.take(x, j); x.take(m.tensor([[-1, 0]])); s.take(m.tensor([0]))
x.put(i, row[:3] * 2); x.put(m.tensor([[0, -1]]), row[:2], accumulate=True); m.put(x, m.tensor([1, 1]), row[:2], True); x.put(index=i, source=row[1:])
x.scatter(0, k, x * 2); x.scatter(1, j, 1.5); m.scatter(x, 1, j, value=2); x.scatter(dim=0, index=k, src=x); x.scatter(0, k, 2, reduce="add").detach(); x.scatter(1, j[:, :1], x[:, :1].detach() * 3, reduce="multiply").detach(); s.scatter(0, m.tensor([0]), 3); row.scatter(0, m.tensor(1), 3)
x.scatter_add(0, k, x * 2); m.scatter_add(x, 1, j, x); x.scatter_add(dim=1, index=j[:2, :3], src=x[:2, :3])
x.scatter_reduce(0, k, x * 2, "sum"); x.scatter_reduce(1, j, x, "mean"); x.scatter_reduce(1, j, x * 2, reduce="amax", include_self=False); m.scatter_reduce(x, 1, j, x * 3, "amin"); x.scatter_reduce(1, j, x + 1, "prod"); x.scatter_reduce(0, k, x, "mean", include_self=False); x.scatter_reduce(1, j, x, "prod", include_self=False); x.scatter_reduce(1, j, x, "sum", include_self=False)
x.index_reduce(0, m.tensor([0, 0]), x[:2] * 2, "mean"); x.index_reduce(1, m.tensor([1, 3, 1]), x[:, :3], "amax", include_self=False); m.index_reduce(x, 1, m.tensor([0]), x[:, :1] + 1, "prod"); x.index_reduce(0, m.tensor([2, 2]), x[:2], "amin")
x.index_select(0, i); m.index_select(x, 1, m.tensor([3, 3, 0])); x.index_select(-1, i.int()); s.index_select(0, m.tensor([0])); x.index_select(0, m.tensor(1)); x.index_select(dim=0, index=i[:0])
x.index_add(0, i, x); x.index_add(1, m.tensor([0, 0]), x[:, :2], alpha=2); m.index_add(x, 0, m.tensor([2, 2, 2]), x * 2); y.index_add(1, m.tensor([0]), y[:, :1]); row.index_add(0, m.tensor([1, 1, 1]), row[:3]); x.index_add(dim=0, index=i, source=x)
x.index_copy(0, i, x * 2); m.index_copy(x, 1, m.tensor([1, 3]), x[:, :2]); y.index_copy(-1, m.tensor([0]), y[..., :1])
x.index_fill(0, i[:2], 2); m.index_fill(x, 1, m.tensor([0, -1]), 1.0); x.index_fill(1, m.tensor([1]), s); y.index_fill(2, m.tensor(3), 0)
x.index_put((i,), row); x.index_put((i, i), row[:3] * 2, accumulate=True); m.index_put(x, (mask,), s * 2); x.index_put((m.tensor([0, 0]),), row, True); m.index_put(x, indices=(i,), values=s)
x.masked_fill(mask, 0); x.masked_fill(mask, 2.5); m.masked_fill(x, mask2, s); x.masked_fill(mask=mask, value=1); row.masked_fill(mask, 1); x.masked_fill(mask, True); x.masked_fill(mask, m.tensor(2.0, dtype=m.float64))
x.masked_select(mask); m.masked_select(x, mask2); row.masked_select(mask); m.masked_select(input=x, mask=mask)
x.masked_scatter(mask, x * 2); m.masked_scatter(x, mask2, y); row.masked_scatter(mask, x)
x.select_scatter(row, 0, 1); m.select_scatter(y, x, dim=0, index=-1); x.slice_scatter(x[:, :2], 1, 1, 3); m.slice_scatter(x, x[:2] * 2, step=2); x.slice_scatter(row[None], start=1, end=2); x.diagonal_scatter(row[:3] * 2); m.diagonal_scatter(x, row[:2], -1)
x.sum_to_size(1, 4); y.sum_to_size(3, 4); y.sum_to_size((1, 1, 4)); x.sum_to_size(3, 4); x.sum_to_size(()) if x.is_floating_point() else x
x[1]; x[:, 1:3]; x[i]; x[[0, 1]]; x[mask]; y[..., 0]; y[None, :, 1]; y[:, i[:2]]; x[i, i]; x[-1, ::2]; x[i.bool()]; y[:, mask]
""".strip()

COUNTING = """
x.nonzero(); m.nonzero(s); m.nonzero(x, as_tuple=True); s.nonzero(as_tuple=True); m.argwhere(x); m.argwhere(s); x[:0].nonzero(); mask.nonzero()
m.unique(x); m.unique(x, return_inverse=True, return_counts=True); x.unique(dim=0); m.unique(y, dim=1, return_inverse=True, return_counts=True); x.unique(True, True); x.unique(sorted=False); x[:0].unique(); s.unique(); x[:0].unique(dim=0); y.unique(dim=-1, return_counts=True)
m.unique_consecutive(x); m.unique_consecutive(row.repeat_interleave(2), return_inverse=True, return_counts=True); x.repeat_interleave(2, 0).unique_consecutive(dim=0, return_inverse=True, return_counts=True); m.unique_consecutive(row, return_counts=True)
m.searchsorted(row.sort()[0], x); m.searchsorted(row.sort()[0], x, right=True); m.searchsorted(row.sort()[0], 1); m.searchsorted(row.sort()[0], x, side="right"); m.searchsorted(row.sort()[0], x, out_int32=True); m.searchsorted(x.sort(1)[0], x); m.searchsorted(y.sort(-1)[0], y[..., :2], right=True); m.searchsorted(row, x, sorter=row.argsort()); m.searchsorted(row[:0], x)
m.bucketize(x, row.sort()[0]); m.bucketize(x, row.sort()[0], right=True); m.bucketize(2, row.sort()[0]); m.bucketize(x, boundaries=row.sort()[0], out_int32=True)
""".strip()

INTEGERS = """
m.bincount(i); m.bincount(i, minlength=6); i.bincount(m.tensor([0.5, 1.5, 2.5])); m.bincount(i, m.tensor([1, 2, 3])); m.bincount(i[:0]); m.bincount(i[:0], minlength=2); m.bincount(i, weights=m.tensor([0.5, 1.5, 2.5], dtype=m.float64))
m.nn.functional.one_hot(i); m.nn.functional.one_hot(j, 5); m.nn.functional.one_hot(i[:0], 3); m.nn.functional.one_hot(m.tensor(2)); m.nn.functional.one_hot(i, num_classes=4)
m.tril_indices(3, 4); m.tril_indices(3, 4, 1); m.triu_indices(3, 4); m.triu_indices(3, 4, -1); m.tril_indices(4, 2, offset=-2); m.triu_indices(2, 5, 3, dtype=m.int32); m.tril_indices(0, 3)
m.repeat_interleave(i); m.broadcast_shapes((2, 1), (3,)); m.broadcast_shapes(3, (2, 1, 1)); m.broadcast_shapes(()); m.cartesian_prod(i, i); m.combinations(i[:0])
""".strip()

FLOATS = """
m.histc(x); m.histc(x, 4); m.histc(x, bins=4, min=-1, max=1); x.histc(5, 0, 0); m.histc(x * 0, 3); m.histc(x[:0], 3)
m.histogram(x, 4)[0]; m.histogram(x, 4).bin_edges; m.histogram(x, row.sort()[0]).hist; m.histogram(x, 4, range=(-1.0, 1.0))[0]; m.histogram(x, 4, weight=x.abs())[0]; m.histogram(x, bins=4, density=True)[0]; m.histogram(x * 0, 3)[1]; m.histogram(x[:0], 3)[1]; m.histogram(x, 4, range=(0.0, 1.0), weight=x, density=True).hist
""".strip()

REFUSED = """
x.reshape(5, -1); x.reshape(-1, -1); x.reshape(-2, 6); x.reshape(3, 5); x[:0].reshape(-1, 0); x.view(5); x.t().view(12); x.reshape(2.0, 6); x.reshape("a")
x.flatten(1, 0); x.flatten(5); x.unflatten(1, (3, 2)); x.unflatten(1, ()); y.t(); row.mT; y.H; x.transpose(0, 2); x.permute(0); x.permute(0, 0); x.permute(0, 5)
x.movedim(0, (0, 1)); x.movedim((0, 0), (0, 1)); x.movedim(0, 5); x.squeeze(5); x.squeeze((0, 0)); x.unsqueeze(4); x.unsqueeze(-4); x.expand(5, 4); x.expand(4); x.expand(-1, 3, 4); row.expand(-2)
x.repeat(2); x.repeat(-1, 2); m.repeat_interleave(x, -1); m.repeat_interleave(x, i, 1); m.repeat_interleave(x, x, 0); x.flip(0, 0); x.flip(3); row.fliplr(); s.flipud(); m.rot90(row); m.rot90(x, 1, (0, 0)); m.rot90(x, 1, (0,)); m.rot90(x, 1, (0, 5))
x.roll((1, 2), (0,)); x.roll((1, 2)); x.roll(1, 5); x.select(0, 3); x.select(2, 0); s.select(0, 0); x.narrow(0, 2, 2); x.narrow(0, 4, 0); x.narrow(0, 0, -1); s.narrow(0, 0, 1); x.diagonal(0, 0, 0); x.diagonal(0, 0, 5); row.diagonal()
m.diag(y); m.diag_embed(x, 0, 1, 1); row.tril(); s.triu(); x.unfold(0, 4, 1); x.unfold(0, 1, 0); x.unfold(3, 1, 1); x.as_strided((9,), (9,)); x.as_strided((2,), (1, 1)); x.as_strided((2,), (-1,))
m.broadcast_tensors(x, i); m.meshgrid(x, indexing="ij"); m.meshgrid(row, row, indexing="ab"); m.meshgrid(row, i, indexing="ij"); m.combinations(x); m.cartesian_prod(x, row); m.broadcast_shapes((2,), (3,)); m.block_diag(y)
m.cat([]); m.cat([x, y]); m.cat([x, row]); m.cat([x, x[:, :2]]); m.cat([s, s]); m.cat([x, x], 2); m.cat(x); m.cat([x, 3]); m.stack([]); m.stack([x, row]); m.stack([x, x], 5); m.hstack([]); m.vstack([x, y]); m.stack(x)
x.split(0); x.split(-1); x.split([1, 1]); x.split([4, -1]); s.split(1); x.chunk(0); s.chunk(1); s.unbind(); x.unbind(2); x.tensor_split(0); x.hsplit(3); row.vsplit(1); x.dsplit(2); s.hsplit(1); x.split(1, 5)
x.gather(0, i); x.gather(0, j.short()); x.gather(0, j + 9); x.gather(1, -j - 1); x.gather(5, j); x.gather(1, m.zeros(4, 1).long()); x.gather(0, x)
x.scatter(0, j + 5, 1.0); x.scatter(0, i, 1.0); x.scatter(1, j, x[:1]); x.scatter(1, j, x.double() if x.dtype is not m.float64 else x.float()); x.scatter(1, j, x, reduce="sum"); x.scatter_add(1, j, 2.0); x.scatter_reduce(1, j, x, "foo"); x.index_reduce(0, i, x, "sum"); x.scatter(5, j, x)
x.index_select(0, i - 1); x.index_select(0, i + 9); x.index_select(0, j); x.index_select(0, i.short()); x.index_select(3, i); s.index_select(0, i); x.index_add(0, i, x[:2]); x.index_add(0, j, x); x.index_add(0, i, x[:, :2]); x.index_add(0, i + 5, x); x.index_copy(0, i + 3, x); x.index_fill(0, i + 3, 1); x.index_fill(0, i, row); x.index_fill(0, j, 1)
x.index_put((i,), row.double() if x.dtype is not m.float64 else row.float()); x.index_put((i + 7,), s); x.index_put((i, i, i), s); x.index_put((i,), i.to(x.dtype))
x.masked_fill(mask.byte(), 1); x.masked_fill(mask, row); x.masked_fill(i > 0, 1); x.masked_select(mask.long()); x.masked_select(i > 0); x.masked_scatter(mask, row[:1]); x.masked_scatter(mask.long(), x); m.take(x, i + 99); m.take(x, i.int()); x.put(i, row); m.take_along_dim(x, i, 1); m.take_along_dim(x, j.int(), 1)
x.select_scatter(row[:2], 0, 1); x.slice_scatter(x, 0, 0, 1); x.diagonal_scatter(row); m.nn.functional.one_hot(i, 2); m.nn.functional.one_hot(-i); m.nn.functional.one_hot(i.int()); m.nn.functional.one_hot(i[:0]); m.bincount(-i - 1); m.bincount(j); m.bincount(i, row); m.bincount(i, minlength=-1); m.bincount(x)
m.searchsorted(s, x); m.searchsorted(x, row); m.searchsorted(x, 1); m.searchsorted(row, x, side="up"); m.searchsorted(row, x, right=True, side="left"); m.bucketize(x, x); m.histc(x, 0); m.histc(x, 4, 3, 1); m.histc(i); m.histogram(i, 3); m.tril_indices(-1, 2); x.sum_to_size(2, 4); x.sum_to_size(1, 3, 4)
"""


def expressions(text):
    return [e.strip() for line in text.strip().splitlines() for e in line.split(";") if e.strip()]


def surroundings(lib, dtype, seed, grad, reverse):
    """The names that expressions use."""
    rng = np.random.RandomState(seed)

    def make(array, follow=False):
        array = np.array(array)
        if reverse:  # the same values, lying in memory the other way round
            array = np.asfortranarray(array)
        tensor = (torch.from_numpy if lib is torch else ndl.from_numpy)(array)
        return tensor.requires_grad_() if follow else tensor

    def values(*shape):
        if dtype == "bool":
            return rng.rand(*shape) > 0.5
        if dtype.startswith("float"):
            return np.asarray(rng.standard_normal(shape) * 2).astype(dtype)
        return np.asarray(rng.randint(0 if dtype == "uint8" else -5, 6, shape)).astype(dtype)

    names = {n: make(values(*shape), grad) for n, shape in
             {"x": (3, 4), "y": (2, 3, 4), "z": (1, 3, 1), "row": (4,), "s": ()}.items()}
    leaves = list(names.values()) if grad else []
    names |= {"m": lib, "torch": torch, "ndl": ndl, "i": make(np.array([0, 2, 1])), "j": make(np.stack([rng.permutation(4) for _ in range(3)])),
              "k": make(np.stack([rng.permutation(3) for _ in range(4)], 1)), "mask": make(rng.rand(3, 4) > 0.5),
              "mask2": make(rng.rand(4) > 0.4)}
    return names, leaves


def evaluate(lib, expression, dtype, seed, grad=False, reverse=False):
    names, leaves = surroundings(lib, dtype, seed, grad, reverse)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = eval(expression, names)
    outs = list(out) if isinstance(out, (tuple, list)) and not isinstance(out, (torch.Size, ndl.Size)) else [out]
    if not grad or not any(o.requires_grad for o in outs):
        return outs
    loss = sum((o * o * o).sum() for o in outs) + sum((t * 0).sum() for t in leaves)
    first = lib.autograd.grad(loss, leaves, create_graph=True)
    second = lib.autograd.grad(sum((g * g).sum() for g in first) + sum((t * 0).sum() for t in leaves), leaves)
    return [*outs, *first, *second]


def compare(expression, dtype, seed, grad=False, reverse=False):
    try:
        theirs = evaluate(torch, expression, dtype, seed, grad, reverse)
    except RuntimeError:
        if not reverse:
            raise
        with pytest.raises(RuntimeError):  # such as a view of what does not lie in order
            evaluate(ndl, expression, dtype, seed, grad, reverse)
        return
    ours = evaluate(ndl, expression, dtype, seed, grad, reverse)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        if isinstance(b, torch.Size):
            assert tuple(a) == tuple(b)
            continue
        assert tuple(a.shape) == tuple(b.shape)
        assert repr(a.dtype).split(".")[1] == repr(b.dtype).split(".")[1]
        tolerance = {"float64": 1e-9, "float32": 1e-4, "float16": 1e-2}.get(repr(b.dtype).split(".")[1], 0)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("expression", expressions(CALLS))
def test_values_and_gradients(expression):
    for seed in range(2):
        compare(expression, "float64", seed, grad=True, reverse=seed == 1)


# Not defined by torch for bool, or only for floats.
NOT_BOOL = ("* 2", "* 3", "+ 1", "x * 0", "scatter_reduce", "index_reduce", "chunk(2, 1)[0] *", "t.sum() * k", "accumulate", "True)",
            "index_add", "[1] * m", "2, 3], [", "sum_to_size", "scatter_add", "reduce=", "- 1")


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool", "float16"])
def test_dtypes(dtype):
    for expression in expressions(CALLS):
        if dtype == "bool" and any(part in expression for part in NOT_BOOL):
            continue
        try:
            expected = evaluate(torch, expression, dtype, 5)
        except (RuntimeError, NotImplementedError):
            continue
        del expected
        try:
            compare(expression, dtype, 5)
        except Exception as error:
            raise AssertionError(f"{expression} for {dtype}: {error}") from error


@pytest.mark.parametrize("expression", expressions(COUNTING))
def test_counting(expression):
    for dtype in ("float64", "int64", "float32", "uint8"):
        compare(expression, dtype, 3)


@pytest.mark.parametrize("expression", expressions(INTEGERS))
def test_integers(expression):
    compare(expression, "float32", 1)


@pytest.mark.parametrize("expression", expressions(FLOATS))
def test_histograms(expression):
    for dtype in ("float32", "float64"):
        compare(expression, dtype, 2)


@pytest.mark.parametrize("expression", expressions(REFUSED))
def test_refused(expression):
    kinds = []
    for lib in (torch, ndl):
        with pytest.raises((RuntimeError, IndexError, ValueError, TypeError, NotImplementedError)) as caught:
            evaluate(lib, expression, "float32", 0)
        kinds.append(caught.type)
    assert kinds[0] is kinds[1], f"torch raises {kinds[0].__name__}, we {kinds[1].__name__}: {caught.value}"
