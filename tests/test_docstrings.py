"""The examples of all operations. Their functions are made by decorators, so that doctest does not find them by itself."""

import doctest

import numpy as np
import pytest
from _pytest.doctest import _get_checker, _get_flag_lookup

import minitorch_ndl as ndl
from minitorch_ndl.faces import FACES

FUNCTIONS = {}
for _face, _functions in FACES.items():
    for _name, _function in _functions.items():
        if callable(_function) and ">>>" in (getattr(_function, "__doc__", None) or ""):
            FUNCTIONS.setdefault(id(_function), (f"{_face}.{_name}", _function))

FLAGS = _get_flag_lookup()
OPTIONS = FLAGS["ELLIPSIS"] | FLAGS["NUMBER"]  # as setup.cfg has it for all other docstrings


@pytest.mark.parametrize("function", [f for _, f in FUNCTIONS.values()], ids=[n for n, _ in FUNCTIONS.values()])
def test_example(function):
    name = function.__name__
    test = doctest.DocTestParser().get_doctest(function.__doc__, {"ndl": ndl, "np": np}, name, None, None)
    report = []
    doctest.DocTestRunner(_get_checker(), optionflags=OPTIONS).run(test, out=report.append)
    assert not report, "".join(report)
