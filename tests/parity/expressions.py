"""Run the same lines of Python on torch and on us, and compare what they print: results, or exceptions."""

import copy
import math
import pickle
import re
import warnings

import numpy as np

import minitorch_ndl as ndl


def outcome(source, module):
    """What a line gives: its result as text, or the type of its exception. Statements before the last are run first."""
    names = {"T": module, "np": np, "copy": copy, "pickle": pickle, "math": math}
    *before, last = source.split("; ")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for statement in before:
                exec(statement, names)
            result = eval(last, names)
        except Exception as error:
            return "raises", type(error).__name__, str(error)
    return "gives", _plain(result), ""


def _plain(result):
    """Text without what differs by design: our name, and the numbers that torch puts behind a node's name."""
    text = repr(result).replace("torch.", "ndl.").replace("ndl.Size(", "Size(")
    return re.sub(r"Backward\d+>", "Backward>", text)


def agree(source, torch):
    """Fail unless the line gives the same on both, or raises the same type of exception."""
    theirs, ours = outcome(source, torch), outcome(source, ndl)
    assert ours[:2] == theirs[:2], f"{source}\n  torch {theirs[0]} {theirs[1]} {theirs[2][:200]}" \
                                   f"\n  ndl   {ours[0]} {ours[1]} {ours[2][:200]}"


def lines(text):
    """The lines of a block, without empty ones and comments."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
