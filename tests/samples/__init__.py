"""What the sweep (tests/test_sweep.py) feeds to every operation: a file for each family, with a table

    SAMPLES = {"mul": [Sample((rand(2, 3), rand(3)), reference=np.multiply), ...], ...}
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Sample:
    """One call of an operation.

    args       arrays, numbers, tuples; arrays become tensors, float64 ones such that require grad (with `grad`)
    reference  computes the same from the arrays, independently of the package; None where there is nothing simple
    grad       False: no derivative exists here, or it is zero by definition
    """

    args: tuple
    kwargs: dict[str, Any] = field(default_factory=dict)
    reference: Callable | None = None
    grad: bool = True


def collect() -> dict[str, list[Sample]]:
    """All samples, by the operation's name."""
    found: dict[str, list[Sample]] = {}
    for module in pkgutil.iter_modules(__path__):
        table = importlib.import_module(f"{__name__}.{module.name}").SAMPLES
        for name, samples in (table() if callable(table) else table).items():
            found.setdefault(name, []).extend(samples)
    return found
