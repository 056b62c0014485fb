"""A Tensor among Python's and NumPy's values: made from data, converted, copied, pickled, printed, asked questions."""

import copy
import pickle
import weakref

import numpy as np
import pytest

import minitorch_ndl as ndl
from tests.helpers import assert_close

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")


# --- made from data ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data, dtype", [
    (1.5, "float32"), (3, "int64"), (True, "bool"), ([1, 2.0], "float32"), ([True, 2], "int64"), ([], "float32"),
    ([[1], [2]], "int64"), ((1, 2), "int64"), (range(3), "int64"), (np.float64(1), "float64"),
    ([np.float16(1), 2], "float16"), (np.arange(3, dtype=np.int8), "int8"),
    ([np.ones(2, np.float32), np.ones(2)], "float64"),
    ([[ndl.tensor(1), 2], [3, 4.0]], "float32"), ([ndl.tensor([1.0])], "float32"),
])
def test_dtype_of_data(data, dtype):
    x = ndl.tensor(data)
    assert x.dtype.name == dtype
    plain = [[v.item() if isinstance(v, ndl.Tensor) else v for v in row] if isinstance(row, list) else
             row.item() if isinstance(row, ndl.Tensor) else row for row in data] if isinstance(data, list) else data
    assert_close(x, np.asarray(plain, dtype))


def test_data_is_copied():
    array, source = np.zeros(2), ndl.zeros(2)
    copies = [ndl.tensor(array), ndl.Tensor(array), source.new_tensor(array), source.clone(),
              ndl.asarray(source, copy=True)]
    array[0] = source[0] = 7
    assert all(c[0] == 0 for c in copies)


@pytest.mark.parametrize("share", [ndl.from_numpy, ndl.as_tensor, ndl.asarray, ndl.from_dlpack])
def test_memory_is_shared_both_ways(share):
    array = np.zeros((2, 3), np.float32)
    x = share(array)
    array[0, 0] = 1
    x[1, 2] = 2
    x.add_(1)
    np.testing.assert_array_equal(array, [[2, 1, 1], [1, 1, 3]])
    assert x.tolist() == array.tolist() and x.numpy() is not None and np.shares_memory(x.numpy(), array)


def test_strided_arrays_are_shared():
    array = np.arange(12).reshape(3, 4)
    x = ndl.from_numpy(array.T[::2])
    x.zero_()
    assert array.tolist() == [[0, 1, 0, 3], [0, 5, 0, 7], [0, 9, 0, 11]]


def test_an_array_that_cannot_be_written():
    array = np.zeros(2)
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="not writable"):
        x = ndl.from_numpy(array)
    assert (x + 1).tolist() == [1, 1]


@pytest.mark.parametrize("data, error, words", [
    ([[1, 2], [3]], ValueError, "expected sequence of length 2 at dim 1 .got 1"),
    ([[1, 2], 3], TypeError, "not a sequence"),
    ([1, [2]], TypeError, "sequence beside numbers"),
    ("a", TypeError, "invalid data type 'str'"),
    (["a"], ValueError, "too many dimensions 'str'"),
    ([None], RuntimeError, "Could not infer dtype of NoneType"),
    ([ndl.ones(2), ndl.ones(2)], ValueError, "only one element tensors.*ndl.stack"),
    (2**63, ValueError, "Overflow when unpacking long long"),
    (1 + 2j, TypeError, "complex numbers are out of scope"),
    (np.array(["a"]), TypeError, "can't convert np.ndarray of type"),
    (np.zeros(2, ">f4"), ValueError, "byte order"),
])
def test_data_that_makes_no_tensor(data, error, words):
    with pytest.raises(error, match=words):
        ndl.tensor(data)


@pytest.mark.parametrize("value, dtype, fits", [
    (255, "uint8", 255), (256, "uint8", None), (-1, "uint8", 255), (-256, "uint8", None), (-0.5, "uint8", None),
    (128, "int8", None), (-128, "int8", -128), (1.9, "int64", 1), (float("nan"), "int32", None), (1e30, "int64", None),
    (2, "bool", True), (1e30, "float16", float("inf")), (2**64, "float32", 2.0**64),
])
def test_numbers_that_fit(value, dtype, fits):
    if fits is None:
        with pytest.raises(RuntimeError, match="without overflow"):
            ndl.tensor([value], dtype=getattr(ndl, dtype))
    else:
        assert ndl.tensor([value], dtype=getattr(ndl, dtype)).item() == fits


