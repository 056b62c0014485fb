"""Calling a module with other parameters than its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...tensor import Tensor
from ..module import Module


@contextmanager
def _with_others(module: Module, tensors: dict[str, Tensor], tie_weights: bool, strict: bool) -> Iterator[None]:
    """Within it, `tensors` stand in the place of the parameters and buffers of these names."""
    places: dict[str, tuple[dict[str, Any], str]] = {}
    twins: dict[int, list[str]] = {}  # the names of each tensor
    for path, child in module.named_modules(remove_duplicate=False):
        tables: tuple[dict[str, Any], ...] = (child._parameters, child._buffers)
        for table in tables:
            for name, value in table.items():
                full = f"{path}.{name}" if path else name
                places[full] = (table, name)
                if value is not None:
                    twins.setdefault(id(value), []).append(full)
    unknown = [name for name in tensors if name not in places]
    if unknown:
        raise RuntimeError(f"Unexpected key(s): {', '.join(unknown)}." if strict
                           else f"functional_call: {type(module).__name__} has no parameter or buffer {', '.join(unknown)}")
    missing = [names for names in twins.values() if not any(name in tensors for name in names)]
    if strict and missing:
        raise RuntimeError(f"Missing key(s): {', '.join(names[0] for names in missing)}.")
    replaced = dict(tensors)
    if tie_weights:  # a parameter under several names is replaced under all of them
        for names in twins.values():
            given = [tensors[name] for name in names if name in tensors]
            if any(t is not given[0] for t in given):
                raise ValueError(f"functional_call got multiple values for keys {names}, which are tied. Consider using "
                                 f"tie_weights=False")
            replaced.update({name: given[0] for name in names if given})
    before = [(*places[name], places[name][0][places[name][1]]) for name in replaced]
    try:
        for name, value in replaced.items():
            table, key = places[name]
            table[key] = value
        yield
    finally:
        for table, key, value in before:
            table[key] = value


def functional_call(module: Module, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: dict[str, Any] | None = None,
                    *, tie_weights: bool = True, strict: bool = False) -> Any:
    """``module(*args, **kwargs)`` with other tensors in the place of the parameters and buffers that they name.

    parameter_and_buffer_dicts  names such as "fc1.weight" to tensors; or several such dicts
    tie_weights                 a parameter with several names is replaced under all of them
    strict                      all names must be given, and no others

    https://pytorch.org/docs/stable/generated/torch.func.functional_call.html

    >>> layer = ndl.nn.Linear(2, 1, bias=False)
    >>> ndl.nn.utils.stateless.functional_call(layer, {"weight": ndl.ones(1, 2)}, ndl.ones(3, 2)).flatten()
    tensor([2., 2., 2.])
    """
    dicts = parameter_and_buffer_dicts
    if not isinstance(dicts, dict):
        merged: dict[str, Tensor] = {}
        for part in dicts:
            again = merged.keys() & part.keys()
            if again:
                raise ValueError(f"{sorted(again)} appeared in multiple dictionaries; behavior of functional call is ambiguous")
            merged.update(part)
        dicts = merged
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _with_others(module, dicts, tie_weights, strict):
        return module(*args, **(kwargs or {}))
