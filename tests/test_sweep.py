"""Every operation, checked in the same ways on its samples (tests/samples/): values against an independent reference,
gradients of both orders against differences, in place, `out=`, float32, strided inputs, the fake device, a freed graph."""

import inspect

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import Tensor, backend
from minitorch_ndl.autograd import gradcheck, gradgradcheck
from minitorch_ndl.faces import FACES, F
from minitorch_ndl.op import OPS
from minitorch_ndl.tensor import wrap
from tests import fake_device, samples

fake_device.register()
# What the package defines: not what other tests add, nor the functions that SciPy computes.
DEFINED = {name for name, record in OPS.items() if record.kernel.__module__ not in ("minitorch_ndl.ops.exotic", "__main__")
           and record.kernel.__module__.startswith("minitorch_ndl.")}
CASES = [(name, i, s) for name, found in sorted(samples.collect().items()) for i, s in enumerate(found)]
SWEEP = pytest.mark.parametrize("name, sample", [(n, s) for n, _, s in CASES], ids=[f"{n}-{i}" for n, i, _ in CASES])
SMOOTH = [c for c in CASES if c[2].grad and all(a.size for a in c[2].args if isinstance(a, np.ndarray))]
DIFFERENTIABLE = pytest.mark.parametrize("name, sample", [(n, s) for n, _, s in SMOOTH], ids=[f"{n}-{i}" for n, i, _ in SMOOTH])


def function_of(name):
    """The operation by its name; what draws random numbers draws the same ones each time."""
    function = found(name)

    def call(*args, **kwargs):
        ndl.manual_seed(0)
        return function(*args, **kwargs)

    return call


def found(name):
    """As people call it, or as formulas do where it is an inner one."""
    record = OPS.get(name)
    for face in ("torch", "functional", "linalg", "special"):
        public = FACES[face].get(name)
        if public is not None and name not in INNER:
            return public
    if record is not None:
        inner, signature = getattr(F, name), record.signature
        return lambda *args, **kwargs: inner(*signature.bind(name, args, kwargs)) if kwargs else inner(*args)
    return getattr(F, name)


def in_place_of(name):
    return getattr(Tensor, name + "_", None) or FACES["functional"].get(name + "_")


INNER = {"normal", "unfold", "embedding"}  # samples of these are for the inner operation, whose public function of that name is another


def over_arrays(function, value):
    """`value` with every array in it, also in lists, replaced by ``function(array)``."""
    if isinstance(value, np.ndarray):
        return function(value)
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(over_arrays(function, v) for v in value)
    return value


def tensors(sample, make=lambda a: ndl.tensor(a), grad=True):
    """The sample's arguments with Tensors for arrays; those that gradients are checked for are listed, too."""
    leaves = []

    def one(array):
        t = make(array)
        if grad and sample.grad and array.dtype == np.float64:
            leaves.append(t.requires_grad_())
        return t

    return over_arrays(one, tuple(sample.args)), {k: over_arrays(one, v) for k, v in sample.kwargs.items()}, leaves


def outputs(result):
    return [r for r in (result if isinstance(result, (tuple, list)) else [result]) if isinstance(r, Tensor)]


def values(result):
    if isinstance(result, bool):
        return [np.asarray(result)]
    return [backend.to_numpy(r._array) for r in outputs(result)]


def agree(mine, expected, **tolerance):
    assert len(mine) == len(expected)
    for a, b in zip(mine, expected, strict=True):
        assert a.shape == np.shape(b)
        np.testing.assert_allclose(a, b, **{"rtol": 1e-7, "atol": 1e-9, **tolerance})


def gradients(function, args, kwargs, leaves, create_graph=False):
    """The gradients of a weighted sum of everything floating that comes out."""
    outs = [o for o in outputs(function(*args, **kwargs)) if o.requires_grad]
    random = np.random.RandomState(3)
    seeds = [o.new_tensor(random.rand(*o.shape)).to(o.dtype) if o.device.type == "cpu" else
             wrap(backend.of_type(type(o._array)).from_numpy(np.asarray(random.rand(*o.shape), o._array.dtype))) for o in outs]
    return ndl.autograd.grad(outs, leaves, seeds, create_graph=create_graph, allow_unused=True)


@SWEEP
def test_value(name, sample):
    if sample.reference is None:
        return
    expected = sample.reference(*sample.args, **sample.kwargs)
    expected = list(expected) if isinstance(expected, (tuple, list)) else [expected]
    args, kwargs, _ = tensors(sample)
    agree(values(function_of(name)(*args, **kwargs)), expected)


