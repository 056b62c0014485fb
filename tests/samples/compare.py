"""Comparisons, logic, bits."""

import numpy as np

from tests.samples import Sample

rng = np.random.default_rng(1)
A, B, ROW = rng.standard_normal((2, 3)).round(1), rng.standard_normal((2, 3)).round(1), rng.standard_normal(3).round(1)
B[0] = A[0]
INTS, SMALL = rng.integers(-9, 9, (2, 3)), rng.integers(0, 5, 3)
BOOLS = INTS > 0


def plain(function, *args):
    return Sample(args, reference=function, grad=False)


COMPARE = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
           "ge": np.greater_equal}
LOGIC = {"logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor}
BITS = {"bitwise_and": np.bitwise_and, "bitwise_or": np.bitwise_or, "bitwise_xor": np.bitwise_xor}
SHIFTS = {"bitwise_left_shift": np.left_shift, "bitwise_right_shift": np.right_shift}

SAMPLES = {
    **{name: [plain(f, A, B), plain(f, A, ROW), plain(f, A, 0.5), plain(f, INTS, A)] for name, f in COMPARE.items()},
    **{name: [plain(f, A, B), plain(f, BOOLS, BOOLS[0]), plain(f, INTS, A)] for name, f in LOGIC.items()},
    **{name: [plain(f, INTS, SMALL), plain(f, INTS, 3), plain(f, BOOLS, BOOLS[0])] for name, f in BITS.items()},
    **{name: [plain(f, INTS, SMALL), plain(f, INTS, 3)] for name, f in SHIFTS.items()},
    "isclose": [plain(np.isclose, A, B), plain(np.isclose, A, ROW), plain(np.isclose, A, A + 1e-9)],
    "allclose": [plain(np.allclose, A, B), plain(np.allclose, A, A + 1e-9)],
    "equal": [plain(np.array_equal, A, B), plain(np.array_equal, A, A.copy())],
    "isin": [plain(np.isin, INTS, SMALL), plain(np.isin, INTS, 3)],
}
