"""Functions of one number, special functions, activations. References: NumPy, Python's math, and definitions."""

import math

import numpy as np

from tests.samples import Sample

rng = np.random.default_rng(0)


def between(low, high, *shape):
    return np.asarray(rng.uniform(low, high, shape or (2, 3)))


def off_kinks(*kinks, shape=(3, 4), low=-4.0, high=4.0):
    """Random numbers that keep away from these points."""
    values = rng.uniform(low, high, shape)
    for k in kinks:
        near = abs(values - k) < 0.05
        values[near] += 0.1
    return values


def each(function):
    """A function of Python numbers, applied to every element."""
    return lambda x, *rest: np.vectorize(function, otypes=[float])(x, *rest) if x.size else x


ANY, POSITIVE, UNIT, CHANCE = between(-2, 2), between(0.2, 3), between(-0.9, 0.9), between(0.05, 0.95)
MIXED = np.array([[np.nan, np.inf, -np.inf], [0.0, -0.0, 1.5]])
INTS = np.array([-3, 0, 4])

SMOOTH = {  # name: where, reference
    "exp": (ANY, np.exp), "exp2": (ANY, np.exp2), "expm1": (ANY, np.expm1), "log": (POSITIVE, np.log),
    "log1p": (POSITIVE, np.log1p), "log2": (POSITIVE, np.log2), "log10": (POSITIVE, np.log10),
    "sqrt": (POSITIVE, np.sqrt), "rsqrt": (POSITIVE, lambda x: x**-0.5), "square": (ANY, lambda x: x * x),
    "reciprocal": (POSITIVE, lambda x: 1 / x), "sin": (ANY, np.sin), "cos": (ANY, np.cos), "tan": (UNIT, np.tan),
    "asin": (UNIT, np.arcsin), "acos": (UNIT, np.arccos), "atan": (ANY, np.arctan), "sinh": (ANY, np.sinh),
    "cosh": (ANY, np.cosh), "tanh": (ANY, np.tanh), "asinh": (ANY, np.arcsinh),
    "acosh": (between(1.2, 4), np.arccosh), "atanh": (UNIT, np.arctanh), "deg2rad": (ANY, np.deg2rad),
    "rad2deg": (ANY, np.rad2deg), "sigmoid": (ANY, each(lambda x: 1 / (1 + math.exp(-x)))), "sinc": (ANY, np.sinc),
    "neg": (ANY, lambda x: 0 - x), "positive": (ANY, lambda x: x), "conj": (ANY, np.conj),
    "abs": (off_kinks(0), np.abs), "frac": (off_kinks(*range(-5, 6)), lambda x: np.fmod(x, 1)),
    "erf": (ANY, each(math.erf)), "erfc": (ANY, each(math.erfc)), "lgamma": (POSITIVE, each(math.lgamma)),
    "erfcx": (UNIT, each(lambda x: math.exp(x * x) * math.erfc(x))),
    "digamma": (POSITIVE, None), "erfinv": (UNIT, None), "i0": (ANY, np.i0), "i1": (ANY, None),
    "i0e": (off_kinks(0), lambda x: np.i0(x) * np.exp(-abs(x))), "i1e": (off_kinks(0), None),
    "entr": (POSITIVE, lambda x: -x * np.log(x)), "ndtr": (ANY, each(lambda x: math.erfc(-x / math.sqrt(2)) / 2)),
    "log_ndtr": (ANY, each(lambda x: math.log(math.erfc(-x / math.sqrt(2)) / 2))),
    "relu": (off_kinks(0), each(lambda x: max(x, 0))), "relu6": (off_kinks(0, 6), each(lambda x: min(max(x, 0), 6))),
    "selu": (off_kinks(0), each(lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)))),
    "hardsigmoid": (off_kinks(-3, 3), each(lambda x: min(max(x / 6 + 0.5, 0), 1))),
    "hardswish": (off_kinks(-3, 3), each(lambda x: x * min(max(x / 6 + 0.5, 0), 1))),
    "silu": (ANY, each(lambda x: x / (1 + math.exp(-x)))), "softsign": (off_kinks(0), each(lambda x: x / (1 + abs(x)))),
    "mish": (ANY, each(lambda x: x * math.tanh(math.log1p(math.exp(x))))),
    "logsigmoid": (ANY, each(lambda x: -math.log1p(math.exp(-x)))), "tanhshrink": (ANY, lambda x: x - np.tanh(x)),
}
STEPS = {  # no gradient, or zero: away from the steps
    "sign": (off_kinks(0), np.sign), "floor": (off_kinks(*range(-5, 6)), np.floor),
    "ceil": (off_kinks(*range(-5, 6)), np.ceil), "trunc": (off_kinks(*range(-5, 6)), np.trunc),
    "angle": (off_kinks(0), np.angle),
}
QUESTIONS = {
    "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite, "isposinf": np.isposinf, "isneginf": np.isneginf,
    "isreal": np.isreal, "signbit": np.signbit, "logical_not": np.logical_not,
}
SAMPLES = {
    **{name: [Sample((x,), reference=f), Sample((np.asarray(x[0, 0]),), reference=f)] for name, (x, f) in SMOOTH.items()},
    **{name: [Sample((x,), reference=f)] for name, (x, f) in STEPS.items()},
    **{name: [Sample((MIXED,), reference=f, grad=False), Sample((INTS,), reference=f, grad=False)]
       for name, f in QUESTIONS.items()},
    "frexp": [Sample((ANY,), reference=np.frexp)],
    "bitwise_not": [Sample((INTS,), reference=np.invert, grad=False), Sample((INTS > 0,), reference=np.invert, grad=False)],
    "invert": [Sample((INTS,), reference=np.invert, grad=False)],
    "round": [Sample((between(-0.4, 0.4),), reference=np.round),
              Sample((off_kinks(*np.arange(-4.05, 4, 0.1)),), {"decimals": 0}, grad=False),
              Sample((np.array([1.234, -5.678]),), {"decimals": 2}, reference=lambda x, decimals: np.round(x, decimals), grad=False)],
    "nan_to_num": [Sample((ANY,), reference=np.nan_to_num), Sample((MIXED,), reference=np.nan_to_num, grad=False),
                   Sample((MIXED, 1.0, 2.0, 3.0), reference=lambda x, *v: np.nan_to_num(x, True, *v), grad=False)],
    "logit": [Sample((CHANCE,), reference=lambda x: np.log(x / (1 - x))),
              Sample((off_kinks(0.1, 0.9, low=0, high=1), 0.1), reference=lambda x, e: (
                  np.log(np.clip(x, e, 1 - e)) - np.log1p(-np.clip(x, e, 1 - e))))],
    "polygamma": [Sample((1, POSITIVE)), Sample((2, POSITIVE))],
    "mvlgamma": [Sample((POSITIVE + 2, 3), reference=lambda x, p: 1.5 * math.log(math.pi) + sum(
        each(math.lgamma)(x - j / 2) for j in range(p)))],
    "bend": [Sample((ANY, ANY > 0, 1, 0), reference=lambda x, m, a, b: np.where(m, x, 0)),
             Sample((ANY, ANY > 0, 2.0, 0.1), reference=lambda x, m, a, b: np.where(m, a * x, b * x))],
    "leaky_relu": [Sample((off_kinks(0), s), reference=lambda x, s: np.where(x > 0, x, x * s)) for s in (0.1, 1.5, -0.2)],
    "prelu": [Sample((off_kinks(0), np.array([0.3])), reference=lambda x, w: np.where(x > 0, x, x * w)),
              Sample((off_kinks(0, shape=(2, 3, 2)), between(0, 1, 3)),
                     reference=lambda x, w: np.where(x > 0, x, x * w[:, None]))],
    "rrelu": [Sample((off_kinks(0), 0.1, 0.3), reference=lambda x, a, b: np.where(x > 0, x, x * (a + b) / 2))],
    "hardtanh": [Sample((off_kinks(-1, 0.5), -1.0, 0.5), reference=np.clip)],
    "hardshrink": [Sample((off_kinks(-0.5, 0.5),), reference=lambda x: np.where(abs(x) > 0.5, x, 0))],
    "softshrink": [Sample((off_kinks(-0.5, 0.5),), reference=lambda x: np.sign(x) * np.maximum(abs(x) - 0.5, 0))],
    "threshold": [Sample((off_kinks(0.1), 0.1, 7.0), reference=lambda x, t, v: np.where(x > t, x, v))],
    "scaled_elu": [Sample((off_kinks(0), 0.7, 1.3, 0.9), reference=lambda x, a, s, i: s * np.where(
        x > 0, x, a * np.expm1(x * i)))],
    "prelu_aligned": [Sample((off_kinks(0), between(0, 1, 4)), reference=lambda x, w: np.where(x > 0, x, x * w))],
    "random_slopes": [Sample((between(1, 2), 0.1, 0.2), reference=lambda x, a, b: np.ones_like(x), grad=False)],
    "bessel_i": [Sample((ANY, 0, False), reference=lambda x, n, s: np.i0(x)), Sample((ANY, 2, False)),
                 Sample((off_kinks(0), 1, True))],
    "elu": [Sample((off_kinks(0), 0.7), reference=lambda x, a: np.where(x > 0, x, a * np.expm1(x)))],
    "celu": [Sample((off_kinks(0), 0.7), reference=lambda x, a: np.where(x > 0, x, a * np.expm1(x / a)))],
    "gelu": [Sample((ANY,), reference=each(lambda x: x * math.erfc(-x / math.sqrt(2)) / 2)),
             Sample((ANY,), {"approximate": "tanh"}, reference=lambda x, approximate: 0.5 * x * (
                 1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))],
    "softplus": [Sample((ANY,), reference=lambda x: np.log1p(np.exp(x))),
                 Sample((off_kinks(1.5), 2.0, 3.0), reference=lambda x, b, t: np.where(x * b > t, x, np.log1p(np.exp(x * b)) / b))],
    "glu": [Sample((between(-2, 2, 3, 4),), reference=lambda x: x[:, :2] / (1 + np.exp(-x[:, 2:]))),
            Sample((between(-2, 2, 4, 3), 0), reference=lambda x, d: x[:2] / (1 + np.exp(-x[2:])))],
    "softmax": [Sample((between(-2, 2, 2, 3, 2), d), reference=lambda x, d: np.exp(x) / np.exp(x).sum(d, keepdims=True))
                for d in (0, 1, -1)],
    "log_softmax": [Sample((between(-2, 2, 2, 3, 2), d), reference=lambda x, d: x - np.log(np.exp(x).sum(d, keepdims=True)))
                    for d in (0, 1, -1)],
    "softmin": [Sample((ANY, 1), reference=lambda x, d: np.exp(-x) / np.exp(-x).sum(d, keepdims=True))],
}

