"""`summary`: a model's layers, what comes out of them, their parameters, multiply-adds and bytes."""

from __future__ import annotations

import math
import shutil
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import dtypes as _dtypes
from ..autograd.grad_mode import no_grad
from ..nn.module import Module
from ..nn.parameter import is_lazy
from ..printing import in_bytes
from ..tensor import Tensor, _memory, wrap
from .probe import Calls, check_model, hearing, tensors_in, unchanged

# --- multiply-adds: those of matrix products, by the operations that do them, from their arguments' and results' shapes


def _product(args: Sequence[Any], out: Any) -> int:
    return out.size * args[0].shape[-1]


def _linear(args: Sequence[Any], out: Any) -> int:
    return out.size * args[1].shape[-1]


def _convolution(args: Sequence[Any], out: Any) -> int:
    return out[0].size * math.prod(args[1].shape[1:])  # the output, and what is saved for backward


def _transposed_convolution(args: Sequence[Any], out: Any) -> int:
    return args[0].size * math.prod(args[1].shape[1:])


def _attention(args: Sequence[Any], out: Any) -> int:
    query, key, value = args[:3]
    return query.size * key.shape[-2] + math.prod(query.shape[:-1]) * key.shape[-2] * value.shape[-1]


def _recurrent(*weights: int) -> Callable[[Sequence[Any], Any], int]:
    def count(args: Sequence[Any], out: Any) -> int:
        rows = args[0].shape[0]  # of all steps
        return rows * sum(args[i].size for i in weights if args[i] is not None)

    return count


MULTIPLY_ADDS: dict[str, Callable[[Sequence[Any], Any], int]] = {
    "matmul": _product, "linear": _linear, "convolution": _convolution, "convolve_input": _transposed_convolution,
    "attend": _attention, "rnn_layer": _recurrent(2, 3), "gru_layer": _recurrent(2, 3), "lstm_layer": _recurrent(3, 4, 7),
    "rnn_step": _recurrent(2, 3), "gru_step": _recurrent(2, 3), "lstm_step": _recurrent(3, 4),
}


# --- what is known of each module -----------------------------------------------------------------------------------


@dataclass
class Row:
    """One line: a module at its place in the model. Figures are its own, without those of the modules inside it."""

    path: str
    name: str
    kind: str  # its class
    depth: int
    output: list[tuple[int, ...]] | None  # the shapes that its last call gave; None: it was not called
    calls: int
    params: int
    trainable_params: int
    mult_adds: int
    bytes: int  # of what it put out, in all its calls: memory that its input did not have already
    callable: bool = True  # a ModuleList is not
    same_as: str | None = None  # the path where this module stood before


