"""`why_alive`: the chain of references that keeps a graph in memory, in words.

Three searches, one after another. Among the nodes: which ones came from the tensor's own, and so keep it. Among the
tensors: which ones point at those. Then backwards from these, object by object, as the garbage collector knows who refers
to whom, until a name is found that a person has given: a variable, a global, an attribute of a class.
"""

from __future__ import annotations

import gc
import itertools
import os
import re
import sys
import types
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..printing import in_bytes
from ..tensor import Tensor, _memory
from .engine import edge_of
from .node import Node, Output
from .saved import INTERMEDIATE, memories, saved_arrays

_MOST = 5  # chains that are shown
_LEVELS, _WIDTH = 14, 300  # how far the search goes: steps, and things looked for at once
_PACKAGE_NAME = __name__.partition(".")[0]


class WhyAlive:
    """What `why_alive` found: ``chains``, each a line of text, and ``held``, the bytes. It prints itself."""

    def __init__(self, text: str, held: int = 0, chains: list[str] | None = None):
        self.text, self.held, self.chains = text, held, chains or []

    def __repr__(self) -> str:
        return self.text


def why_alive(tensor: Tensor) -> WhyAlive:
    """Who keeps the graph behind `tensor` in memory, in words; for a tensor without a graph, which graphs have saved it.

    It looks through all of the program's objects, for debugging: a call takes a fraction of a second.

    >>> w = ndl.ones(1000, requires_grad=True)
    >>> losses = []
    >>> for step in range(3):
    ...     loss = w.exp().sum()
    ...     losses.append(loss)
    >>> first = losses[0]; del loss, first
    >>> print(ndl.autograd.graph.why_alive(losses[0]))
    This graph of 2 operations holds 4.0 kB for backward. It is kept by
      'losses' at the top of ... → element 0 of a list → SumBackward → ExpBackward, which saved 'out' (1000,), 4.0 kB
    It goes when that reference goes: keep loss.item() or loss.detach() instead, or del the variable.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"why_alive: argument 'tensor' must be a Tensor; got {type(tensor).__name__}.")
    gc.collect()
    search = _Search(gc.get_objects())
    own = _source(edge_of(tensor))
    if isinstance(own, Node):
        starts = [own]
        behind = _behind(own)
        found = {key: memory for node in behind for key, memory in memories(node).items()}
        held = sum(memory.nbytes for memory in found.values())
        subject = f"This graph of {len(behind)} operation{'s' * (len(behind) != 1)}"
        if not held:
            return WhyAlive(f"{subject} holds no memory: " + (
                "backward has used what it saved, and let it go." if any(n.saved is None for n in behind) else
                "its operations need nothing for backward."))
        saved_by, end = _largest(behind)
    else:
        memory = _memory(tensor._array)
        starts = [node for node in search.nodes if node.saved is not None and id(memory) in memories(node)]
        held, saved_by = memory.nbytes, None
        if not starts:
            return WhyAlive(f"Nothing to keep: the tensor, of {in_bytes(held)}, has no graph, and no recorded operation has "
                            f"saved it. It goes when its last variable goes.")
        subject = f"This tensor, of {in_bytes(held)}, was saved for backward by {_several(starts)}. It"
        name = next(name for name, array in saved_arrays(starts[0]) if _memory(array) is memory)
        end = f", which saved it as '{name}'"
    chains = search.chains(starts, saved_by, end)
    what = f"{subject} holds {in_bytes(held)} for backward. It" if isinstance(own, Node) else subject
    if not chains:
        return WhyAlive(f"{what} is kept by nothing but this call, and goes when it returns (or by something that Python does "
                        f"not show, such as an extension).", held)
    lines = [f"{what} is kept by", *(f"  {chain}" for chain in chains[:_MOST])]
    if len(chains) > _MOST:
        lines.append(f"  and {len(chains) - _MOST} more")
    lines.append("It goes when that reference goes: keep loss.item() or loss.detach() instead, or del the variable."
                 if len(chains) == 1 else "It goes when all of these have gone: keep loss.item() or loss.detach() instead, or "
                 "del the variables.")
    return WhyAlive("\n".join(lines), held, chains)


# --- the graph ------------------------------------------------------------------------------------------------------


def _source(edge: Any) -> Any:
    return edge.node if type(edge) is Output else edge


def _behind(start: Node) -> list[Node]:
    """The nodes that `start` came from, itself first."""
    seen, stack = {start: None}, [start]
    while stack:
        for edge in stack.pop().edges:
            node = _source(edge)
            if type(node) is Node and node not in seen:
                seen[node] = None
                stack.append(node)
    return list(seen)


def _largest(nodes: list[Node]) -> tuple[Node, str]:
    """The node that holds the largest piece of memory, the youngest of several, and what it is, in words."""
    best: tuple[int, int] = (-1, 0)
    for node in nodes:
        for name, array in saved_arrays(node):
            rank = (_memory(array).nbytes, node.number)
            if rank > best:
                best, where, shape = rank, node, tuple(array.shape)
                what = "an intermediate result" if name == INTERMEDIATE else f"'{name}'"
    return where, f", which saved {what} {shape}, {in_bytes(best[0])}"


def _several(nodes: list[Node]) -> str:
    names = list(dict.fromkeys(node.name() for node in nodes))
    return names[0] if len(nodes) == 1 else f"{len(nodes)} operations ({', '.join(names[:3])}{', …' * (len(names) > 3)})"


# --- who refers to whom ---------------------------------------------------------------------------------------------


class Link(NamedTuple):
    """A thing that holds the graph: how, over which other things, and the chain from there on."""

    thing: Any
    links: str
    rest: str


class _Search:
    """Who refers to whom. `objects`: all that there is."""

    def __init__(self, objects: list[Any]):
        self.objects = objects
        self.before = {id(o) for o in objects}  # what the search itself makes is not among these
        self.nodes: list[Node] = []
        self.tensors: dict[Node, list[Any]] = defaultdict(list)  # by node: what points at it
        self.cells: dict[int, list[tuple[Any, str]]] = defaultdict(list)  # by cell: functions, and their names for it
        for o in objects:
            kind = type(o)
            if kind is Node:
                if hasattr(o, "edges"):
                    self.nodes.append(o)
            elif kind is types.FunctionType:
                for name, cell in zip(o.__code__.co_freevars, o.__closure__ or (), strict=False):
                    self.cells[id(cell)].append((o, name))
            elif issubclass(kind, Tensor):
                source = _source(getattr(o, "_edge", None))
                if type(source) is Node:
                    self.tensors[source].append(o)
        self.nodes.sort(key=lambda node: node.number)
        self.consumers: dict[Node, list[Node]] = defaultdict(list)
        for node in self.nodes:
            for edge in node.edges:
                source = _source(edge)
                if type(source) is Node and self.consumers[source][-1:] != [node]:
                    self.consumers[source].append(node)
        self.running = {id(frame) for frame in _frames()}  # what is in their variables is known
        self.variables = _variables()
        self.spaces = _namespaces()

    def chains(self, starts: list[Node], saved_by: Node | None, end: str) -> list[str]:
        """The chains from something with a name to the graph, the shortest first."""
        holders, self.own = self._holders(starts, saved_by, end)
        found: dict[str, tuple[int, str]] = {}  # what it begins and ends with: the shortest such chain

        def name(title: str, link: Link) -> None:
            found.setdefault(title + link.rest, (level, _tidy(f"{title}{link.links} → {link.rest}")))

        seen, frontier = {id(h.thing) for h in holders}, holders
        for level in range(_LEVELS):
            here: dict[int, Link] = {}
            for link in frontier:
                names = self.variables.get(id(link.thing), ())
                for title in names:
                    name(title, link)
                if not names or not level:  # what has a name is where people look; but who holds the graph itself is all told
                    here[id(link.thing)] = link
            frontier = []
            for link in [*self._closures(here), *self._referrers(here, seen, name)]:
                if id(link.thing) not in seen:
                    seen.add(id(link.thing))
                    frontier.append(link)
            if not frontier:
                break
        return [chain for _, chain in sorted(found.values())]

    def _holders(self, starts: list[Node], saved_by: Node | None, end: str) -> tuple[list[Link], set[int]]:
        """What holds one of `starts`, or a node that came from them; and the ids of those nodes."""
        paths = {start: _path(start, saved_by) for start in starts}
        ways: dict[Node, tuple[int, Node, Node, Node]] = {}  # how far to which start, by which node, and by which last
        nodes = list(starts)
        for node in nodes:  # grows
            steps, start, _, last = ways.get(node, (0, node, node, node))
            for consumer in self.consumers[node]:
                if consumer not in ways and consumer not in paths:
                    ways[consumer] = steps + 1, start, node, last if steps else consumer
                    nodes.append(consumer)

        def walk(node: Node) -> Iterator[Node]:
            while node not in paths:
                yield node
                node = ways[node][2]
            yield from paths[node]

        def rest(node: Node) -> str:
            steps, start, _, last = ways.get(node, (0, node, node, node))
            count = steps + len(paths[start])
            if count <= 5:
                return " → ".join(n.name() for n in walk(node)) + end
            head, tail = itertools.islice(walk(node), 2), [last, *paths[start]][-2:]
            return " → ".join([*(n.name() for n in head), f"… {count - 4} more …", *(n.name() for n in tail)]) + end

        links = [Link(holder, "", rest(node)) for node in nodes for holder in self.tensors[node]]
        links += [Link(node, "", rest(node)) for node in nodes]
        return links, {id(node) for node in nodes}

    def _closures(self, here: dict[int, Link]) -> Iterator[Link]:
        for link in here.values():
            for function, name in self.cells.get(id(link.thing), ()):
                yield Link(function, f" → variable '{name}' in the closure of {_function(function)}{link.links}", link.rest)

    def _referrers(self, here: dict[int, Link], seen: set[int], name: Any) -> Iterator[Link]:
        """What refers to the things here; calls ``name(title, link)`` where a chain begins."""
        things = [link.thing for link in here.values() if type(link.thing) is not types.CellType]
        things.sort(key=lambda thing: type(thing) is Node)
        if not things:
            return
        for referrer in gc.get_referrers(*things[:_WIDTH]):
            key = id(referrer)
            if key not in self.before or key in self.own or key in seen or key in self.running:
                continue
            child = next((c for c in gc.get_referents(referrer) if id(c) in here), None)
            if child is None:
                continue
            link = here[id(child)]
            if key in self.spaces:
                for variable in (k for k, v in list(referrer.items()) if v is child):
                    name(f"'{variable}' {self.spaces[key]}", link)
            elif issubclass(type(referrer), type):
                name(f"the class {referrer.__qualname__}", link)
            else:
                yield Link(referrer, self._link(referrer, child) + link.links, link.rest)

    # --- how one object holds another ---------------------------------------------------------------------------------

    def _link(self, referrer: Any, child: Any) -> str:
        """How `referrer` holds `child`: a piece of the chain, or nothing where the next one says enough."""
        kind = type(referrer)
        if issubclass(kind, dict):
            owner = self._owner(referrer)
            name = next((k for k, v in list(referrer.items()) if v is child), None)
            if owner is not None:
                return _attribute(owner, name)
            return " → a key of a dict" if name is None else f" → {_entry(name)} of {_a(kind.__name__)}"
        if kind in (list, tuple):
            at = next((i for i, v in enumerate(referrer) if v is child), None)
            return "" if at is None else f" → element {at} of a {kind.__name__}"
        if issubclass(kind, types.CellType):
            return ""
        if issubclass(kind, types.FunctionType):
            return f" → {_function(referrer)}"
        if issubclass(kind, types.MethodType):
            return f" → the method {referrer.__name__}"
        if issubclass(kind, (types.GeneratorType, types.CoroutineType)):
            frame = getattr(referrer, "gi_frame", None) or getattr(referrer, "cr_frame", None)
            return "" if frame is None or frame is child else f" → {_local(frame, child)} {_place(frame)}, which waits"
        if issubclass(kind, types.FrameType):
            waits = ", which waits" if referrer.f_code.co_flags & 0xA0 else ""  # of a generator, or a coroutine
            return f" → {_local(referrer, child)} {_place(referrer)}{waits}"
        if child is self._dict_of(referrer):
            return ""  # the attribute has been named
        if kind is Node:
            return f" → a hook on {referrer.name()}" if child is referrer.hooks else f" → {referrer.name()}"
        for name in self._names(referrer):
            try:
                value = object.__getattribute__(referrer, name)
            except AttributeError:
                continue
            if value is child:
                return _attribute(referrer, name)
        return f" → {_a(kind.__name__)}"

    def _dict_of(self, thing: Any) -> dict | None:
        """The dict of an object's attributes. To ask for it may make it, and then it is what refers to their values."""
        try:
            table = object.__getattribute__(thing, "__dict__")
        except (AttributeError, TypeError):
            return None
        if type(table) is not dict:
            return None
        self.before.add(id(table))
        return table

    def _names(self, thing: Any) -> Iterator[str]:
        """The attributes that an object has of its own."""
        yield from list(self._dict_of(thing) or ())
        for kind in type(thing).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            yield from (slots,) if isinstance(slots, str) else slots

    def _owner(self, table: dict) -> Any:
        """The object whose attributes are in this dict, if there is one."""
        for thing in gc.get_referrers(table):
            if id(thing) in self.before and type(thing).__dictoffset__ and self._dict_of(thing) is table:
                return thing
        return None


