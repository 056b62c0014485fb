"""`@composite`: an operation written in other operations. It needs no formula; it gets every spelling all the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import dtypes, errors
from .autograd import views
from .autograd.engine import edge_of
from .autograd.grad_mode import mode
from .faces import FACES, F, Signature, publish
from .tensor import Tensor, wrap


def composite(*, on: str = "torch method", name: str | None = None, aliases: Sequence[str] = (),
              operators: Sequence[str] = (), inplace: bool = False, out: bool | str = True,
              numbers: bool = False) -> Callable:
    """Publish a plain function on Tensors as an operation; the options mean what they mean for `op`.

    A first parameter called `input` must be a Tensor, unless `numbers` may stand there. Annotate a parameter
    ``Sizes`` to take sizes as separate ints.
    """

    def define(function: Callable) -> Callable:
        title = name or function.__name__.rstrip("_")
        signature = Signature.of_kernel(function, skip=0)
        split = signature.positional
        keywords = signature.names[split:]
        checks = signature.names[:1] == ("input",) and not numbers

        def run(*args: Any) -> Any:
            if checks and not isinstance(args[0], Tensor):
                if getattr(args[0], "is_sparse", False):
                    return args[0]._call(title, args)
                raise errors.not_a_tensor(title, "input", 1, args[0])
            if keywords:
                return function(*args[:split], **dict(zip(keywords, args[split:], strict=True)))
            return function(*args)

        def in_place(target: Tensor, *rest: Any) -> Tensor:
            return rewrite(target, lambda old: run(old, *rest), title)

        doc = (function.__doc__ or "").strip()
        call: Any = publish(title, signature, run, on=on, aliases=aliases, methods=dict.fromkeys(operators, run),
                       in_place=in_place if inplace else None, out=out, doc=doc, kernel=function, skip=0)
        call.composite, call.run = function, run  # `run` takes every parameter in order
        if title not in vars(F):
            setattr(F, title, call)
        return call

    return define


def rewrite(target: Tensor, function: Callable[[Tensor], Tensor], name: str) -> Tensor:
    """Put ``function(target)`` into the target's own memory, history included: how a composite works in place."""
    recording = mode.enabled and edge_of(target) is not None
    views.check_writable(target, recording, name + "_")
    result = function(views.snapshot(target) if recording else wrap(target._array))
    if not dtypes.castable(result._array.dtype, target._array.dtype):
        raise errors.not_castable(result._array.dtype, target._array.dtype)
    if result._array.shape != target._array.shape:
        raise RuntimeError(f"output with shape {list(target._array.shape)} doesn't match the broadcast shape "
                           f"{list(result._array.shape)}: {name}_ writes in place and cannot change its tensor's shape.")
    return F.copy_(target, result)


def face(name: str, *places: str) -> Callable:
    """Hang a plain function up under `name` in the public namespaces ("method": on Tensor): for what is no operation
    that autograd has to know."""

    def define(function: Callable) -> Callable:
        for place in places or ("torch",):
            if place == "method":
                setattr(Tensor, name, function)
            else:
                FACES[place][name] = function
        return function

    return define
