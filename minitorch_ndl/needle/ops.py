"""The course's operations: functions, and the classes behind them (`multiply(a, b)` is ``EWiseMul()(a, b)``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..faces import FACES, F
from ..nn import functional
from .autograd import Op, Tensor, TensorOp

Axes = int | tuple[int, ...] | None


def _operation(name: str, function: Callable, floats: bool = False) -> Callable[..., Op]:
    """A class of the course: called without attributes, or with the ones that its operation takes."""

    def make(**attributes: Any) -> Op:
        # NumPy answers floats to integers beside a fraction
        return Op(name, function, floats or isinstance(attributes.get("scalar"), float), **attributes)

    make.__name__ = name
    return make


EWiseAdd = _operation("EWiseAdd", lambda a, b: F.add(a, b))
AddScalar = _operation("AddScalar", lambda a, scalar: F.add(a, scalar))
EWiseMul = _operation("EWiseMul", lambda a, b: F.mul(a, b))
MulScalar = _operation("MulScalar", lambda a, scalar: F.mul(a, scalar))
EWiseDiv = _operation("EWiseDiv", lambda a, b: F.div(a, b), floats=True)
DivScalar = _operation("DivScalar", lambda a, scalar: F.div(a, scalar), floats=True)
EWisePow = _operation("EWisePow", lambda a, b: F.pow(a, b))
PowerScalar = _operation("PowerScalar", lambda a, scalar: F.pow(a, scalar))
Negate = _operation("Negate", lambda a: F.neg(a))
MatMul = _operation("MatMul", lambda a, b: F.matmul(a, b))
Summation = _operation("Summation", lambda a, axes=None: F.sum(a, axes))
BroadcastTo = _operation("BroadcastTo", lambda a, shape: F.expand(a, tuple(shape)))
Reshape = _operation("Reshape", lambda a, shape: F.reshape(a, tuple(shape)))
Transpose = _operation("Transpose", lambda a, axes=None: F.transpose(a, *(axes or (-1, -2))))
Log = _operation("Log", lambda a: F.log(a), floats=True)
Exp = _operation("Exp", lambda a: F.exp(a), floats=True)
ReLU = _operation("ReLU", lambda a: F.relu(a))
Tanh = _operation("Tanh", lambda a: F.tanh(a), floats=True)
LogSoftmax = _operation("LogSoftmax", lambda a: functional.log_softmax(a, 1), floats=True)
LogSumExp = _operation("LogSumExp", lambda a, axes=None: _torch("logsumexp", a, _dims(a, axes)), floats=True)
Stack = _operation("Stack", lambda *args, axis: _torch("stack", args, axis))
Split = _operation("Split", lambda a, axis, index: _torch("select", a, axis, index))
Flip = _operation("Flip", lambda a, axes=None: _torch("flip", a, _dims(a, axes)))
Dilate = _operation("Dilate", lambda a, axes, dilation: _dilated(a, axes, dilation))
UnDilate = _operation("UnDilate", lambda a, axes, dilation: _undilated(a, axes, dilation))
Conv = _operation("Conv", lambda a, b, stride=1, padding=0: functional.conv2d(
    a.permute(0, 3, 1, 2), b.permute(3, 2, 0, 1), None, stride, padding).permute(0, 2, 3, 1))


def _torch(name: str, *args: Any) -> Any:
    return FACES["torch"][name](*args)


def _dims(a: Any, axes: Axes) -> tuple[int, ...]:
    return tuple(range(a.ndim)) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)


def _dilated(a: Any, axes: Axes, dilation: int) -> Any:
    for axis in _dims(a, axes):
        behind = (0, 0) * (a.ndim - 1 - axis % a.ndim)  # pad counts from the last axis
        apart = functional.pad(a.unsqueeze(axis % a.ndim + 1), (*behind, 0, dilation))
        a = _torch("flatten", apart, axis % a.ndim, axis % a.ndim + 1)
    return a


def _undilated(a: Any, axes: Axes, dilation: int) -> Any:
    for axis in _dims(a, axes):
        a = a[(slice(None),) * (axis % a.ndim) + (slice(None, None, dilation + 1),)]
    return a


def add(a: Tensor, b: Tensor) -> Tensor:
    """a + b"""
    return EWiseAdd()(a, b)


def add_scalar(a: Tensor, scalar: float) -> Tensor:
    """a + scalar"""
    return AddScalar(scalar=scalar)(a)


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """a * b"""
    return EWiseMul()(a, b)


def mul_scalar(a: Tensor, scalar: float) -> Tensor:
    """a * scalar"""
    return MulScalar(scalar=scalar)(a)


def divide(a: Tensor, b: Tensor) -> Tensor:
    """a / b"""
    return EWiseDiv()(a, b)


def divide_scalar(a: Tensor, scalar: float) -> Tensor:
    """a / scalar"""
    return DivScalar(scalar=scalar)(a)


def power(a: Tensor, b: Tensor) -> Tensor:
    """a to the power b"""
    return EWisePow()(a, b)


def power_scalar(a: Tensor, scalar: float) -> Tensor:
    """a to the power of a number"""
    return PowerScalar(scalar=scalar)(a)


def negate(a: Tensor) -> Tensor:
    """-a"""
    return Negate()(a)


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """a @ b, batches broadcast"""
    return MatMul()(a, b)


def summation(a: Tensor, axes: Axes = None) -> Tensor:
    """The sum over `axes` (all of them, if None)."""
    return Summation(axes=axes)(a)


def broadcast_to(a: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`a` repeated to `shape`, by NumPy's rule."""
    return BroadcastTo(shape=shape)(a)


