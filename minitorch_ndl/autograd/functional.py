"""Jacobians and Hessians of functions, and their products with vectors.

Each takes a function and its inputs (a Tensor or a tuple of them). With ``create_graph`` the results can themselves be
differentiated; with ``strict`` an output that does not depend on an input is an error instead of zeros.
https://pytorch.org/docs/stable/autograd.html#functional-higher-level-api
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import backend
from ..tensor import Tensor, wrap
from .engine import grad
from .grad_mode import enable_grad


def jacobian(func: Callable, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
             strategy: str = "reverse-mode") -> Any:
    """All derivatives of ``func(*inputs)``: for each output and input a Tensor of shape (*output's, *input's).

    A Tensor for a Tensor, tuples for tuples: with several of both, ``jacobian(...)[output][input]``. `vectorize` is
    accepted and makes no difference.

    >>> ndl.autograd.functional.jacobian(lambda x: x * x, ndl.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy != "reverse-mode":
        raise ValueError(f"jacobian: strategy must be 'reverse-mode'; got {strategy!r}.")
    with enable_grad():
        xs, one_in = _inputs(inputs, create_graph)
        outs, one_out = _outputs(func(*xs), strict, xs)
        rows = []
        for i, out in enumerate(outs):
            n = out.numel()
            xp = backend.of_type(type(out._array)).xp
            units = wrap(xp.eye(n, dtype=out._array.dtype).reshape((n, *out._array.shape)))
            if n and out.requires_grad:
                parts = grad(out, xs, units, True, create_graph, allow_unused=True, is_grads_batched=True)
            else:
                parts = (None,) * len(xs)
            rows.append(tuple(_filled(p, x, (*out._array.shape, *x._array.shape), strict, i, j)
                              for j, (p, x) in enumerate(zip(parts, xs, strict=True))))
        result = [row[0] if one_in else row for row in rows]
        return result[0] if one_out else tuple(result)


def hessian(func: Callable, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
            outer_jacobian_strategy: str = "reverse-mode") -> Any:
    """All second derivatives of a function with one element: for inputs i and j a Tensor of shape (*i's, *j's).

    >>> ndl.autograd.functional.hessian(lambda x: (x ** 3).sum(), ndl.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    one_in = isinstance(inputs, Tensor)

    def gradient(*xs: Tensor) -> tuple:
        out = func(*xs)
        _scalar("hessian", out)
        return _gradient(out, xs, strict)

    result = jacobian(gradient, inputs, create_graph, strict)
    return result[0] if one_in else result


def vjp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """``(func(*inputs), v times the Jacobian)``: what backward computes. `v` may be left out for one element.

    >>> ndl.autograd.functional.vjp(lambda x: x * x, ndl.tensor([1.0, 2.0]), ndl.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        xs, one_in = _inputs(inputs, create_graph)
        outs, one_out = _outputs(func(*xs), strict, xs)
        vs = _vectors("vjp", v, outs)
        found = _grads(outs, xs, vs, create_graph, strict)
    return _packed(outs, one_out, create_graph), found[0] if one_in else found


def jvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """``(func(*inputs), the Jacobian times v)``: how the result changes when the inputs move along `v`.

    Backward gives u^T J for any u; that is linear in u, and its own derivative along v is J v.

    >>> ndl.autograd.functional.jvp(lambda x: x * x, ndl.tensor([1.0, 2.0]), ndl.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        xs, _ = _inputs(inputs, create_graph)
        vs = _vectors("jvp", v, xs)
        outs, one_out = _outputs(func(*xs), strict, xs)
        us = tuple((o * 0).detach().requires_grad_() for o in outs)
        towards = _grads(outs, xs, us, True, strict)
        found = _grads(towards, us, vs, create_graph, strict)
    return _packed(outs, one_out, create_graph), found[0] if one_out else found


def vhp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """``(func(*inputs), v times the Hessian)`` for a function with one element, without making the Hessian.

    >>> ndl.autograd.functional.vhp(lambda x: (x ** 3).sum(), ndl.tensor([1.0, 2.0]), ndl.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        xs, one_in = _inputs(inputs, create_graph)
        out = func(*xs)
        _scalar("vhp", out)
        vs = _vectors("vhp", v, xs)
        found = _grads(_gradient(out, xs, strict), xs, vs, create_graph, strict)
    return _packed((out,), True, create_graph), found[0] if one_in else found


def hvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """``(func(*inputs), the Hessian times v)``. The Hessian is symmetric, so this is `vhp`.

    >>> ndl.autograd.functional.hvp(lambda x: (x ** 3).sum(), ndl.tensor([1.0, 2.0]), ndl.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return vhp(func, inputs, v, create_graph, strict)


def _inputs(inputs: Any, create_graph: bool) -> tuple[tuple, bool]:
    """Inputs with a gradient of their own: part of the caller's graph only if results are to be differentiated."""
    xs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    for i, x in enumerate(xs):
        if not isinstance(x, Tensor):
            raise TypeError(f"The inputs given to the function must be either a Tensor or a tuple of Tensors but the "
                            f"value at index {i} has type {type(x)}.")
    return tuple(x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_() for x in xs), \
        isinstance(inputs, Tensor)


def _outputs(outs: Any, strict: bool, xs: tuple) -> tuple[tuple, bool]:
    one = isinstance(outs, Tensor)
    outs = (outs,) if one else tuple(outs)
    for i, out in enumerate(outs):
        if not isinstance(out, Tensor):
            raise TypeError(f"The outputs of the user-provided function must be either a Tensor or a tuple of Tensors "
                            f"but the value at index {i} has type {type(out)}.")
        if strict and not out.requires_grad:
            raise RuntimeError(f"Output {i} of the user-provided function does not require gradients. The outputs must "
                               f"be computed in a differentiable manner from the input when running in strict mode.")
    return outs, one


def _vectors(name: str, v: Any, like: tuple) -> tuple:
    """`v`, checked to have the shapes of `like`; ones for a single element."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(f"{name}: the vector v can only be None if the function has a single element there; pass "
                               f"v with the shape{'s' * (len(like) > 1)} {', '.join(str(tuple(x.shape)) for x in like)}.")
        return ((like[0] * 0 + 1).detach(),)
    vs = (v,) if isinstance(v, Tensor) else tuple(v)
    if [tuple(a.shape) for a in vs] != [tuple(x.shape) for x in like]:
        raise RuntimeError(f"{name}: v has invalid size: should be {[tuple(x.shape) for x in like]} but got "
                           f"{[tuple(a.shape) for a in vs]}.")
    return vs


def _scalar(name: str, out: Any) -> None:
    if not isinstance(out, Tensor) or out.numel() != 1:
        raise RuntimeError(f"The function given to {name} should return a single value: a Tensor with one element; got "
                           f"{tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__}.")


def _gradient(out: Tensor, xs: tuple, strict: bool) -> tuple:
    return _grads((out,), xs, ((out * 0 + 1).detach(),), True, strict)


def _grads(outs: tuple, xs: tuple, vs: tuple, create_graph: bool, strict: bool) -> tuple:
    pairs = [(o, u) for o, u in zip(outs, vs, strict=True) if o.requires_grad]
    parts: Any = grad([o for o, _ in pairs], xs, [u for _, u in pairs], True, create_graph, allow_unused=True) \
        if pairs else (None,) * len(xs)
    return tuple(_filled(p, x, x._array.shape, strict, 0, j) for j, (p, x) in enumerate(zip(parts, xs, strict=True)))


def _filled(part: Any, x: Tensor, shape: tuple, strict: bool, i: int, j: int) -> Tensor:
    """A result in its shape; zeros where nothing depends on the input."""
    if part is not None:
        return part.reshape(shape)
    if strict:
        raise RuntimeError(f"Output {i} of the user-provided function is independent of input {j}. This is not allowed "
                           f"in strict mode.")
    return wrap(backend.of_type(type(x._array)).xp.zeros(shape, x._array.dtype))


def _packed(outs: tuple, one: bool, create_graph: bool) -> Any:
    outs = outs if create_graph else tuple(o.detach() for o in outs)
    return outs[0] if one else outs
