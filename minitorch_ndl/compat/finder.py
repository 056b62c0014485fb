"""Makes ``import torch`` and ``import torchvision`` bring this package's modules: the same objects, under other names."""

from __future__ import annotations

import difflib
import importlib
import importlib.abc
import importlib.machinery
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from .. import version

PACKAGE = __name__.partition(".")[0]
# The longest name that fits counts.
ALIASES = {
    "torch": PACKAGE,
    "torch.functional": PACKAGE,
    "torch.autograd.variable": f"{PACKAGE}.autograd",
    "torch.amp.autocast_mode": f"{PACKAGE}.amp",
    "torch.amp.grad_scaler": f"{PACKAGE}.amp",
    "torch.utils.model_zoo": f"{PACKAGE}.hub",
    "torchvision": f"{PACKAGE}.vision",
    "safetensors.torch": f"{PACKAGE}.serialization.safetensors",
}
ROOTS = ("torch", "torchvision")


def ours(name: str) -> str | None:
    """What the module ``torch.nn`` is called here: ``minitorch_ndl.nn``. None for other packages' modules.

    >>> from minitorch_ndl.compat import finder
    >>> finder.ours("torch.utils.data"), finder.ours("torchaudio")
    ('minitorch_ndl.utils.data', None)
    """
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        alias = ALIASES.get(".".join(parts[:n]))
        if alias is not None:
            return ".".join([alias, *parts[n:]])
    return None


def theirs(name: str) -> str:
    """The other way: ``minitorch_ndl.nn`` is called ``torch.nn``."""
    for root in reversed(ROOTS):
        if name == ALIASES[root] or name.startswith(ALIASES[root] + "."):
            return root + name[len(ALIASES[root]):]
    return name


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules named in `ALIASES`, and all below them."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        real = ours(fullname)
        if real is None:
            return None
        try:
            module = importlib.import_module(real)
        except ModuleNotFoundError as error:
            if error.name is None or not (real + ".").startswith(error.name + "."):
                raise  # one of our own modules needs something that is not installed
            raise ModuleNotFoundError(missing(fullname), name=fullname) from None
        for name, below in list(sys.modules.items()):  # such as nn.modules.linear, whose parent is no folder to look into
            if name.startswith(real + "."):
                sys.modules.setdefault(fullname + name[len(real):], below)
        return importlib.machinery.ModuleSpec(fullname, self, loader_state=(module, module.__spec__),
                                              is_package=hasattr(module, "__path__"))

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return spec.loader_state[0]

    def exec_module(self, module: ModuleType) -> None:
        # It has been executed long ago, under its own name, which the import system has just written over.
        module.__spec__ = module.__spec__.loader_state[1]  # type: ignore[union-attr]


def install() -> None:
    """From now on, in this process, ``torch`` and ``torchvision`` are this package, whether they are installed or not."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ROOTS:
            del sys.modules[name]
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
    importlib.import_module(f"{PACKAGE}.absent")  # has modules without files
    package: Any = sys.modules[PACKAGE]
    if not package.__version__.startswith(version.API):  # scripts ask torch's version to know what it can do
        package.__version__ = version.__dict__["__version__"] = f"{version.API}+{PACKAGE}.{package.__version__}"


# --- what is missing, and what comes nearest --------------------------------------------------------------------------


def lookup(name: str) -> Any:
    """The object of a dotted name such as ``torch.nn.Linear``. Raises AttributeError if we don't have it.

    Where a value is reached that is no module and no class, the rest of the name is taken on trust.
    """
    parts = name.split(".")
    found: Any = importlib.import_module(ALIASES[parts[0]])
    for i, part in enumerate(parts[1:], 1):
        if not isinstance(found, (ModuleType, type)):
            return found
        try:
            found = getattr(found, part)
        except AttributeError:
            real = ours(".".join(parts[:i + 1]))
            try:
                found = importlib.import_module(real or "")
            except ImportError:
                raise AttributeError(missing(".".join(parts[:i + 1])), name=part, obj=found) from None
    return found


def missing(name: str) -> str:
    """A sentence: that ``torch.nn.Liner`` is not here, and what comes nearest.

    >>> from minitorch_ndl.compat import finder
    >>> finder.missing("torch.nn.Liner")
    'minitorch_ndl has no torch.nn.Liner; the nearest that it has: torch.nn.Linear'
    """
    near = nearest(name)
    return f"{PACKAGE} has no {name}" + (f"; the nearest that it has: {near}" if near else "")


def nearest(name: str) -> str | None:
    """The name of ours that is most like `name`: in the same place, or under the same last name elsewhere."""
    place, _, last = name.rpartition(".")
    while place:
        try:
            home = lookup(place)
            break
        except (AttributeError, ImportError, KeyError):
            place, _, last = place.rpartition(".")
    else:
        return None
    near = _like(last, home, 1.0)
    if near:
        return f"{place}.{near}"
    for other in _places():
        if hasattr(lookup(other), last):
            return f"{other}.{last}"
    near = _like(last, home, 0.7)
    return f"{place}.{near}" if near else None


def _like(name: str, home: Any, cutoff: float) -> str | None:
    """The name in `home` that is most like `name`, whether letters are small or large deciding last."""
    known: dict[str, list[str]] = {}
    for other in dir(home):
        if not other.startswith("_"):
            known.setdefault(other.lower(), []).append(other)
    near = difflib.get_close_matches(name.lower(), known, 1, cutoff)
    return difflib.get_close_matches(name, known[near[0]], 1, 0)[0] if near else None


def _places() -> Iterator[str]:
    for place in ("torch", "torch.nn", "torch.nn.functional", "torch.Tensor", "torch.optim", "torch.optim.lr_scheduler",
                  "torch.utils.data", "torch.linalg", "torch.special", "torch.nn.utils", "torch.nn.init",
                  "torchvision.transforms", "torchvision.datasets", "torchvision.utils"):
        try:
            lookup(place)
        except (AttributeError, ImportError):
            continue
        yield place


_CANNOT = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")


def explain(error: BaseException) -> None:
    """Add the nearest name to an error about a name that one of our modules or classes lacks."""
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.partition(".")[0] in ROOTS:
        error.msg = missing(error.name)
        error.args = (error.msg,)
    elif isinstance(error, ImportError):
        found = _CANNOT.match(error.msg or "")
        if found and found[2].partition(".")[0] in (PACKAGE, *ROOTS):
            error.msg = missing(f"{theirs(found[2])}.{found[1]}")
            error.args = (error.msg,)
    elif isinstance(error, AttributeError) and error.name and error.args:
        home = error.obj if isinstance(error.obj, (ModuleType, type)) else type(error.obj)
        name = home.__name__ if isinstance(home, ModuleType) else f"{home.__module__}.{home.__qualname__}"
        if isinstance(home, type) and getattr(lookup("torch"), home.__name__, None) is home:
            name = f"{PACKAGE}.{home.__name__}"  # by its public name
        if name.partition(".")[0] == PACKAGE:
            error.args = (missing(f"{theirs(name)}.{error.name}"),)
            error.name = None  # or else Python adds a guess of its own