# --- of other dtypes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", DTYPES)
def test_conversions(source, target):
    x = ndl.tensor([0, 1, 3], dtype=getattr(ndl, source))
    method = {"uint8": "byte", "int8": "char", "int16": "short", "int32": "int", "int64": "long", "float16": "half",
              "float32": "float", "float64": "double"}.get(target, target)
    dtype = getattr(ndl, target)
    title = f"torch.{method.capitalize()}Tensor"
    for y in (x.to(dtype), getattr(x, method)(), x.type(dtype), x.type(title), x.to("cpu", dtype),
              x.to(ndl.zeros(1, dtype=dtype)), x.type_as(ndl.zeros(1, dtype=dtype))):
        np.testing.assert_array_equal(y.numpy(), x.numpy().astype(target), strict=True)
        assert (y is x) == (source == target)
    assert x.to(dtype).type() == title
    assert isinstance(x, getattr(ndl, title[6:])) == (source == target)
    assert x.to(dtype, copy=True) is not x


def test_conversion_is_recorded():
    x = ndl.tensor([1.0, 2.0], requires_grad=True)
    (x.double() * ndl.tensor([3.0, 4.0], dtype=ndl.float64)).sum().backward()
    assert x.grad.dtype is ndl.float32 and x.grad.tolist() == [3, 4]
    assert not x.long().requires_grad


@pytest.mark.parametrize("use", [
    lambda x: x.bfloat16(), lambda x: x.cfloat(), lambda x: x.to(ndl.complex64), lambda x: x.to(dtype=ndl.bfloat16),
    lambda x: ndl.zeros(2, dtype=ndl.bfloat16), lambda x: ndl.tensor([1], dtype=ndl.complex128),
    lambda x: x.type(ndl.BFloat16Tensor), lambda x: ndl.BFloat16Tensor(2),
])
def test_dtypes_that_exist_by_name_only(use):
    with pytest.raises(TypeError, match="exists by name only.*use ndl.float32"):
        use(ndl.ones(2))


def test_a_device_that_is_not_there():
    for move in (lambda x: x.cuda(), lambda x: x.to("cuda"), lambda x: ndl.zeros(2, device="cuda:0")):
        with pytest.raises(RuntimeError, match="not available.*is_available"):
            move(ndl.ones(2))


def test_memory_formats_keep_the_values():
    x = ndl.arange(120).reshape(2, 3, 4, 5)
    y = x.contiguous(memory_format=ndl.channels_last)
    assert y.stride() == (60, 1, 15, 3) and y.is_contiguous(memory_format=ndl.channels_last) and not y.is_contiguous()
    assert (x == y).all() and y.contiguous().stride() == x.stride()


# --- in Python's hands ----------------------------------------------------------------------------------------------


def test_one_element_is_a_number():
    x = ndl.tensor(2.5)
    assert (float(x), int(x), complex(x), bool(x), f"{x:.3f}", round(x.item())) == (2.5, 2, 2.5 + 0j, True, "2.500", 2)
    assert "%.1f" % x == "2.5"
    assert "abc"[ndl.tensor(1)] == "b" and list(range(ndl.tensor([2]))) == [0, 1] and chr(ndl.tensor(65)) == "A"


@pytest.mark.parametrize("use, error", [
    (lambda: bool(ndl.ones(2)), RuntimeError), (lambda: bool(ndl.ones(0)), RuntimeError),
    (lambda: float(ndl.ones(2)), ValueError), (lambda: ndl.ones(2).item(), RuntimeError),
    (lambda: [1][ndl.tensor(0.0)], TypeError), (lambda: len(ndl.tensor(1)), TypeError),
    (lambda: list(ndl.tensor(1)), TypeError), (lambda: "a" in ndl.ones(2), RuntimeError),
    (lambda: ndl.ones(2).size(3), IndexError), (lambda: ndl.ones(2).stride(1), IndexError),
    (lambda: ndl.ones(2).nothing, AttributeError), (lambda: setattr(ndl.ones(2), "shape", (3,)), AttributeError),
    (lambda: setattr(ndl.ones(2), "grad", 3), TypeError),
    (lambda: setattr(ndl.ones(2), "grad", ndl.ones(3)), RuntimeError),
    (lambda: setattr(ndl.ones(2), "data", 3), TypeError),
    (lambda: setattr(ndl.ones(2), "requires_grad", 1), RuntimeError),
    (lambda: ndl.arange(3).requires_grad_(), RuntimeError),
    (lambda: np.asarray(ndl.ones(2, requires_grad=True)), RuntimeError),
])
def test_what_a_tensor_refuses(use, error):
    with pytest.raises(error):
        use()