class Summary:
    """What `summary` found. It prints itself as a table as wide as the terminal.

    rows          a `Row` for each module, from the outermost in the order in which they were assigned
    total_params, trainable_params   elements of parameters, shared ones once
    mult_adds     multiply-adds of all matrix products and convolutions in one forward pass; None if none was run
    bytes         ``param_bytes + buffer_bytes + input_bytes + output_bytes``
    output_bytes  what the layers put out in one forward pass
    """

    def __init__(self, rows: list[Row], depth: int | None, ran: bool, ties: list[str], model: Module, inputs: int):
        self.rows, self._depth, self._ran, self._ties = rows, depth, ran, ties
        self.total_params = sum(row.params for row in rows)
        self.trainable_params = sum(row.trainable_params for row in rows)
        self.mult_adds = sum(row.mult_adds for row in rows) if ran else None
        self.param_bytes = sum(p.nbytes for p in model.parameters() if not is_lazy(p))
        self.buffer_bytes = sum(b.nbytes for b in model.buffers() if not is_lazy(b))
        self.input_bytes, self.output_bytes = inputs, sum(row.bytes for row in rows)

    @property
    def bytes(self) -> int:
        return self.param_bytes + self.buffer_bytes + self.input_bytes + self.output_bytes

    def _shown(self) -> Iterator[tuple[Row, int, int, int, int]]:
        """The rows down to the depth, with their figures: a row whose inside is left out speaks for that, too."""
        for i, row in enumerate(self.rows):
            if self._depth is not None and row.depth > self._depth:
                continue
            part = [row]
            if row.depth == self._depth:
                for inner in self.rows[i + 1:]:
                    if inner.depth <= row.depth:
                        break
                    part.append(inner)
            yield (row, sum(r.params for r in part), sum(r.trainable_params for r in part),
                   sum(r.mult_adds for r in part), sum(r.bytes for r in part))

    def table(self, width: int | None = None) -> str:
        """The table as text, at most `width` wide (default: the terminal's)."""
        width = max(width or shutil.get_terminal_size().columns, 40)
        for short in (False, True):
            for left_out in range(4 if short else 1):
                cells = self._cells(short)
                columns = [0, 1, 2, 3, 4] if self._ran else [0, 2]
                for column in (4, 3, 1)[:left_out]:  # what matters least goes first
                    columns = [c for c in columns if c != column]
                widths = [max(len(line[c]) for line in cells) for c in columns]
                over = sum(widths) + 2 * (len(columns) - 1) - width
                if over <= 0 or widths[0] - over >= min(widths[0], 20) or (short and left_out == 3):
                    widths[0] -= max(over, 0)
                    return self._text(cells, columns, widths, width)
        raise AssertionError

    def _cells(self, short: bool) -> list[list[str]]:
        number = _short if short else "{:,}".format
        lines = [["Layer", "Output", "Parameters", "Mult-adds", "Bytes"]]
        for row, params, trainable, adds, nbytes in self._shown():
            name = "  " * row.depth + (f"{row.name}: {row.kind}" if row.name else row.kind)
            if row.same_as is not None:
                lines.append([f"{name} = {row.same_as or 'the whole'}", "", "", "", ""])
                continue
            name += f" ×{row.calls}" if row.calls > 1 else ""
            count = number(params) if params else ""
            shapes = [str(s).replace(" ", "") if short else str(s) for s in row.output or ()]
            output = (shapes[0] if shapes else "") + (f" +{len(shapes) - 1}" if len(shapes) > 1 else "")
            if row.calls == 0 and row.callable:
                output = "not called"
            lines.append([name, output, f"({count})" if params and not trainable else count,
                          number(adds) if adds else "", in_bytes(nbytes) if nbytes else ""])
        return lines

    def _text(self, cells: list[list[str]], columns: list[int], widths: list[int], width: int) -> str:
        def line(row: list[str]) -> str:
            parts = []
            for c, w in zip(columns, widths, strict=True):
                text = row[c]
                if len(text) > w:
                    text = text[:w - 1] + "…"
                parts.append(f"{text:<{w}}" if c < 2 else f"{text:>{w}}")
            return "  ".join(parts).rstrip()

        rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
        frozen = self.total_params - self.trainable_params
        notes = [f"{self.total_params:,} parameters" + (f", {self.trainable_params:,} of them trainable; ({frozen:,}) frozen"
                                                        if frozen else ", all trainable" if self.total_params else "")]
        sizes = [f"{in_bytes(self.param_bytes)} parameters"] + ([f"{in_bytes(self.buffer_bytes)} buffers"]
                                                                if self.buffer_bytes else [])
        if self._ran:
            notes.append(f"{self.mult_adds:,} multiply-adds in matrix products and convolutions")
            sizes += [f"{in_bytes(self.input_bytes)} input", f"{in_bytes(self.output_bytes)} layers' outputs"]
        notes.append(" + ".join(sizes) + (f" = {in_bytes(self.bytes)}" if len(sizes) > 1 else ""))
        notes += self._ties
        return "\n".join([rule, line(cells[0]), rule, *map(line, cells[1:]), rule,
                          *(part for note in notes for part in textwrap.wrap(note, width, subsequent_indent="  "))])

    __str__ = table

    def __repr__(self) -> str:
        return self.table()


def _short(count: float) -> str:
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return str(count)


# --- the inputs -----------------------------------------------------------------------------------------------------


