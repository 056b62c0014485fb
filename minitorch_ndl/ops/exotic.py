"""Special functions that few people need, from SciPy, which is loaded when the first of them is called.

As in torch, most have no gradient. https://pytorch.org/docs/stable/special.html
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend, errors
from ..faces import FACES, F
from ..op import op

# torch.special's name, and scipy.special's: functions of one number ...
ONE = {
    "bessel_j0": "j0", "bessel_j1": "j1", "bessel_y0": "y0", "bessel_y1": "y1", "modified_bessel_k0": "k0",
    "modified_bessel_k1": "k1", "scaled_modified_bessel_k0": "k0e", "scaled_modified_bessel_k1": "k1e",
}
# ... and polynomials: of a number, and their degree.
POLYNOMIALS = {
    "chebyshev_polynomial_t": "eval_chebyt", "chebyshev_polynomial_u": "eval_chebyu",
    "hermite_polynomial_h": "eval_hermite", "hermite_polynomial_he": "eval_hermitenorm",
    "laguerre_polynomial_l": "eval_laguerre", "legendre_polynomial_p": "eval_legendre",
    "shifted_chebyshev_polynomial_t": "eval_sh_chebyt", "shifted_chebyshev_polynomial_u": "eval_sh_chebyu",
}


def scipy(name: str, *arrays: Any) -> Any:
    """scipy.special's function of that name on arrays. Raises ImportError where SciPy is not installed."""
    try:
        import scipy.special
    except ImportError as error:
        raise errors.not_installed(f"special.{name}", "scipy", "special") from error
    out = getattr(scipy.special, name)(*(backend.to_numpy(a) if backend.is_array(a) else a for a in arrays))
    kind = next((type(a) for a in arrays if backend.is_array(a)), np.ndarray)
    return backend.of_type(kind).from_numpy(np.asarray(out, arrays[-1].dtype))


def _define(name: str, source: str, polynomial: bool) -> None:
    if polynomial:
        def kernel(xp, input, n):
            return scipy(source, n.astype("int64"), input)
    else:
        def kernel(xp, input):  # type: ignore[misc]
            return scipy(source, input)

    kernel.__name__, kernel.__doc__ = name, f"{name.replace('_', ' ').capitalize()}; scipy.special.{source}."
    op(on="special", promote="float", numbers=polynomial)(kernel)


for _name, _source in ONE.items():
    _define(_name, _source, False)
for _name, _source in POLYNOMIALS.items():
    _define(_name, _source, True)


def _define_sum(name: str, sign: int, shifted: bool) -> None:
    """Chebyshev's polynomials of the third (sign -1) and fourth kind: U_n -+ U_(n-1), where U are the second."""

    def kernel(xp, input, n):
        x = input * 2 - 1 if shifted else input
        return F.chebyshev_polynomial_u(x, n) + sign * F.chebyshev_polynomial_u(x, n - 1)

    kernel.__name__, kernel.__doc__ = name, f"{name.replace('_', ' ').capitalize()}."
    op(on="special", promote="float", numbers=True)(kernel)


for _name, _sign in (("chebyshev_polynomial_v", -1), ("chebyshev_polynomial_w", 1)):
    _define_sum(_name, _sign, False)
    _define_sum("shifted_" + _name, _sign, True)


@op(on="special", promote="float")
def airy_ai(xp, input):
    """Airy's function Ai."""
    return scipy("airy", input)[0]


@op(on="special", promote="float")
def spherical_bessel_j0(xp, input):
    """sin(x) / x, and 1 at 0."""
    return F.sinc(input / math.pi)


@op(input=lambda g, out: g * F.exp(out * out / 2) * math.sqrt(2 * math.pi), on="special", promote="float")
def ndtri(xp, input):
    """The inverse of ndtr: what a standard normal variable is below with this probability."""
    return scipy("ndtri", input)


def _no_order(name: str) -> Any:
    def formula(g: Any) -> Any:
        raise RuntimeError(f"derivative for {name} with respect to its first argument is not implemented. "
                           f"Call .detach() on it.")

    return formula


@op(input=_no_order("zeta"), other=lambda g, input, other: g * -input * F.zeta(input + 1, other), on="special",
    promote="float", numbers=True)
def zeta(xp, input, other):
    """Hurwitz' zeta function: the sum of (other + k) ** -input over k = 0, 1, 2, ..."""
    return scipy("zeta", input, other)


def _igamma_slope(g: Any, input: Any, other: Any) -> Any:
    return g * F.exp((input - 1) * F.log(other) - other - F.lgamma(input))


@op(input=_no_order("igamma"), other=_igamma_slope, on="torch method", inplace=True, promote="float")
def igamma(xp, input, other):
    """The lower incomplete gamma function, as a share of the complete one."""
    return scipy("gammainc", input, other)


@op(input=_no_order("igammac"), other=lambda g, input, other: -_igamma_slope(g, input, other), on="torch method",
    inplace=True, promote="float")
def igammac(xp, input, other):
    """The upper incomplete gamma function, as a share of the complete one."""
    return scipy("gammaincc", input, other)


FACES["special"].update(gammainc=FACES["torch"]["igamma"], gammaincc=FACES["torch"]["igammac"],
                        modified_bessel_i0=FACES["special"]["i0"], modified_bessel_i1=FACES["special"]["i1"])