def _path(start: Node, end: Node | None) -> list[Node]:
    """The nodes from `start` back to `end`, the shortest way."""
    if end is None or end is start:
        return [start]
    parents: dict[Node, Node] = {}
    queue = [start]
    for node in queue:
        for edge in node.edges:
            source = _source(edge)
            if type(source) is Node and source not in parents and source is not start:
                parents[source] = node
                queue.append(source)
        if end in parents:
            break
    path = [end]
    while path[-1] is not start:
        path.append(parents[path[-1]])
    return path[::-1]


# --- words ------------------------------------------------------------------------------------------------------------


def _attribute(owner: Any, name: Any) -> str:
    if isinstance(owner, Tensor):
        title = f"a tensor {tuple(owner._array.shape)}" if hasattr(owner, "_array") else "a tensor"
        return {"_edge": "", "_grad": f" → the .grad of {title}", "_leaf_hooks": f" → a hook on {title}",
                "_view": f" → {title}, a view of it"}.get(name, f" → attribute '{name}' of {title}")
    kind = type(owner).__name__
    if type(owner).__module__.startswith(_PACKAGE_NAME):
        if kind in ("Hooks", "View"):
            return ""
        if type(owner) is Node and name == "hooks":
            return f" → a hook on {owner.name()}"
        if name == "_hooks":
            return f" → a hook of {_a(kind)}"
    return f" → attribute '{name}' of {_a(kind)}"


