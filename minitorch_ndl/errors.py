"""Errors that teach: what is wrong, what was given, what was expected, how to mend it.

Short ones stand where they are raised; this file holds the long texts, and those that several places raise. Types and
opening words are torch's, because people search for them.
"""

from __future__ import annotations

from typing import Any


def graph_freed(node: Any) -> RuntimeError:
    return RuntimeError(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
        f"been freed): {node.name()} gave up what it saved when backward first used it. Call "
        "backward(retain_graph=True) the first time if you need it twice, or run the forward pass again; a loop that "
        "carries a tensor from one step to the next must cut it with .detach().")


def changed_in_place(node: Any, what: str, now: Any, expected: Any) -> RuntimeError:
    return RuntimeError(
        f"one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"{node.name()} saved {what}, which is at version {now}; expected version {expected} instead. "
        f"Use the out-of-place form (x = x + 1, not x += 1), or write into x.clone().")


_FORBIDDEN = {
    "many": "This view is the output of a function that returns multiple views. Such functions do not allow the output "
            "views to be modified inplace. You should replace the inplace operation by an out-of-place one.",
    "custom": "This view was created inside a custom Function (or because an input was returned as-is) and the autograd "
              "logic to handle view+inplace would override the custom backward associated with the custom Function, "
              "leading to incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the "
              "custom Function.",
}


def view_not_writable(kind: str, name: str) -> RuntimeError:
    if kind == "no_grad":
        return RuntimeError(f"A view was created in no_grad mode and is being modified inplace with grad mode enabled. "
                            f"Given that this use case is ambiguous and error-prone, it is forbidden. Move both inside "
                            f"the no_grad block, or both outside. ({name})")
    return RuntimeError(f"Output is a view and is being modified inplace. {_FORBIDDEN[kind]} ({name})")


def view_of_written_base(kind: str, base: Any) -> RuntimeError:
    if kind == "no_grad":
        return RuntimeError(f"A view was created in no_grad mode and its base or another view of its base has been "
                            f"modified inplace with grad mode enabled (the base has shape {tuple(base.shape)}). Make the "
                            f"view outside the no_grad block, or make it anew.")
    return RuntimeError(f"Output is a view and its base or another view of its base has been modified inplace. "
                        f"{_FORBIDDEN[kind]}")


def not_a_scalar(tensor: Any) -> RuntimeError:
    return RuntimeError(
        f"grad can be implicitly created only for scalar outputs: backward() was called on a tensor of shape "
        f"{tuple(tensor.shape)}. Reduce it first (loss.mean().backward()), or pass gradient= with that shape.")


def no_graph(index: int) -> RuntimeError:
    return RuntimeError(
        f"element {index} of tensors does not require grad and does not have a grad_fn. Nothing it came from was made "
        f"with requires_grad=True, or it was computed under no_grad(), or cut off by detach(), .data, .item(), argmax() or "
        f"the like.")


def nan_in_backward(node: Any, index: int) -> RuntimeError:
    where = "".join(node.trace) if node.trace else "  (unknown: it ran before detect_anomaly was on)\n"
    return RuntimeError(
        f"Function '{node.name()}' returned nan values in its {index}th output. It was called here:\n{where}")


def check_hook(hook: Any, grad: Any, answer: Any) -> None:
    """Raise unless `answer`, which a tensor's hook returned, can stand for the gradient `grad`."""
    name = getattr(hook, "__name__", repr(hook))
    if type(answer).__name__ != "Tensor" and not hasattr(answer, "requires_grad"):
        raise TypeError(f"expected Variable, but hook returned '{type(answer).__name__}': hook '{name}' may return a "
                        f"Tensor, which takes the gradient's place, or None, which leaves it.")
    if answer.shape != grad.shape:
        raise RuntimeError(f"hook '{name}' has changed the size of value: the gradient has shape {tuple(grad.shape)}, "
                           f"what it returned has {tuple(answer.shape)}.")
    if answer.dtype != grad.dtype:
        raise RuntimeError(f"hook '{name}' has changed the type of value (was {grad.dtype!r} got {answer.dtype!r}).")


def check_node_hook(hook: Any, grads: tuple, answer: Any) -> None:
    """Raise unless `answer`, which a node's hook returned, can stand for the gradients `grads`."""
    name = getattr(hook, "__name__", repr(hook))
    if not isinstance(answer, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(answer).__name__}': hook '{name}' may return a tuple "
                        f"of gradients or None.")
    if len(answer) != len(grads):
        raise RuntimeError(f"hook '{name}' has returned an incorrect number of values (got {len(answer)}, but expected "
                           f"{len(grads)}): one for each input that requires grad.")
    for before, after in zip(grads, answer):
        if before is not None and after is not None:
            check_hook(hook, before, after)


