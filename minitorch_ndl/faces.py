"""One definition, every spelling: the function, the method, the in-place method, aliases, ``out=``, ``axis=``.

`publish` makes the public function of an operation and hangs it up wherever torch has it. The function is a plain one:
it binds as a method, pickles by name, and `help()` shows its signature.
"""

from __future__ import annotations

import functools
import warnings
from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes, errors
from .autograd.views import check_overlap
from .backend import as_array
from .tensor import Tensor, counter

# Where operations appear, and under which names: FACES["torch"]["exp"] is ndl.exp. The packages take theirs from here.
FACES: dict[str, dict[str, Callable]] = {"torch": {}, "functional": {}, "linalg": {}, "special": {}}
_MODULES = {"torch": "minitorch_ndl", "functional": "minitorch_ndl.nn.functional", "linalg": "minitorch_ndl.linalg",
            "special": "minitorch_ndl.special", "method": "minitorch_ndl"}


class Inner:
    """The operations as gradient formulas see them: arrays to array, Tensors to Tensor."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"F.{name}: no operation of that name is defined (yet)")


F: Any = Inner()


class Signature:
    """What a function takes, read off its code once, so that no call needs `inspect`."""

    def __init__(self, names: Sequence[str], positional: int, defaults: dict[str, Any], annotations: dict[str, str]):
        self.names, self.positional, self.defaults, self.annotations = tuple(names), positional, defaults, annotations
        kinds = [annotations.get(n) for n in names]
        self.arrays = tuple([i for i, kind in enumerate(kinds) if kind is None or kind == "Arrays"])
        self.sequence = kinds.index("Arrays") if "Arrays" in kinds else None
        self.sizes = kinds.index("Sizes") if "Sizes" in kinds else None
        self.dtype = self.names.index("dtype") if "dtype" in names and self.arrays[:1] == (0,) else None
        # Filling in what was left out: the defaults, as long as everything before them was given.
        self._tail = [defaults.get(n, _MISSING) for n in names]
        self.required = len(names)
        while self.required and self._tail[self.required - 1] is not _MISSING:
            self.required -= 1
        self.outputs: Sequence[str] = ()  # names, where there are several
        self._pairs: Any = None
        self._forms: dict[tuple, tuple[int, ...]] = {}  # calls with keywords that were fine: where their keywords go

    @classmethod
    def of_kernel(cls, kernel: Callable, skip: int = 1, keywords: bool = True) -> Signature:
        """The signature of a kernel, without its first parameter, the array module (and without keyword-only ones)."""
        code = kernel.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount * keywords]
        values = kernel.__defaults__ or ()
        defaults = dict(zip(names[code.co_argcount - len(values):code.co_argcount], values, strict=True))
        defaults.update((kernel.__kwdefaults__ or {}) if keywords else {})
        return cls(names[skip:], code.co_argcount - skip, defaults, kernel.__annotations__)

    def optional(self, i: int) -> bool:
        return self.defaults.get(self.names[i], _MISSING) is None

    def fill(self, args: tuple) -> tuple:
        """`args` with the defaults of what is missing at the end."""
        return args if len(args) == len(self.names) else (*args, *self._tail[len(args):])

    def bind(self, op: str, args: tuple, kwargs: dict[str, Any]) -> tuple:
        """Every parameter's value, in order. Raises TypeError as torch does for what doesn't fit."""
        form = (len(args), *kwargs)
        places = self._forms.get(form)
        if places is not None:  # seen before
            values = [*args, *self._tail[len(args):]]
            for at, value in zip(places, kwargs.values()):
                values[at] = value
            return tuple(values)
        if self.sizes is not None and len(args) > self.sizes and not isinstance(args[self.sizes], (tuple, list)):
            # view(2, 3) is view((2, 3)); sizes may also be 0-d tensors
            args = (*args[:self.sizes], args[self.sizes:])
        if len(args) == self.positional + 1 and not hasattr(args[1], "shape"):
            for scale in ("alpha", "value"):  # the order of old: add(input, alpha, other), addcmul(input, value, t1, t2)
                if scale in self.names and scale not in kwargs:
                    args, kwargs = (args[0], *args[2:]), {**kwargs, scale: args[1]}
        if len(args) > self.positional:
            raise TypeError(f"{op}() takes {self.positional} positional argument{'s' * (self.positional != 1)} "
                            f"but {len(args)} were given: {op}({', '.join(self.names)})")
        values = [*args, *self._tail[len(args):]]
        filled: list[int] = []
        for key, value in kwargs.items():
            name = _SPELLINGS.get(key, key) if key not in self.names else key
            if name == "input" and self.names[:1] in (("A",), ("x",), ("L",)):
                name = self.names[0]
            if name not in self.names:
                raise TypeError(f"{op}() got an unexpected keyword argument '{key}'; "
                                f"it takes {op}({', '.join(self.names)}).")
            at = self.names.index(name)
            if at < len(args):
                raise TypeError(f"{op}() got multiple values for argument '{name}'")
            values[at] = value
            filled.append(at)
        missing = [n for n, v in zip(self.names, values, strict=True) if v is _MISSING]
        if missing:
            raise TypeError(f"{op}() missing {len(missing)} required positional arguments: "
                            f"{', '.join(repr(m) for m in missing)}")
        if self.sizes is not None:
            values[self.sizes] = sizes(op, values[self.sizes])
        elif len(form) == len(kwargs) + 1 and form[0] == len(args):
            self._forms[form] = tuple(filled)
        return tuple(values)

    def pair(self, op: str, values: Sequence[Any]) -> Any:
        """Several outputs as a named tuple, whose type is made when it is first needed."""
        if self._pairs is None:
            self._pairs = named_result(op, self.outputs)
        return self._pairs(*values)

    def __str__(self) -> str:
        parts = []
        for i, n in enumerate(self.names):
            if i == self.positional:
                parts.append("*")
            parts.append(n if n not in self.defaults else f"{n}={self.defaults[n]!r}")
        return f"({', '.join(parts)})"


class _Missing:
    def __repr__(self) -> str:
        return "<required>"

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__


_MISSING = _Missing()
_SPELLINGS = {"axis": "dim", "axes": "dim", "keepdims": "keepdim", "self": "input", "x": "input", "dims": "dim",
              "x1": "input", "x2": "other", "axis0": "dim0", "axis1": "dim1", "tensor": "input",
              "A": "input", "b": "B", "split_size": "split_size_or_sections", "sections": "indices_or_sections",
              "indices": "indices_or_sections", "tensor_indices_or_sections": "indices_or_sections", "input2": "L",
              "element": "elements", "test_element": "test_elements"}


def named_result(op: str, outputs: Sequence[str]) -> type:
    """The type of a result with several named parts; unpacks as a tuple, prints with its names."""
    def show(self: Any) -> str:
        return f"return_types.{op}(\n" + ",\n".join(f"{n}={v!r}" for n, v in zip(outputs, self, strict=True)) + ")"

    base = namedtuple(op, outputs)  # type: ignore[misc]
    return type(op, (base,), {"__module__": "minitorch_ndl.return_types", "__repr__": show, "__slots__": ()})


def sizes(op: str, value: Any) -> tuple[int, ...]:
    """Sizes given as a sequence, a number or 0-d tensors, as a tuple of ints."""
    if not isinstance(value, (tuple, list)):
        value = (value,)
    if len(value) == 1 and isinstance(value[0], (tuple, list)):
        value = value[0]
    try:
        return tuple(v if type(v) is int else v.__index__() for v in value)
    except (AttributeError, TypeError):
        wrong = next(v for v in value if not hasattr(v, "__index__") or isinstance(v, float))
        raise TypeError(f"{op}(): sizes must be ints; got {wrong!r} of type {type(wrong).__name__} in {value!r}. "
                        f"Use // for integer division of sizes.") from None


def keep_apart(op: str, args: Sequence[Any], out: Any) -> None:
    """Raise if what is given as ``out=`` lies on the memory of an input."""
    inputs = [t for a in args for t in (a if isinstance(a, (tuple, list)) else (a,)) if isinstance(t, Tensor)]
    for target in out if isinstance(out, (tuple, list)) else (out,):
        for t in inputs:
            if t is target or (isinstance(target, Tensor) and np.may_share_memory(t._array, target._array)):
                raise RuntimeError(f"unsupported operation: some elements of the input tensor and the written-to tensor "
                                   f"refer to a single memory location. Please clone() the tensor before performing the "
                                   f"operation. ({op})")


def deliver(op: str, result: Any, out: Any, exact: bool = False) -> Any:
    """Put a result into the tensor(s) given as ``out=``. `exact`: they must have the result's own dtype."""
    if isinstance(result, tuple):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            raise TypeError(f"{op}(): argument 'out' must be tuple of {len(result)} Tensors, not {type(out).__name__}")
        filled = [deliver(op, r, o, exact) for r, o in zip(result, out, strict=True)]
        return type(result)(*filled) if hasattr(result, "_fields") else tuple(filled)
    if not isinstance(out, Tensor):
        raise TypeError(f"{op}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if result.requires_grad or (out.requires_grad and result._edge is not None):
        raise RuntimeError(f"{op}(): functions with out=... arguments don't support automatic differentiation, but one "
                           f"of the arguments requires grad. Leave out= away, or use `with ndl.no_grad():`.")
    source, target = result._array, out._array
    if exact and source.dtype != target.dtype:
        raise RuntimeError(f"Expected out tensor to have dtype {result.dtype!r}, but got {out.dtype!r} instead. ({op})")
    if not dtypes.castable(source.dtype, target.dtype):
        raise errors.not_castable(source.dtype, target.dtype)
    check_overlap(target, op)
    if source.shape != target.shape:
        if target.size:
            warnings.warn(f"An output with one or more elements was resized since it had shape {list(target.shape)}, "
                          f"which does not match the required output shape {list(source.shape)}. ({op}: give out= a "
                          f"tensor of the result's shape, or an empty one.)", stacklevel=4)
        out._array = as_array(source.astype(target.dtype), source)
    else:
        target[...] = source
    counter(out)[0] += 1
    return out


def publish(name: str, signature: Signature, run: Callable, *, on: str, aliases: Sequence[str] = (),
            methods: dict[str, Callable] | None = None, in_place: Callable | None = None, out: bool | str = True,
            doc: str = "", kernel: Callable, skip: int = 1, short: tuple | None = None) -> Callable:
    """Make the public function around `run`, which takes every parameter in order, and hang it up where `on` says.

    out    whether there is an ``out=``; "exact": of the result's own dtype only; "apart": nor an input's memory
    short  where `run` and `in_place` take the first few parameters only: their number, and what takes all of them
    """
    variadic, to = signature.sizes is not None, signature.dtype
    # How many arguments leave nothing to do: none to fill in, none that are keyword-only, no dtype to convert to.
    count = len(signature.names) if len(signature.names) == signature.positional and to is None else -1
    run_all, in_place_all = run, in_place
    if short is not None:
        count, run_all, in_place_all = short
    if in_place is not None and "inplace" in signature.names:  # F.elu(x, inplace=True) is elu_(x)
        run = run_all = _either(run, in_place, signature.names.index("inplace"))

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or variadic or len(args) != count:
            target = kwargs.pop("out", None) if out else None
            if kwargs or variadic or not signature.required <= len(args) <= signature.positional:
                args = signature.bind(name, args, kwargs)
            else:
                args = signature.fill(args)
            if to is not None and args[to] is not None and isinstance(args[0], Tensor):
                args = (F.to_dtype(args[0], args[to]), *args[1:])
            if target is not None and out == "apart":
                keep_apart(name, args, target)
            result = run_all(*args)
            return result if target is None else deliver(name, result, target, out in ("exact", "apart"))
        return run(*args)

    def call_with_sizes(*args: Any, **kwargs: Any) -> Any:
        if not kwargs and len(args) > 1:  # the common forms, f(x, 2, 3) and f(x, (2, 3)), without asking anybody
            size = args[1]
            if not isinstance(size, tuple):
                size = args[1:]
            for n in size:
                if type(n) is not int:
                    break
            else:
                if size is not args[1] or len(args) == 2:
                    return run(args[0], size)
        return call_any(*args, **kwargs)

    call_any = call
    if variadic and count == 2 and signature.sizes == 1 and short is None and to is None:
        call = call_with_sizes

    documented = functools.partial(kernel, None) if skip else kernel  # `inspect.signature` finds the parameters here
    dress(call, name, on, doc, documented, signature)
    places = on.split()
    for spelling in (name, *aliases):
        for place in places:
            if place == "method":
                setattr(Tensor, spelling, call)
            elif place != "in-place":
                FACES[place][spelling] = call
    for method, function in (methods or {}).items():
        function.__name__ = method
        setattr(Tensor, method, function)
    if in_place is not None and places:
        def call_in_place(*args: Any, **kwargs: Any) -> Any:
            write = in_place
            if kwargs or variadic or len(args) != count:
                args, write = signature.bind(name + "_", args, kwargs), in_place_all  # type: ignore[assignment]
            if not isinstance(args[0], Tensor):
                raise errors.not_a_tensor(name + "_", signature.names[0], 1, args[0])
            return write(*args)

        dress(call_in_place, name + "_", on, f"In-place version of `{name}`: writes the result into this tensor.",
              documented, signature)
        for spelling in (name, *aliases):
            if "method" in places or "in-place" in places:
                setattr(Tensor, spelling + "_", call_in_place)
            if "functional" in places:
                FACES["functional"][spelling + "_"] = call_in_place
    return call


def _either(run: Callable, in_place: Callable, flag: int) -> Callable:
    return lambda *args: in_place(*args) if args[flag] else run(*args)


_PAGES = {"torch": "torch.", "functional": "torch.nn.functional.", "linalg": "torch.linalg.", "special": "torch.special.",
          "method": "torch.Tensor."}


def dress(call: Any, name: str, on: str, doc: str, documented: Callable, signature: Signature) -> None:
    """Give a made function its name, home, signature and documentation."""
    home = next((p for p in ("torch", "linalg", "special", "functional", "method") if p in on.split()), "torch")
    call.__name__ = name
    call.__qualname__ = f"Tensor.{name}" if home == "method" or name.endswith("_") else name
    call.__module__ = _MODULES[home]
    call.__doc__ = f"{name}{signature}\n\n{doc}\n\nhttps://pytorch.org/docs/stable/generated/{_PAGES[home]}{name}.html"
    call.__wrapped__, call.signature = documented, signature