# The tables in which modules and hooks keep things say nothing to people.
_TIDIER = [
    (re.compile(r"attribute '_modules' of (an? \w+) → key '([^']+)' of a dict"), r"part '\2' of \1"),
    (re.compile(r"attribute '_(buffer|parameter)s' of (an? \w+) → key '([^']+)' of a dict"), r"\1 '\3' of \2"),
    (re.compile(r"(a hook (?:of|on) [^→]+?) → key \d+ of an? (?:OrderedDict|dict)(?: → element \d of a tuple)?"), r"\1"),
    (re.compile(r"(a traceback → )+"), r"\1"),
    (re.compile(r"^(the class \S+) → key '([^']+)' of a dict"), r"attribute '\2' of \1"),
]


def _tidy(chain: str) -> str:
    for pattern, words in _TIDIER:
        chain = pattern.sub(words, chain)
    return chain


def _entry(key: Any) -> str:
    plain = isinstance(key, (str, int, float, bool, bytes, type(None)))
    return f"key {key!r}" if plain else f"a key, {_a(type(key).__name__)},"


def _a(name: str) -> str:
    return f"an {name}" if name[:1] in "AEIOUaeiou" else f"a {name}"


def _function(function: Any) -> str:
    code = function.__code__
    return f"function {function.__name__} ({os.path.basename(code.co_filename)}:{code.co_firstlineno})"


