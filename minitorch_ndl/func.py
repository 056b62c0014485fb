"""Functions of functions: `grad`, `vjp`, `jacrev`, `hessian`, `vmap` and `functional_call`, as torch.func has them.

They nest (``grad(grad(f))``, ``vmap(grad(f))``), and take tuples, lists and dicts of tensors wherever a tensor may stand.
https://pytorch.org/docs/stable/func.html
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

from . import backend
from .autograd import engine
from .autograd.grad_mode import enable_grad, mode
from .autograd.graph import find_topo_sort
from .faces import F
from .nn.utils.stateless import functional_call as functional_call
from .random import get_rng_state, set_rng_state
from .tensor import Tensor, wrap

# --- tuples, lists and dicts of tensors -------------------------------------------------------------------------------


def _map(function: Callable, tree: Any) -> Any:
    """`tree` with every Tensor in it replaced by ``function(tensor)``."""
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, dict):
        return type(tree)((k, _map(function, v)) for k, v in tree.items())
    if isinstance(tree, (tuple, list)):
        parts = [_map(function, v) for v in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return tree


def _leaves(tree: Any) -> list[Tensor]:
    found: list[Tensor] = []
    _map(found.append, tree)
    return found


def _like(tree: Any, values: Sequence[Any]) -> Any:
    """`values` in the places of the Tensors of `tree`."""
    rest = iter(values)
    return _map(lambda _: next(rest), tree)


# Inputs of transforms that are over, by id. A history may still lead to them, but nobody wants their gradients.
_OVER: weakref.WeakValueDictionary[int, Tensor] = weakref.WeakValueDictionary()


class _Level:
    """One transform at work: its inputs, with a gradient of their own, and what is to become of results.

    Results have a history only where something outside, such as an enclosing transform or a parameter, wants one.
    """

    def __init__(self, name: str, args: tuple, argnums: Any = None):
        self.name, self.outer = name, mode.enabled
        several = isinstance(argnums, tuple)
        chosen = range(len(args)) if argnums is None else argnums if several else (argnums,)
        for i in chosen:
            if not -len(args) <= i < len(args):
                raise RuntimeError(f"{name}: got argnum={i}, but only {len(args)} positional inputs")
        self.args = list(args)
        for i in chosen:
            self.args[i] = _map(self._entered, args[i])
            if not _leaves(args[i]):
                raise RuntimeError(f"{name}: argument {i} has no tensor to differentiate by; got {type(args[i]).__name__}")
        self.chosen = self.args[argnums] if isinstance(argnums, int) else tuple(self.args[i] for i in chosen)
        self.inputs = _leaves(self.chosen)

    def _entered(self, x: Tensor) -> Tensor:
        if not x.is_floating_point():
            raise RuntimeError(f"{self.name}: only floating point tensors can be differentiated by; got {x.dtype!r}")
        return x.view_as(x) if self.outer and x.requires_grad else x.detach().requires_grad_()

    def reached(self, outs: Sequence[Tensor]) -> bool:
        """Whether `outs` depend on something outside that requires grad."""
        own = {id(x) for x in self.inputs if x.is_leaf}
        leaves = (t for t in find_topo_sort(outs) if isinstance(t, Tensor)) if self.outer else ()
        return any(id(t) not in own and id(t) not in _OVER for t in leaves)

    def left(self, tree: Any, keep: bool) -> Any:
        """Results as the outside gets them."""
        _OVER.update((id(x), x) for x in self.inputs if x.is_leaf)
        return tree if keep else _map(lambda t: t.detach(), tree)

    def grads(self, outs: Sequence[Tensor], vectors: Sequence[Any], create_graph: bool) -> list[Tensor]:
        pairs = [(o, v) for o, v in zip(outs, vectors, strict=True) if o.requires_grad]
        found: Sequence[Any] = (None,) * len(self.inputs)
        if pairs:
            found = engine.grad([o for o, _ in pairs], self.inputs, [v for _, v in pairs], True, create_graph,
                                allow_unused=True)
        return [(x * 0).detach() if g is None else g for g, x in zip(found, self.inputs, strict=True)]


# --- gradients --------------------------------------------------------------------------------------------------------


def grad_and_value(func: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
    """As `grad`; the function that it returns gives a pair, the gradient and ``func``'s own result.

    >>> ndl.func.grad_and_value(lambda x: x ** 2)(ndl.tensor(3.0))
    (tensor(6.), tensor(9.))
    """
    def run(*args: Any, **kwargs: Any) -> tuple:
        level = _Level("grad", args, argnums)
        with enable_grad():
            result = func(*level.args, **kwargs)
            out, aux = _with_aux("grad_and_value", result, has_aux)
            if not isinstance(out, Tensor) or out.ndim:
                raise RuntimeError(f"grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor, got "
                                   f"{f'a tensor of shape {tuple(out.shape)}' if isinstance(out, Tensor) else type(out)}")
            keep = level.reached([out]) if out.requires_grad else False
            grads = level.grads([out], [None], keep)
        gradient, value = _like(level.chosen, grads), level.left(out, keep)
        return gradient, (value, level.left(aux, keep)) if has_aux else value

    return run


def grad(func: Callable, argnums: Any = 0, has_aux: bool = False) -> Callable:
    """The function that computes the gradient of ``func``, a scalar, by its argument number `argnums` (or several).

    has_aux  ``func`` returns a pair, of which the second is passed on; the result is then (gradient, aux)

    >>> ndl.func.grad(ndl.sin)(ndl.tensor(0.0)), ndl.func.grad(ndl.func.grad(ndl.exp))(ndl.tensor(0.0))
    (tensor(1.), tensor(1.))
    """
    both = grad_and_value(func, argnums, has_aux)

    def run(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return run


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """``func(*primals)``, and a function from vectors like that result to their products with the Jacobian.

    >>> out, back = ndl.func.vjp(lambda x: x * x, ndl.tensor([1.0, 2.0]))
    >>> out, back(ndl.tensor([1.0, 10.0]))
    (tensor([1., 4.]), (tensor([ 2., 40.]),))
    """
    level = _Level("vjp", primals)
    with enable_grad():
        out, aux = _with_aux("vjp", func(*level.args), has_aux)
    outs = _leaves(out)
    keep = level.reached([o for o in outs if o.requires_grad])

    def back(cotangents: Any) -> Any:
        vectors = _leaves(cotangents)
        if len(vectors) != len(outs):
            raise RuntimeError(f"vjp: Expected pytree structure of cotangents to be the same as pytree structure of outputs to "
                               f"the function: {len(outs)} tensors; got {len(vectors)}")
        inside = keep or (mode.enabled and any(v.requires_grad for v in vectors))
        with enable_grad():
            return _like(level.chosen, level.grads(outs, vectors, inside))

    value = level.left(out, keep)
    return (value, back, level.left(aux, keep)) if has_aux else (value, back)


def jvp(func: Callable, primals: tuple, tangents: tuple, *, strict: bool = False, has_aux: bool = False) -> tuple:
    """``func(*primals)``, and how it changes when the primals move along the tangents: the Jacobian times them.

    Backward gives u^T J for any u; that is linear in u, and its derivative by u along the tangents is J v.

    >>> ndl.func.jvp(lambda x: x * x, (ndl.tensor([1.0, 2.0]),), (ndl.tensor([1.0, 10.0]),))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    level = _Level("jvp", tuple(primals))
    vectors = _leaves(tangents)
    if [v.shape for v in vectors] != [x.shape for x in level.inputs]:
        raise RuntimeError(f"jvp: expected primals and tangents to have the same shapes; got "
                           f"{[tuple(x.shape) for x in level.inputs]} and {[tuple(v.shape) for v in vectors]}")
    with enable_grad():
        out, aux = _with_aux("jvp", func(*level.args), has_aux)
        outs = _leaves(out)
        keep = level.reached([o for o in outs if o.requires_grad])
        inside = keep or (level.outer and any(v.requires_grad for v in vectors))
        us = [(o * 0).detach().requires_grad_() for o in outs]
        towards = [(g, v) for g, v in zip(level.grads(outs, us, True), vectors, strict=True) if g.requires_grad]
        found: Sequence[Any] = [None] * len(us)
        if towards:
            found = engine.grad([g for g, _ in towards], us, [v for _, v in towards], True, inside, allow_unused=True)
        moved = [(u * 0).detach() if m is None else m for m, u in zip(found, us, strict=True)]
    value = level.left(out, keep)
    return (value, _like(out, moved), level.left(aux, keep)) if has_aux else (value, _like(out, moved))


