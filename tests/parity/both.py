"""Running one piece of code on torch and on us."""

import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")

BOTH = (torch, ndl)


def both(code):
    """The value of `code(module)` on torch and on us, texts with our name in torch's place."""
    theirs, ours = (code(m) for m in BOTH)
    return plain(ours), plain(theirs)


def plain(value):
    if isinstance(value, str):
        return value.replace("torch.", "ndl.").replace("ndl.Size", "Size").replace("ndl.nn.modules", "ndl.nn")
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def agree(code):
    ours, theirs = both(code)
    assert ours == theirs


def attribute(call):
    """AttributeError as ValueError, since `same_error` only tells some types apart."""
    try:
        call()
    except AttributeError as e:
        raise ValueError(str(e)) from e


def keyed(call):
    """KeyError as IndexError, for the same reason."""
    try:
        call()
    except KeyError as e:
        raise IndexError(str(e)) from e