def _shapes(input_size: Any) -> list[tuple[int, ...]]:
    def refuse() -> TypeError:
        return TypeError(f"summary: argument 'input_size' must be a shape such as (64, 1, 28, 28), batch included, or a list "
                         f"of shapes, one for each input; got {input_size!r}.")

    if not isinstance(input_size, (tuple, list)):
        raise refuse()
    several = bool(input_size) and isinstance(input_size[0], (tuple, list))
    shapes = []
    for shape in input_size if several else [input_size]:
        if not isinstance(shape, (tuple, list)) or not all(hasattr(n, "__index__") for n in shape):
            raise refuse()
        if any(n < 0 for n in shape):
            raise ValueError(f"summary: a size in 'input_size' is negative; got {input_size!r}. The batch size is part of the "
                             f"shape: give it a number, such as 1.")
        shapes.append(tuple(int(n) for n in shape))
    return shapes


def _made_up(shapes: list[tuple[int, ...]], dtypes: Any, model: Module) -> list[Tensor]:
    """Inputs of these shapes: noise, or zeros, which are valid as integers and bools everywhere."""
    first = next((p for p in model.parameters() if p.is_floating_point()), None)
    usual = _dtypes.get_default_dtype() if first is None else first.dtype
    kinds = list(dtypes) if isinstance(dtypes, (tuple, list)) else [dtypes] * len(shapes)
    if len(kinds) != len(shapes):
        raise ValueError(f"summary: {len(shapes)} shape{'s' * (len(shapes) != 1)} in 'input_size', but {len(kinds)} "
                         f"dtype{'s' * (len(kinds) != 1)}; give one for each.")
    rng, inputs = np.random.default_rng(0), []
    for shape, kind in zip(shapes, kinds, strict=True):
        kind = kind or usual
        if not isinstance(kind, _dtypes.dtype):
            raise TypeError(f"summary: argument 'dtypes' must be dtypes such as ndl.int64; got {kind!r}.")
        array = rng.standard_normal(shape) if kind.is_floating_point else np.zeros(shape)
        tensor = wrap(np.asarray(array, kind.numpy))
        inputs.append(tensor if first is None else tensor.to(first.device))
    return inputs


# --- the face -------------------------------------------------------------------------------------------------------


