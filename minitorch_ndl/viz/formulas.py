"""What stands in the source about an operation: its formulas as people wrote them, and its first line of documentation."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from ..autograd.rule import Rule
from ..dispatch import OPS, Op


def op_of(rule: Any) -> Op | None:
    """The operation that a rule belongs to; None for the rules of user functions and of autograd itself."""
    found = getattr(rule, "op", None)
    if isinstance(found, Op):
        return found
    return _by_node_name(len(OPS)).get(rule.name) if isinstance(rule, Rule) else None


@functools.lru_cache(maxsize=1)
def _by_node_name(count: int) -> dict[str, Op]:
    """`count`, the number of operations, makes the table anew when one is defined."""
    return {op.node_name: op for op in OPS.values()}


@functools.lru_cache(maxsize=4096)
def text_of(formula: Callable) -> str:
    """A gradient formula as it stands in the source: an expression, or a whole function."""
    try:
        source = textwrap.dedent(inspect.getsource(formula))
        if formula.__name__ != "<lambda>":
            return source.rstrip()
        return _lambda_text(formula)
    except (OSError, TypeError, SyntaxError):
        return f"{formula.__name__}(...)"  # defined where no source is kept


def _lambda_text(formula: Callable) -> str:
    code = formula.__code__
    nearby = [(other, text) for other, text in _lambdas(inspect.getsourcefile(formula) or "").get(code.co_firstlineno, ())
              if other.co_varnames == code.co_varnames]
    for other, text in nearby:
        if len(nearby) == 1 or (other.co_names, other.co_consts) == (code.co_names, code.co_consts):
            return text
    return "(several formulas stand on this line of the source)"


@functools.lru_cache(maxsize=128)
def _lambdas(file: str) -> dict[int, list[tuple[Any, str]]]:
    """By line: the lambdas of a source file, compiled, beside the text of what they return."""
    with open(file, encoding="utf-8") as stream:
        source = stream.read()
    lines = source.encode().split(b"\n")  # columns count bytes
    found: dict[int, list[tuple[Any, str]]] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Lambda):
            made = eval(compile(ast.Expression(node), "", "eval"), {})
            found.setdefault(node.lineno, []).append((made.__code__, _segment(lines, node.body)))
    return found


def _segment(lines: list[bytes], node: Any) -> str:
    """`ast.get_source_segment`, which would split the whole source anew for each lambda."""
    first, last = node.lineno - 1, node.end_lineno - 1
    if first == last:
        return lines[first][node.col_offset:node.end_col_offset].decode()
    parts = [lines[first][node.col_offset:], *lines[first + 1:last], lines[last][:node.end_col_offset]]
    return " ".join(b" ".join(parts).decode().split())


def formulas(rule: Any) -> list[tuple[str, str]]:
    """Pairs of an input's name and the text of its gradient.

    What has one text for all inputs goes by "backward"; a fused operation also says what it "is the same as".
    """
    if isinstance(rule, Rule):
        return [(name, text_of(f)) for name, (f, _) in zip(rule.wanted, rule.formulas, strict=True)]
    op = op_of(rule)
    if op is not None:  # fused: written by hand
        return [("is the same as", text_of(rule.reference)), ("backward", text_of(rule.backward.kernel))]
    cls = getattr(rule, "cls", None)
    if cls is not None:  # the user's own Function
        return [("backward", text_of(cls.backward if "backward" in vars(cls) else getattr(cls, "vjp", cls.backward)))]
    return []


def about(rule: Any) -> str:
    """One sentence on what the operation computes."""
    op = op_of(rule)
    if op is not None:
        return _sentence(op.doc)
    if getattr(rule, "cls", None) is not None:
        return _sentence(rule.cls.__doc__ or "") or "An operation of your own: a subclass of autograd.Function."
    return _SPECIAL.get(rule.name, _sentence((rule if isinstance(rule, type) else type(rule)).__doc__ or ""))


_SPECIAL = {
    "BackwardHookFunctionBackward": "Changes nothing: a module's backward hooks watch the gradient that passes here.",
    "CopySlices": "Memory was written into through a view: outside the region that was written, the gradient goes to what "
                  "was there before; inside, to what was written.",
}


def _sentence(doc: str) -> str:
    return " ".join(inspect.cleandoc(doc).split("\n\n")[0].split(">>>")[0].split())


def call_of(rule: Any) -> str:
    """How the operation is called: ``linear(input, weight, bias)``."""
    op = op_of(rule)
    return f"{op.name}({', '.join(op.signature.names)})" if op is not None else short_name(rule)


def short_name(rule: Any) -> str:
    """The operation's name, as it is called: ``mul``, not ``MulBackward``."""
    op = op_of(rule)
    if op is not None:
        return op.name
    return rule.name.removesuffix("Backward") if rule.name not in _NAMES else _NAMES[rule.name]


_NAMES = {"BackwardHookFunctionBackward": "hooks", "CopySlices": "write into a view"}
