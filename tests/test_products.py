"""Matrix products in tiles: the same numbers, whatever the sizes and however the matrices lie."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from minitorch_ndl import products

SIZES = [(100, 784, 100), (100, 100, 784), (64, 512, 512), (1024, 64, 192), (64, 1024, 256), (48, 4096, 32), (256, 300, 40)]


@pytest.fixture(autouse=True)
def as_on_one_thread(monkeypatch):
    """As where BLAS has the kernels, and one thread."""
    monkeypatch.setattr(products, "_reads_as_it_lies", lambda: True)
    monkeypatch.setattr(products.threads, "available", lambda: 1)
    products._plan.cache_clear()
    yield
    products._plan.cache_clear()


def matrix(rows, columns, order, dtype=np.float32, stack=()):
    x = np.random.default_rng(rows + columns).standard_normal((*stack, rows, columns)).astype(dtype)
    return x if order == "rows" else np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)


def close(result, a, b):
    exact = a.astype("d") @ b.astype("d")
    sizes = abs(a.astype("d")) @ abs(b.astype("d"))
    return result.dtype == a.dtype and (abs(result - exact) <= 32 * np.finfo(a.dtype).eps * sizes).all()


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("orders", list(itertools.product(["rows", "columns"], repeat=2)), ids="-".join)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_products_are_the_plain_ones(sizes, orders, dtype):
    rows, inner, columns = sizes
    a, b = matrix(rows, inner, orders[0], dtype), matrix(inner, columns, orders[1], dtype)
    out = np.full((rows, columns), np.nan, dtype)
    products.times_into(np, a, b, out)
    assert close(products.times(a, b), a, b) and close(out, a, b)
    assert products.times(a, b).flags.c_contiguous


def test_tiles_cover_the_result():
    found = 0
    for rows, inner, columns in itertools.product([16, 33, 50, 64, 100, 384], [10, 64, 500, 784, 2000], [10, 27, 32, 100, 784]):
        for left, right in itertools.product(["rows", "columns"], repeat=2):
            tile = products._tile(rows, inner, columns, left, right, False)
            if tile is not None:
                high, wide, _ = tile
                found += 1
                assert rows % high == 0 == columns % wide and high * wide * inner <= products.TILE
    assert found > 100


def test_the_usual_layers_go_in_tiles():
    assert products._tile(100, 784, 100, "rows", "columns", False)  # x @ weight.T
    assert products._tile(100, 100, 784, "columns", "rows", False)  # g.T @ x
    assert products._tile(64, 512, 512, "rows", "rows", False)  # g @ weight
    assert products._tile(97, 784, 101, "rows", "columns", False) is None  # no divisors
    assert products._tile(4096, 4096, 4096, "rows", "rows", False) is None  # large
    assert products._tile(1024, 64, 192, "rows", "rows", True) is None  # shared out by BLAS
    assert products._tile(64, 1024, 1024, "rows", "rows", False) is None  # tiles would read 4 MB again and again


def test_stacks():
    for order in ("rows", "columns"):
        a, b = matrix(64, 96, order, stack=(3, 1)), matrix(96, 256, order, stack=(2,))
        out = np.empty((3, 2, 64, 256), np.float32)
        products.times_into(np, a, b, out)
        assert close(out, a, b)
        products.times_into(np, a[0, 0], b, out[0])
        assert close(out[0], a[0, 0], b)


def test_gaps_and_repeats():
    a, b = matrix(128, 512, "rows"), matrix(512, 128, "rows")
    for x, y in [(a[:, ::2], b[::2]), (a[::2], b[:, ::2]), (a[:, 100:300], b[200:400]), (a[::-1], b[:, ::-1]),
                 (np.broadcast_to(a[0], a.shape), b), (a, np.broadcast_to(b[:, :1], b.shape))]:
        assert close(products.times(x, y), x, y)


def test_how_matrices_lie():
    assert products._order((3, 5), (20, 4), 4) == products._order((3, 5), (40, 4), 4) == "rows"
    assert products._order((3, 5), (4, 12), 4) == products._order((3, 5), (8, 24), 8) == "columns"
    for strides in [(0, 4), (40, 8), (-20, 4), (4, 0), (16, 4)]:
        assert products._order((3, 5), strides, 4) == "neither"


def test_a_matrix_by_its_own_transpose_is_symmetric():
    a = matrix(128, 512, "rows")
    for x in (a, a.T[:, :].T, a[:]):
        assert products._in_tiles(x, x.T) is None and products._in_tiles(x, (x + 1).T) is not None
        result = products.times(x, x.T)
        assert close(result, x, x.T) and (result == result.T).all()


def test_few_rows():
    for rows in (1, 2, 5, 30):
        a, b = matrix(rows, 64, "rows"), matrix(64, 100, "columns")
        assert close(products.times(a, b), a, b)


def test_what_is_not_finite_stays_where_it_is():
    a, b = matrix(100, 784, "rows").copy(), matrix(784, 100, "columns")
    a[3, 5], a[70, 0] = np.inf, np.nan
    with np.errstate(all="ignore"):
        result = products.times(a, b)
    assert np.isinf(result[3]).all() and np.isnan(result[70]).all()
    assert np.isfinite(np.delete(result, [3, 70], 0)).all()


def test_sizes_that_do_not_fit():
    for a, b in [((100, 784), (785, 100)), ((3, 4), (5, 6)), ((2, 4), (5, 6))]:
        with pytest.raises(ValueError):
            products.times(np.ones(a, "f"), np.ones(b, "f"))


def test_other_kinds_of_array_and_dtype():
    a = np.arange(2_000_000).reshape(2000, 1000) % 7
    assert (products.times(a, a[:1000, :2].copy()) == a @ a[:1000, :2]).all()


@pytest.mark.parametrize("architecture, has", [("SkylakeX", True), ("Cooperlake", True), ("Haswell", False), (None, False)])
def test_which_blas_has_such_kernels(architecture, has, monkeypatch):
    monkeypatch.undo()
    library = None if architecture is None else SimpleNamespace(architecture=architecture)
    monkeypatch.setattr(products.blas, "numpys", lambda: library)
    assert products._reads_as_it_lies.__wrapped__() is has


@pytest.fixture
def kept_to_one_thread(monkeypatch):
    """As while BLAS is kept to one thread, and there are two."""
    shared = []

    def each(parts, work, keep):
        shared.append(parts)
        return [work(i) for i in range(parts)]

    monkeypatch.setattr(products.threads, "available", lambda: 2)
    monkeypatch.setattr(products.threads, "takes_products", lambda: True)
    monkeypatch.setattr(products.threads, "keep_blas", lambda: None)
    monkeypatch.setattr(products.threads, "each", each)
    return shared


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("orders", list(itertools.product(["rows", "columns"], repeat=2)), ids="-".join)
@pytest.mark.parametrize("sizes", [*SIZES, (101, 512, 129), (33, 4000, 50)], ids=str)
def test_large_ones_are_shared_out_while_blas_has_one_thread(sizes, orders, dtype, kept_to_one_thread):
    rows, inner, columns = sizes
    a, b = matrix(rows, inner, orders[0], dtype), matrix(inner, columns, orders[1], dtype)
    assert close(products.times(a, b), a, b)
    assert kept_to_one_thread == ([2] if rows * inner * columns >= 2 * products.SHARED else [])


def test_stacks_are_shared_out_too(kept_to_one_thread):
    for stack in ((), (3,)):
        a, b = matrix(256, 64, "rows", stack=stack), matrix(64, 128, "rows", stack=(3,))
        out = np.empty((3, 256, 128), np.float32)
        products.times_into(np, a, b, out)
        assert close(out, a, b)
    assert kept_to_one_thread == [3, 3]


def test_what_is_not_worth_sharing_out(kept_to_one_thread):
    few, wide = matrix(20, 2000, "rows"), matrix(2000, 200, "rows")
    assert close(products.times(few, wide), few, wide)
    whole = np.arange(300 * 300).reshape(300, 300)
    assert (products.times(whole, whole) == whole @ whole).all()
    with pytest.raises(ValueError):
        products.times(matrix(300, 300, "rows"), matrix(200, 300, "rows"))
    assert kept_to_one_thread == []
