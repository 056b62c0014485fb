"""Make the tables of `minitorch_ndl/ops/special_tables.py`: rational fits to functions that NumPy lacks.

    python -m pip install mpmath && python scripts/fit_special.py > minitorch_ndl/ops/special_tables.py

Each table is a pair of polynomials P, Q (highest power first, Q ends in 1) whose ratio is as close to the function, in
its worst point, as one can get with so few numbers. All of them are positive on a positive argument, so that evaluating
them cancels nothing. Degrees are chosen so that the fit is better than the rounding of the dtype that it is for.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import numpy as np

mp.mp.dps = 50


def fit(f: Callable, a: float, b: float, p: int, q: int, weight: Callable | None = None) -> tuple[list, list, float]:
    """P of degree p and Q of degree q, so that P/Q is near f on [a, b], and the largest weighted error.

    Least squares at Chebyshev's nodes, made linear by multiplying with Q: P - f*(Q - 1) = f. Dividing each row by the
    last round's Q undoes that; raising the weights of the worst points, round by round, flattens the error (Lawson).
    """
    count = 6 * (p + q + 2)
    nodes = [(a + b) / 2 + (b - a) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * count)) for k in range(count)]
    values = [f(x) for x in nodes]
    weights = [weight(x) if weight else 1 / y for x, y in zip(nodes, values)]
    last_q, lawson = [mp.mpf(1)] * count, [mp.mpf(1)] * count
    best: tuple = (mp.inf, [], [])
    for _ in range(20):
        rows = mp.matrix(count, p + 1 + q)
        right = mp.matrix(count, 1)
        for i, (x, y) in enumerate(zip(nodes, values)):
            scale = weights[i] / last_q[i] * mp.sqrt(lawson[i])
            for k in range(p + 1):
                rows[i, k] = scale * x**k
            for k in range(q):
                rows[i, p + 1 + k] = -scale * y * x ** (k + 1)
            right[i] = scale * y
        solution = list(mp.qr_solve(rows, right)[0])
        above, below = solution[p::-1], [*solution[:p:-1], mp.mpf(1)]
        last_q = [abs(mp.polyval(below, x)) for x in nodes]
        errors = [abs(mp.polyval(above, x) / mp.polyval(below, x) - y) * w for x, y, w in zip(nodes, values, weights)]
        if max(errors) < best[0]:
            best = (max(errors), above, below)
        lawson = [old * mp.sqrt(e / max(errors)) + mp.mpf("1e-6") for old, e in zip(lawson, errors)]
    return best[1], best[2], float(best[0])


def erf(s: mp.mpf) -> mp.mpf:
    """atanh(erf(x)) / x, by s = x**2."""
    x = mp.sqrt(s)
    return mp.atanh(mp.erf(x)) / x


def erf_weight(s: mp.mpf) -> mp.mpf:
    """What an error of that costs, relative to erf(x) = tanh(x * it): nothing, where tanh is flat."""
    y = mp.erf(mp.sqrt(s))
    return mp.sqrt(s) * (1 - y * y) / y


def erfcx(x: mp.mpf) -> mp.mpf:
    """exp(x**2) * erfc(x)."""
    return mp.exp(x * x) * mp.erfc(x)


def erfinv(w: mp.mpf) -> mp.mpf:
    """erfinv(x) / x, by w = -log(1 - x**2)."""
    x = mp.sqrt(-mp.expm1(-w))
    rest = mp.exp(-w) / (1 + x)  # 1 - x
    guess = mp.sqrt(w) if w > 2 else x * mp.mpf("0.9")
    return mp.findroot(lambda y: mp.log(mp.erfc(y) / rest), guess) / x


def lgamma(x: mp.mpf) -> mp.mpf:
    """lgamma(x) / ((x - 1) * (x - 2))."""
    return mp.loggamma(x).real / ((x - 1) * (x - 2))


TINY = mp.mpf("1e-20")
TABLES = [  # name, what it is, bytes of the dtype, function, interval, degrees, weight
    ("ERF", "atanh(erf(x)) / x, by x**2", 4, erf, TINY, 16, 3, 3, erf_weight),
    ("ERF", "", 8, erf, TINY, 35, 9, 9, erf_weight),
    ("ERFCX", "exp(x**2) * erfc(x)", 4, erfcx, 0, mp.mpf("10.2"), 4, 5, None),
    ("ERFCX", "", 8, erfcx, 0, 27, 9, 10, None),
    ("ERFINV", "erfinv(x) / x, by -log(1 - x**2)", 4, erfinv, TINY, 38, 6, 6, None),
    ("LGAMMA", "lgamma(x) / ((x - 1) * (x - 2)), for x from 1 to 8", 4, lgamma, 1 + TINY, 8, 4, 4, None),
    ("LGAMMA", "", 8, lgamma, 1 + TINY, 8, 9, 9, None),
]


def main() -> None:
    print('"""Rational fits to functions that NumPy lacks, by bytes of the dtype: (P, Q), highest power first.')
    print("\nMade by scripts/fit_special.py, which says how. The numbers after # are the largest relative errors.")
    print('"""\n')
    seen = set()
    for name, what, size, f, a, b, p, q, weight in TABLES:
        above, below, error = fit(f, a, b, p, q, weight)
        if a == 0:
            above[-1] = f(mp.mpf(0))  # exact there
        assert min(above) > 0 and min(below) > 0, f"{name}: not all positive; choose other degrees"
        if name not in seen:
            print(f"\n# {what}\n{name}: dict = {{}}")
            seen.add(name)
        kind = np.float32 if size == 4 else np.float64
        print(f"{name}[{size}] = (  # {error:.0e}")
        for numbers in (above, below):
            texts, line = [str(kind(mp.nstr(n, 25))) for n in numbers], "    ("
            for text in texts:
                if len(line) + len(text) > 105:
                    print(line.rstrip())
                    line = "     "
                line += text + ", "
            print(line[:-2] + "),")
        print(")")


if __name__ == "__main__":
    main()
