"""Arithmetic on two and three tensors."""

import numpy as np

from tests.samples import Sample

rng = np.random.default_rng(2)


def between(low, high, *shape):
    return np.asarray(rng.uniform(low, high, shape or (2, 3)))


A, B, ROW, COLUMN = between(-2, 2), between(-2, 2), between(-2, 2, 3), between(-2, 2, 2, 1)
POSITIVE, LARGER = between(0.3, 2), between(2.2, 5)
INTS, SMALL = rng.integers(-9, 9, (2, 3)), rng.integers(1, 5, 3)
MASK = A > 0
EMPTY = np.zeros((0, 3))
ZERO_D = np.asarray(B[0, 0])


def pairs(reference, a=A, b=B, row=ROW, **more):
    """Equal shapes, broadcasting both ways, 0-d, empty."""
    return [Sample((a, b), reference=reference, **more), Sample((a, row), reference=reference, **more),
            Sample((row, a), reference=reference, **more), Sample((np.asarray(a[0, 0]), b), reference=reference, **more),
            Sample((EMPTY, row), reference=reference, **more)]


def divisor(a, b, mode):
    return {"floor": np.floor, "trunc": np.trunc, None: lambda q: q}[mode](a / b)


def inside(x, low=None, high=None):
    x = x if low is None else np.where(x < low, low, x)
    return x if high is None else np.where(x > high, high, x)


SAMPLES = {
    "add": [*pairs(np.add), Sample((A, 2.5), reference=np.add), Sample((INTS, 2), reference=np.add),
            Sample((A, ROW), {"alpha": 0.5}, lambda a, b, alpha: a + alpha * b)],
    "sub": [*pairs(np.subtract), Sample((A, COLUMN), {"alpha": -2.0}, lambda a, b, alpha: a - alpha * b)],
    "mul": [*pairs(np.multiply), Sample((A, 2.5), reference=np.multiply), Sample((INTS, SMALL), reference=np.multiply)],
    "div": [*pairs(np.true_divide, POSITIVE, LARGER, LARGER[0]), Sample((INTS, SMALL), reference=np.true_divide),
            Sample((INTS, SMALL), {"rounding_mode": "trunc"}, lambda a, b, rounding_mode: divisor(a, b, rounding_mode)),
            Sample((A, POSITIVE), {"rounding_mode": "floor"}, lambda a, b, rounding_mode: divisor(a, b, rounding_mode))],
    "div_rounded": [Sample((A, POSITIVE, "floor"), reference=divisor, grad=False),
                    Sample((INTS, SMALL, "trunc"), reference=lambda a, b, m: divisor(a, b, m).astype(int))],
    "floor_divide": [Sample((INTS, SMALL), reference=np.floor_divide), Sample((A, 0.7), reference=np.floor_divide, grad=False)],
    "remainder": [Sample((INTS, SMALL), reference=np.remainder), Sample((A, LARGER), reference=np.remainder),
                  Sample((A, -LARGER), reference=np.remainder), Sample((A, LARGER[0]), reference=np.remainder)],
    "fmod": [Sample((INTS, SMALL), reference=np.fmod), Sample((A, LARGER), reference=np.fmod),
             Sample((A, LARGER[0]), reference=np.fmod)],
    "pow": [*pairs(np.power, POSITIVE, B, LARGER[0]), Sample((INTS, SMALL), reference=np.power),
            *(Sample((A, n), reference=np.power) for n in (0, 1, 2, 3)),
            *(Sample((POSITIVE, n), reference=np.power) for n in (0.5, -1, -2, 2.5))],
    "float_power": [Sample((POSITIVE, B), reference=np.power, grad=False),  # (float64 from float32, as it should be)
                    Sample((INTS, 2), reference=lambda a, n: a.astype(float) ** n, grad=False)],
    "maximum": pairs(np.maximum, A, LARGER, LARGER[0]), "minimum": pairs(np.minimum, A, LARGER, LARGER[0]),
    "fmax": pairs(np.fmax), "fmin": pairs(np.fmin),
    "where": [Sample((MASK, A, B), reference=np.where), Sample((MASK, ROW, COLUMN), reference=np.where),
              Sample((MASK, A, 0.5), reference=np.where), Sample((MASK[0], A, ZERO_D), reference=np.where)],
    "clamp": [Sample((A, -0.5, 0.5), reference=inside), Sample((A,), {"min": 0.1}, lambda x, min: inside(x, min)),
              Sample((A, POSITIVE - 2.5, LARGER - 1.5), reference=inside), Sample((INTS, -2, 4), reference=inside),
              Sample((A, 1.0, -1.0), reference=inside)],
    "clamp_min": [Sample((A, 0.1), reference=np.maximum), Sample((A, LARGER - 3), reference=np.maximum)],
    "clamp_max": [Sample((A, 0.1), reference=np.minimum), Sample((A, LARGER - 3), reference=np.minimum)],
    "atan2": pairs(np.arctan2), "hypot": pairs(np.hypot, A, LARGER, LARGER[0]),
    "copysign": [*pairs(np.copysign, POSITIVE), Sample((A, -1.0), reference=np.copysign)],
    "nextafter": pairs(np.nextafter, grad=False),
    "logaddexp": pairs(np.logaddexp), "logaddexp2": pairs(np.logaddexp2),
    "xlogy": [*(Sample((A, b), reference=lambda a, b: a * np.log(b)) for b in (LARGER, LARGER[0], 2.5)), Sample((0, LARGER), reference=lambda a, b: 0 * b)],
    "xlog1py": [Sample((A, LARGER), reference=lambda a, b: a * np.log1p(b))],
    "ldexp": [Sample((A, SMALL), reference=np.ldexp), Sample((A, ROW), reference=lambda a, b: a * 2**b)],
    "shift_exponent": [Sample((A, SMALL), reference=np.ldexp)],
    "heaviside": pairs(np.heaviside, grad=False),
    "gcd": [Sample((INTS, SMALL), reference=np.gcd)], "lcm": [Sample((INTS, SMALL), reference=np.lcm)],
    "lerp": [Sample((A, B, w), reference=lambda a, b, w: a + w * (b - a)) for w in (0.3, 0.8, COLUMN, ROW)],
    "addcmul": [Sample((A, B, ROW), {"value": 0.5}, lambda x, a, b, value: x + value * a * b),
                Sample((ROW, A, COLUMN), reference=lambda x, a, b: x + a * b)],
    "addcdiv": [Sample((A, B, LARGER[0]), {"value": 0.5}, lambda x, a, b, value: x + value * a / b),
                Sample((ROW, A, LARGER), reference=lambda x, a, b: x + a / b)],
    "rsub": [Sample((A, ROW), reference=lambda a, b: b - a), Sample((A, 1.0), {"alpha": 2}, lambda a, b, alpha: b - 2 * a)],
    "divmod": [Sample((INTS, SMALL), reference=np.divmod), Sample((A, 0.7), reference=np.divmod, grad=False)],
    "rdivmod": [Sample((SMALL, INTS), reference=lambda a, b: np.divmod(b, a))],
}
