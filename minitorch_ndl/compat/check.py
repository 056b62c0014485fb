"""Which of torch's names a script uses, and which of them we lack: found by reading it, not by running it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .finder import ROOTS, lookup, nearest


@dataclass
class Report:
    """What a script uses: dotted names, with the line of their first use."""

    path: str
    used: dict[str, int] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        count = len(self.used)
        lines = [f"{self.path}: uses {count} name{'s' * (count != 1)} of torch, "
                 + (f"{len(self.missing)} of them missing" if self.missing else "all there")]
        width = max(map(len, self.used), default=0)
        for name in sorted(self.used):
            near = nearest(name) if name in self.missing else None
            note = f"  MISSING (line {self.used[name]})" + (f"; nearest: {near}" if near else "")
            lines.append(f"  {name:<{width}}{note}" if name in self.missing else f"  {name}")
        return "\n".join(lines)


def check(path: Any) -> Report:
    """Read a script. Raises SyntaxError for one that is no Python, OSError for one that cannot be read.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     script = pathlib.Path(folder) / "train.py"
    ...     _ = script.write_text("from torch import nn\\nnn.Linear(2, 3), nn.Liner(2)")
    ...     ndl.compat.check(script).missing
    {'torch.nn.Liner': 2}
    """
    tree = ast.parse(Path(path).read_bytes(), str(path))
    uses = _Uses(tree)
    report = Report(str(path), uses.found)
    for name, line in uses.found.items():
        try:
            lookup(name)
        except AttributeError:
            if name.rpartition(".")[0] not in report.missing:  # a.b is missing: nothing new about a.b.c
                report.missing[name] = line
    return report


class _Uses(ast.NodeVisitor):
    """Collects the dotted names that a script reaches from what it imports."""

    def __init__(self, tree: ast.AST):
        self.found: dict[str, int] = {}
        self.aliases: dict[str, str] = {}  # a name in the script -> what it stands for
        self.hidden: list[set[str]] = []  # names that mean something else, in each function around
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._import(alias.name, alias.asname or alias.name.partition(".")[0],
                                 alias.name if alias.asname else alias.name.partition(".")[0], node.lineno)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                for alias in node.names:
                    if alias.name == "*":
                        self._import(node.module, "", node.module, node.lineno)
                    else:
                        full = f"{node.module}.{alias.name}"
                        self._import(full, alias.asname or alias.name, full, node.lineno)
        self.visit(tree)

    def _import(self, name: str, bound: str, to: str, line: int) -> None:
        if name.partition(".")[0] in ROOTS:
            self._use(name, line)
            self.aliases[bound] = to

    def _use(self, name: str, line: int) -> None:
        if "." in name:
            self.found[name] = min(line, self.found.get(name, line))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        parts: list[str] = []
        base: ast.AST = node
        while isinstance(base, ast.Attribute):
            parts.append(base.attr)
            base = base.value
        if isinstance(base, ast.Name) and base.id in self.aliases and not any(base.id in names for names in self.hidden):
            self._use(self._known(".".join([self.aliases[base.id], *reversed(parts)])), node.lineno)
        else:
            self.generic_visit(node)

    @staticmethod
    def _known(name: str) -> str:
        """`name` up to where it leaves our modules and classes: of ``torch.pi.hex``, ``torch.pi``."""
        parts = name.split(".")
        for n in range(2, len(parts)):
            try:
                value = lookup(".".join(parts[:n]))
            except AttributeError:
                return ".".join(parts[:n])
            if not (isinstance(value, type) or hasattr(value, "__spec__")):
                return ".".join(parts[:n])
        return name

    def _function(self, node: Any) -> None:
        arguments = node.args
        names = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg,
                                 arguments.kwarg) if a is not None}
        for default in (*arguments.defaults, *arguments.kw_defaults, *getattr(node, "decorator_list", ())):
            if default is not None:  # these belong to the scope around
                self.visit(default)
        for annotation in (*(a.annotation for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)),
                           getattr(node, "returns", None)):
            if annotation is not None:
                self.visit(annotation)
        body = node.body if isinstance(node.body, list) else [node.body]
        self.hidden.append(names | _assigned(body))
        for statement in body:
            self.visit(statement)
        self.hidden.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function


def _assigned(body: Iterable[ast.AST]) -> set[str]:
    """The names that are assigned in a function, but not in functions inside it."""
    names: set[str] = set()
    todo = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            todo.extend(ast.iter_child_nodes(node))
    return names
