"""Arrays as text, character for character as torch prints them. Knows arrays only, no Tensor.

First take out what will be shown (`_shown`), as nested lists of Python numbers; then choose one way of
writing that suits all of them (`_style`); then lay them out in columns (`_layout`).

Of an array only `size`, `shape`, `ndim`, `dtype`, `len`, indexing and `tolist` are used, so one that lies on
another device sends over no more than what is shown.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}
_options: dict[str, Any] = {**_PROFILES["default"], "sci_mode": None}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: float | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Choose how tensors print.

    `precision` digits after the point; of more than `threshold` elements only `edgeitems` at either end of a
    dimension; `linewidth` characters per line; `sci_mode` forces or forbids scientific notation. `profile`,
    "default", "short" or "full", sets all of these but `sci_mode`, before the others. What is left out stays
    as it is, except that `sci_mode` goes back to None, as in torch: chosen for each tensor.
    https://pytorch.org/docs/stable/generated/torch.set_printoptions.html

    Raises ValueError for an unknown profile, and for a `precision` or `edgeitems` below 0; TypeError for a
    fraction there.

    >>> ndl.set_printoptions(precision=2)
    >>> ndl.tensor([0.12345, 100.0])
    tensor([  0.12, 100.00])
    >>> ndl.set_printoptions(profile="default")
    """
    if profile is not None and profile not in _PROFILES:
        known = ", ".join(map(repr, _PROFILES))
        raise ValueError(f"set_printoptions: unknown profile; got {profile!r}; expected one of {known}.")
    for name, count in (("precision", precision), ("edgeitems", edgeitems)):
        if count is not None and operator.index(count) < 0:
            raise ValueError(f"set_printoptions: {name} is negative; got {count}; expected 0 or more.")
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    _options.update(_PROFILES.get(profile or "", {}))
    _options.update({name: value for name, value in given.items() if value is not None})
    _options["sci_mode"] = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options in force, a new dict that `set_printoptions(**options)` takes back.

    >>> ndl.get_printoptions()["precision"]
    4
    """
    return dict(_options)


def array_repr(
    array: Any,
    suffixes: Iterable[str | None] = (),
    *,
    default_float: Any = "float32",
    device: Any = None,
    prefix: str = "tensor(",
) -> str:
    """What torch's repr says of a tensor with these elements.

    `suffixes`, such as "requires_grad=True", come last (empty ones and None are left out). `default_float` is
    the float dtype that goes without saying, by name or as NumPy's; `device` is given where it must be named.

    >>> from minitorch_ndl.printing import array_repr
    >>> print(array_repr(np.array([[1.0, -2.5], [0.0, np.nan]]), ["grad_fn=<MulBackward>"]))
    tensor([[ 1.0000, -2.5000],
            [ 0.0000,     nan]], dtype=ndl.float64, grad_fn=<MulBackward>)
    """
    dtype, empty = array.dtype, array.size == 0
    # Elements tell bool, integer and float apart, and so the default of each kind; no elements tell nothing.
    obvious = dtype == default_float or not empty and dtype.name in ("int64", "bool")
    size_told = array.ndim != 1 if empty else _options["edgeitems"] == 0
    parts = [
        f"device='{device}'" if device else None,
        f"size={tuple(array.shape)}" if size_told else None,
        None if obvious else f"dtype=ndl.{dtype.name}",
        *suffixes,
    ]
    text = prefix + ("[]" if empty else _elements(array, len(prefix)))
    column = len(text) - text.rfind("\n") + 1  # two more than there are: so torch counts
    for part in filter(None, parts):
        length = len(part.replace("ndl.", "torch."))  # lines break where torch's do, whose name is longer
        if column + length + 2 > _options["linewidth"]:
            text += ",\n" + " " * len(prefix) + part
            column = len(prefix) + length
        else:
            text += ", " + part
            column += length + 2
    return text + ")"


def _elements(array: Any, indent: int) -> str:
    edge = _options["edgeitems"] if array.size > _options["threshold"] else None
    shown = _shown(array, edge)
    write, width = _style(list(_leaves(shown)))
    return _layout(shown, array.ndim, indent, lambda value: write(value).rjust(width), width)


def _shown(array: Any, edge: int | None) -> Any:
    """The elements to print, as a number or nested lists; with `edge`, of a long list only that many items at
    either end, and an Ellipsis between them. Nothing else is read."""
    if edge is None or array.ndim == 0:
        return array.tolist()
    length = len(array)
    if length <= 2 * edge:
        return array.tolist() if array.ndim == 1 else [_shown(array[i], edge) for i in range(length)]
    if array.ndim == 1:
        return [*array[:edge].tolist(), ..., *array[length - edge :].tolist()]
    head, tail = range(edge), range(length - edge, length)
    return [*(_shown(array[i], edge) for i in head), ..., *(_shown(array[i], edge) for i in tail)]


def _leaves(shown: Any) -> Iterator[Any]:
    if isinstance(shown, list):
        for item in shown:
            yield from _leaves(item)
    elif shown is not ...:
        yield shown


def _style(values: list) -> tuple[Callable[[Any], str], int]:
    """How to write each of these numbers, and the width of a column. Zeros, nan and inf have no say in it."""
    if not values or not isinstance(values[0], float):
        return str, max((len(str(value)) for value in values), default=1)

    nonzero = [value for value in values if value and math.isfinite(value)]
    precision, sci_mode = _options["precision"], _options["sci_mode"]
    if nonzero and sci_mode is None:
        low, high = min(map(abs, nonzero)), max(map(abs, nonzero))
        sci_mode = high / low > 1000 or high > 1e8 or low < 1e-4

    def whole(value: float) -> str:
        return f"{value:.0f}." if math.isfinite(value) else str(value)

    write: Callable[[Any], str]
    if nonzero and sci_mode:
        write = f"{{:.{precision}e}}".format
    elif all(value.is_integer() for value in nonzero):
        write = whole
    else:
        write = f"{{:.{precision}f}}".format
    return write, max((len(write(value)) for value in nonzero), default=1)


def _layout(shown: Any, ndim: int, indent: int, write: Callable[[Any], str], width: int) -> str:
    """Brackets around rows that fit the line, `indent` columns in; one more blank line for each dimension."""
    if ndim == 0:
        return write(shown)
    if shown == [...]:
        return "[...]"
    if ndim > 1:
        blocks = ["..." if s is ... else _layout(s, ndim - 1, indent + 1, write, width) for s in shown]
        return "[" + ("," + "\n" * (ndim - 1) + " " * (indent + 1)).join(blocks) + "]"
    words = [" ..." if item is ... else write(item) for item in shown]
    per_line = max(1, int(min(len(words), (_options["linewidth"] - indent) / (width + 2))))
    lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def in_bytes(count: float) -> str:
    """A number of bytes as people read it: ``313.6 kB``."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(count) >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"