try:
    import scipy.special as scipy
except ImportError:  # an optional part
    pass
else:
    DEGREE = 3
    SAMPLES |= {
        name: [Sample((UNIT, DEGREE), reference=lambda x, n, f=getattr(scipy, source): f(n, x), grad=False)]
        for name, source in (
            ("chebyshev_polynomial_t", "eval_chebyt"), ("chebyshev_polynomial_u", "eval_chebyu"),
            ("hermite_polynomial_h", "eval_hermite"), ("hermite_polynomial_he", "eval_hermitenorm"),
            ("laguerre_polynomial_l", "eval_laguerre"), ("legendre_polynomial_p", "eval_legendre"),
            ("shifted_chebyshev_polynomial_t", "eval_sh_chebyt"), ("shifted_chebyshev_polynomial_u", "eval_sh_chebyu"))
    } | {  # sin((n + 1/2) t) / sin(t / 2) and its twin, of x = cos(t)
        name: [Sample((UNIT, DEGREE), reference=lambda x, n, f=part: (
            f((n + 0.5) * np.arccos(x)) / f(np.arccos(x) / 2)), grad=False)]
        for name, part in (("chebyshev_polynomial_v", np.cos), ("chebyshev_polynomial_w", np.sin))
    } | {
        name: [Sample((CHANCE, DEGREE), reference=lambda x, n, f=part: (
            f((n + 0.5) * np.arccos(2 * x - 1)) / f(np.arccos(2 * x - 1) / 2)), grad=False)]
        for name, part in (("shifted_chebyshev_polynomial_v", np.cos), ("shifted_chebyshev_polynomial_w", np.sin))
    } | {
        name: [Sample((POSITIVE,), reference=getattr(scipy, source), grad=False)]
        for name, source in (("bessel_j0", "j0"), ("bessel_j1", "j1"), ("bessel_y0", "y0"), ("bessel_y1", "y1"),
                             ("modified_bessel_k0", "k0"), ("modified_bessel_k1", "k1"),
                             ("scaled_modified_bessel_k0", "k0e"), ("scaled_modified_bessel_k1", "k1e"))
    } | {
        "airy_ai": [Sample((ANY,), reference=lambda x: scipy.airy(x)[0], grad=False)],
        "spherical_bessel_j0": [Sample((POSITIVE,), reference=lambda x: np.sin(x) / x, grad=False)],
        "ndtri": [Sample((CHANCE,), reference=scipy.ndtri)],
        "zeta": [Sample((2.5, POSITIVE), reference=scipy.zeta)],
        "igamma": [Sample((POSITIVE, POSITIVE[::-1]), reference=scipy.gammainc, grad=False)],
        "igammac": [Sample((POSITIVE, POSITIVE[::-1]), reference=scipy.gammaincc, grad=False)],
    }
