"""Layers that come for one, two and three dimensions. Each family is written once; its members differ in a number."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from . import functional
from .module import Module

_SIZES = {1: "L", 2: "H, W", 3: "D, H, W"}


class Family(Module):
    """Base class of a family's base class.

        class _LPPoolNd(Family, calls="lp_pool{}d"):
            '''... of each window: (N, C, {sizes}) to the same with fewer places.'''

        class LPPool2d(_LPPoolNd, dims=2): ...

    A member knows its number of dimensions, `_dims`, and the function of `nn.functional` that it calls, `_function`.
    Its docstring is its family's, with what is its own after it.
    """

    _dims: int
    _calls: str | None = None
    _function: Callable

    def __init_subclass__(cls, dims: int | None = None, calls: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if calls is not None:
            cls._calls = calls
        if dims is None:  # the base of a family, or somebody's subclass of a member
            return
        cls._dims = dims
        if cls._calls is not None:
            cls._function = staticmethod(getattr(functional, cls._calls.format(dims)))
        shared = inspect.cleandoc(cls.__bases__[0].__doc__ or "").format(sizes=_SIZES[dims], dims=dims)
        link = f"https://pytorch.org/docs/stable/generated/torch.nn.{cls.__name__}.html"
        cls.__doc__ = "\n\n".join(filter(None, (shared, link, inspect.cleandoc(cls.__doc__ or "")))) + "\n"

    def _each(self, value: Any) -> tuple:
        """One value for each dimension."""
        return _ntuple(self._dims)(value)


# --- numbers for each dimension; torch has these in nn.modules.utils ---------------------------------------------------


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple]:
    """A function that makes a tuple of `n` of a single value, and leaves several as they are."""

    def parse(x: Any) -> tuple:
        return tuple(x) if isinstance(x, Iterable) else (x,) * n

    parse.__name__ = name
    return parse


_single, _pair = _ntuple(1, "_single"), _ntuple(2, "_pair")
_triple, _quadruple = _ntuple(3, "_triple"), _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: tuple, n: int) -> tuple:
    """Padding of a convolution as `pad` wants it: from the last dimension back, each number `n` times."""
    return tuple(x for x in reversed(t) for _ in range(n))


def _list_with_default(out_size: Any, defaults: list[int]) -> Any:
    """`out_size` with the sizes that are None taken from the end of `defaults`."""
    if isinstance(out_size, int):
        return out_size
    if len(defaults) <= len(out_size):
        raise ValueError(f"Input dimension should be at least {len(out_size) + 1}")
    return [d if v is None else v for v, d in zip(out_size, defaults[-len(out_size):], strict=True)]


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Take `prefix`, such as ``"module."``, off the names in a state dict, in place.

    >>> state = {"module.weight": 1, "bias": 2}
    >>> ndl.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    >>> sorted(state)
    ['bias', 'weight']
    """
    tables = (state_dict, getattr(state_dict, "_metadata", {}))
    for table in tables:
        for key in list(table):
            if key.startswith(prefix) or (table is not state_dict and key and key == prefix.replace(".", "")):
                table[key[len(prefix):]] = table.pop(key)