def as_function(name, args, kwargs, leaves):
    """The operation as a function of its leaves alone."""
    places = {id(t): k for k, t in enumerate(leaves)}

    def swap(value, new):
        if isinstance(value, Tensor):
            return new[places[id(value)]] if id(value) in places else value
        several = isinstance(value, (list, tuple)) and not hasattr(value, "_fields")
        return type(value)(swap(v, new) for v in value) if several else value

    def call(*new):
        result = function_of(name)(*swap(args, new), **{k: swap(v, new) for k, v in kwargs.items()})
        outs = [o for o in outputs(result) if o.is_floating_point()]
        return outs[0] if len(outs) == 1 else tuple(outs)

    return call


@DIFFERENTIABLE
def test_gradient(name, sample):
    args, kwargs, leaves = tensors(sample)
    if leaves and any(o.requires_grad for o in outputs(function_of(name)(*args, **kwargs))):
        assert gradcheck(as_function(name, args, kwargs, leaves), leaves, atol=1e-4)


@DIFFERENTIABLE
def test_second_gradient(name, sample):
    args, kwargs, leaves = tensors(sample)
    if not leaves or not any(o.requires_grad for o in outputs(function_of(name)(*args, **kwargs))):
        return
    if not any(g is not None and g.requires_grad for g in gradients(function_of(name), args, kwargs, leaves, True)):
        return  # linear: the gradient is a constant
    assert gradgradcheck(as_function(name, args, kwargs, leaves), leaves, atol=1e-3)


@SWEEP
def test_strided_inputs(name, sample):
    """The same elements, every other one of a larger array."""
    def spread(array):
        wide = np.zeros((*array.shape, 2), array.dtype)
        wide[..., 0] = array
        return ndl.from_numpy(wide)[..., 0]

    if name in ("as_strided", "view", "strided_again", "strided_back", "data_ptr", "stride"):
        return  # what these do depends on strides
    args, kwargs, _ = tensors(sample)
    expected = values(function_of(name)(*args, **kwargs))
    args, kwargs, _ = tensors(sample, spread, grad=False)
    agree(values(function_of(name)(*args, **kwargs)), expected, rtol=1e-10, atol=1e-12)


@DIFFERENTIABLE
def test_float32_stays_float32(name, sample):
    """A stray float64 would double the time and the memory; the engine's safety net must find nothing to cast."""
    single = lambda a: ndl.tensor(a.astype(np.float32) if a.dtype == np.float64 else a)
    args, kwargs, leaves = tensors(sample, single)
    result = function_of(name)(*args, **kwargs)
    kinds = {o._array.dtype.name for o in outputs(result) if o.is_floating_point()}
    assert kinds <= {"float32"} or name in ("to_copy", "to_dtype", "linspace", "logspace")
    if leaves and any(o.requires_grad for o in outputs(result)):
        for g in gradients(function_of(name), args, kwargs, leaves):
            assert g is None or g.dtype == ndl.float32


@SWEEP
def test_in_place_and_out(name, sample):
    args, kwargs, _ = tensors(sample, grad=False)
    if not args or not isinstance(args[0], Tensor) or name == "bernoulli":  # bernoulli_ takes its p elsewhere
        return
    expected = function_of(name)(*args, **kwargs)
    public = FACES["torch"].get(name)
    if isinstance(expected, Tensor):
        in_place = in_place_of(name)
        if in_place is not None and expected.shape == args[0].shape and expected.dtype == args[0].dtype:
            target = args[0].clone()
            ndl.manual_seed(0)
            assert in_place(target, *args[1:], **kwargs) is target
            agree(values(target), values(expected), rtol=1e-12)
        if public is not None and getattr(public, "takes_out", False):
            into = ndl.empty(0, dtype=expected.dtype)
            ndl.manual_seed(0)
            assert public(*args, **kwargs, out=into) is into
            agree(values(into), values(expected), rtol=1e-12)


