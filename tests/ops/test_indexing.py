"""`x[...]` and `x[...] = v` against NumPy's, where both libraries mean the same by it."""

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from hypothesis.extra import numpy as hnp

import minitorch_ndl as ndl

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, max_side=4)


def array_of(shape):
    return np.arange(np.prod(shape), dtype=float).reshape(shape)


@st.composite
def basic(draw):
    """A shape, and ints, slices, None and ... for it."""
    shape = draw(SHAPES)
    index = draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    parts = index if isinstance(index, tuple) else (index,)
    assume(all(not isinstance(p, slice) or p.step is None or p.step > 0 for p in parts))
    return shape, index


@st.composite
def picks(draw):
    """A shape, and index tensors for its leading dimensions, broadcast together."""
    shape = draw(SHAPES)
    count = draw(st.integers(1, len(shape)))
    result = draw(hnp.array_shapes(min_dims=1, max_dims=2, max_side=3))
    return shape, tuple(draw(hnp.arrays(np.int64, result, elements=st.integers(-n, n - 1))) for n in shape[:count])


def ours(index):
    def one(i):
        return ndl.from_numpy(np.array(i)) if isinstance(i, np.ndarray) else i

    return tuple(map(one, index)) if isinstance(index, tuple) else one(index)


@given(basic())
def test_ints_and_slices_make_views(case):
    shape, index = case
    array = array_of(shape)
    x = ndl.from_numpy(array)
    part = x[index]
    np.testing.assert_array_equal(part.numpy(), array[index])
    assert part.numel() == 0 or np.shares_memory(part.numpy(), array)
    part.fill_(-1)  # is seen in x
    expected = array_of(shape)
    expected[index] = -1
    np.testing.assert_array_equal(x.numpy(), expected)


@given(basic())
def test_gradients_go_back_to_where_the_view_came_from(case):
    shape, index = case
    x = ndl.ones(*shape, requires_grad=True)
    (x[index] * 3).sum().backward()
    expected = np.zeros(shape)
    expected[index] = 3
    np.testing.assert_array_equal(x.grad.numpy(), expected)


@given(picks())
def test_index_tensors_pick_and_put(case):
    shape, index = case
    array = array_of(shape)
    x = ndl.from_numpy(array.copy()).requires_grad_()
    picked = x[ours(index)]
    np.testing.assert_array_equal(picked.detach().numpy(), array[index])
    picked.sum().backward()  # as often as an element was picked
    times = np.zeros(shape)
    np.add.at(times, index, 1)
    np.testing.assert_array_equal(x.grad.numpy(), times)

    y = ndl.from_numpy(array.copy())
    y[ours(index)] = -2
    array[index] = -2
    np.testing.assert_array_equal(y.numpy(), array)


@given(SHAPES.flatmap(lambda shape: hnp.arrays(bool, shape)), st.integers(1, 4))
def test_masks(mask, dims):
    array = array_of(mask.shape)
    x = ndl.from_numpy(array.copy())
    part = mask[(slice(None),) * dims + (0,) * max(mask.ndim - dims, 0)] if dims < mask.ndim else mask
    np.testing.assert_array_equal(x[ndl.from_numpy(part.copy())].numpy(), array[part])
    x[ndl.from_numpy(part.copy())] = 7
    array[part] = 7
    np.testing.assert_array_equal(x.numpy(), array)


def test_an_int_beside_a_tensor_selects_first():
    """NumPy broadcasts the int as one more index, and puts the picked dimension first; torch selects."""
    x = ndl.arange(24).reshape(2, 3, 4)
    assert x[0, :, ndl.tensor([0, 2])].shape == (3, 2)
    assert x.numpy()[0, :, np.array([0, 2])].shape == (2, 3)


def test_writes_through_views_reach_the_base_with_their_gradients():
    leaf, value = ndl.ones(3, 4, requires_grad=True), ndl.full((4,), 2.0, requires_grad=True)
    x = leaf * 5
    column = x.t()[1]  # a view of a view, made before the write
    x[2] = value
    column.mul_(10)
    x.sum().backward()
    expected = np.full((3, 4), 5.0)
    expected[2], expected[:, 1] = 0, 50
    expected[2, 1] = 0
    np.testing.assert_array_equal(leaf.grad.numpy(), expected)
    np.testing.assert_array_equal(value.grad.numpy(), [1, 10, 1, 1])


def test_a_view_of_memory_in_another_order_is_written_through():
    leaf = ndl.ones(3, 2, requires_grad=True)
    base = leaf.t() * 2  # lies column by column
    base.t().view(6)[:3].mul_(3)
    base.sum().backward()
    np.testing.assert_array_equal(leaf.grad.numpy(), [[6, 6], [6, 2], [2, 2]])


@pytest.mark.parametrize("write", [lambda x: x.add_(1), lambda x: x.copy_(ndl.ones(3, 4)), lambda x: x.mul_(ndl.ones(4))])
def test_several_elements_at_one_place_are_not_written(write):
    with pytest.raises(RuntimeError, match="single memory location"):
        write(ndl.zeros(4).expand(3, 4))


def test_a_row_of_an_expanded_tensor_is_written():
    x = ndl.zeros(4)
    x.expand(3, 4)[1].add_(1)
    assert x.tolist() == [1, 1, 1, 1]


def test_what_was_saved_and_then_changed_through_a_view_is_noticed():
    x = ndl.ones(3, requires_grad=True) * 2
    y = x.exp()
    y[0] = 5
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    z = x.exp()
    z.detach()[0] = 5
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_unsqueeze_in_place_keeps_views_and_gradients():
    leaf = ndl.ones(2, 3, requires_grad=True)
    x = leaf * 2
    row = x[0]
    x.unsqueeze_(0)
    assert x.shape == (1, 2, 3)
    row.mul_(5)
    x.sum().backward()
    np.testing.assert_array_equal(leaf.grad.numpy(), [[10, 10, 10], [2, 2, 2]])
    with pytest.raises(RuntimeError, match="leaf"):
        leaf.squeeze_()
