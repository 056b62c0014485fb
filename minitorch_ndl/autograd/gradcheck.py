"""Are the gradients right? Compare them with differences: (f(x + eps) - f(x - eps)) / (2 eps).

`gradcheck` does so for a function's gradients, `gradgradcheck` for the gradients of its gradients.
https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import backend
from ..tensor import Tensor, wrap
from .engine import grad


class GradcheckError(RuntimeError):
    """Raised by `gradcheck` and `gradgradcheck` where a gradient is wrong."""


def gradcheck(func: Callable, inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
              raise_exception: bool = True, nondet_tol: float = 0.0, check_undefined_grad: bool = True,
              check_grad_dtypes: bool = False, check_batched_grad: bool = False,
              check_batched_forward_grad: bool = False, check_forward_ad: bool = False, check_backward_ad: bool = True,
              fast_mode: bool = False, masked: bool | None = None) -> bool:
    """Whether ``func(*inputs)`` has the gradients that differences give, for every input that requires grad.

    inputs               a Tensor or a tuple; use float64: the defaults of `eps`, `atol` and `rtol` are made for it
    raise_exception      raise GradcheckError, which shows both Jacobians, instead of returning False
    nondet_tol           how much a second backward may differ from the first
    check_undefined_grad also leave out the gradient of each output in turn
    check_grad_dtypes    also require a gradient to have its input's dtype
    check_batched_grad   also compare with ``is_grads_batched=True``
    fast_mode            along one random direction only, instead of the whole Jacobian

    Forward-mode checks are not supported, and `masked` is for sparse tensors.

    >>> x = ndl.tensor([0.5, 2.0], dtype=ndl.float64, requires_grad=True)
    >>> ndl.autograd.gradcheck(lambda x: x.exp().sum(), x)
    True
    """
    if check_forward_ad or check_batched_forward_grad:
        raise NotImplementedError("gradcheck: there is no forward-mode differentiation here; leave check_forward_ad and "
                                  "check_batched_forward_grad False.")
    if not check_backward_ad:
        raise ValueError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    inputs = _tuple(inputs)
    try:
        _check_inputs(inputs)
        outputs = _differentiable(func(*inputs))
        check = _Check(func, inputs, eps, fast_mode)
        if not outputs:
            check.nothing_depends(atol)
            return True
        check.jacobians(outputs, atol, rtol, nondet_tol, check_grad_dtypes)
        if check_undefined_grad and len(outputs) > 1:
            check.undefined_gradients(outputs)
        if check_batched_grad:
            check.batched_gradients(outputs)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(func: Callable, inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6, atol: float = 1e-5,
                  rtol: float = 1e-3, gen_non_contig_grad_outputs: bool = False, raise_exception: bool = True,
                  nondet_tol: float = 0.0, check_undefined_grad: bool = True, check_grad_dtypes: bool = False,
                  check_batched_grad: bool = False, check_fwd_over_rev: bool = False, check_rev_over_rev: bool = True,
                  fast_mode: bool = False, masked: bool = False) -> bool:
    """Whether the gradients of ``func(*inputs)`` have the gradients that differences give: `gradcheck` of backward.

    grad_outputs  where to start backward (default: random numbers); `gen_non_contig_grad_outputs` makes those
                  non-contiguous. The rest is as in `gradcheck`.

    >>> x = ndl.tensor([0.5, 2.0], dtype=ndl.float64, requires_grad=True)
    >>> ndl.autograd.gradgradcheck(lambda x: x ** 3, x)
    True
    """
    inputs = _tuple(inputs)
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        given = []
        for out in _differentiable(func(*inputs)):
            array = rng.uniform(-1, 1, out._array.shape).astype(out._array.dtype)
            if gen_non_contig_grad_outputs:
                array = np.stack([array, array], -1)[..., 0]
            given.append(wrap(_to_device(array, out)).requires_grad_())
    else:
        given = [g if g.requires_grad else g.detach().requires_grad_() for g in _tuple(grad_outputs)]
    count = len(inputs)

    def backward(*args: Any) -> tuple:
        wanted = [a for a in args[:count] if isinstance(a, Tensor) and a.requires_grad]
        grads = grad(_differentiable(func(*args[:count])), wanted, args[count:], create_graph=True, allow_unused=True)
        return tuple(g for g in grads if g is not None)

    return gradcheck(
        backward, (*inputs, *given), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
        nondet_tol=nondet_tol, check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad, check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev, fast_mode=fast_mode)


class _Check:
    """One function at one point."""

    def __init__(self, func: Callable, inputs: tuple, eps: float, fast: bool):
        self.func, self.inputs, self.eps, self.fast = func, inputs, eps, fast
        self.wanted = [(j, x) for j, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
        self.rng = np.random.default_rng(0)

    def directions(self, count: int) -> np.ndarray:
        """The directions to look in, a row each: along every axis, or (fast) a random one."""
        if not self.fast:
            return np.eye(count)
        direction = self.rng.uniform(size=(1, count))
        return direction / np.linalg.norm(direction) if count else direction

    def values(self, every: bool = False) -> list[np.ndarray]:
        """The function's outputs now, each as a row."""
        outs: Sequence[Any] = _tuple(self.func(*self.inputs))
        outs = outs if every else _differentiable(outs)
        return [backend.to_numpy(o._array).reshape(-1).astype(np.float64) for o in outs]

    def slope(self, x: Tensor, direction: np.ndarray, every: bool = False) -> list[np.ndarray]:
        """How fast each output changes when `x` moves along `direction`, by a central difference."""
        original, step = x._array.copy(), _to_device(direction.reshape(x._array.shape).astype(x._array.dtype), x)
        try:  # in place, because the function may know `x` by other ways than its arguments
            x._array[...] = original + self.eps * step
            after = self.values(every)
            x._array[...] = original - self.eps * step
            before = self.values(every)
        finally:
            x._array[...] = original
        return [(a - b) / (2 * self.eps) for a, b in zip(after, before, strict=True)]

    def nothing_depends(self, atol: float) -> None:
        """No output requires grad: then no output may change."""
        for j, x in self.wanted:
            for direction in self.directions(x.numel()):
                for i, change in enumerate(self.slope(x, direction, every=True)):
                    if not np.allclose(change, 0, atol=atol):
                        raise GradcheckError(
                            f"Numerical gradient for function expected to be zero: output {i} changes with input {j}, but "
                            f"does not require grad. It was detached somewhere, or made by NumPy or under no_grad().")

    def jacobians(self, outputs: list[Tensor], atol: float, rtol: float, nondet_tol: float, dtypes: bool) -> None:
        tensors = [x for _, x in self.wanted]
        into = [self.directions(x.numel()) for x in tensors]
        numerical = [[self.slope(x, d) for d in rows] for x, rows in zip(tensors, into, strict=True)]
        for i, out in enumerate(outputs):
            rows = self.directions(out.numel())
            analytical, again = ([self.gradients(out, v, dtypes) for v in rows] for _ in range(2))
            for k, (j, x) in enumerate(self.wanted):
                a, b = (np.array([row[k] for row in run]).reshape(len(rows), x.numel()) for run in (analytical, again))
                n = np.array([slopes[i] for slopes in numerical[k]]).reshape(len(into[k]), out.numel())
                if self.fast:
                    n, projected = rows @ n.T, a @ into[k].T
                else:
                    n, projected = n.T, a
                if not np.allclose(projected, n, rtol, atol):
                    raise GradcheckError(_mismatch(i, j, n, projected, rtol, atol))
                if not np.allclose(a, b, rtol=0, atol=nondet_tol):
                    raise GradcheckError(
                        f"Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
                        f"times gives different values, although analytical gradient matches numerical gradient. The "
                        f"tolerance for nondeterminism was {nondet_tol} (output {i}, input {j}).")

    def gradients(self, out: Tensor, v: np.ndarray, dtypes: bool) -> list[np.ndarray]:
        """The gradients of ``(out * v).sum()``, as rows."""
        start = wrap(_to_device(v.reshape(out._array.shape).astype(out._array.dtype), out))
        grads = grad(out, [x for _, x in self.wanted], start, retain_graph=True, allow_unused=True)
        rows = []
        for (j, x), g in zip(self.wanted, grads, strict=True):
            if g is None:
                rows.append(np.zeros(x.numel()))
                continue
            if g._array.shape != x._array.shape:
                raise GradcheckError(f"Analytical gradient has incorrect size: input {j} has shape {tuple(x.shape)}, its "
                                     f"gradient has {tuple(g.shape)}.")
            if dtypes and g.dtype != x.dtype:
                raise GradcheckError(f"Analytical gradient has incorrect dtype: input {j} is {x.dtype!r}, its gradient is "
                                     f"{g.dtype!r}.")
            rows.append(backend.to_numpy(g._array).reshape(-1))
        return rows

    def undefined_gradients(self, outputs: list[Tensor]) -> None:
        """No gradient for an output must mean the same as a gradient of zeros."""
        tensors = [x for _, x in self.wanted]
        ones = [wrap(backend.as_array(o._array * 0 + 1, o._array)) for o in outputs]
        for i in range(len(outputs)):
            zero = [wrap(backend.as_array(g._array * (k != i), g._array)) for k, g in enumerate(ones)]
            rest = [k for k in range(len(outputs)) if k != i]
            expected = grad(outputs, tensors, zero, retain_graph=True, materialize_grads=True)
            found = grad([outputs[k] for k in rest], tensors, [ones[k] for k in rest], retain_graph=True,
                         materialize_grads=True)
            if not all(_same(a, b) for a, b in zip(expected, found, strict=True)):
                raise GradcheckError(f"Expected backward function to handle undefined output grads: without a gradient "
                                     f"for output {i} it gives something else than with zeros for it.")

    def batched_gradients(self, outputs: list[Tensor]) -> None:
        tensors = [x for _, x in self.wanted]
        for i, out in enumerate(outputs):
            batch = [wrap(_to_device(self.rng.uniform(-1, 1, out._array.shape), out)) for _ in range(2)]
            stacked = wrap(backend.of_type(type(out._array)).xp.stack([b._array for b in batch]))
            found = grad(out, tensors, stacked, retain_graph=True, is_grads_batched=True, materialize_grads=True)
            for row, start in enumerate(batch):
                expected = grad(out, tensors, start, retain_graph=True, materialize_grads=True)
                if not all(_same(f[row], e) for f, e in zip(found, expected, strict=True)):
                    raise GradcheckError(f"gradcheck or gradgradcheck failed while testing batched gradient computation "
                                         f"(output {i}): a batch of gradients gives something else than one by one.")


