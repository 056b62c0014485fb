"""Matrix products and einsum against torch, over random shapes, layouts and dtypes."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minitorch_ndl as ndl
from tests.parity.same import array, layouts, same, same_error

rng = np.random.default_rng(7)

SHAPES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 4)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((1, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (1, 3, 4)),
    ((6, 5, 2, 3), (3, 4)),
    ((6, 5, 2, 3), (3,)),
    ((2, 3), (6, 5, 3, 4)),
    ((3,), (6, 5, 3, 4)),
    ((6, 1, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (6, 1, 3, 4)),
    ((1, 1), (1, 1)),
    ((0, 3), (3, 4)),
    ((2, 0), (0, 4)),
    ((5, 2, 0), (0, 4)),
    ((0, 2, 3), (3, 4)),
    ((0, 2, 3), (0, 3, 4)),
    ((0,), (0,)),
    ((2, 3), (0, 3, 4)),
    ((4, 0), (0,)),
]


@pytest.mark.parametrize("a, b", SHAPES)
def test_matmul(a, b):
    for x in layouts(array(rng, a)):
        for y in layouts(array(rng, b)):
            same(lambda m, x, y: x @ y, x, y)
    same(lambda m, x, y: m.matmul(x, y), array(rng, a), array(rng, b))
    same(lambda m, x, y: x.matmul(other=y), array(rng, a, "float32"), array(rng, b, "float32"))
    same(lambda m, x, y: m.linalg.matmul(x, y), array(rng, a, "int64"), array(rng, b, "int64"), grad=False)
    same(lambda m, x, y: x @ y, array(rng, a, "float16"), array(rng, b, "float16"), grad=False)


def test_only_one_side_requires_grad():
    for a, b in SHAPES:
        x, y = array(rng, a), array(rng, b)
        same(lambda m, x: x @ (torch.from_numpy if m is torch else ndl.from_numpy)(y), x)
        same(lambda m, y: (torch.from_numpy if m is torch else ndl.from_numpy)(x) @ y, y)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_integer_products_are_exact_and_wrap_around(dtype):
    info = np.iinfo(dtype)
    for size, low, high in (
        (3, info.min, info.max),
        (40, -3 if info.min else 0, 4),
        (60, info.min // 2, info.max // 2),
    ):
        a, b = (rng.integers(low, high, (size, size), dtype=dtype) for _ in range(2))
        np.testing.assert_array_equal((ndl.from_numpy(a) @ ndl.from_numpy(b)).numpy(), a @ b)


def test_a_gradient_that_was_expanded_is_multiplied_as_fast_as_any():
    same(lambda m, x, y: (x @ y).sum(), array(rng, (5, 7, 6)), array(rng, (6, 4)))
    same(lambda m, x, y: (x @ y).sum(), array(rng, (5, 7, 6)), array(rng, (5, 6, 4)))


def test_numpy_arrays_on_either_side():
    x, a = ndl.ones(2, 3), np.arange(6.0, dtype="float32").reshape(3, 2)
    assert isinstance(x @ a, ndl.Tensor) and isinstance(a @ x, ndl.Tensor)
    np.testing.assert_array_equal((a @ x).numpy(), a @ np.ones((2, 3)))
    np.testing.assert_array_equal((x @ a).numpy(), np.ones((2, 3)) @ a)


NAMED = {
    "mm": ((2, 3), (3, 4)),
    "bmm": ((5, 2, 3), (5, 3, 4)),
    "mv": ((2, 3), (3,)),
    "dot": ((3,), (3,)),
    "vdot": ((3,), (3,)),
    "inner": ((2, 3), (4, 5, 3)),
    "outer": ((2,), (3,)),
    "ger": ((2,), (3,)),
    "kron": ((2, 3), (4, 1, 2)),
    "addmm": ((4,), (2, 3), (3, 4)),
    "addmv": ((2,), (2, 3), (3,)),
    "addr": ((2, 3), (2,), (3,)),
    "addbmm": ((2, 4), (5, 2, 3), (5, 3, 4)),
    "baddbmm": ((5, 2, 4), (5, 2, 3), (5, 3, 4)),
    "matmul": ((2, 3), (3, 4)),
}


@pytest.mark.filterwarnings("ignore:torch.ger is deprecated")
@pytest.mark.parametrize("name", NAMED)
def test_named_products(name):
    for dtype in ("float64", "float32", "int64"):
        args = [array(rng, s, dtype) for s in NAMED[name]]
        same(lambda m, *t: getattr(m, name)(*t), *args, grad=dtype == "float64")
        same(lambda m, first, *rest: getattr(first, name)(*rest), *args, grad=False)
    empty = [np.zeros(tuple(0 if n == 3 else n for n in s)) for s in NAMED[name]]
    same(lambda m, *t: getattr(m, name)(*t), *empty)
    out_shape = getattr(torch, name)(*map(torch.from_numpy, args)).shape

    def with_out(m, *t):
        out = m.zeros(tuple(out_shape), dtype=m.int64)
        result = getattr(m, name)(*t, out=out)
        assert result is out
        return out

    same(with_out, *args, grad=False)


@pytest.mark.parametrize("name", ["addmm", "addmv", "addr", "addbmm", "baddbmm"])
def test_products_added_to_something(name):
    shapes = NAMED[name]
    full = tuple(getattr(torch, name)(*(torch.zeros(s) for s in shapes)).shape)
    for beta, alpha in ((1, 1), (2, 3), (0.5, -1.5), (0, 2), (1, 0)):
        args = [array(rng, s) for s in shapes]
        same(lambda m, *t: getattr(m, name)(*t, beta=beta, alpha=alpha), *args)
        same(
            lambda m, x, *t: getattr(x.clone(), name + "_")(*t, beta=beta, alpha=alpha),
            array(rng, full),
            *args[1:],
        )
    broken = [np.full(full, np.nan), *args[1:]]
    same(lambda m, *t: getattr(m, name)(*t, beta=0), *broken)  # beta=0 switches even NaN off
    for first in ((), (1,) * len(full), full[-1:]):
        same(lambda m, *t: getattr(m, name)(*t), array(rng, first), *args[1:])


def test_integer_factors_are_cut_off():
    args = [array(rng, s, "int32") for s in NAMED["addmm"]]
    same(lambda m, *t: m.addmm(*t, beta=2.5, alpha=1.5), *args, grad=False)


def test_chains():
    for sizes in ((2, 3, 4), (2, 3, 4, 5), (10, 1, 10, 1, 10), (4, 3, 2, 3, 4)):
        matrices = [array(rng, pair) for pair in zip(sizes, sizes[1:])]
        same(lambda m, *t: m.linalg.multi_dot(t), *matrices)
        matrices[0], matrices[-1] = matrices[0][0], matrices[-1][:, 0]
        same(lambda m, *t: m.linalg.multi_dot(list(t)), *matrices)


@pytest.mark.filterwarnings("ignore:torch.chain_matmul is deprecated")
def test_chain_matmul():
    same(lambda m, *t: m.chain_matmul(*t), array(rng, (2, 3)), array(rng, (3, 4)), array(rng, (4, 1)))
    same(lambda m, *t: m.chain_matmul(*t), array(rng, (2, 3)))


def test_tensordot():
    a, b = array(rng, (2, 3, 4)), array(rng, (4, 3, 5))
    for dims in (([1, 2], [1, 0]), ((2,), (0,)), ([2], [0]), ([-1, -2], [0, -2]), ([], [])):
        same(lambda m, a, b: m.tensordot(a, b, dims=dims), a, b)
    same(lambda m, a, b: m.tensordot(a, b, 2), array(rng, (2, 3, 4)), array(rng, (3, 4, 5)))
    same(lambda m, a, b: m.tensordot(a, b), array(rng, (3, 4)), array(rng, (3, 4)))
    same(lambda m, a, b: m.tensordot(a, b, 0), array(rng, (2, 3)), array(rng, (4,)))
    same(lambda m, a, b: m.tensordot(a, b, m.tensor([[1, 2], [1, 0]])), a, b)
    same(lambda m, a, b: m.tensordot(a, b, ([1, 2], [1, 0])), a, array(rng, (1, 3, 5)))


EQUATIONS = {
    "ij,jk->ik": ((2, 3), (3, 4)),
    "ij,jk": ((2, 3), (3, 4)),
    "ji,jk->ik": ((3, 2), (3, 4)),
    "ij,kj->ik": ((2, 3), (4, 3)),
    "ij,jk->ki": ((2, 3), (3, 4)),
    "bij,bjk->bik": ((5, 2, 3), (5, 3, 4)),
    "bhid,bhjd->bhij": ((2, 3, 4, 5), (2, 3, 6, 5)),
    "bhij,bjhd->bihd": ((2, 3, 4, 5), (2, 5, 3, 6)),
    "i,i->": ((3,), (3,)),
    "i,j->ij": ((2,), (3,)),
    "i,j->ji": ((2,), (3,)),
    "ii->i": ((3, 3),),
    "ii": ((3, 3),),
    "ij->ji": ((2, 3),),
    "ba": ((2, 3),),
    "ij->": ((2, 3),),
    "ij->j": ((2, 3),),
    "...ij,...jk->...ik": ((5, 2, 3), (6, 1, 3, 4)),
    "...ij,jk": ((6, 5, 2, 3), (3, 4)),
    "i...->...": ((2, 3, 4),),
    "i...,i...->...": ((5, 2, 3), (5, 3)),
    "...->...": ((2, 3),),
    "...i->i": ((2, 3, 4),),
    "i...j,ij...->...": ((2, 3, 4), (2, 4, 3)),
    "ij,ij->ij": ((2, 3), (2, 3)),
    "ij,ij->": ((2, 3), (2, 3)),
    "ij,ij->j": ((1, 3), (2, 1)),
    "bi,bi->b": ((4, 3), (4, 3)),
    "bn,anm,bm->ba": ((2, 5), (3, 5, 4), (2, 4)),
    "ij,jk,kl->il": ((2, 3), (3, 4), (4, 5)),
    "ij,jk,kl,lm->im": ((2, 3), (3, 4), (4, 2), (2, 5)),
    "iij,jkk->ik": ((2, 2, 3), (3, 4, 4)),
    "iiij->ij": ((2, 2, 2, 3),),
    "bA,aB": ((2, 3), (4, 5)),
    " i j , j k -> i k ": ((2, 3), (3, 4)),
    "ij,j->i": ((2, 3), (3,)),
    "j,ij->i": ((3,), (2, 3)),
    ",i->i": ((), (3,)),
    ",->": ((), ()),
    "->": ((),),
    "i,->i": ((3,), ()),
    "abc,cd->abd": ((2, 3, 4), (4, 5)),
    "abc,bcd->ad": ((2, 3, 4), (3, 4, 5)),
    "abcd,cdef->abef": ((2, 1, 3, 4), (3, 4, 5, 1)),
    "ij,k->ijk": ((2, 3), (4,)),
    "ij,k->k": ((2, 3), (4,)),
    "ij,jk->": ((2, 3), (3, 4)),
    "ij,jk->i": ((2, 3), (3, 4)),
    "nhwc,nhwc->nc": ((2, 3, 4, 5), (2, 3, 4, 5)),
    "ij,jk->ik ": ((2, 0), (0, 3)),
    "ij,jk -> ik": ((0, 3), (3, 4)),
    "a,b,c->abc": ((2,), (3,), (4,)),
    "ijk,ilm,njm,nlk,abc->": ((2, 3, 4), (2, 5, 6), (3, 3, 6), (3, 5, 4), (2, 2, 2)),
    "ij,ij,ij->ij": ((2, 3), (2, 3), (2, 3)),
    "ij,j,i->": ((2, 3), (3,), (2,)),
}


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum(equation):
    shapes = EQUATIONS[equation]
    same(lambda m, *t: m.einsum(equation, *t), *(array(rng, s) for s in shapes))
    same(lambda m, *t: m.einsum(equation, list(t)), *(array(rng, s, "float32") for s in shapes), second=False)
    same(
        lambda m, *t: m.einsum(equation, *t),
        *(np.array(array(rng, s), order="F") for s in shapes),
        grad=False,
    )


def test_einsum_of_integers():
    for equation in ("ij,jk->ik", "ij,ij->ij", "ij,jk->"):
        same(
            lambda m, *t: m.einsum(equation, *t),
            array(rng, (3, 3), "int32"),
            array(rng, (3, 3), "int32"),
            grad=False,
        )


def test_einsum_sublists():
    a, b = array(rng, (2, 3)), array(rng, (3, 4))
    same(lambda m, a, b: m.einsum(a, [0, 1], b, [1, 2], [0, 2]), a, b)
    same(lambda m, a, b: m.einsum(a, [0, 51], b, [51, 2]), a, b)
    same(lambda m, a, b: m.einsum(a, [..., 1], b, [1, 2], [..., 2]), a, b)
    same(lambda m, a: m.einsum(a, [1, 0]), a)
    same(lambda m, a: m.einsum(a, [30, 3]), a)


def test_einsum_at_random():
    local = np.random.default_rng(3)
    for _ in range(150):
        sizes = dict(zip("abcdef", local.integers(1, 4, 6)))
        terms, shapes = [], []
        for _ in range(local.integers(1, 4)):
            letters = local.choice(list("abcdef"), local.integers(0, 4))
            terms.append("".join(letters))
            # a size of 1 broadcasts, but not within one operand's diagonal
            alone = [list(letters).count(c) == 1 for c in letters]
            shapes.append([1 if one and local.random() < 0.1 else sizes[c] for c, one in zip(letters, alone)])
        used = sorted(set("".join(terms)))
        output = "".join(local.permutation([c for c in used if local.random() < 0.6]))
        equation = ",".join(terms) + ("->" + output if local.random() < 0.9 else "")
        same(lambda m, *t: m.einsum(equation, *t), *(array(local, s) for s in shapes))


def z(*shape, dtype="float32"):
    return np.ones(shape, dtype)


ERRORS = {
    "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x2)": (lambda m, a, b: a @ b, z(2, 3), z(4, 2)),
    "mat1 and mat2 shapes cannot be multiplied (10x3 and 4x2)": (lambda m, a, b: a @ b, z(5, 2, 3), z(4, 2)),
    "mat1 and mat2 shapes cannot be multiplied (1x3 and 4x2)": (lambda m, a, b: a @ b, z(3), z(4, 2)),
    "size mismatch, got input (2), mat (2x3), vec (4)": (lambda m, a, b: a @ b, z(2, 3), z(4)),
    "inconsistent tensor size, expected tensor [3] and src [4]": (lambda m, a, b: a @ b, z(3), z(4)),
    "Expected size for first two dimensions of batch2 tensor to be: [5, 3] but got: [5, 4]": (
        lambda m, a, b: a @ b,
        z(5, 2, 3),
        z(5, 4, 2),
    ),
    "The size of tensor a (5) must match the size of tensor b (6) at non-singleton dimension 0": (
        lambda m, a, b: a @ b,
        z(5, 2, 3),
        z(6, 3, 2),
    ),
    "both arguments to matmul need to be at least 1D, but they are 0D and 1D": (
        lambda m, a, b: a @ b,
        z(),
        z(3),
    ),
    "expected m1 and m2 to have the same dtype, but got: float != double": (
        lambda m, a, b: a @ b,
        z(2, 3),
        z(3, 2, dtype="float64"),
    ),
    "expected m1 and m2 to have the same dtype, but got: int != long int": (
        lambda m, a, b: m.mm(a, b),
        z(2, 3, dtype="int32"),
        z(3, 2, dtype="int64"),
    ),
    "not implemented for 'Bool'": (lambda m, a, b: a @ b, z(2, 3, dtype="bool"), z(3, 2, dtype="bool")),
    "self must be a matrix": (lambda m, a, b: m.mm(a, b), z(2), z(2, 2)),
    "mat2 must be a matrix": (lambda m, a, b: a.mm(b), z(2, 2), z(2)),
    "batch1 must be a 3D tensor": (lambda m, a, b: m.bmm(a, b), z(2, 2), z(2, 2, 2)),
    "Expected size for first two dimensions of batch2 tensor to be: [2, 3] but got: [3, 3]": (
        lambda m, a, b: m.bmm(a, b),
        z(2, 2, 3),
        z(3, 3, 2),
    ),
    "vector + matrix @ vector expected": (lambda m, a, b: m.mv(a, b), z(2), z(2)),
    "1D tensors expected, but got 2D and 1D tensors": (lambda m, a, b: m.dot(a, b), z(2, 2), z(2)),
    "inner() the last dimension must match": (lambda m, a, b: m.inner(a, b), z(2, 3), z(4, 2)),
    "outer: Expected 1-D argument self, but got 2-D": (lambda m, a, b: m.outer(a, b), z(2, 3), z(4)),
    "mat1 must be a matrix, got 1-D tensor": (lambda m, a, b: m.addmm(b, a, b), z(2), z(2, 2)),
    "The expanded size of the tensor (2) must match the existing size (3)": (
        lambda m, a, b: m.addmm(m.ones(3), a, b),
        z(2, 3),
        z(3, 2),
    ),
    "multi_dot(): tensors 0 and 1 with shapes [2, 3] and [2, 3] cannot be multiplied": (
        lambda m, a: m.linalg.multi_dot([a, a]),
        z(2, 3),
    ),
    "multi_dot(): expected at least 2 tensors but got 1": (lambda m, a: m.linalg.multi_dot([a]), z(2)),
    "contracted dimensions need to match": (lambda m, a, b: m.tensordot(a, b, 1), z(2, 3), z(4, 3)),
    "both dimension lists should have same length": (
        lambda m, a, b: m.tensordot(a, b, ([1], [0, 1])),
        z(2, 3),
        z(4, 3),
    ),
    "Dimension out of range": (lambda m, a, b: m.tensordot(a, b, ([5], [0])), z(2, 3), z(4, 3)),
    "einsum(): subscript j has size 4 for operand 1 which does not broadcast with previously seen size 3": (
        lambda m, a, b: m.einsum("ij,jk->ik", a, b),
        z(2, 3),
        z(4, 2),
    ),
    "einsum(): output subscript l does not appear in the equation": (
        lambda m, a, b: m.einsum("ij,jk->il", a, b),
        z(2, 3),
        z(3, 2),
    ),
    "einsum(): output subscript k appears more than once": (lambda m, a: m.einsum("k->kk", a), z(2)),
    "einsum(): invalid subscript given at index 1": (lambda m, a: m.einsum("i1->i", a), z(2, 2)),
    "einsum(): invalid subscript given at index 4": (lambda m, a: m.einsum("ij->3", a), z(2, 2)),
    "einsum(): found '.' for operand 0 that is not part of any ellipsis": (
        lambda m, a: m.einsum("i.->i", a),
        z(2, 2),
    ),
    "einsum(): the number of subscripts in the equation (3) does not match the number of dimensions (2)": (
        lambda m, a: m.einsum("ijk->i", a),
        z(2, 2),
    ),
    "einsum(): fewer operands were provided": (lambda m, a: m.einsum("ij,jk->i", a), z(2, 2)),
    "einsum(): more operands were provided": (lambda m, a: m.einsum("ij->i", a, a), z(2, 2)),
    "einsum(): subscript i is repeated for operand 0 but the sizes don't match, 3 != 2": (
        lambda m, a: m.einsum("ii->i", a),
        z(2, 3),
    ),
    "einsum(): subscript in subscript list is not within the valid range [0, 52)": (
        lambda m, a: m.einsum(a, [0, 52]),
        z(2, 3),
    ),
    "must be Tensor, not int": (lambda m, a: m.matmul(a, 3), z(2, 3)),
}


@pytest.mark.parametrize("words", ERRORS)
def test_errors_use_torchs_types_and_words(words):
    assert words in same_error(*ERRORS[words])


def test_the_fix_is_named():
    with pytest.raises(RuntimeError, match="Transpose the second one: a @ b.mT"):
        ndl.ones(2, 3) @ ndl.ones(2, 3)
    with pytest.raises(RuntimeError, match=r"Convert one of them, for example with \.float\(\)"):
        ndl.ones(2, 3) @ ndl.ones(3, 2).double()


def test_lists_and_numbers_are_no_operands():
    for other in (3.0, [1.0], "x"):
        with pytest.raises(TypeError):
            ndl.ones(2, 2) @ other