@SWEEP
def test_fake_device(name, sample):
    """On arrays that refuse NumPy: an operation that names it anywhere is caught, in its gradients, too."""
    if name in HOST_ONLY:
        return
    args, kwargs, leaves = tensors(sample)
    function = function_of(name)
    expected = values(function(*args, **kwargs))
    there = lambda a: wrap(fake_device.FAKE.from_numpy(a))
    far_args, far_kwargs, far_leaves = tensors(sample, there)
    result = function(*far_args, **far_kwargs)
    assert all(type(o._array) is fake_device.FakeArray for o in outputs(result)) or not any(
        isinstance(a, Tensor) for a in (*far_args, *far_kwargs.values()))
    agree(values(result), expected, rtol=1e-10, atol=1e-12)
    if leaves and any(o.requires_grad for o in outputs(result)):
        for create_graph in (False, True):
            near = gradients(function, args, kwargs, leaves, create_graph)
            far = gradients(function, far_args, far_kwargs, far_leaves, create_graph)
            agree([backend.to_numpy(g._array) for g in far if g is not None],
                  [g._array for g in near if g is not None], rtol=1e-9, atol=1e-11)


@DIFFERENTIABLE
def test_a_freed_graph_says_so(name, sample):
    args, kwargs, leaves = tensors(sample)
    outs = [o for o in outputs(function_of(name)(*args, **kwargs)) if o.requires_grad and o.grad_fn is not None]
    if not outs or not getattr(outs[0].grad_fn.rule, "holds", False):
        return
    out = outs[0]
    ndl.autograd.grad(out, leaves, ndl.ones_like(out), allow_unused=True)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        ndl.autograd.grad(out, leaves, ndl.ones_like(out), allow_unused=True)


def arrays_of(*things):
    """The arrays in results, arguments and gradients."""
    found = []
    for thing in things:
        if isinstance(thing, Tensor):
            found.append(thing._array)
        elif isinstance(thing, (list, tuple, dict)):
            found += arrays_of(*(thing.values() if isinstance(thing, dict) else thing))
    return found


@DIFFERENTIABLE
def test_gradients_are_nobody_elses(name, sample):
    """They share no memory with inputs, outputs, the gradient that backward started from, or each other; and neither
    forward nor backward writes into what it was given."""
    args, kwargs, leaves = tensors(sample)
    given = [a.copy() for a in arrays_of(args, kwargs)]
    outs = [o for o in outputs(function_of(name)(*args, **kwargs)) if o.requires_grad]
    if not leaves or not outs:
        return
    results = [o._array.copy() for o in outs]
    starts = [ndl.rand(o.shape, dtype=o.dtype) for o in outs]
    started = [s._array.copy() for s in starts]
    ndl.autograd.backward(outs, starts, retain_graph=True)
    grads = [x.grad for x in leaves if x.grad is not None]
    others = [*arrays_of(args, kwargs), *arrays_of(outs, starts)]
    for i, g in enumerate(grads):
        assert g._array.flags.writeable
        for other in [*others, *arrays_of(grads[:i])]:
            assert not np.shares_memory(g._array, other)
    for before, after in ((given, arrays_of(args, kwargs)), (results, arrays_of(outs)), (started, arrays_of(starts))):
        for b, a in zip(before, after, strict=True):
            np.testing.assert_array_equal(a, b)
    first = [g.clone() for g in grads]
    ndl.autograd.backward(outs, starts)  # what was saved is still as it was
    for g, f in zip(grads, first, strict=True):
        np.testing.assert_allclose(g._array, 2 * f._array, rtol=1e-12, atol=1e-300)


@DIFFERENTIABLE
def test_a_later_write_is_noticed_or_harmless(name, sample):
    """After an input or an output was overwritten, backward refuses, or gives the gradient all the same."""
    for which in range(len(sample.args) + len(sample.kwargs) + 1):
        args, kwargs, leaves = tensors(sample)
        if not leaves:
            return
        copy = lambda t: t * 1 if t.requires_grad else t.clone()
        several = lambda v: isinstance(v, (list, tuple)) and not hasattr(v, "_fields")
        over = lambda v: copy(v) if isinstance(v, Tensor) else type(v)(map(over, v)) if several(v) else v
        args, kwargs = tuple(map(over, args)), {k: over(v) for k, v in kwargs.items()}
        outs = [o for o in outputs(function_of(name)(*args, **kwargs)) if o.requires_grad]
        if not outs:
            return
        starts = [ndl.ones_like(o) for o in outs]
        expected = ndl.autograd.grad(outs, leaves, starts, retain_graph=True, allow_unused=True)
        edges = [o.grad_fn for o in outs]
        victims = outputs([*args, *kwargs.values()])[which:which + 1] or outs[:1]
        with ndl.no_grad():
            for victim in victims:
                try:
                    victim.copy_(ndl.zeros_like(victim))
                except RuntimeError:  # an expanded tensor
                    return
        try:
            if [o.grad_fn for o in outs] != edges:  # a view of what was written
                continue
            found = ndl.autograd.grad(outs, leaves, starts, allow_unused=True)
        except RuntimeError as error:
            assert "inplace" in str(error)
            continue
        for f, e in zip(found, expected, strict=True):
            assert (f is None) == (e is None)
            if f is not None:
                np.testing.assert_allclose(f._array, e._array, rtol=1e-12, err_msg=f"after writing into number {which}")


