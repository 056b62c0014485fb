"""Which module made which operation, and the boxes in boxes that follow from it.

A box is a stretch of time: what was recorded between two moments. So boxes never depend on each other in a circle, and
forward and backward go through them one after the other; a module that is called twice has two boxes.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..autograd.node import next_number
from ..nn.container import ModuleDict, ModuleList, Sequential
from ..nn.hooks import register_module_forward_hook, register_module_forward_pre_hook
from ..nn.module import Module
from ..nn.parallel import DataParallel
from ..tensor import Tensor
from .formulas import op_of
from .tape import Item

Path = tuple[str, ...]
ROOM = 30  # more children than this, and a box divides them among boxes of its own
_recorded: weakref.WeakKeyDictionary[Module, list[tuple[int, int, str]]] = weakref.WeakKeyDictionary()


@contextmanager
def recording(model: Module) -> Iterator[None]:
    """Note exactly which module of `model` makes which operation, for a later ``viz.graph(loss, params=model)``.

    `graph` finds modules by their parameters; this also tells apart those that have none, such as ReLU and Flatten.
    Outside the block, calling modules costs what it costs without.

    >>> model = ndl.nn.Sequential(ndl.nn.Linear(3, 4), ndl.nn.ReLU())
    >>> with ndl.viz.recording(model):
    ...     loss = model(ndl.ones(2, 3)).sum()
    """
    if not isinstance(model, Module):
        raise TypeError(f"viz.recording: expected a Module; got {type(model).__name__}.")
    paths = {module: path for path, module in model.named_modules()}
    calls = _recorded[model] = []
    open_calls: list[tuple[Any, int]] = []

    def before(module: Module, args: tuple) -> None:
        if module in paths:
            open_calls.append((module, next_number()))

    def after(module: Module, args: tuple, result: Any) -> None:
        if module in paths:
            while open_calls:
                other, start = open_calls.pop()
                if other is module:
                    calls.append((start, next_number(), paths[module]))
                    break

    handles = [register_module_forward_pre_hook(before), register_module_forward_hook(after, always_call=True)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@dataclass(eq=False)
class Group:
    """A box: what happened from one moment to another in one module, or a part of that."""

    label: str
    path: str
    kind: str = ""  # the module's class
    children: list[Any] = field(default_factory=list)  # Items and Groups, oldest first
    parent: Group | None = None

    def items(self) -> Iterator[Item]:
        stack = list(reversed(self.children))
        while stack:
            child = stack.pop()
            if isinstance(child, Group):
                stack.extend(reversed(child.children))
            else:
                yield child


def names_of(params: Any) -> tuple[dict[Tensor, str], Module | None]:
    """Names of tensors, and the model, from what was given as `params`."""
    if params is None:
        return {}, None
    if isinstance(params, DataParallel):
        params = params.module
    if isinstance(params, Module):
        return {p: name for name, p in params.named_parameters()}, params
    try:
        pairs = [(str(name), tensor) for name, tensor in (params.items() if hasattr(params, "items") else params)]
    except (TypeError, ValueError):
        pairs = [("", None)]
    if not all(isinstance(tensor, Tensor) for _, tensor in pairs):
        raise TypeError("viz.graph: `params` must be a model, a dict of names and tensors, or model.named_parameters(); "
                        f"got {type(params).__name__}.")
    return {tensor: name for name, tensor in pairs}, None


def group(items: Sequence[Item], names: dict[Tensor, str], model: Module | None) -> Group:
    """Put each item in its module's box."""
    kinds = {path: type(m).__name__ for path, m in model.named_modules()} if model is not None else {}
    calls = _recorded.get(model) if model is not None else None
    if calls:
        paths = _by_calls(items, calls)
    else:
        containers = {path for path, m in model.named_modules() if isinstance(m, (Sequential, ModuleList, ModuleDict))} \
            if model is not None else _numbered(names.values())
        paths = _by_parameters(items, names, containers)
    for item, path in zip(items, paths, strict=True):
        item.path = ".".join(path)
    root = Group("", "", kinds.get("", ""))
    root.children = _boxes(list(zip(paths, items, strict=True)), 0, kinds)
    for parent in _all(root):
        _divide(parent)
        for child in parent.children:
            if isinstance(child, Group):
                child.parent = parent
    return root


def _all(group: Group) -> Iterator[Group]:
    """`group` and those inside it, from the outside in; what is added to a group on the way is met as well."""
    stack = [group]
    while stack:
        one = stack.pop()
        yield one
        stack.extend(c for c in one.children if isinstance(c, Group))


def _by_calls(items: Sequence[Item], calls: list[tuple[int, int, str]]) -> list[Path]:
    """The innermost call that was open when each item was made."""
    edges = sorted([(start, 1, -end, path) for start, end, path in calls] + [(end, 0, 0, path) for _, end, path in calls])
    paths: list[Path] = []
    stack: list[str] = []
    at = 0
    for item in items:
        while at < len(edges) and edges[at][0] < (item.number + 0.5 if item.kind == "leaf" else item.number):
            _, opening, _, path = edges[at]
            stack.append(path) if opening else stack.remove(path)
            at += 1
        paths.append(_split(stack[-1]) if stack else ())
    return paths