def test_identity_decides_keys():
    x, y = ndl.ones(2), ndl.ones(2)
    assert {x: 1, y: 2}[x] == 1 and x in {x} and len({x, y}) == 2
    assert (x == None) is False and (x != "a") is True


def test_attributes_of_ones_own():
    x = ndl.ones(2)
    x.note = ["mine"]
    assert copy.deepcopy(x).note == ["mine"] and copy.deepcopy(x).note is not x.note
    assert pickle.loads(pickle.dumps(x)).note == ["mine"]
    assert weakref.ref(x)() is x


def test_iteration_gives_views():
    x = ndl.zeros(2, 2)
    for i, row in enumerate(x):
        row += i
    assert x.tolist() == [[0, 0], [1, 1]]
    first, second = x
    assert second.tolist() == [1, 1] and 1 in x and 2 not in x and ndl.tensor(1.0) in x


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64])
def test_numpy_scalars_beside_operators(kind):
    x = ndl.tensor([1.0, 2.0])
    for y in (x * kind(2), kind(2) * x, x + kind(2) - x + x, kind(4) / x / x * x):
        assert isinstance(y, ndl.Tensor) and y.dtype is ndl.float32
    assert (kind(2) * x).tolist() == [2, 4] and (kind(4) / x).tolist() == [4, 2] and (kind(3) - x).tolist() == [2, 1]


def test_arrays_beside_operators():
    x, a = ndl.tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 4.0])
    for y in (x * a, a * x):
        assert isinstance(y, ndl.Tensor) and y.dtype is ndl.float64 and y.tolist() == [3, 8] and y.requires_grad
    assert (a - ndl.ones(2)).tolist() == [2, 3] and (a @ ndl.ones(2, dtype=ndl.float64)).item() == 7


def test_arrays_of_tensors():
    assert np.array(ndl.ones(2)).dtype == np.float32
    assert np.asarray(ndl.ones(2), dtype=np.int8).dtype == np.int8
    assert np.array([ndl.tensor(1.0), ndl.tensor(2.0)]).tolist() == [1, 2]
    x = ndl.zeros(2)
    np.asarray(x)[0], np.array(x)[1] = 5, 6
    assert x.tolist() == [5, 0]


# --- copies -----------------------------------------------------------------------------------------------------------


def test_deepcopy_keeps_what_shares_memory():
    x = ndl.zeros(2, 3)
    y, row, turned = copy.deepcopy([x, x[1], x.t()])
    y[1, 2] = 7
    assert row.tolist() == [0, 0, 7] and turned[2, 1] == 7 and x.sum() == 0


def test_deepcopy_of_leaves_and_results():
    x = ndl.ones(2, requires_grad=True)
    x.grad = ndl.full((2,), 3.0)
    y = copy.deepcopy(x)
    assert y.requires_grad and y.grad.tolist() == [3, 3] and y.grad is not x.grad
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly"):
        copy.deepcopy(x * 2)


@pytest.mark.parametrize("make", [
    lambda: ndl.arange(6).reshape(2, 3), lambda: ndl.arange(6).reshape(2, 3).t(), lambda: ndl.zeros(0, 3),
    lambda: ndl.tensor(1.5), lambda: ndl.ones(2, requires_grad=True), lambda: ndl.ones(9)[::2],
    lambda: ndl.ones(2, requires_grad=True) * 3,
])
def test_pickle(make):
    x = make()
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        y = pickle.loads(pickle.dumps(x, protocol))
        np.testing.assert_array_equal(y.detach().numpy(), x.detach().numpy(), strict=True)
        assert y.requires_grad == x.requires_grad and y.is_leaf and y.grad is None


def test_a_pickled_view_carries_its_own_elements_only():
    assert len(pickle.dumps(ndl.zeros(100_000)[:2])) < 1000