def summary(model: Module, input_size: Any = None, *, input_data: Any = None, dtypes: Any = None,
            depth: int | None = None) -> Summary:
    """A model's layers with output shapes, parameters, multiply-adds and bytes. It runs the model once, in evaluation mode
    and without gradients, and leaves it as it was.

    input_size  the input's shape, batch included; a list of shapes for several inputs
    input_data  instead of it: a tensor, a tuple or list of arguments, or a dict of keyword arguments
    dtypes      of inputs made from `input_size`: one, or a list (default: the parameters'; ``ndl.int64`` for `Embedding`)
    depth       how many levels of modules to show (default: all); what is left out is added to the level above

    Without input there are parameters only. Multiply-adds are those of matrix products and convolutions, attention and
    recurrent layers included; biases, norms and activations are not counted. Returns a `Summary`, which prints itself.

    >>> net = ndl.nn.Sequential(ndl.nn.Linear(784, 100), ndl.nn.ReLU(), ndl.nn.Linear(100, 10))
    >>> info = ndl.summary(net, (64, 784))
    >>> info.total_params, info.mult_adds, info.output_bytes
    (79510, 5081600, 53760)
    >>> print(info.table(width=80))
    ──────────────────────────────────────────────────────
    Layer        Output     Parameters  Mult-adds    Bytes
    ──────────────────────────────────────────────────────
    Sequential   (64, 10)
      0: Linear  (64, 100)      78,500  5,017,600  25.6 kB
      1: ReLU    (64, 100)                         25.6 kB
      2: Linear  (64, 10)        1,010     64,000   2.6 kB
    ──────────────────────────────────────────────────────
    79,510 parameters, all trainable
    5,081,600 multiply-adds in matrix products and convolutions
    318.0 kB parameters + 200.7 kB input + 53.8 kB layers' outputs = 572.5 kB
    """
    check_model(model, "summary")
    if depth is not None and (not hasattr(depth, "__index__") or depth < 0):
        raise ValueError(f"summary: 'depth' must be a number of levels, 0 or more, or None for all; got {depth!r}.")
    if input_size is not None and input_data is not None:
        raise ValueError("summary: got both 'input_size' and 'input_data'; give one of them.")
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    if input_data is not None:
        if isinstance(input_data, dict):
            kwargs = input_data
        else:
            args = list(input_data) if isinstance(input_data, (tuple, list)) else [input_data]
        if not tensors_in([args, kwargs]):
            raise TypeError(f"summary: there is no tensor in 'input_data'; got {type(input_data).__name__}. Convert the data: "
                            f"ndl.tensor(data).")
    elif input_size is not None:
        args = list(_made_up(_shapes(input_size), dtypes, model))
    ran = bool(args or kwargs)
    outputs: dict[Module, list[tuple[int, ...]]] = {}
    calls: Counter[Module] = Counter()
    nbytes: Counter[Module] = Counter()
    adds: Counter[Module] = Counter()

    def left(module: Module, inputs: tuple, options: dict, output: Any, alone: bool) -> None:
        found = tensors_in(output)
        calls[module] += 1
        outputs[module] = [tuple(t.shape) for t in found]
        if alone:
            known = {id(_memory(t._array)) for t in tensors_in([inputs, options])}
            memories = {id(m): m.nbytes for m in (_memory(t._array) for t in found)}
            nbytes[module] += sum(n for key, n in memories.items() if key not in known)

    if ran:
        with unchanged(model), Calls([("", model)], left) as where, no_grad():

            def listener(count: Callable) -> Callable:
                def listen(arrays: Sequence[Any], result: Any) -> None:
                    adds[where.current() or model] += count(arrays, result)

                return listen

            model.eval()
            with hearing({name: listener(count) for name, count in MULTIPLY_ADDS.items()}):
                try:
                    model(*args, **kwargs)
                except (RuntimeError, TypeError, ValueError, IndexError) as error:
                    if input_data is not None:
                        raise
                    given = ", ".join(f"{tuple(t.shape)} of {t.dtype}" for t in args)
                    raise RuntimeError(f"summary: the model does not take an input of shape {given}: {error} The shape must "
                                       f"include the batch; integers, as for Embedding, take dtypes=ndl.int64; anything else "
                                       f"can be given as input_data=.") from error
    rows, ties = _rows(model, outputs, calls, adds, nbytes)
    return Summary(rows, depth, ran, ties, model, sum(t.nbytes for t in tensors_in([args, kwargs])))


def _rows(model: Module, outputs: dict, calls: Counter, adds: Counter, nbytes: Counter) -> tuple[list[Row], list[str]]:
    """A row for each place in the tree, and sentences about parameters that stand at several."""
    rows: list[Row] = []
    ties: list[str] = []
    modules: dict[Module, str] = {}
    parameters: dict[Any, str] = {}

    def visit(module: Module, path: str, name: str, depth: int) -> None:
        known = modules.get(module)
        if known is not None:
            rows.append(Row(path, name, type(module).__name__, depth, None, 0, 0, 0, 0, 0, same_as=known))
            return
        modules[module] = path
        params = trainable = 0
        for own, p in module._parameters.items():
            title = f"{path}.{own}" if path else own
            if p is None:
                continue
            if p in parameters:
                ties.append(f"{title} is {parameters[p]}, counted there")
                continue
            parameters[p] = title
            if is_lazy(p):
                ties.append(f"{title} has no shape yet: run the model, or give an input")
                continue
            params += p.numel()
            trainable += p.numel() if p.requires_grad else 0
        rows.append(Row(path, name, type(module).__name__, depth, outputs.get(module), calls[module], params, trainable,
                        adds[module], nbytes[module], type(module).forward is not Module.forward))
        for child_name, child in module._modules.items():
            if child is not None:
                visit(child, f"{path}.{child_name}" if path else child_name, child_name, depth + 1)

    visit(model, "", "", 0)
    return rows, ties