def _place(frame: Any) -> str:
    code = frame.f_code
    whose = "" if _ours(code.co_filename) else "your "
    return f"in {whose}function {code.co_name} ({os.path.basename(code.co_filename)}:{frame.f_lineno})"


def _ours(file: str) -> bool:
    return file.startswith(os.path.dirname(os.path.dirname(__file__)) + os.sep)


def _local(frame: Any, value: Any) -> str:
    return next((f"'{name}'" for name, v in _locals(frame) if v is value), "a value")


def _locals(frame: Any) -> list[tuple[str, Any]]:
    """The local variables of a function's frame, without leaving references behind.

    Before Python 3.13, reading `f_locals` makes a dict that lives as long as the frame: it would keep what it shows.
    """
    table = frame.f_locals
    items = list(table.items())
    if type(table) is dict and frame.f_code.co_flags & 2 and sys.getrefcount(table) <= 3:  # 2: a function; nobody else's dict
        table.clear()
    return items


def _variables() -> dict[int, list[str]]:
    """The local variables of all functions that are running, in words, by the id of what they hold."""
    found: dict[int, list[str]] = defaultdict(list)
    for frame in _frames():
        if frame.f_code.co_name == "<module>" or frame.f_code.co_filename == __file__ or frame.f_locals is frame.f_globals:
            continue  # globals are found as such
        for name, value in _locals(frame):
            if not name.startswith("@"):  # pytest's own
                text = f"'{name}' {_place(frame)}"
                if text not in found[id(value)]:
                    found[id(value)].append(text)
    return found


def _frames() -> Iterator[Any]:
    for top in list(sys._current_frames().values()):
        frame: Any = top
        while frame is not None:
            yield frame
            frame = frame.f_back


def _namespaces() -> dict[int, str]:
    """The globals of modules and running scripts, by id, in words."""
    found = {}
    for frame in _frames():
        found[id(frame.f_globals)] = f"at the top of {os.path.basename(frame.f_code.co_filename)}"
    for name, module in list(sys.modules.items()):
        table = getattr(module, "__dict__", None)
        if type(table) is dict:
            file = table.get("__file__")
            found[id(table)] = f"at the top of {os.path.basename(file)}" if isinstance(file, str) else f"in module {name}"
    return found
