"""Every operation, by family. Importing a family defines its operations and attaches them to Tensor.

To read: `unary.py` and `binary.py` first (a function and its derivative a line), then `reduce.py`, `shape.py`.
"""

import gc
import importlib

FAMILIES = (
    "shape", "region", "rearrange", "index", "brackets", "data", "creation", "memory", "sharing", "convert", "legacy",
    "randoms", "unary", "binary", "ternary", "compare", "special", "exotic", "activation", "reduce", "scan", "order", "join",
    "gather", "combine", "search", "matmul", "einsum", "affine", "solve", "decompositions", "magnitude", "linalg",
    "dropout", "loss", "loss_margin", "loss_ctc", "embedding", "embedding_bag", "pad", "conv", "pool", "pool_adaptive", "norm",
    "attention", "recurrent", "cells", "resample", "grid", "patches", "distance", "windows", "sundries", "unsupported",
    "sparse", "protocol",
)

_collects = gc.isenabled()
gc.disable()  # all that is made here stays, and so much of it is made that the collector would look through it ten times
try:
    for _family in FAMILIES:
        importlib.import_module(f".{_family}", __name__)
finally:
    if _collects:
        gc.enable()
