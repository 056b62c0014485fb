"""einsum and tensordot against NumPy's, and their gradients against finite differences."""

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl.ops.matmul import _cheapest
from tests.helpers import assert_close

EQUATIONS = {
    "ij,jk->ik": ((2, 3), (3, 4)),
    "ij,kj": ((2, 3), (4, 3)),
    "bhid,bhjd->bhij": ((2, 3, 4, 2), (2, 3, 5, 2)),
    "...ij,...jk->...ik": ((2, 2, 3), (3, 1, 3, 2)),
    "ii->i": ((3, 3),),
    "iij,jkk->ik": ((2, 2, 3), (3, 4, 4)),
    "ij->": ((2, 3),),
    "i,j->ji": ((2,), (3,)),
    "ij,jk,kl->il": ((2, 3), (3, 4), (4, 2)),
    ",i->i": ((), (3,)),
    "ij,ij->j": ((2, 3), (2, 3)),
}


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum_is_numpys(equation):
    arrays = [np.random.standard_normal(shape) for shape in EQUATIONS[equation]]
    tensors = [ndl.from_numpy(a).requires_grad_() for a in arrays]
    assert_close(ndl.einsum(equation, *tensors), np.einsum(equation, *arrays))
    assert ndl.autograd.gradcheck(lambda *t: ndl.einsum(equation, *t), tensors)
    assert ndl.autograd.gradgradcheck(lambda *t: ndl.einsum(equation, *t), tensors)


def test_a_transposed_operand_is_not_copied():
    a = ndl.ones(3, 4)
    view = ndl.einsum("ij->ji", a)
    view[0, 0] = 5.0
    assert a[0, 0] == 5.0


def test_sizes_of_one_broadcast():
    a, b = np.random.standard_normal((1, 3)), np.random.standard_normal((2, 1))
    assert_close(ndl.einsum("ij,ij->i", ndl.from_numpy(a), ndl.from_numpy(b)), (a * b).sum(1))


def test_tensordot_is_numpys():
    a, b = np.random.standard_normal((2, 3, 4)), np.random.standard_normal((4, 3, 5))
    for dims in (([1, 2], [1, 0]), ([2], [0]), 0):
        assert_close(ndl.tensordot(ndl.from_numpy(a), ndl.from_numpy(b), dims), np.tensordot(a, b, dims))


def test_a_chain_is_multiplied_in_the_cheapest_order():
    def cost(sizes, split, i, j):
        if i == j:
            return 0
        k = split[i, j]
        return cost(sizes, split, i, k) + cost(sizes, split, k + 1, j) + sizes[i] * sizes[k + 1] * sizes[j + 1]

    # Cormen et al., "Introduction to Algorithms", 15.2
    sizes = [30, 35, 15, 5, 10, 20, 25]
    assert cost(sizes, _cheapest(sizes), 0, 5) == 15125


def test_mistakes_in_the_equation_are_pointed_at():
    a = ndl.ones(2, 3)
    for equation, words in {
        "ij->il": "output subscript l does not appear",
        "ijk->i": "number of subscripts in the equation \\(3\\) does not match the number of dimensions \\(2\\)",
        "i1->i": "invalid subscript given at index 1",
        "ij,jk->ik": "fewer operands were provided",
        "ii->i": "subscript i is repeated for operand 0 but the sizes don't match, 3 != 2",
    }.items():
        with pytest.raises(RuntimeError, match=words):
            ndl.einsum(equation, a)