def dim_out_of_range(dim: int, ndim: int, op: str = "") -> IndexError:
    n = max(ndim, 1)
    prefix = f"{op}: " if op else ""
    return IndexError(
        f"{prefix}Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim}); the tensor has "
        f"{ndim} dimension{'s' * (ndim != 1)}.")


def not_a_tensor(op: str, name: str, position: int, value: Any) -> TypeError:
    fix = "Wrap it in ndl.tensor(...)." if not hasattr(value, "__array__") else "Convert it with ndl.from_numpy(...)."
    return TypeError(
        f"{op}(): argument '{name}' (position {position}) must be Tensor, not {type(value).__name__}. {fix}")


def not_tensors(op: str, name: str, value: Any) -> TypeError:
    return TypeError(f"{op}(): argument '{name}' must be tuple of Tensors, not {type(value).__name__}. "
                     f"Put them into a list: {op}([a, b]).")


def not_castable(result: Any, target: Any) -> RuntimeError:
    return RuntimeError(
        f"result type {_title(result)} can't be cast to the desired output type {_title(target)}. Write into a tensor of "
        f"the result's dtype, or convert it: x = x.{_method(result)}().")


def not_implemented(op: str, array: Any) -> NotImplementedError:
    """Torch's refusal of a dtype."""
    fix = "Convert it first: x.float()." if array.dtype.kind != "f" else "It takes integers and bools."
    return NotImplementedError(f'"{op}_cpu" not implemented for \'{_title(array.dtype)}\'. {fix}')


_TITLES = {"float32": "Float", "float64": "Double", "float16": "Half", "int64": "Long", "int32": "Int",
           "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool"}


def _title(dtype: Any) -> str:
    return _TITLES.get(str(dtype), str(dtype))


def _method(dtype: Any) -> str:
    return _title(dtype).lower()


def shapes_do_not_broadcast(op: str, shapes: list[tuple[int, ...]]) -> RuntimeError:
    a, b = shapes[0], next((s for s in shapes[1:] if not _fit(shapes[0], s)), shapes[-1])
    n = max(len(a), len(b))
    for i in range(-1, -n - 1, -1):
        x = a[i] if -i <= len(a) else 1
        y = b[i] if -i <= len(b) else 1
        if x != y and x != 1 and y != 1:
            return RuntimeError(
                f"The size of tensor a ({x}) must match the size of tensor b ({y}) at non-singleton dimension {n + i}. "
                f"({op} of shapes {a} and {b}: sizes are compared from the last dimension, and must be equal or 1.)")
    return RuntimeError(f"{op}: shapes {', '.join(map(str, shapes))} do not broadcast together.")


def _fit(a: tuple, b: tuple) -> bool:
    return all(x == y or 1 in (x, y) for x, y in zip(reversed(a), reversed(b), strict=False))


def dtypes_differ(op: str, arrays: list[tuple[str, Any]]) -> RuntimeError:
    arrays = arrays[:2] if op == "convolution" else arrays  # its bias has been looked at
    given = [(n, a) for n, v in arrays if v is not None for a in (v if isinstance(v, list) else [v])]
    found = ", ".join(f"{n} is {a.dtype}" for n, a in given)
    one, other = given[0][1].dtype, next(a.dtype for _, a in given if a.dtype != given[0][1].dtype)
    c_one, c_other = (_CNAMES.get(str(dtype), str(dtype)) for dtype in (one, other))
    if op == "linear" and len(given) == 3:
        what = f"mat1 and mat2 must have the same dtype, but got {_title(one)} and {_title(other)}"
    elif op == "convolution":
        what = f"Input type ({c_one}) and weight type ({c_other}) should be the same"
    else:
        what = f"expected m1 and m2 to have the same dtype, but got: {c_one} != {c_other}"
    kinds = {str(one), str(other)}
    fix = ("; data from NumPy is often float64" if "float64" in kinds else
           "; an image's bytes become numbers from 0 to 1 by x.float() / 255" if "uint8" in kinds else "")
    return RuntimeError(f"{what} ({'conv' if op == 'convolution' else op}: {found}). Convert one of them, for example with "
                        f".float() or .to(other.dtype){fix}.")


_CNAMES = {"float32": "float", "float64": "double", "float16": "c10::Half", "int64": "long int", "int32": "int",
           "int16": "short", "int8": "signed char", "uint8": "unsigned char"}


def not_installed(what: str, package: str, extra: str) -> ImportError:
    """For an optional part whose package is missing: says which, and how to get it."""
    return ImportError(f"{what} needs the package {package}, which is not installed; it is an optional part: "
                       f"python -m pip install 'minitorch-ndl[{extra}]'")
