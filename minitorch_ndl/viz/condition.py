"""`health`: what a model's parameters and gradients look like, and what about them is suspicious, in words."""

from __future__ import annotations

import copy
import math
import shutil
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import backend
from ..autograd.grad_mode import mode, no_grad
from ..nn.batchnorm import _BatchNorm
from ..nn.conv import Conv1d, Conv2d, Conv3d
from ..nn.dropout import _DropoutNd
from ..nn.linear import Linear
from ..nn.module import Module
from ..nn.parameter import is_lazy
from ..nn.sparse import Embedding, EmbeddingBag
from ..optim.optimizer import Optimizer
from ..tensor import Tensor, wrap
from .probe import Calls, check_model, hearing, tensors_in, unchanged

# What counts as suspicious. Healthy models stay far from these.
VANISHED = 1e-5  # a weight's gradient beside the largest of all, root mean squares
EXPLODED = 100.0  # a gradient's norm beside its weight's
LEAP = 1.0  # an update's norm beside its weight's
STANDSTILL = 1e-7  # the same: float32 cannot hold such a change
DEAD = 0.75  # of a layer's units, over FEW inputs or more: in deep layers, half of them may sleep by chance, for fewer more
DEAD_OF_FEW, FEW = 0.9, 16


@dataclass
class ParameterHealth:
    """One parameter. What could not be known is None."""

    name: str
    shape: tuple[int, ...]
    norm: float
    grad_norm: float | None
    zeros: float | None  # the fraction of its gradient that is exactly zero
    update_ratio: float | None  # the norm of the optimizer's next update, beside that of the parameter
    finite: bool  # no NaN and no infinity, in values and gradient
    requires_grad: bool


@dataclass
class Finding:
    """Something suspicious: its kind in a word, the names of the parameters or modules, and a sentence."""

    kind: str
    names: list[str]
    text: str


class Health:
    """What `health` found: ``rows``, a `ParameterHealth` each, and ``findings``. ``str()`` of it is the report."""

    def __init__(self, rows: list[ParameterHealth], findings: list[Finding]):
        self.rows, self.findings = rows, findings

    @property
    def healthy(self) -> bool:
        """Whether nothing is suspicious."""
        return not self.findings

    def __repr__(self) -> str:
        return f"<Health of {len(self.rows)} parameters: {', '.join(f.kind for f in self.findings) or 'nothing suspicious'}>"

    def __str__(self) -> str:
        return self.report()

    def report(self, width: int | None = None) -> str:
        """The table and the findings as text, at most `width` wide (default: the terminal's)."""
        width = max(width or shutil.get_terminal_size().columns, 50)
        remarks = defaultdict(list)
        for finding in self.findings:
            for name in finding.names:
                remarks[name].append(finding.kind)
        cells = [["Parameter", "Shape", "|value|", "|gradient|", "zeros", "update", ""]]
        for row in self.rows:
            cells.append([row.name, "×".join(map(str, row.shape)) or "1", _number(row.norm), _number(row.grad_norm),
                          "-" if row.zeros is None else f"{row.zeros:.0%}", _number(row.update_ratio),
                          ", ".join(remarks[row.name])])
        columns = [c for c in range(7) if c < 2 or any(line[c] not in ("-", "") for line in cells[1:])]
        widths = {c: max(len(line[c]) for line in cells) for c in columns}

        def over() -> int:
            return max(sum(widths.values()) + 2 * (len(widths) - 1) - width, 0)

        for c in (0, 6, 1):  # too wide: the names give way first
            if c in widths:
                widths[c] = max(widths[c] - over(), min(widths[c], 12))
        for c in (6, 1, 4, 2):
            if over() and c in widths:
                del widths[c]
        lines = []
        for line in cells:
            parts = [f"{_cut(line[c], w):<{w}}" if c in (0, 1, 6) else f"{line[c]:>{w}}" for c, w in widths.items()]
            lines.append("  ".join(parts).rstrip())
        if not self.findings:
            return "\n".join([*lines, "", "Nothing suspicious."])
        for finding in self.findings:
            lines += ["", *textwrap.wrap(f"{finding.kind.upper()}: {finding.text}", width, subsequent_indent="  ",
                                         break_on_hyphens=False)]
        return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else "0" if value == 0 else f"{value:.1e}" if math.isfinite(value) else str(value)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else "…" + text[len(text) - width + 1:]


