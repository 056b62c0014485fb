"""A device that there is none of: NumPy's arrays, wrapped so that code which forgets where they are is caught.

It behaves as CuPy does: its arrays are computed on by its own module (`xp`) and by their own methods and operators;
NumPy's functions refuse them, and they refuse NumPy's arrays. Numbers and dtypes may be mixed in freely.
"""

import operator
from types import ModuleType

import numpy as np

from minitorch_ndl import backend


class FakeArray:
    """An array on the fake device."""

    __array_ufunc__ = None  # NumPy's own functions, and ndarray + FakeArray, fail
    __hash__ = None

    def __init__(self, array):
        assert type(array) is np.ndarray
        self._host = array

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Use the backend's to_numpy.")

    def __getattr__(self, name):
        if name.startswith("__array") or name in ("ctypes", "data", "_host"):
            raise AttributeError(f"FakeArray has no {name}: its memory is not the host's")
        return _wrapped(getattr(self._host, name))

    # What describes it is plain data.
    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    flags = property(lambda self: self._host.flags)

    @property
    def base(self):
        return None if self._host.base is None else FakeArray(np.asarray(self._host.base))

    def __getitem__(self, index):
        return _wrapped(self._host[_unwrapped(index)])

    def __setitem__(self, index, value):
        self._host[_unwrapped(index)] = _unwrapped(value)

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (_wrapped(np.asarray(part)) for part in self._host)

    def __repr__(self):
        return f"FakeArray({self._host!r})"

    def __deepcopy__(self, memo):
        return FakeArray(self._host.copy())


def _binary(name, swapped=False):
    function = getattr(operator, name)

    def method(self, other):
        if isinstance(other, np.ndarray):
            raise TypeError(f"FakeArray {name} ndarray: an array of the host among those of the device")
        a, b = self._host, _unwrapped(other)
        return _wrapped(function(b, a) if swapped else function(a, b))

    return method


def _in_place(name):
    function = getattr(operator, name)

    def method(self, other):
        if isinstance(other, np.ndarray):
            raise TypeError(f"FakeArray {name} ndarray: an array of the host among those of the device")
        self._host = function(self._host, _unwrapped(other))
        return self

    return method


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor", "lshift", "rshift"):
    _plain = _name.rstrip("_")
    setattr(FakeArray, f"__{_plain}__", _binary(_name))
    setattr(FakeArray, f"__r{_plain}__", _binary(_name, swapped=True))
    setattr(FakeArray, f"__i{_plain}__", _in_place(f"i{_plain}"))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(FakeArray, f"__{_name}__", _binary(_name))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(FakeArray, f"__{_name}__", lambda self, _f=getattr(operator, _name): _wrapped(_f(self._host)))
for _name, _type in (("bool", bool), ("int", int), ("float", float), ("index", operator.index)):
    setattr(FakeArray, f"__{_name}__", lambda self, _f=_type: _f(self._host))


def _unwrapped(value):
    """Arguments, for NumPy. Raises TypeError for an array of the host."""
    if isinstance(value, FakeArray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError("an array of the host was given to the device")
    if isinstance(value, (list, tuple)):
        parts = [_unwrapped(v) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def _wrapped(value):
    """Results of NumPy, on the device: scalars as 0-d arrays, functions as functions on the device."""
    if isinstance(value, np.ndarray):
        return FakeArray(np.asarray(value))
    if isinstance(value, (np.number, np.bool_)):
        return FakeArray(np.asarray(value))
    if isinstance(value, (tuple, list)):
        parts = [_wrapped(v) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, type):  # float32, ndarray
        return FakeArray if value is np.ndarray else value
    if isinstance(value, ModuleType):
        return Proxy(value)
    if callable(value):
        return Call(value)
    return value


class Proxy:
    """The device's array module: NumPy's functions for the device's arrays."""

    def __init__(self, module):
        self._module = module

    def __getattr__(self, name):
        found = getattr(self._module, name)
        value = found if isinstance(found, np.number) else _wrapped(found)
        setattr(self, name, value)
        return value

    def asarray(self, value, dtype=None):
        """The one way in for numbers and lists."""
        return FakeArray(np.asarray(_unwrapped(value), dtype))


class Call:
    """A function of the device. ``out=`` fills the array that it is given, and returns it."""

    def __init__(self, function):
        self._function = function

    def __call__(self, *args, **kwargs):
        plain = {k: _unwrapped(v) for k, v in kwargs.items()}
        result = self._function(*map(_unwrapped, args), **plain)
        return kwargs["out"] if isinstance(kwargs.get("out"), FakeArray) else _wrapped(result)

    def __getattr__(self, name):  # add.at, add.reduceat
        return _wrapped(getattr(self._function, name))


def _to_device(array):
    return FakeArray(np.array(array))


xp = Proxy(np)
FAKE = backend.Backend("fake", xp, FakeArray, _to_device, lambda array: array._host.copy())


def register():
    """Make the device known, as "fake"."""
    backend.register(FAKE)