@DIFFERENTIABLE
def test_in_place_has_the_same_gradients(name, sample):
    args, kwargs, leaves = tensors(sample)
    in_place = in_place_of(name)
    if in_place is None or not leaves or args[0] is not leaves[0] or name == "bernoulli":
        return
    out = function_of(name)(*args, **kwargs)
    if not isinstance(out, Tensor) or out.shape != args[0].shape or not out.requires_grad:
        return
    start = ndl.rand(out.shape, dtype=out.dtype)
    expected = ndl.autograd.grad(out, leaves, start, allow_unused=True)
    for through in (lambda x: x, lambda x: x[...]):  # the tensor itself, and a view of it
        target = args[0] * 1
        before = target._version
        ndl.manual_seed(0)
        in_place(through(target), *args[1:], **kwargs)
        assert target._version == before + 1
        found = ndl.autograd.grad(target, leaves, start, allow_unused=True)
        for f, e in zip(found, expected, strict=True):
            assert (f is None) == (e is None) or not (e if f is None else f)._array.any()
            if f is not None and e is not None:
                np.testing.assert_allclose(f._array, e._array, rtol=1e-12, atol=1e-14)


ODD = {"where", "floor_divide", "heaviside", "igamma", "igammac", "zeta"}  # a condition first, or no derivative
ELEMENTWISE = sorted(n for n, o in OPS.items() if o.formulas and len(o.arrays) == len(o.signature.names) and n not in ODD
                     and (o.ufunc or (o.promote in ("number", "float") and o.broadcasts)))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_no_elements(name):
    count = len(OPS[name].arrays)
    for shape in ((0,), (2, 0), (0, 3)):
        leaves = [ndl.ones(shape, dtype=ndl.float64, requires_grad=True) for _ in range(count)]
        out = getattr(F, name)(*leaves)
        assert out.shape == shape
        if out.requires_grad:
            out.sum().backward()
            assert all(x.grad is None or x.grad.shape == shape for x in leaves)


@pytest.mark.parametrize("name", [n for n in ELEMENTWISE if len(OPS[n].arrays) > 1])
def test_promotion_of_mixed_inputs(name):
    """Torch's rule, and each gradient comes back in its own input's dtype."""
    for kinds, expected in ((("float32", "float64"), "float64"), (("float64", "float32"), "float64"),
                            (("float16", "float32"), "float32"), (("int32", "float32"), "float32")):
        leaves = [ndl.full((2,), 0.5 if k[0] == "f" else 1).to(getattr(ndl, k)) for k in kinds]
        leaves += [leaves[-1].clone() for _ in range(len(OPS[name].arrays) - 2)]
        floats = [x.requires_grad_() for x in leaves if x.is_floating_point()]
        out = getattr(F, name)(*leaves)
        if not out.is_floating_point():
            assert out.dtype == ndl.bool
            continue
        assert out.dtype == getattr(ndl, expected), kinds
        if out.requires_grad:
            grads = ndl.autograd.grad(out.sum(), floats, allow_unused=True)
            assert all(g is None or g.dtype == x.dtype for g, x in zip(grads, floats, strict=True)), kinds


# What needs the host by its nature.
HOST_ONLY = {"to_device"}  # it goes from one device to another


def test_every_operation_has_a_sample():
    missing = sorted(DEFINED - {name for name, _, _ in CASES} - WITHOUT_SAMPLE)
    assert not missing, f"operations without a sample in tests/samples: {', '.join(missing)}"
    stale = WITHOUT_SAMPLE - DEFINED
    assert not stale, f"in the list of exceptions, but no operation: {stale}"


# These take what another operation prepared for them (alignments): they are checked through it.
WITHOUT_SAMPLE = {"ctc_gradient"}


def test_every_public_operation_explains_itself():
    for face, functions in FACES.items():
        for name, function in functions.items():
            if hasattr(function, "signature"):
                assert function.__doc__ and name.rstrip("_") and inspect.signature(function) is not None, (face, name)