def _listed(names: list[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def health(model: Module, optimizer: Optimizer | None = None, batch: Any = None, *, show: bool = True) -> Health:
    """Print what the model's parameters and gradients look like, and say in words what is suspicious; returns it, too.
    Call it in the training loop, between ``loss.backward()`` and ``optimizer.step()``. It changes nothing.

    optimizer  for the size of its next update beside each parameter: it is computed on copies; about 1e-3 is usual
    batch      the model's input (a tensor, a tuple of arguments or a dict of keyword arguments): the model runs once, to
               look for dead ReLUs and for the module where NaN or infinity comes up
    show       whether to print

    The kinds of findings: "nan", "vanishing", "exploding", "large step", "small step", "dead", "zero_grad" (gradients that
    nobody zeroes), "frozen", "no gradient", "not in optimizer", "eval" (training in evaluation mode), and "train" (called
    under `no_grad`, which is for evaluation, in training mode).

    >>> net = ndl.nn.Sequential(ndl.nn.Linear(4, 8), ndl.nn.ReLU(), ndl.nn.Linear(8, 2))
    >>> opt = ndl.optim.SGD(net.parameters(), lr=0.1)
    >>> net(ndl.ones(3, 4)).square().sum().backward()
    >>> ndl.viz.health(net, opt, show=False).healthy
    True
    >>> _ = net[0].requires_grad_(False)
    >>> print(ndl.viz.health(net, opt, show=False).findings[0].text)
    0.weight, 0.bias: requires_grad is False, so training leaves them as they are. Fine if you froze them on purpose.
    """
    check_model(model, "viz.health")
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise TypeError(f"viz.health: argument 'optimizer' must be an optimizer; got {type(optimizer).__name__}. The model's "
                        f"input is given as batch=.")
    params: dict[str, Tensor] = {name: p for name, p in model.named_parameters() if not is_lazy(p)}
    if not params:
        raise ValueError("viz.health: the model has no parameters (lazy layers get theirs when the model first runs).")
    token = backend.hush()
    try:
        updates = {} if optimizer is None else _next_update(optimizer)
        rows = [_row(name, p, updates.get(id(p))) for name, p in params.items()]
        findings = [*_not_finite(rows, model), *_untrained(rows, params, optimizer), *_sizes(rows, params, model),
                    *_forgotten(params, optimizer), *_wrong_mode(model, rows)]
        findings += _silent_rows(model) if batch is None else _activations(model, batch)
    finally:
        backend.restore(token)
    result = Health(rows, findings)
    if show:
        print(result)
    return result


# --- figures --------------------------------------------------------------------------------------------------------


def _norm(array: Any) -> float:
    flat = backend.to_numpy(array).astype(np.float64).ravel()
    return float(np.sqrt(flat.dot(flat)))


def _row(name: str, p: Tensor, update: float | None) -> ParameterHealth:
    norm = _norm(p._array)
    grad = None if p._grad is None else backend.to_numpy(p._grad._array)
    grad_norm = None if grad is None else _norm(grad)
    zeros = None if grad is None or not grad.size else float(np.mean(grad == 0))
    ratio = update / norm if update is not None and norm > 0 else None
    return ParameterHealth(name, tuple(p.shape), norm, grad_norm, zeros, ratio,
                           math.isfinite(norm) and (grad_norm is None or math.isfinite(grad_norm)), p.requires_grad)


def _next_update(optimizer: Optimizer) -> dict[int, float]:
    """The norm of what the next step would add to each parameter, by the parameter's id: a twin of the optimizer takes
    that step on copies."""
    if type(optimizer)._run is not Optimizer._run:  # it needs a closure
        return {}
    twin = object.__new__(type(optimizer))
    vars(twin).update(vars(optimizer), _hooks=defaultdict(dict), _room={}, _arrangements={}, _watch=None, param_groups=[],
                      state=defaultdict(dict))
    pairs = []
    for group in optimizer.param_groups:
        copies = []
        for p in group["params"]:
            twin_p = wrap(p._array.copy())
            twin_p._grad = p._grad
            copies.append(twin_p)
            pairs.append((p, twin_p))
            if p in optimizer.state:
                twin.state[twin_p] = {k: v.detach().clone() if isinstance(v, Tensor) else copy.deepcopy(v)
                                      for k, v in optimizer.state[p].items()}
        twin.param_groups.append({**group, "params": copies})
    twin._run(None)
    return {id(p): _norm(backend.to_numpy(q._array) - backend.to_numpy(p._array)) for p, q in pairs if p._grad is not None}


# --- findings ---------------------------------------------------------------------------------------------------------


def _not_finite(rows: list[ParameterHealth], model: Module) -> Iterator[Finding]:
    names = [row.name for row in rows if not row.finite]
    names += [name for name, b in model.named_buffers() if b.is_floating_point() and not math.isfinite(_norm(b._array))]
    if names:
        bad = [row for row in rows if not row.finite]
        where = "values" if not bad or any(not math.isfinite(row.norm) for row in bad) else "gradients"
        yield Finding("nan", names, f"there is NaN or infinity in the {where} of {_listed(names)}. Look for log(0), 0/0 or "
                      f"overflow: ndl.autograd.detect_anomaly() names the operation. A smaller learning rate, or clipping the "
                      f"gradients, helps where training diverged.")


def _untrained(rows: list[ParameterHealth], params: dict[str, Tensor], optimizer: Optimizer | None) -> Iterator[Finding]:
    frozen = [row.name for row in rows if not row.requires_grad]
    if frozen:
        yield Finding("frozen", frozen, f"{_listed(frozen)}: requires_grad is False, so training leaves "
                      f"{'it as it is' if len(frozen) == 1 else 'them as they are'}. Fine if you froze "
                      f"{'it' if len(frozen) == 1 else 'them'} on purpose.")
    trained = [row for row in rows if row.requires_grad]
    without = [row.name for row in trained if row.grad_norm is None]
    if without and len(without) == len(trained):
        if mode.enabled:
            yield Finding("no gradient", without, "no parameter has a gradient: backward() has not run, or zero_grad() came "
                          "after it, or the loss was cut off from the model by detach(), .data, .item() or no_grad().")
    elif without:
        yield Finding("no gradient", without, f"{_listed(without)}: no gradient, though others have one. The loss does not "
                      f"depend on {'it' if len(without) == 1 else 'them'}: the layer is not used in forward, or its result is "
                      f"cut off by detach(), .data or no_grad().")
    if optimizer is not None:
        known = {id(p) for group in optimizer.param_groups for p in group["params"]}
        outside = [row.name for row in trained if id(params[row.name]) not in known]
        if outside and not any(id(p) in known for p in params.values()):
            yield Finding("not in optimizer", outside, "the optimizer has none of this model's parameters: it was made for "
                          "another model. Make it anew: Optimizer(model.parameters(), ...).")
        elif outside:
            yield Finding("not in optimizer", outside, f"{_listed(outside)}: trainable, but the optimizer does not have "
                          f"{'it' if len(outside) == 1 else 'them'}. Was the layer added after the optimizer was made? "
                          f"add_param_group, or make the optimizer last.")


def _sizes(rows: list[ParameterHealth], params: dict[str, Tensor], model: Module) -> Iterator[Finding]:
    """Gradients and updates that are too large or too small; of matrices, as biases may rightly be or get zero."""
    lookups = {id(m.weight) for m in model.modules() if isinstance(m, (Embedding, EmbeddingBag))}
    rows = [row for row in rows if row.finite and row.requires_grad and len(row.shape) > 1 and row.grad_norm is not None]
    rms = {row.name: (row.grad_norm or 0.0) / math.sqrt(max(math.prod(row.shape), 1)) for row in rows
           if id(params[row.name]) not in lookups}
    top = max(rms.values(), default=0.0)
    faint = [name for name, r in rms.items() if 0 < r < VANISHED * top]
    if faint:
        least = min(faint, key=lambda name: rms[name])
        strong = max(rms, key=lambda name: rms[name])
        yield Finding("vanishing", faint, f"the gradient of {_listed(faint)} is lost on the way back: that of {least} is "
                      f"{rms[least] / top:.0e} times that of {strong} (root mean squares). Use ReLU or GELU instead of sigmoid "
                      f"and tanh, normalisation, residual connections, or another initialisation.")
    large = [row.name for row in rows if (row.grad_norm or 0) > EXPLODED * row.norm > 0
             and (row.update_ratio is None or row.update_ratio > 0.01)]
    if large:
        worst = max((row for row in rows if row.name in large), key=lambda row: (row.grad_norm or 0) / row.norm)
        yield Finding("exploding", large, f"the gradient of {_listed(large)} is out of proportion: that of {worst.name} has "
                      f"norm {worst.grad_norm:.1e}, the parameter itself {worst.norm:.1e}. Clip it "
                      f"(nn.utils.clip_grad_norm_), start from smaller weights, normalise, or scale the inputs; and let the "
                      f"loss be a mean, not a sum.")
    steps = [row for row in rows if row.update_ratio is not None]
    leaps = [row.name for row in steps if (row.update_ratio or 0) > LEAP]
    if leaps:
        yield Finding("large step", leaps, f"the next step changes {_listed(leaps)} by more than its own size: the "
                      f"learning rate is too high.")
    moving = [row for row in steps if row.grad_norm]
    if moving and all((row.update_ratio or 0) < STANDSTILL for row in moving):
        yield Finding("small step", [row.name for row in moving], f"the next step changes no weight by more than "
                      f"{max(row.update_ratio or 0 for row in moving):.0e} of its size, which float32 can hardly hold: the "
                      f"learning rate is too low.")


def _forgotten(params: dict[str, Tensor], optimizer: Optimizer | None) -> Iterator[Finding]:
    watch = None if optimizer is None else optimizer._watch
    if watch is not None:
        mine = {id(p): name for name, p in params.items()}
        names = [mine[id(p)] for _, p in watch.stale() if id(p) in mine]
        how = "backward() has added to gradients that the last step used already"
    else:
        # Versions count writes. Where gradients start afresh with each step, they are few; where nobody zeroes them, backward
        # has added to them about as often as the optimizer has written into the parameter.
        graded = {name: p for name, p in params.items() if p._grad is not None and p.requires_grad}
        names = [name for name, p in graded.items()
                 if p._grad is not None and p._grad._version >= 10 and -5 <= p._grad._version - p._version <= 0]
        if 2 * len(names) <= len(graded):
            return
        times = max(p._grad._version for p in graded.values() if p._grad is not None) + 1
        how = f"it looks as if the gradients were sums of {times} backward passes, with steps in between"
    if names:
        yield Finding("zero_grad", names, f"{how}. Call optimizer.zero_grad() once for every step, before backward()."
                      + ("" if watch is not None else " (optimizer.warn_on_accumulation = True makes sure.)"))


def _wrong_mode(model: Module, rows: list[ParameterHealth]) -> Iterator[Finding]:
    """Dropout and batch norm in the wrong mode. Other layers do the same in both."""
    minding = [(name or type(m).__name__, m) for name, m in model.named_modules()
               if (isinstance(m, _DropoutNd) and m.p > 0) or isinstance(m, _BatchNorm)
               or (isinstance(getattr(m, "dropout", None), float) and m.dropout > 0)]
    if not minding:
        return
    names = [name for name, _ in minding]
    if mode.enabled and not any(m.training for _, m in minding) and any(row.grad_norm is not None for row in rows):
        yield Finding("eval", names, f"the model has gradients, but {_listed(names)} {'is' if len(names) == 1 else 'are'} in "
                      f"evaluation mode: dropout drops nothing, batch norm learns no statistics. Call model.train() before "
                      f"training, also after each evaluation.")
    training = [name for name, m in minding if m.training]
    if not mode.enabled and training:
        yield Finding("train", training, f"gradients are off, as for evaluation, but {_listed(training)} "
                      f"{'is' if len(training) == 1 else 'are'} in training mode: dropout drops at random, batch norm looks at "
                      f"the batch and changes its statistics. Call model.eval() before evaluating.")


def _silent_rows(model: Module) -> Iterator[Finding]:
    """Units that got no gradient at all, which is what a dead ReLU behind them does."""
    for name, module in model.named_modules():
        if isinstance(module, (Linear, Conv1d, Conv2d, Conv3d)):
            grad = module.weight._grad if isinstance(module.weight, Tensor) else None
            if grad is not None and grad._array.size:
                rows = backend.to_numpy(grad._array).reshape(len(grad._array), -1)
                silent = int((rows == 0).all(1).sum())
                if silent > DEAD_OF_FEW * len(rows):
                    title = f"{name}.weight" if name else "weight"
                    yield Finding("dead", [title], f"{silent} of {len(rows)} units of {name or 'the layer'} got no gradient at "
                                  f"all. A ReLU behind them that is negative for every input does that: give batch= to look at "
                                  f"the ReLUs themselves. A lower learning rate, other weights, or LeakyReLU keep units alive.")


def _activations(model: Module, batch: Any) -> list[Finding]:
    """Run the model; see which units of its ReLUs are zero for all inputs, and where NaN or infinity first comes up."""
    args, kwargs = ([], batch) if isinstance(batch, dict) else (list(batch), {}) if isinstance(batch, (tuple, list)) else \
        ([batch], {})
    if not tensors_in([args, kwargs]):
        raise TypeError(f"viz.health: there is no tensor in 'batch'; got {type(batch).__name__}. It is the model's input.")
    dead: dict[str, tuple[int, int, bool]] = {}  # by module: dead units, units, whether the batch was small
    broken: list[str] = []

    def left(module: Module, inputs: tuple, options: dict, output: Any, alone: bool) -> None:
        if alone and not broken and not _all_finite(tensors_in(output)) and _all_finite(tensors_in([inputs, options])):
            broken.append(calls.paths[module] or type(module).__name__)

    def relu(arrays: Any, out: Any) -> None:
        out = backend.to_numpy(out)
        if out.ndim < 2 or not out.size:
            return
        axis = 1 if out.ndim in (2, 4, 5) else -1  # of units: (N, C), (N, C, ...), and (N, L, C) as in transformers
        others = tuple(i for i in range(out.ndim) if i != axis % out.ndim)
        asleep = ~(out > 0).any(others)
        module = calls.current()
        name = calls.paths[module] if module is not None else ""
        before = dead.get(name, (0, 0, False))
        few = math.prod(out.shape[i] for i in others) < FEW
        dead[name] = before[0] + int(asleep.sum()), before[1] + asleep.size, before[2] or few

    calls = Calls([("", model)], left)
    with unchanged(model), calls, no_grad(), hearing({"relu": relu}):
        try:
            model(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"viz.health: the model does not take this batch: {error} Give batch= the model's input alone, "
                            f"without the labels.") from error
    findings = []
    for name, (asleep, units, few) in dead.items():
        if asleep > (DEAD_OF_FEW if few else DEAD) * units:
            where = name or type(model).__name__
            findings.append(Finding("dead", [where], f"{asleep} of {units} units of the ReLU in {where} are zero for every "
                                    f"input of the batch: they compute nothing, and get no gradient. A lower learning "
                                    f"rate, other weights, or LeakyReLU keep units alive."))
    if broken:
        findings.append(Finding("nan", broken, f"NaN or infinity comes up first in what {broken[0]} computes on this batch."))
    return findings


def _all_finite(tensors: list[Tensor]) -> bool:
    return all(bool(np.isfinite(backend.to_numpy(t._array)).all()) for t in tensors if t.is_floating_point())
