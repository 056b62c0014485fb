"""`memory`: how many bytes the recorded graph holds, event by event, by module and by operation."""

from __future__ import annotations

import gc
import shutil
import threading
import time
import weakref
from collections import deque
from typing import Any, NamedTuple

import numpy as np

from ..autograd.grad_mode import watch_nodes
from ..autograd.node import Node
from ..autograd.saved import memories
from ..nn.module import Module
from ..printing import in_bytes
from ..tensor import Tensor, _memory
from .figures import COLORS, figure, save
from .probe import Calls, check_model

OUTSIDE = "outside the modules"
_OTHERS = "others"


class Event(NamedTuple):
    """Something that changed what the graph holds, or could have."""

    seconds: float  # since the block began
    what: str  # "recorded": forward made a node; "released": backward used it; "dropped": the graph was let go of
    op: str  # of the node: "LinearBackward"
    module: str  # the path of the module that recorded it
    held: int  # the bytes that the graph holds after it


class _Memory:
    """A piece of memory, and the nodes that hold it; the first of them answers for it."""

    __slots__ = ("holders", "nbytes", "owner")

    def __init__(self, nbytes: int):
        self.nbytes, self.holders, self.owner = nbytes, dict[int, tuple[str, str]](), None


class memory:
    """Records, inside a ``with`` block, how many bytes the graph holds for backward: rising while operations are recorded,
    falling while backward uses what they saved, or when the graph is let go of.

    models  whose modules the bytes are told by; without one, they are told by operation only
    title   stands above the picture

    What exists anyway is not counted: leaves that require grad, the models' parameters and buffers, and every tensor that
    there was when the block began. Memory that several operations hold counts once. The block runs slower than usual, as
    all operations take their general path.

    events         a list of `Event`; ``held`` is their last figures only, ``seconds`` the first
    peak           the most bytes that were held; ``at_peak()`` says by whom
    by_module(), by_op()   for each module or operation, what it held after each event
    table()        the peak as text; ``print(log)`` does the same
    plot(path)     the picture: a .png, .svg, .pdf or .html file; needs matplotlib

    A loop that adds up losses keeps every step's graph; one that adds up numbers keeps none:

    >>> w = ndl.ones(1000, requires_grad=True)
    >>> with ndl.viz.memory() as log:
    ...     total = 0
    ...     for step in range(10):
    ...         total = total + w.exp().sum()
    >>> log.peak, log.held[-1]
    (40000, 40000)
    >>> with ndl.viz.memory() as log:
    ...     total = 0
    ...     for step in range(10):
    ...         total = total + w.exp().sum().item()
    >>> log.peak, log.held[-1]
    (4000, 0)
    """

    def __init__(self, *models: Module, title: str = ""):
        for model in models:
            check_model(model, "viz.memory")
        prefixes = [""] if len(models) < 2 else [type(m).__name__ if [type(n) for n in models].count(type(m)) == 1 else
                                                f"{type(m).__name__}{i}" for i, m in enumerate(models)]
        self.title, self._models = title, models
        self._calls = Calls(zip(prefixes, models))
        self._names = {m: path or type(m).__name__ for m, path in self._calls.paths.items()}
        self._watch = watch_nodes(self)
        self._lock = threading.RLock()
        self._clear()

    def _clear(self) -> None:
        self.events: list[Event] = []
        self._changes: list[list[tuple[tuple[str, str], int]]] = []  # for each event: (module, op) and bytes more or less
        self._memories: dict[int, _Memory] = {}  # by the id of the array that owns it
        self._nodes: dict[int, tuple[tuple[str, str], list[int], Any]] = {}  # who, which memories, weak reference
        self._own: dict[int, Any] = {}  # what is not counted: weak references by id
        self._dead: deque[int] = deque()  # nodes that are gone, which is heard of at any moment
        self._ran: tuple[int, Any] | None = None  # the node that backward is about to release
        self._held = 0

    def __enter__(self) -> memory:
        self._clear()
        for thing in gc.get_objects():
            if issubclass(type(thing), Tensor) and hasattr(thing, "_array"):  # isinstance would wake up lazy objects of others
                self._ignore(thing)
        self._calls.__enter__()
        self._watch.__enter__()
        self._start = time.perf_counter()
        return self

    def __exit__(self, *exc: object) -> None:
        self._watch.__exit__()
        self._calls.__exit__()
        with self._lock:
            self._settle()
            self._nodes, self._memories, self._own = {}, {}, {}

    # --- what the graph tells -----------------------------------------------------------------------------------------

    def _ignore(self, tensor: Tensor) -> None:
        owner = _memory(tensor._array)
        key = id(owner)
        if key not in self._own:
            try:
                self._own[key] = weakref.ref(owner, lambda _: self._own.pop(key, None))
            except TypeError:  # a device's array that knows no weak references
                self._own[key] = owner

    def made(self, node: Node) -> None:
        """A node was recorded."""
        with self._lock:
            self._settle()
            for edge in node.edges:
                if isinstance(edge, Tensor):
                    self._ignore(edge)
            module = self._calls.current()
            who = (OUTSIDE if module is None else self._names[module], node.name())
            keys, changes = [], []
            for key, owner in memories(node).items():
                if key in self._own or not owner.nbytes:
                    continue
                piece = self._memories.get(key)
                if piece is None:
                    piece = self._memories[key] = _Memory(owner.nbytes)
                    changes.append((who, piece.nbytes))
                piece.holders[node.number] = who
                keys.append(key)
            number = node.number
            self._nodes[number] = who, keys, weakref.ref(node, lambda _: self._dead.append(number))
            self._note("recorded", who, changes)

    def ran(self, node: Node) -> None:
        """Backward has gone through a node, and is about to release what it saved (unless the graph is kept)."""
        with self._lock:
            self._settle()
            self._ran = node.number, weakref.ref(node)

    def _settle(self) -> None:
        """Take note of what has been released since the last event."""
        if self._ran is not None:
            number, reference = self._ran
            self._ran = None
            node = reference()
            if number in self._nodes:
                who = self._nodes[number][0]
                self._note("released", who, self._forget(number) if node is None or node.saved is None else [])
        while self._dead:
            number = self._dead.popleft()
            if number in self._nodes:
                who = self._nodes[number][0]
                changes = self._forget(number)
                if changes:
                    self._note("dropped", who, changes)

    def _forget(self, number: int) -> list[tuple[tuple[str, str], int]]:
        """A node holds nothing any more. Who answers for its memory now?"""
        who, keys, _ = self._nodes.pop(number)
        changes = []
        for key in keys:
            piece = self._memories[key]
            first = next(iter(piece.holders)) == number
            del piece.holders[number]
            if not piece.holders:
                del self._memories[key]
                changes.append((who, -piece.nbytes))
            elif first:
                changes += [(who, -piece.nbytes), (next(iter(piece.holders.values())), piece.nbytes)]
        return changes

    def _note(self, what: str, who: tuple[str, str], changes: list[tuple[tuple[str, str], int]]) -> None:
        self._held += sum(n for _, n in changes)
        self.events.append(Event(time.perf_counter() - self._start, what, who[1], who[0], self._held))
        self._changes.append(changes)

    # --- figures ------------------------------------------------------------------------------------------------------

    @property
    def held(self) -> list[int]:
        """The bytes held after each event."""
        self._catch_up()
        return [event.held for event in self.events]

    @property
    def seconds(self) -> list[float]:
        """When each event was."""
        self._catch_up()
        return [event.seconds for event in self.events]

    @property
    def peak(self) -> int:
        """The most bytes that were held at any time."""
        return max(self.held, default=0)

    def by_module(self) -> dict[str, list[int]]:
        """What each module held after each event."""
        return self._by(0)

    def by_op(self) -> dict[str, list[int]]:
        """What each kind of operation held after each event."""
        return self._by(1)

    def _catch_up(self) -> None:
        with self._lock:
            self._settle()

    def _by(self, part: int) -> dict[str, list[int]]:
        return {name: series.tolist() for name, series in self._series(part).items()}

    def _series(self, part: int) -> dict[str, np.ndarray]:
        self._catch_up()
        series: dict[str, np.ndarray] = {}
        for i, changes in enumerate(self._changes):
            for who, n in changes:
                if who[part] not in series:
                    series[who[part]] = np.zeros(len(self._changes), np.int64)
                series[who[part]][i] += n
        return {name: deltas.cumsum() for name, deltas in series.items()}

    def at_peak(self) -> list[tuple[str, str, int]]:
        """(module, operation, bytes) for all that held memory at the peak, the largest first."""
        held: dict[tuple[str, str], int] = {}
        top = int(np.argmax(self.held)) if self.events else -1
        for changes in self._changes[:top + 1]:
            for who, n in changes:
                held[who] = held.get(who, 0) + n
        return [(*who, n) for who, n in sorted(held.items(), key=lambda item: -item[1]) if n]

    def table(self, rows: int = 12, width: int | None = None) -> str:
        """What was held at the peak, and in the end, as text."""
        lines, width = self.at_peak(), width or shutil.get_terminal_size().columns
        held = self.held
        if not lines:
            return f"The graph held nothing in {len(self.events)} events."
        shown = [(module, op, in_bytes(n), f"{n / self.peak:.0%}") for module, op, n in lines[:rows]]
        rest = sum(n for *_, n in lines[rows:])
        if rest:
            shown.append((f"{len(lines) - rows} others", "", in_bytes(rest), f"{rest / self.peak:.0%}"))
        head = ("Module", "Operation", "Held", "Part")
        widths = [max(len(row[c]) for row in (head, *shown)) for c in range(4)]
        widths[0] = max(min(widths[0], width - sum(widths[1:]) - 6), 8)
        text = [f"{_cut(a, widths[0]):<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}" for a, b, c, d in
                (head, *shown)]
        at = held.index(self.peak)
        return "\n".join([f"The graph held at most {in_bytes(self.peak)}, after event {at + 1} of {len(held)}; in the end "
                          f"{in_bytes(held[-1])}.", *text])

    __str__ = table

    def __repr__(self) -> str:
        return f"<memory log: {len(self.events)} events, peak {in_bytes(self.peak)}>"

    # --- the picture ----------------------------------------------------------------------------------------------------

    def plot(self, path: Any = None, *others: memory, by: str | None = None, depth: int | None = None, top: int = 8) -> Any:
        """Draw what was held, stacked by module or operation. Returns the matplotlib figure.

        path    a file to write: .png, .svg, .pdf or .html
        others  logs to draw beside this one, to the same scale
        by      "module" or "op" (default: "module" if a model was given)
        depth   how many parts of a module's path to tell apart (default: as many as `top` allows)
        top     at most this many of them get a colour of their own, the largest
        """
        by = by or ("module" if self._models else "op")
        if by not in ("module", "op"):
            raise ValueError(f"memory.plot: argument 'by' must be 'module' or 'op'; got {by!r}.")
        logs = (self, *others)
        for log in logs:
            if not isinstance(log, memory):
                raise TypeError(f"memory.plot: what comes after the path are other logs to draw beside this one; got "
                                f"{type(log).__name__}.")
            if not log.held:
                raise ValueError("memory.plot: there is nothing to draw: no operation was recorded in the block. It must "
                                 "contain the forward pass, of tensors that require grad, outside no_grad().")
        fig = figure(8.5 if len(logs) == 1 else 5.2 * len(logs), 4.4, "memory.plot")
        top = max(1, min(top, len(COLORS) - 1))
        series = [log._series(by == "op") for log in logs]
        if by == "module":
            group = _grouping({name for each in series for name in each}, top, depth)
            series = [_merged(each, group) for each in series]
        sizes: dict[str, int] = {}  # the largest figure of each, in the order of their first appearance
        for each in series:
            for name, values in each.items():
                sizes[name] = max(sizes.get(name, 0), int(values.max()))
        largest = sorted(sizes, key=lambda name: -sizes[name])[:top]
        names = [name for name in sizes if name in largest]
        peak = max(log.peak for log in logs)
        scale, unit = next(((s, u) for s, u in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if peak >= s), (1, "bytes"))
        axes = fig.subplots(1, len(logs), sharey=True, squeeze=False)[0]
        for ax, log, each in zip(axes, logs, series, strict=True):
            log._draw(ax, each, names, scale)
        axes[0].set_ylabel(f"held by the graph [{unit}]")
        handles = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
        order = [n for n in [*reversed(names), _OTHERS, "peak", "backward"] if n in handles]  # as they lie on each other
        fig.legend([handles[n] for n in order], [self._label(n, by) for n in order], loc="outside right upper",
                   frameon=False, fontsize=8)
        if path is not None:
            save(fig, path, "memory.plot", self.title or "Memory held by the graph")
        return fig

    def _label(self, name: str, by: str) -> str:
        if by == "op":
            return name.removesuffix("Backward")
        module = next((m for m, path in self._names.items() if path == name), None)
        return name if module is None or name == type(module).__name__ else f"{_cut(name, 28)}: {type(module).__name__}"

    def _draw(self, ax: Any, series: dict[str, np.ndarray], names: list[str], scale: float) -> None:
        held = np.array(self.held)
        count = len(held)
        # Of many events, the highest of each run: more than the picture has columns would only make the file large.
        runs = np.array_split(np.arange(count), min(count, 1500))
        picks = np.array([run[np.argmax(held[run])] for run in runs])
        edges, top = np.append([run[0] for run in runs], count), np.append(picks, picks[-1])
        zero = np.zeros(count, np.int64)
        layers = {name: series.get(name, zero) for name in names}
        layers[_OTHERS] = sum((values for name, values in series.items() if name not in layers), zero)
        layers = {name: values[top] / scale for name, values in layers.items() if values.any()}
        stretches = self._backward()
        for i, (start, stop) in enumerate(stretches if len(stretches) <= 200 else []):  # of more, nobody could see one
            ax.axvspan(start, stop, color="#000000", alpha=0.07, lw=0, label="_" if i else "backward")
        if layers:
            colors = dict(zip(names, COLORS, strict=False))
            ax.stackplot(edges, list(layers.values()), labels=list(layers), step="post", lw=0,
                         colors=[colors.get(name, COLORS[-1]) for name in layers])
        ax.step(edges, held[top] / scale, where="post", color="#222222", lw=0.8)
        ax.axhline(self.peak / scale, color="#222222", lw=0.8, ls=":", label="peak")
        ax.set(xlim=(0, count), xlabel="operations, forward and backward")
        ax.set_ylim(bottom=0)
        ax.set_title(f"{self.title}\npeak {in_bytes(self.peak)}" if self.title else f"peak {in_bytes(self.peak)}", fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)

    def _backward(self) -> list[tuple[int, int]]:
        """The stretches of events where backward was at work."""
        found, start = [], None
        for i, event in enumerate([*self.events, None]):
            if event is not None and event.what == "released":
                start = i if start is None else start
            elif start is not None and (event is None or event.what == "recorded"):
                found.append((start, i))
                start = None
        return found

    def _repr_png_(self) -> bytes:
        """A notebook shows the picture."""
        import io

        picture = io.BytesIO()
        self.plot().savefig(picture, format="png", dpi=110)
        return picture.getvalue()


def _grouping(names: set[str], top: int, depth: int | None) -> dict[str, str]:
    """The path of each module, cut to the greatest depth that leaves no more than `top` of them."""

    def cut(depth: int) -> dict[str, str]:
        return {name: name if name == OUTSIDE else ".".join(name.split(".")[:depth]) for name in names}

    if depth is None:
        deepest = max((name.count(".") + 1 for name in names), default=1)
        depth = next((d for d in range(deepest, 1, -1) if len(set(cut(d).values())) <= top), 1)
    return cut(depth)


def _merged(series: dict[str, np.ndarray], group: dict[str, str]) -> dict[str, np.ndarray]:
    merged: dict[str, np.ndarray] = {}
    for name, values in series.items():
        key = group[name]
        merged[key] = merged[key] + values if key in merged else values
    return merged


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else "…" + text[len(text) - width + 1:]