def _split(path: str) -> Path:
    return tuple(path.split(".")) if path else ()


def _numbered(names: Any) -> set[str]:
    """Without a model to ask: what has children with numbers for names is a container."""
    found: set[str] = set()
    for name in names:
        path = _split(name)
        found.update(".".join(path[:i]) for i, part in enumerate(path) if part.isdigit())
    return found


def _by_parameters(items: Sequence[Item], names: dict[Tensor, str], containers: set[str]) -> list[Path]:
    """Modules are known by their parameters; what lies between belongs to what the modules around it have in common."""
    anchors: list[Path | None] = []
    made_of: dict[Item, Path] = {}  # parameters, and what was made of nothing but parameters: a transposed weight
    for item in items:
        if item.kind == "leaf":
            name = names.get(item.origin)
            if name is not None:
                made_of[item] = _split(name)[:-1]
            anchors.append(None)
            continue
        modules = [made_of[s.item] for s in item.sources if s.item in made_of]
        anchor = _common(modules) if modules else None
        if anchor is not None and len(modules) == len(item.sources) and _lonely(item):
            made_of[item] = anchor
        anchors.append(anchor)
    # For each item the anchor before it and the one after it.
    before: Path | None = None
    last: list[Path | None] = []
    for anchor in anchors:
        before = before if anchor is None else anchor
        last.append(before)
    owners = {".".join(_split(name)[:-1]) for name in names.values()}
    after: Path | None = None
    paths: list[Path] = []
    for item, anchor, before in zip(reversed(items), reversed(anchors), reversed(last), strict=True):
        after = after if anchor is None else anchor
        if item.kind == "leaf":
            paths.append(paths[-1] if paths else ())  # with the operation that uses it first: the next one
        elif anchor is not None:
            paths.append(anchor)
        else:
            paths.append(_between(before, after, containers, owners))
    return paths[::-1]


def _lonely(item: Item) -> bool:
    """Whether all that goes into `item` is recorded: a transposed weight, not a layer's work on data without gradient."""
    op = op_of(item.origin.rule) if item.kind == "op" else None
    return op is not None and len(op.arrays) == len(item.sources)


def _between(before: Path | None, after: Path | None, containers: set[str], owners: set[str]) -> Path:
    """Where something belongs that comes after one module and before another.

    What both have in common; but a list of layers computes nothing itself: what comes between two of its layers (the
    last addition of a block) belongs to the former, unless that is a layer like Linear, which is done by then.
    """
    if before is None or after is None:
        return ()
    path = _common([before, after])
    rest = before[len(path):]
    deeper = path
    while rest and (".".join(deeper) in containers or ".".join((*deeper, rest[0])) in containers):
        deeper, rest = (*deeper, rest[0]), rest[1:]
    while len(deeper) > len(path) and (".".join(deeper) in owners or ".".join(deeper) in containers):
        deeper = deeper[:-1]
    return deeper


def _common(paths: Sequence[Path]) -> Path:
    first = min(paths, key=len)
    for i, part in enumerate(first):
        if any(p[i] != part for p in paths):
            return first[:i]
    return first


def _boxes(entries: list[tuple[Path, Item]], depth: int, kinds: dict[str, str]) -> list[Any]:
    """The children of a box at `depth`: its own items, and a box for each stretch of time in one module below."""
    children: list[Any] = []
    start = 0
    while start < len(entries):
        path, item = entries[start]
        if len(path) == depth:
            children.append(item)
            start += 1
            continue
        end = start + 1
        while end < len(entries) and len(entries[end][0]) > depth and entries[end][0][depth] == path[depth]:
            end += 1
        name = ".".join(path[:depth + 1])
        inner = Group(path[depth], name, kinds.get(name, ""), _boxes(entries[start:end], depth + 1, kinds))
        if len(inner.children) == 1:  # a box around a single thing says nothing
            (only,) = inner.children
            if isinstance(only, Group):
                only.label = f"{inner.label}.{only.label}"
            children.append(only)
        else:
            children.append(inner)
        start = end
    return children


def _divide(parent: Group) -> None:
    """Where a box has too many children, put stretches of them into boxes of about equal size."""
    count = sum(not _is_leaf(c) for c in parent.children)
    if count <= ROOM:
        return
    parts = -(-count // ROOM)
    while parts > ROOM:
        parts = -(-parts // ROOM)
    size, children, stretch, filled = -(-count // parts), parent.children, [], 0
    parent.children = []
    for i, child in enumerate(children):
        stretch.append(child)
        filled += not _is_leaf(child)
        if filled == size or i == len(children) - 1:
            parent.children.append(Group(_label(stretch), parent.path, "part", stretch))
            stretch, filled = [], 0


def _is_leaf(child: Any) -> bool:
    return isinstance(child, Item) and child.kind == "leaf"


def _label(stretch: list[Any]) -> str:
    names = [c.label if isinstance(c, Group) else c.name for c in stretch if not _is_leaf(c)] or [stretch[0].name]
    return f"{names[0]} … {names[-1]}" if len(names) > 1 else names[0]
