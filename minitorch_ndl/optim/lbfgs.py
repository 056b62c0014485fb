"""L-BFGS: a quasi-Newton method, for smooth losses that can be computed over and over (no mini-batches)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..autograd.grad_mode import enable_grad, no_grad
from ..faces import F
from ..tensor import Tensor
from .optimizer import Optimizer


class _Point(NamedTuple):
    """A point on the line that is searched: how far along, the loss, its gradient, and its slope along the line."""

    t: Any
    f: float
    g: Tensor
    slope: Any


class LBFGS(Optimizer):
    """Newton's method with an inverse Hessian estimated from the last `history_size` steps. Nocedal, 1980.

    `step` needs a closure that clears the gradients, computes the loss, calls backward and returns the loss: it is
    called up to `max_eval` times (by default, 5/4 of `max_iter`). All parameters are one group.

    line_search_fn    "strong_wolfe", or None for steps of length `lr`

    https://pytorch.org/docs/stable/generated/torch.optim.LBFGS.html

    >>> w = ndl.tensor([3.0, -2.0], requires_grad=True)
    >>> opt = ndl.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     opt.zero_grad()
    ...     loss = ((w - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> loss = opt.step(closure); w
    tensor([1., 1.], requires_grad=True)
    """

    def __init__(self, params: Any, lr: float = 1, max_iter: int = 20, max_eval: int | None = None,
                 tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9, history_size: int = 100,
                 line_search_fn: str | None = None):
        super().__init__(params, {
            "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
            "line_search_fn": line_search_fn})
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups): its steps are of all "
                             "parameters together.")

    @property
    def _params(self) -> list[Tensor]:
        return self.param_groups[0]["params"]

    def step(self, closure: Callable) -> Any:  # type: ignore[override]
        """Up to `max_iter` iterations. Returns the loss before them."""
        return super().step(closure)

    @no_grad()
    def _run(self, closure: Any) -> Any:
        group, state = self.param_groups[0], self.state[self._params[0]]
        lr, most, enough = float(group["lr"]), group["max_eval"], group["tolerance_change"]
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError(f"only 'strong_wolfe' is supported; got line_search_fn={group['line_search_fn']!r}")

        def evaluate() -> tuple[Any, Tensor]:
            with enable_grad():
                loss = closure()
            return loss, self._gradient()

        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        before, g = evaluate()
        loss, evaluations, iterations = float(before), 1, 0
        state["func_evals"] += 1
        if g.abs().max() <= group["tolerance_grad"]:
            return before
        while iterations < group["max_iter"]:
            iterations += 1
            state["n_iter"] += 1
            first = state["n_iter"] == 1
            d = state["d"] = self._direction(g, state, first, group["history_size"])
            state["prev_flat_grad"], state["prev_loss"] = g.clone(), loss
            t = state["t"] = F.minimum(1.0 / g.abs().sum(), g.new_ones(())) * lr if first else lr
            slope = g.dot(d)
            if slope > -enough:  # hardly any way down
                break
            previous, calls = loss, 0
            if group["line_search_fn"] == "strong_wolfe":
                start = [p.detach().clone() for p in self._params]

                def at(t: Any, d: Tensor = d, start: list = start) -> _Point:
                    self._move(t, d)
                    loss, g = evaluate()
                    for p, value in zip(self._params, start):
                        p.copy_(value)
                    return _Point(t, float(loss), g, g.dot(d))

                found, calls = _strong_wolfe(at, _Point(0, loss, g, slope), t, d.abs().max(), max_ls=most - evaluations)
                loss, g, t = found.f, found.g, found.t
                state["t"] = t
                self._move(t, d)
            else:
                self._move(t, d)
                if iterations != group["max_iter"]:
                    loss, g = evaluate()
                    loss, calls = float(loss), 1
            evaluations += calls
            state["func_evals"] += calls
            if (evaluations >= most or g.abs().max() <= group["tolerance_grad"] or (d * t).abs().max() <= enough
                    or abs(loss - previous) < enough):
                break
        return before

    def _gradient(self) -> Tensor:
        return F.cat([(p.new_zeros(p.shape) if p.grad is None else p.grad).reshape(-1) for p in self._params])

    def _move(self, t: Any, d: Tensor) -> None:
        """All parameters, `t` times `d` on."""
        start = 0
        for p in self._params:
            p.add_(d[start:start + p.numel()].reshape(p.shape), alpha=float(t))
            start += p.numel()

    @staticmethod
    def _direction(g: Tensor, state: dict[str, Any], first: bool, history: int) -> Tensor:
        """Minus the estimated inverse Hessian times the gradient: the two loops over the steps that are remembered."""
        if first:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return -g
        changes, steps, inverses = state["old_dirs"], state["old_stps"], state["ro"]
        y, s = g - state["prev_flat_grad"], state["d"] * state["t"]
        ys = y.dot(s)
        if ys > 1e-10:
            if len(changes) == history:
                for remembered in (changes, steps, inverses):
                    remembered.pop(0)
            changes.append(y)
            steps.append(s)
            inverses.append(1.0 / ys)
            state["H_diag"] = ys / y.dot(y)
        weights = state.setdefault("al", [None] * history)
        q = -g
        for i in reversed(range(len(changes))):
            weights[i] = steps[i].dot(q) * inverses[i]
            q.add_(changes[i], alpha=-weights[i])
        r = q * state["H_diag"]
        for i in range(len(changes)):
            r.add_(steps[i], alpha=weights[i] - changes[i].dot(r) * inverses[i])
        return r


def _strong_wolfe(at: Callable[[Any], _Point], start: _Point, t: Any, size: Any, c1: float = 1e-4, c2: float = 0.9,
                  tolerance_change: float = 1e-9, max_ls: int = 25) -> tuple[_Point, int]:
    """A point that lies low enough (c1) and is flat enough (c2): the strong Wolfe conditions. Nocedal and Wright, 3.5.

    `at` evaluates the loss, `start` is where the line begins, `t` the first guess, `size` the largest entry of the
    direction. Returns the point and the number of evaluations.
    """

    def high(p: _Point) -> Any:
        return p.f > start.f + c1 * p.t * start.slope

    def flat(p: _Point) -> Any:
        return abs(p.slope) <= -c2 * start.slope

    # Go on along the line until a good point lies behind, or between the last two.
    before, point = start, at(t)
    calls, tries, done = 1, 0, False
    while tries < max_ls:
        if high(point) or (tries > 1 and point.f >= before.f):
            ends = [before, point]
            break
        if flat(point):
            ends, done = [point], True
            break
        if point.slope >= 0:
            ends = [before, point]
            break
        t = _lowest(before, point, (point.t + 0.01 * (point.t - before.t), point.t * 10))
        before, point = point, at(t)
        calls, tries = calls + 1, tries + 1
    else:
        ends = [start, point]

    # Narrow the two ends down. `low` is the number of the better one.
    low = int(not ends[0].f <= ends[-1].f)
    stuck = False
    while not done and tries < max_ls and not abs(ends[1].t - ends[0].t) * size < tolerance_change:
        t = _lowest(ends[0], ends[1])
        left, right = min(ends[0].t, ends[1].t), max(ends[0].t, ends[1].t)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:  # close to an end: the second time, or outside, keep a distance
            if stuck or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = at(t)
        calls, tries = calls + 1, tries + 1
        if high(point) or point.f >= ends[low].f:
            ends[1 - low] = point
            low = int(not ends[0].f <= ends[1].f)
        else:
            if flat(point):
                done = True
            elif point.slope * (ends[1 - low].t - ends[low].t) >= 0:
                ends[1 - low] = ends[low]
            ends[low] = point
    return ends[low], calls


def _lowest(a: _Point, b: _Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through two points with their slopes is lowest, within bounds (by default, between the two)."""
    if not a.t <= b.t:
        a, b = b, a
    least, most = bounds or (a.t, b.t)
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (least + most) / 2.0
    d2 = square.sqrt()
    t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(t, least), most)
