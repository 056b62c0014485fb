"""`graph`: a picture of what autograd recorded, to walk through."""

from __future__ import annotations

import html
import json
import os
import warnings
from collections.abc import Sequence
from functools import cached_property
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .. import errors
from ..autograd.engine import edge_of
from ..serialization.files import replacing
from ..tensor import Tensor
from .contents import bytes_text
from .flow import Flow
from .grouping import group, names_of
from .layout import Layout
from .scene import Scene
from .tape import Tape

LIMIT = 20_000


def graph(loss: Tensor | Sequence[Tensor], params: Any = None, *, tensors: dict[str, Tensor] | None = None,
          limit: int = LIMIT) -> Picture:
    """A picture of what autograd recorded for `loss`: forward, backward, and the memory that the graph holds.

    params   the model (or a dict of names and tensors, or ``model.named_parameters()``): names the leaves, and puts
             operations in boxes, one for each module
    tensors  other tensors to name, and to show the values of
    limit    draw no more operations than this, the latest ones; all earlier ones become a single box

    In a notebook it shows itself; `save` writes a page, a picture or Graphviz's text. To know the gradients it runs
    backward once (hooks included), but leaves `.grad` and the graph as they are, so call it before ``loss.backward()``.

    >>> model = ndl.nn.Sequential(ndl.nn.Linear(3, 4), ndl.nn.ReLU(), ndl.nn.Linear(4, 1))
    >>> picture = ndl.viz.graph(model(ndl.ones(2, 3)).sum(), params=model)
    >>> picture
    <graph of 4 operations and 4 leaves, holding 72 bytes>
    >>> picture.order
    ['sum', 'linear', 'relu', 'linear']
    """
    roots = [loss] if isinstance(loss, Tensor) else list(loss) if isinstance(loss, (list, tuple)) else []
    if not roots or not all(isinstance(root, Tensor) for root in roots):
        raise TypeError(f"viz.graph: expected the tensor that the graph leads to, such as a loss, or several; got "
                        f"{type(loss).__name__}.")
    for root in roots:
        if edge_of(root) is None:
            raise RuntimeError(
                "viz.graph: this tensor has no graph: nothing that it was made of requires grad, or it was made under "
                "no_grad, or detached. Give the loss itself, not loss.item() or loss.detach(); check that the model's "
                "parameters have requires_grad=True.")
        if root._edge is None:
            raise RuntimeError("viz.graph: this tensor is a leaf: it was made by you, not by an operation, so there is no "
                               "graph behind it. Give what was computed from it, such as the loss.")
    if limit < 1:
        raise ValueError(f"viz.graph: limit is how many operations may be drawn, at least 1; got {limit}.")
    for name, tensor in (tensors or {}).items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"viz.graph: tensors[{name!r}] must be a tensor; got {type(tensor).__name__}.")
    names, model = names_of(params)
    picture = Picture(roots, names, model, tensors or {}, limit)
    if picture.tape.left_out:
        warnings.warn(
            f"viz.graph: {picture.tape.total:,} operations were recorded; the latest {limit:,} are drawn, and all before them "
            f"as one box. Where this is a loop over steps, cut it with .detach(); limit={picture.tape.total} draws them all.",
            stacklevel=2)
    return picture


class Picture:
    """What `graph` returns."""

    def __init__(self, roots: Sequence[Tensor], names: dict[Tensor, str], model: Any, tensors: dict[str, Tensor], limit: int):
        self.title = type(model).__name__ if model is not None else "graph"
        self.tape = Tape(roots, names, tensors, limit)
        self._flow = Flow(roots, self.tape)
        self.root = group(self.tape.items, names, model)

    @property
    def order(self) -> list[str]:
        """The operations in the order in which backward takes them."""
        return [self.tape.of[node].name for node in self._flow.order]

    @property
    def held_bytes(self) -> int:
        """The memory that the graph keeps alive, as `autograd.graph.held_bytes` counts it."""
        return sum(self.tape.sizes.values())

    @cached_property
    def _scene(self) -> Scene:
        return Scene(self.tape, self._flow, Layout(self.root, self.tape))

    def __repr__(self) -> str:
        ops, leaves = self.tape.total, sum(item.kind == "leaf" for item in self.tape.items)
        return (f"<graph of {ops} operation{'s' * (ops != 1)} and {leaves} {'leaf' if leaves == 1 else 'leaves'}, holding "
                f"{self.held_bytes} bytes>")

    def _repr_html_(self) -> str:
        try:
            page = self.html()
        except ImportError as error:
            return f"<pre>{html.escape(repr(self))}\n{html.escape(str(error))}</pre>"
        return (f'<iframe srcdoc="{html.escape(page)}" title="{html.escape(self.title)}: computational graph" '
                'style="width: 100%; height: 720px; border: 1px solid #8888; border-radius: 8px"></iframe>')

    def save(self, path: Any) -> None:
        """Write the picture to a file: whole, or not at all.

        .html  a page to walk through: one file, which needs no network
        .svg, .png  a picture as the page opens
        .dot   text for Graphviz, every operation
        """
        suffix = Path(os.fspath(path)).suffix.lower()
        makers: dict[str, Any] = {".html": self.html, ".svg": self.svg, ".png": self.png, ".dot": self.dot}
        if suffix not in makers:
            raise ValueError(f"viz.graph: cannot save to {os.fspath(path)!r}: the name must end in "
                             f"{', '.join(makers)}; got {suffix or 'no suffix'!r}.")
        content = makers[suffix]()
        with replacing(path) as file:
            file.write(content if isinstance(content, bytes) else content.encode("utf-8"))

    def html(self) -> str:
        """The page."""
        files = resources.files(__package__)
        page, style, *scripts = (files.joinpath(name).read_text(encoding="utf-8")
                                 for name in ("page.html", "page.css", "page.js", "panel.js", "player.js"))
        data = json.dumps(self._scene.data(), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
        ops = self.tape.total
        subtitle = f"{ops:,} operation{'s' * (ops != 1)} · {bytes_text(self.held_bytes)} kept for backward"
        for mark, text in (("title", html.escape(self.title)), ("subtitle", html.escape(subtitle)),
                           ("style", style), ("d3", _d3()), ("script", "\n".join(scripts)), ("data", data)):
            page = page.replace(f"<!--{mark}-->", text)
        return page

    def svg(self) -> str:
        """A picture, as text."""
        from .drawing import svg

        return svg(self._scene)

    def png(self) -> bytes:
        """A picture, as the bytes of a PNG file."""
        from .drawing import png

        return png(self._scene)

    def dot(self) -> str:
        """The graph in Graphviz's language, modules as clusters."""
        from .drawing import dot

        return dot(self.root, self.tape)



def _d3() -> str:
    """D3, as the package mpld3 brings it; the package itself, which draws with matplotlib, need not be imported."""
    spec = find_spec("mpld3")
    if spec is None or not spec.submodule_search_locations:
        raise errors.not_installed("the page of viz.graph", "mpld3", "viz")
    found = sorted(Path(spec.submodule_search_locations[0]).glob("js/d3.v[5-9]*.min.js"))
    if not found:
        raise errors.not_installed("the page of viz.graph", "mpld3 0.5.10 or later (with D3 of version 5)", "viz")
    return found[-1].read_text(encoding="utf-8").replace("</script", "<\\/script")
