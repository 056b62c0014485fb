"""Sparse matrices against torch's: products, gradients, forms."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minitorch_ndl as ndl

pytestmark = pytest.mark.filterwarnings("ignore:Sparse invariant", "ignore:.*torch.sparse_coo_tensor")
INDICES, VALUES, SIZE = [[0, 1, 1, 3, 1], [2, 0, 2, 1, 0]], [3.0, 4.0, 5.0, -1.0, 2.0], (4, 3)


def both(function):
    """What a function of the library gives, twice: as nested lists."""
    results = []
    for lib in (ndl, torch):
        values = lib.tensor(VALUES, requires_grad=True)
        result = function(lib, lib.sparse_coo_tensor(lib.tensor(INDICES), values, SIZE), values)
        results.append(result.detach().tolist() if hasattr(result, "tolist") else result)
    return results


@pytest.mark.parametrize("function", [
    lambda lib, s, v: s.to_dense(), lambda lib, s, v: s.coalesce().indices(), lambda lib, s, v: s.coalesce().values(),
    lambda lib, s, v: s._indices(), lambda lib, s, v: s._nnz(), lambda lib, s, v: s.coalesce()._nnz(), lambda lib, s, v: s.t().to_dense(),
    lambda lib, s, v: lib.mm(s, lib.arange(6.0).view(3, 2)), lambda lib, s, v: lib.spmm(s, lib.arange(6.0).view(3, 2)),
    lambda lib, s, v: lib.matmul(s, lib.ones(3, 2)), lambda lib, s, v: s @ lib.arange(3.0), lambda lib, s, v: s.mm(lib.ones(3, 2)),
    lambda lib, s, v: lib.mv(s, lib.arange(3.0)), lambda lib, s, v: lib.sparse.mm(s, lib.ones(3, 1)),
    lambda lib, s, v: lib.sparse.addmm(lib.ones(4, 1), s, lib.ones(3, 1)), lambda lib, s, v: lib.ones(2, 4) @ s,
    lambda lib, s, v: (s * 2).to_dense(), lambda lib, s, v: (s + s).to_dense(), lambda lib, s, v: (s / 4).to_dense(),
    lambda lib, s, v: s.sum(), lambda lib, s, v: lib.sparse.sum(s), lambda lib, s, v: s.double().to_dense(),
    lambda lib, s, v: tuple(s.shape), lambda lib, s, v: (s.dim(), s.is_sparse, s.requires_grad, s.is_coalesced()),
    lambda lib, s, v: lib.eye(3).to_sparse().indices(), lambda lib, s, v: lib.tensor([[0.0, 2], [0, 3]]).to_sparse().values(),
    lambda lib, s, v: lib.sparse.FloatTensor(lib.LongTensor(INDICES), lib.FloatTensor(VALUES), lib.Size(SIZE)).to_dense(),
    lambda lib, s, v: lib.sparse_coo_tensor(INDICES, VALUES).shape == (4, 3),
])
def test_forms_and_products(function):
    ours, theirs = both(function)
    assert ours == theirs


@pytest.mark.parametrize("function", [
    lambda lib, s, x: s @ x, lambda lib, s, x: s.coalesce() @ x, lambda lib, s, x: s.t().mm(s.to_dense()), lambda lib, s, x: lib.spmm(s * 3, x),
    lambda lib, s, x: (x.t() @ s.t()) if lib is ndl else (s @ x).t()])
def test_gradients(function):
    grads = []
    for lib in (ndl, torch):
        values = lib.tensor(VALUES, requires_grad=True)
        x = lib.arange(6.0).view(3, 2).requires_grad_()
        out = function(lib, lib.sparse_coo_tensor(lib.tensor(INDICES), values, SIZE), x)
        (out * out).sum().backward()
        grads.append([values.grad.tolist(), None if x.grad is None else x.grad.tolist()])
    assert grads[0] == grads[1]


def test_errors():
    s = ndl.sparse_coo_tensor(INDICES, VALUES, SIZE)
    with pytest.raises(RuntimeError, match="please call .coalesce"):
        s.indices()
    with pytest.raises(RuntimeError, match=r"\(4, 3\), which is sparse, by \(2, 2\)"):
        s @ ndl.ones(2, 2)
    with pytest.raises(TypeError, match="must be Tensor, not SparseTensor"):
        ndl.exp(s)
    with pytest.raises(NotImplementedError, match="bmm: is not there for sparse tensors. Use to_dense"):
        ndl.bmm(s, ndl.ones(1))
    with pytest.raises(RuntimeError, match="do not fit the size"):
        ndl.sparse_coo_tensor(INDICES, VALUES, (2, 2))
    with pytest.raises(TypeError, match="Use Tensor.to_dense"):
        s.numpy()
    assert np.asarray(s.to_dense()).shape == (4, 3)
