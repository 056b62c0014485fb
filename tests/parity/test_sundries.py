"""What few scripts call, against torch: windows, gradient, histogramdd, low rank, other spellings; and what is refused."""

import itertools

import numpy as np
import pytest

import minitorch_ndl as ndl
from tests.parity.oracle import check, refusal

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:.*just left for JIT")


def draw(*shape, seed=1):
    return np.random.RandomState(seed).randn(*shape)


@pytest.mark.parametrize("name, more", [("bartlett", ()), ("hann", ()), ("hamming", ()), ("hamming", (0.6, 0.3)),
                                        ("blackman", ()), ("kaiser", ()), ("kaiser", (5.0,))])
def test_windows(name, more):
    for n, periodic, kind in itertools.product((0, 1, 2, 3, 8, 33), (True, False), ("float64", "float32")):
        check(lambda lib: getattr(lib, f"{name}_window")(n, periodic, *more, dtype=getattr(lib, kind)), [], rtol=1e-5, atol=1e-7)
    assert ndl.kaiser_window(4, beta=3.0).dtype == ndl.float32
    for call in (lambda lib: lib.hann_window(-1), lambda lib: lib.hann_window(3, dtype=lib.int64)):
        refusal(call)
    with pytest.raises(TypeError):
        ndl.hann_window(3, True, 0.5)


@pytest.mark.parametrize("call", [
    lambda lib, x: lib.gradient(x), lambda lib, x: lib.gradient(x, dim=1), lambda lib, x: lib.gradient(x, dim=(-1, 0)),
    lambda lib, x: lib.gradient(x, spacing=0.5, edge_order=2), lambda lib, x: lib.gradient(x, spacing=[2.0, 0.1], dim=(0, 1)),
    lambda lib, x: lib.gradient(x, spacing=(lib.tensor([0.0, 1, 3, 7, 8]).to(x.dtype),), dim=0, edge_order=2),
    lambda lib, x: lib.gradient(x, spacing=(lib.tensor([0.0, 1, 3, 7]).to(x.dtype),), dim=1),
    lambda lib, x: lib.frexp(x * 100), lambda lib, x: lib.frexp(x * 0), lambda lib, x: (x > 0).nonzero_static(size=4),
    lambda lib, x: lib.nonzero_static(x > 0, size=30, fill_value=7), lambda lib, x: lib.nuclear_norm(x),
    lambda lib, x: lib.frobenius_norm(x, (0, 1), True), lambda lib, x: lib.norm_except_dim(x, 2, 1), lambda lib, x: lib.spmm(x, x.T),
    lambda lib, x: lib.frobenius_norm(x, 1), lambda lib, x: lib.unsafe_split(x, 2), lambda lib, x: x.unsafe_chunk(2, 1),
    lambda lib, x: lib.constant_pad_nd(x, (1, 2), 3.0), lambda lib, x: lib.embedding(x, lib.tensor([[1, 0]])),
    lambda lib, x: lib.permute_copy(x, (1, 0)), lambda lib, x: lib.unbind_copy(x, 1), lambda lib, x: lib.narrow_copy(x, 0, 1, 2),
    lambda lib, x: lib.detach(x), lambda lib, x: lib.resize_as_(x.detach(), x[:2].detach()),
    lambda lib, x: lib.addmv_(x[0].detach(), x.T.detach(), x[:, 0].detach()),
    lambda lib, x: lib.dropout(x, 0.5, False), lambda lib, x: lib.is_conj(x) or x.is_nested or x,
])
def test_values(call):
    def on(lib, x):
        out = call(lib, x)
        return list(out) if isinstance(out, (tuple, list)) else out

    check(on, [draw(5, 4)], second="nonzero" not in str(call.__code__.co_names))


def test_kinds_of_results():
    x = ndl.tensor(draw(5, 4))
    assert isinstance(ndl.gradient(x), type(torch.gradient(torch.ones(5, 4)))) and ndl.frexp(x)._fields == ("mantissa", "exponent")
    assert ndl.empty_strided((2, 3), (1, 2)).stride() == torch.empty_strided((2, 3), (1, 2)).stride()
    assert x.new_empty_strided((2, 3), (4, 1)).stride() == (4, 1)
    ones = ndl.ones(1000)
    assert not np.shares_memory(ndl.t_copy(x)._array, x._array)
    assert 300 < ndl.dropout_(ones, 0.5, True).count_nonzero() < 700 and ones.max() == 2


@pytest.mark.parametrize("options", [
    {"bins": [3, 2]}, {"bins": 4}, {"bins": [3, 2], "range": [-1.0, 1.0, 0.0, 2.0]}, {"bins": [3, 2], "density": True},
    {"bins": [3, 2], "weighted": True}, {"bins": "edges"}])
def test_histogramdd(options):
    points, weights = draw(40, 2), abs(draw(40))

    def call(lib, x, w):
        given = dict(options)
        if given.pop("weighted", False):
            given["weight"] = w
        if given["bins"] == "edges":
            given["bins"] = [lib.tensor([-1.0, 0.0, 2.0], dtype=x.dtype), lib.tensor([0.0, 1.0], dtype=x.dtype)]
        found = lib.histogramdd(x, **given)
        return [found.hist, *found.bin_edges]

    check(call, [points, weights], grad=False)


def test_low_rank():
    for shape in ((8, 5), (5, 8)):
        a = draw(shape[0], 2) @ draw(2, shape[1], seed=2)
        for lib in (ndl, torch):
            u, s, v = lib.svd_lowrank(lib.from_numpy(a), q=3)
            np.testing.assert_allclose((u * s @ v.T).numpy(), a, atol=1e-9)
            np.testing.assert_allclose(s.numpy(), np.linalg.svd(a)[1][:3], atol=1e-9)
            u, s, v = lib.pca_lowrank(lib.from_numpy(a))
            np.testing.assert_allclose(s.numpy()[:3], np.linalg.svd(a - a.mean(0))[1][:3], atol=1e-9)


@pytest.mark.parametrize("call", [
    lambda lib, x: lib.gradient(x, edge_order=3), lambda lib, x: lib.gradient(x[:1]), lambda lib, x: lib.gradient(x, spacing=[1.0]),
    lambda lib, x: lib.frexp(x.long()), lambda lib, x: lib.pca_lowrank(x, q=9), lambda lib, x: lib.histogramdd(x, [2]),
    lambda lib, x: lib.solve(x, x), lambda lib, x: lib.eig(x), lambda lib, x: lib.symeig(x), lambda lib, x: x.lstsq(x),
    lambda lib, x: lib.matrix_rank(x), lambda lib, x: x.imag, lambda lib, x: lib.view_as_real(x),
])
def test_refusals(call):
    refusal(lambda lib: call(lib, lib.ones(4, 4)))


@pytest.mark.parametrize("call, words", [
    (lambda x: x.to_sparse_csr(), "or a dense one"),
    (lambda x: ndl.complex(x, x), "complex numbers are out of scope"), (lambda x: ndl.stft(x, 2), "stft: complex"),
    (lambda x: ndl.quantize_per_tensor(x, 1.0, 0, None), "Use floats")])
def test_what_is_out_of_scope_says_so(call, words):
    with pytest.raises(NotImplementedError, match=words):
        call(ndl.ones(2, 2))