def jacrev(func: Callable, argnums: Any = 0, *, has_aux: bool = False, chunk_size: int | None = None,
           _preallocate_and_copy: bool = False) -> Callable:
    """The function that computes the Jacobian of ``func`` by its argument number `argnums`: shape (*output's, *input's).

    >>> ndl.func.jacrev(lambda x: x * x)(ndl.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    def run(*args: Any, **kwargs: Any) -> Any:
        level = _Level("jacrev", args, argnums)
        with enable_grad():
            out, aux = _with_aux("jacrev", func(*level.args, **kwargs), has_aux)
            outs = _leaves(out)
            keep = level.reached([o for o in outs if o.requires_grad])
            jacobian = _like(out, [_like(level.chosen, _rows(level, o, keep)) for o in outs])
        aux = level.left(aux, keep)
        return (jacobian, aux) if has_aux else jacobian

    return run


def _rows(level: _Level, out: Tensor, create_graph: bool) -> list[Tensor]:
    """The derivatives of one output by all inputs."""
    n, xp = out.numel(), backend.of_type(type(out._array)).xp
    parts: Sequence[Any] = (None,) * len(level.inputs)
    if n and out.requires_grad:
        units = wrap(xp.eye(n, dtype=out._array.dtype).reshape((n, *out._array.shape)))
        parts = engine.grad(out, level.inputs, units, True, create_graph, allow_unused=True, is_grads_batched=True)
    return [x.new_zeros((*out.shape, *x.shape)) if p is None else p.reshape((*out.shape, *x.shape))
            for p, x in zip(parts, level.inputs, strict=True)]


def jacfwd(func: Callable, argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error") -> Callable:
    """The same as `jacrev`: there is no forward mode here."""
    return jacrev(func, argnums, has_aux=has_aux)


def hessian(func: Callable, argnums: Any = 0) -> Callable:
    """The function that computes all second derivatives of ``func``: shape (*output's, *input's, *input's).

    >>> ndl.func.hessian(lambda x: (x ** 3).sum())(ndl.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)


def _with_aux(name: str, result: Any, has_aux: bool) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise RuntimeError(f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True; got "
                           f"{type(result).__name__}")
    return result


# --- vmap -------------------------------------------------------------------------------------------------------------


def vmap(func: Callable, in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *,
         chunk_size: int | None = None) -> Callable:
    """The function that applies ``func`` to each slice of its arguments along a dimension, and stacks the results.

    in_dims     the dimension of each positional argument (None: the same for all slices): an int, or nested as they are
    out_dims    where the new dimension goes in each result
    randomness  "error": random numbers must not be drawn; "different" or "same": for the slices

    It calls ``func`` once for each slice: right for all functions, but no faster than a loop.

    >>> ndl.vmap(ndl.dot)(ndl.ones(3, 2), ndl.arange(6.).reshape(3, 2))
    tensor([1., 5., 9.])
    >>> per_sample = ndl.vmap(ndl.func.grad(lambda w, x: (w * x).sum() ** 2), in_dims=(None, 0))
    >>> per_sample(ndl.ones(2), ndl.eye(2))
    tensor([[2., 0.],
            [0., 2.]])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")

    def run(*args: Any, **kwargs: Any) -> Any:
        if not args:
            raise ValueError("vmap(func)(<inputs>): got no inputs; what is to be mapped over must be positional")
        dims = in_dims if isinstance(in_dims, (tuple, list)) else (in_dims,) * len(args)
        if len(dims) != len(args):
            raise ValueError(f"vmap(func, in_dims={in_dims})(<inputs>): in_dims is not compatible with the structure of "
                             f"inputs: {len(dims)} for {len(args)} arguments")
        flat = [pair for a, d in zip(args, dims, strict=True) for pair in _with_dims(a, d)]
        sizes = {x.shape[d] for x, d in flat if d is not None}
        if len(sizes) != 1:
            raise ValueError(f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
                             f"{[x.shape[d] for x, d in flat if d is not None]} for the mapped dimension")
        (n,) = sizes
        if not n:
            raise ValueError("vmap: the mapped dimension has size 0: there is nothing to call the function with")
        before, results = get_rng_state(), []
        for i in range(n):
            if randomness == "same":
                set_rng_state(before)
            slices = [x if d is None else x.select(d, i) for x, d in flat]
            results.append(func(*_like(args, slices), **kwargs))
        if randomness == "error" and not bool((get_rng_state() == before).all()):
            raise RuntimeError("vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                               "'different' randomness flags on vmap or perform the randomness operation out of vmap")
        return _stacked(results, out_dims)

    return run


def _with_dims(tree: Any, dims: Any) -> list[tuple[Tensor, int | None]]:
    """Each tensor of an argument, with the dimension to map over."""
    if isinstance(tree, Tensor):
        if dims is not None and not -tree.ndim <= dims < tree.ndim:
            raise ValueError(f"vmap: Got in_dim={dims} for some input, but that input is a Tensor of dimensionality "
                             f"{tree.ndim} so expected in_dim to satisfy -{tree.ndim} <= in_dim < {tree.ndim}.")
        return [(tree, dims)]
    if isinstance(tree, dict):
        pairs = [(v, dims[k] if isinstance(dims, dict) else dims) for k, v in tree.items()]
    elif isinstance(tree, (tuple, list)):
        pairs = list(zip(tree, dims if isinstance(dims, (tuple, list)) else (dims,) * len(tree), strict=True))
    else:
        pairs = []
    return [pair for v, d in pairs for pair in _with_dims(v, d)]


def _stacked(results: list[Any], out_dims: Any) -> Any:
    first = results[0]
    for part in first if isinstance(first, (tuple, list)) else [first]:
        if not isinstance(part, (Tensor, tuple, list, dict)):
            raise ValueError(f"vmap: the function must only return Tensors, got type {type(part)} as a return")
    if isinstance(out_dims, (tuple, list)):
        return type(first)(_stacked([r[k] for r in results], d) for k, d in enumerate(out_dims)) \
            if isinstance(first, (tuple, list)) else _stacked(results, out_dims[0])
    columns = zip(*map(_leaves, results), strict=True)
    return _like(first, [column[0] if out_dims is None else F.stack(list(column), out_dims) for column in columns])


def stack_module_state(models: Sequence[Any]) -> tuple[dict, dict]:
    """The parameters and the buffers of models of one class, stacked: what `vmap` over `functional_call` takes.

    >>> models = [ndl.nn.Linear(2, 3) for _ in range(4)]
    >>> ndl.func.stack_module_state(models)[0]["weight"].shape
    Size([4, 3, 2])
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not all(type(m) is type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = {n: F.stack([dict(m.named_parameters())[n] for m in models], 0).detach().requires_grad_(p.requires_grad)
                  for n, p in models[0].named_parameters()}
    buffers = {n: F.stack([dict(m.named_buffers())[n] for m in models], 0).detach() for n, _ in models[0].named_buffers()}
    return parameters, buffers