# --- its place ------------------------------------------------------------------------------------------------------


def test_data_shares_memory_and_is_not_followed():
    x = ndl.ones(2, requires_grad=True)
    y = x * x
    x.data += 1  # what autograd does not see, it cannot refuse
    y.sum().backward()
    assert x.tolist() == [2, 2] and not x.data.requires_grad and x.is_leaf
    x.data = ndl.zeros(3)
    assert x.shape == (3,) and x.requires_grad


def test_grad_of_a_result_warns():
    y = ndl.ones(2, requires_grad=True) * 2
    with pytest.warns(UserWarning, match="not a leaf.*retain_grad"):
        assert y.grad is None
    y.retain_grad()
    y.sum().backward()
    assert y.grad.tolist() == [1, 1]


def test_sizes_count():
    size = ndl.zeros(2, 3).shape
    assert (size.numel(), size[1], size[:1], size + (4,), (4,) + size, size * 2) == \
        (6, 3, (2,), (2, 3, 4), (4, 2, 3), (2, 3, 2, 3))
    results = size[:1], size + (4,), (4,) + size, size * 2, pickle.loads(pickle.dumps(size))
    assert all(isinstance(s, ndl.Size) for s in results)
    with pytest.raises(TypeError, match="item 1 is 'float'"):
        ndl.Size([1, 2.5])


def test_subclasses():
    class Named(ndl.Tensor):
        pass

    x = ndl.ones(2, requires_grad=True)
    y = x.as_subclass(Named)
    assert type(y) is Named and repr(y.detach().as_subclass(Named)) == "Named([1., 1.])" and y.grad_fn is not None
    (y * 3).sum().backward()
    assert x.grad.tolist() == [3, 3] and type(Named([1, 2])) is Named and type(Named([1, 2]) + 1) is ndl.Tensor


def test_repr_names_what_cannot_be_seen():
    x = ndl.ones(2, requires_grad=True)
    assert repr(x) == "tensor([1., 1.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2., 2.], grad_fn=<MulBackward>)"
    assert repr(x.detach().double()) == "tensor([1., 1.], dtype=ndl.float64)"
    assert repr(ndl.zeros(0, 3)) == "tensor([], size=(0, 3))"
    assert str(ndl.tensor(3)) == "tensor(3)" and f"{ndl.tensor(3)}" == "3" and f"{ndl.tensor([3])}" == "tensor([3])"


# --- older ways -----------------------------------------------------------------------------------------------------


def test_constructors_of_older_scripts():
    assert ndl.Tensor(2, 3).shape == (2, 3) and ndl.Tensor([2, 3]).tolist() == [2.0, 3.0] and ndl.Tensor().shape == (0,)
    assert ndl.LongTensor([1.7]).tolist() == [1] and ndl.ByteTensor(4).dtype is ndl.uint8
    assert ndl.FloatTensor(ndl.Size([2, 2])).shape == (2, 2) and ndl.zeros(2).long().new([1.5]).tolist() == [1]
    with pytest.raises(TypeError, match="cannot convert it; use x.to"):
        ndl.FloatTensor(ndl.arange(3))
    assert not isinstance(3, ndl.FloatTensor) and not isinstance(ndl.arange(3), ndl.FloatTensor)


def test_random_numbers_in_place_of_a_result_take_its_history():
    x = ndl.ones(3, requires_grad=True)
    y = x * 2
    y.normal_()
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 0]
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x.uniform_()


def test_fork_rng_leaves_the_numbers_alone():
    ndl.manual_seed(3)
    expected = ndl.rand(2), ndl.rand(2)
    ndl.manual_seed(3)
    first = ndl.rand(2)
    with ndl.random.fork_rng():
        ndl.manual_seed(9)
        ndl.randn(100)
    assert_close([first, ndl.rand(2)], expected, rtol=0, atol=0)


def test_states_travel_as_tensors():
    state = ndl.get_rng_state()
    assert isinstance(state, ndl.ByteTensor) and state.shape == (5056,)
    a = ndl.rand(3)
    ndl.set_rng_state(state)
    assert (ndl.rand(3) == a).all()
    generator = ndl.Generator()
    generator.set_state(state)
    assert (ndl.rand(3, generator=generator) == a).all()