def reshape(a: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The same elements in another shape."""
    return Reshape(shape=shape)(a)


def transpose(a: Tensor, axes: tuple[int, int] | None = None) -> Tensor:
    """Two axes swapped: the last two, unless `axes` names others."""
    return Transpose(axes=axes)(a)


def log(a: Tensor) -> Tensor:
    """The natural logarithm."""
    return Log()(a)


def exp(a: Tensor) -> Tensor:
    """e to the power a"""
    return Exp()(a)


def relu(a: Tensor) -> Tensor:
    """max(a, 0)"""
    return ReLU()(a)


def tanh(a: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return Tanh()(a)


def logsoftmax(a: Tensor) -> Tensor:
    """a - log Σ exp(a), along axis 1."""
    return LogSoftmax()(a)


def logsumexp(a: Tensor, axes: Axes = None) -> Tensor:
    """log Σ exp(a) over `axes` (all of them, if None), without overflow."""
    return LogSumExp(axes=axes)(a)


def stack(args: Sequence[Tensor], axis: int) -> Tensor:
    """Tensors of one shape side by side along a new axis."""
    return Stack(axis=axis)(*args)


def split(a: Tensor, axis: int) -> tuple[Tensor, ...]:
    """The slices along an axis, which is gone in them: what `stack` put together."""
    return tuple(Split(axis=axis, index=i)(a) for i in range(a.shape[axis]))


def flip(a: Tensor, axes: Axes = None) -> Tensor:
    """The elements in reverse order along `axes`."""
    return Flip(axes=axes)(a)


def dilate(a: Tensor, axes: Axes, dilation: int) -> Tensor:
    """`dilation` zeros after each element along `axes`.

    >>> needle.ops.dilate(needle.Tensor([1, 2]), (0,), 1).numpy()
    array([1, 0, 2, 0])
    """
    return Dilate(axes=axes, dilation=dilation)(a)


def undilate(a: Tensor, axes: Axes, dilation: int) -> Tensor:
    """Every (dilation + 1)-th element along `axes`: the inverse of `dilate`."""
    return UnDilate(axes=axes, dilation=dilation)(a)


def conv(a: Tensor, b: Tensor, stride: int = 1, padding: int = 1) -> Tensor:
    """Images (N, H, W, C_in) convolved with kernels (K, K, C_in, C_out): (N, H', W', C_out)."""
    return Conv(stride=stride, padding=padding)(a, b)


# --- operators on needle.Tensor -----------------------------------------------------------------------------------


def _either(both: Callable, scalar: Callable) -> Callable:
    """An operator: one operation for two Tensors, another for a Tensor and a number."""

    def operator(self: Tensor, other: Any) -> Any:
        if isinstance(other, Tensor):
            return both(self, other)
        if hasattr(other, "shape") and other.shape:
            return both(self, Tensor(other, requires_grad=False))
        return scalar(self, other)

    return operator


_METHODS: dict[str, Callable] = {
    "__add__": _either(add, add_scalar), "__radd__": _either(add, add_scalar),
    "__mul__": _either(multiply, mul_scalar), "__rmul__": _either(multiply, mul_scalar),
    "__sub__": _either(lambda a, b: add(a, negate(b)), lambda a, s: add_scalar(a, -s)),
    "__rsub__": _either(lambda a, b: add(negate(a), b), lambda a, s: add_scalar(negate(a), s)),
    "__truediv__": _either(divide, divide_scalar),
    "__rtruediv__": _either(lambda a, b: divide(b, a), lambda a, s: mul_scalar(power_scalar(a, -1.0), s)),
    "__pow__": _either(power, power_scalar), "__matmul__": matmul, "__neg__": negate,
    "matmul": matmul, "sum": summation, "broadcast_to": broadcast_to, "transpose": transpose, "exp": exp, "log": log,
    "relu": relu, "tanh": tanh, "reshape": lambda self, *shape: reshape(self, shape if isinstance(shape[0], int) else shape[0]),
}
for _name, _method in _METHODS.items():
    setattr(Tensor, _name, _method)

__all__ = ["Op", "Tensor", "TensorOp", "add", "add_scalar", "broadcast_to", "conv", "dilate", "divide", "divide_scalar",
           "exp", "flip", "log", "logsoftmax", "logsumexp", "matmul", "mul_scalar", "multiply", "negate", "power",
           "power_scalar", "relu", "reshape", "split", "stack", "summation", "tanh", "transpose", "undilate"]