def _tuple(value: Any) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _differentiable(outputs: Any) -> list[Tensor]:
    return [o for o in _tuple(outputs) if isinstance(o, Tensor) and o.requires_grad]


def _to_device(array: np.ndarray, like: Tensor) -> Any:
    return backend.of_type(type(like._array)).from_numpy(array)


def _same(a: Tensor, b: Tensor) -> bool:
    return np.allclose(backend.to_numpy(a._array), backend.to_numpy(b._array), equal_nan=True)


def _check_inputs(inputs: Sequence[Any]) -> None:
    wanted = [(j, x) for j, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    if not wanted:
        raise ValueError("gradcheck expects at least one input tensor to require gradient, but none of the them have "
                         "requires_grad=True.")
    for j, x in wanted:
        if x._array.dtype != np.float64:
            warnings.warn(f"Input #{j} requires gradient and is not a double precision floating point. This check will "
                          f"likely fail if all the inputs are not of double precision floating point.", stacklevel=3)
        if x.numel() and any(s == 0 and n > 1 for s, n in zip(x._array.strides, x._array.shape, strict=True)):
            raise RuntimeError(f"The {j}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                               f"non-overlapping to be able to compute the numerical gradients correctly. You should "
                               f"call .contiguous on the input before passing it to gradcheck.")


def _mismatch(i: int, j: int, numerical: np.ndarray, analytical: np.ndarray, rtol: float, atol: float) -> str:
    with np.errstate(all="ignore"):
        gap = np.abs(analytical - numerical) - rtol * np.abs(numerical)
    at = np.unravel_index(np.argmax(np.where(np.isnan(gap), np.inf, gap)), gap.shape)
    show = functools.partial(np.array2string, precision=6, suppress_small=False, threshold=100)
    return (f"Jacobian mismatch for output {i} with respect to input {j},\nnumerical:\n{show(numerical)}\n"
            f"analytical:\n{show(analytical)}\n"
            f"(a row for each element of the output; the worst is at {tuple(map(int, at))}: the difference says "
            f"{numerical[at]:.6g}, the gradient formula says {analytical[at]:.6g}; rtol={rtol}, atol={atol})")
