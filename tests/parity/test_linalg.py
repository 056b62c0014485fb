"""linalg against torch: values, both orders of gradients, batches, odd shapes, errors.

The signs of singular and eigenvectors are up to the LAPACK at hand: losses must not depend on them.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import minitorch_ndl as ndl
from tests.parity.same import array, same as compare, same_error

pytestmark = pytest.mark.filterwarnings(
    *(
        f"ignore:torch.{name} is deprecated"
        for name in ("cholesky", "lu", "lu_solve", "qr", "triangular_solve")
    )
)
rng = np.random.default_rng(11)
BATCHES = [(), (3,), (2, 1), (0,)]


def matrices(*batch, n=3, m=None):
    """Well-conditioned ones: singular values between 1 and 2."""
    m = n if m is None else m
    u, _, v = np.linalg.svd(rng.standard_normal((*batch, n, m)), full_matrices=False)
    return u * rng.uniform(1, 2, (*batch, 1, min(n, m))) @ v


def definite(*batch, n=3):
    a = matrices(*batch, n=n)
    return a @ np.swapaxes(a, -2, -1)


def plain(value):
    """Named results as plain tuples; test_names_of_results looks at the names."""
    return tuple(map(plain, value)) if isinstance(value, (tuple, list)) else value


def same(call, *args, **options):
    return compare(lambda m, *tensors: plain(call(m, *tensors)), *args, **options)


def symmetric(m, a):
    return (a + a.mT) / 2


SQUARE = {
    "inv": lambda m, a: m.linalg.inv(a),
    "inverse": lambda m, a: (m.inverse(a), a.inverse()),
    "inv_ex": lambda m, a: m.linalg.inv_ex(a),
    "det": lambda m, a: (m.det(a), a.det(), m.linalg.det(a)),
    "slogdet": lambda m, a: (m.slogdet(a), m.linalg.slogdet(a)),
    "logdet": lambda m, a: m.logdet(a @ a.mT),
    "matrix_power 3": lambda m, a: m.linalg.matrix_power(a, 3),
    "matrix_power 0": lambda m, a: m.matrix_power(a, 0),
    "matrix_power -2": lambda m, a: a.matrix_power(-2),
    "matrix_power 6": lambda m, a: m.matrix_power(a, n=6),
    "matrix_exp": lambda m, a: (m.linalg.matrix_exp(a), a.matrix_exp()),
    "cholesky": lambda m, a: m.linalg.cholesky(a @ a.mT),
    "cholesky upper": lambda m, a: m.linalg.cholesky(a @ a.mT, upper=True),
    "cholesky_ex": lambda m, a: m.linalg.cholesky_ex(a @ a.mT),
    "torch.cholesky": lambda m, a: (a @ a.mT).cholesky(),
    "cholesky_inverse": lambda m, a: m.cholesky_inverse((a * a).tril() + 1),
    "cholesky_inverse upper": lambda m, a: m.cholesky_inverse((a * a).triu() + 1, upper=True),
    "lu_factor": lambda m, a: m.linalg.lu_factor(a),
    "lu_factor_ex": lambda m, a: m.linalg.lu_factor_ex(a),
    "lu_solve": lambda m, a: m.linalg.lu_solve(*m.linalg.lu_factor(a), a * a),
    "lu_solve adjoint": lambda m, a: m.linalg.lu_solve(*m.linalg.lu_factor(a), a * a, adjoint=True),
    "lu_solve right": lambda m, a: m.linalg.lu_solve(*m.linalg.lu_factor(a), a * a, left=False),
    "torch.lu": lambda m, a: m.lu(a),
    "eigh values": lambda m, a: (
        m.linalg.eigh(symmetric(m, a))[0],
        m.linalg.eigvalsh(symmetric(m, a), UPLO="U"),
    ),
    "eigh vectors": lambda m, a: m.linalg.eigh(symmetric(m, a)).eigenvectors ** 2,
    "eigh": lambda m, a: (lambda w, v: v @ m.diag_embed(w.exp()) @ v.mT)(*m.linalg.eigh(symmetric(m, a))),
    "cond": lambda m, a: (m.linalg.cond(a), m.linalg.cond(a, -2), m.linalg.cond(a, 2)),
    "pinv hermitian": lambda m, a: m.linalg.pinv(a + a.mT, hermitian=True),
    "matrix_rank": lambda m, a: (m.linalg.matrix_rank(a), m.linalg.matrix_rank(a @ a.mT, hermitian=True)),
}


@pytest.mark.parametrize("name", SQUARE)
def test_square_matrices(name):
    if "cond" in name:
        batches = [(), (3,)]
    else:
        batches = BATCHES
    for batch in batches:
        same(SQUARE[name], matrices(*batch))
    same(SQUARE[name], matrices(2, n=3).astype("float32"), grad=False)
    same(SQUARE[name], matrices(2, n=1))
    same(SQUARE[name], np.swapaxes(matrices(2), -1, -2))
    if name not in ("cond", "lu_factor", "torch.lu"):
        same(SQUARE[name], np.zeros((2, 0, 0)))


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (3, 4, 2), (3, 2, 4), (1, 3), (3, 1)])
def test_any_matrices(shape):
    a = matrices(*shape[:-2], n=shape[-2], m=shape[-1])
    for call in (
        lambda m, a: m.linalg.svdvals(a),
        lambda m, a: (lambda u, s, vh: (u**2, s, vh**2))(*m.linalg.svd(a, full_matrices=False)),
        lambda m, a: (lambda u, s, vh: u @ m.diag_embed(s**3) @ vh)(*m.linalg.svd(a, full_matrices=False)),
        lambda m, a: (lambda u, s, v: u @ m.diag_embed(s**3) @ v.mT)(*m.svd(a)),
        lambda m, a: m.linalg.pinv(a),
        lambda m, a: (
            m.pinverse(a),
            a.pinverse(1e-3),
            m.linalg.pinv(a, rtol=1e-3),
            m.linalg.pinv(a, atol=1.2),
        ),
        lambda m, a: m.linalg.matrix_rank(a, atol=1.2),
        lambda m, a: (m.linalg.cond(a), m.linalg.cond(a, 2)),
        lambda m, a: (lambda q, r: (q.abs(), r.abs(), q @ (r**1) * 2))(*m.linalg.qr(a)),
        lambda m, a: m.linalg.lu(a),
        lambda m, a: m.linalg.lu_factor_ex(a),
        lambda m, a: m.linalg.diagonal(a),
        lambda m, a: m.linalg.matrix_norm(a),
        lambda m, a: m.lu_unpack(*m.linalg.lu_factor(a)),
    ):
        same(call, a)
    same(lambda m, a: m.linalg.qr(a, mode="complete").R.abs(), a, grad=False)
    same(lambda m, a: m.linalg.qr(a, mode="complete").Q.shape, a, grad=False)
    same(lambda m, a: m.linalg.qr(a, mode="r").R.abs(), a, grad=False)
    same(lambda m, a: (m.qr(a, some=False)[0].shape, m.qr(a).R.abs()), a, grad=False)
    same(lambda m, a: m.svd(a, compute_uv=False), a, grad=False)
    same(lambda m, a: [t.shape for t in m.linalg.svd(a)], a, grad=False)
    same(lambda m, a: [t.shape for t in m.svd(a, some=False)], a, grad=False)
    same(lambda m, a: m.linalg.svd(a)[1], a)
    same(lambda m, a: m.linalg.svd(a)[0][..., : min(shape[-2:])] ** 2, a)


@pytest.mark.parametrize("p", ["fro", "nuc", 1, -1, np.inf, -np.inf])
def test_condition_numbers(p):
    same(lambda m, a: m.linalg.cond(a, p), np.stack([np.ones((3, 3)), *matrices(2)]), grad=False)
    x = ndl.from_numpy(matrices(2)).requires_grad_()  # torch's own gradient fails
    assert ndl.autograd.gradcheck(lambda x: ndl.linalg.cond(x, p), (x,))


def test_qr_complete_of_a_wide_matrix():
    same(lambda m, a: (lambda q, r: q @ r**2)(*m.linalg.qr(a, mode="complete")), matrices(2, n=2, m=4))


def test_names_of_results():
    a = ndl.eye(2)
    for result in (
        ndl.linalg.svd(a),
        ndl.linalg.qr(a),
        ndl.linalg.eigh(a),
        ndl.slogdet(a),
        ndl.linalg.lu(a),
        ndl.linalg.lstsq(a, a),
        ndl.linalg.inv_ex(a),
        ndl.svd(a),
        ndl.linalg.lu_factor_ex(a),
    ):
        expected = getattr(torch.return_types, type(result).__name__)
        assert list(type(result)._fields) == [n for n in dir(expected) if n in type(result)._fields] or all(
            hasattr(expected, n) for n in type(result)._fields
        )
        assert len(result) == expected.n_fields
        assert repr(result).startswith(f"return_types.{type(result).__name__}(\n")


@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 3), (3,)),
        ((3, 3), (3, 2)),
        ((2, 3, 3), (2, 3)),
        ((2, 3, 3), (3, 2)),
        ((3, 3), (2, 3, 4)),
        ((2, 1, 3, 3), (5, 3, 4)),
        ((2, 3, 3), (3,)),
        ((0, 3, 3), (3, 2)),
    ],
)
def test_solve(shapes):
    a, b = matrices(*shapes[0][:-2]), array(rng, shapes[1])
    same(lambda m, a, b: m.linalg.solve(a, b), a, b)
    same(lambda m, a, b: m.linalg.solve_ex(a, b), a, b)
    if b.ndim > 1 and b.shape[-1] != 3 and b.mT.shape != a.shape[:-1]:
        same(lambda m, a, b: m.linalg.solve(a, b.mT, left=False), a, b)


@pytest.mark.parametrize("n", [1, 2, 5, 70, 150])
def test_triangular_systems(n):
    a, b = matrices(n=n) * 0.2 + 3 * np.eye(n), array(rng, (n, 2))
    for upper in (True, False):
        for unit in (True, False):
            call = {"upper": upper, "unitriangular": unit}
            second = n < 20
            same(
                lambda m, a, b: m.linalg.solve_triangular(a / (n if unit else 1), b, **call),
                a,
                b,
                second=second,
            )
            same(
                lambda m, a, b: m.linalg.solve_triangular(a / (n if unit else 1), b.mT, left=False, **call),
                a,
                b,
                second=second,
            )
    same(
        lambda m, a, b: m.linalg.solve_triangular(a, b, upper=False),
        a.astype("float32"),
        b.astype("float32"),
        grad=False,
    )


def test_triangular_systems_in_stacks():
    for sa, sb in (
        ((2, 3, 3), (2, 3, 4)),
        ((2, 3, 3), (3, 4)),
        ((3, 3), (2, 3, 4)),
        ((2, 1, 3, 3), (5, 3, 1)),
        ((2, 0, 0), (2, 0, 3)),
    ):
        same(
            lambda m, a, b: m.linalg.solve_triangular(a, b, upper=False),
            array(rng, sa) + 3 * np.eye(sa[-1]),
            array(rng, sb),
        )
    same(
        lambda m, a, b: m.linalg.solve_triangular(a, b, upper=True),
        np.zeros((3, 3)),
        np.ones((3, 1)),
        grad=False,
    )
    same(
        lambda m, a, b: m.linalg.solve_triangular(a, b, upper=True),
        np.concatenate([np.eye(70), np.zeros((1, 70))])[[*range(30), 70, *range(31, 70)]],
        np.ones((70, 1)),
        grad=False,
    )


def test_older_solvers():
    a, b = definite(2), array(rng, (2, 3, 4))
    for args in ((), (False,), (True, True), (False, True, True)):
        same(lambda m, a, b: m.triangular_solve(b, a, *args), a, b)
    for upper in (False, True):
        same(lambda m, a, b: (m.cholesky_solve(b, a, upper), b.cholesky_solve(a, upper=upper)), a, b)
    same(lambda m, a, b: m.lu_solve(b, *m.linalg.lu_factor(a)), a, b)
    same(lambda m, a, b: b.lu_solve(*a.lu()), a, b)


def test_lu_of_larger_matrices():
    for shape in ((40, 40), (2, 17, 33), (33, 17), (100, 3)):
        a = array(rng, shape)
        same(lambda m, a: m.linalg.lu_factor_ex(a), a, second=False)
        P, L, U = ndl.linalg.lu(ndl.from_numpy(a))
        np.testing.assert_allclose((P @ L @ U).numpy(), a, atol=1e-12)


def test_determinants_of_singular_matrices_have_gradients():
    for a in (
        np.ones((2, 2)),
        np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]),
        np.diag([1.0, 2, 0]),
        np.zeros((3, 3)),
    ):
        x = ndl.from_numpy(a).requires_grad_()
        ndl.det(x).backward()
        n = len(a)
        cofactors = [
            [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) for j in range(n)]
            for i in range(n)
        ]
        np.testing.assert_allclose(x.grad.numpy(), cofactors, atol=1e-9)


def test_singular_values_that_repeat_have_gradients():
    same(lambda m, a: m.linalg.svd(a)[1].sum(), np.eye(3) * 2, second=False)
    same(lambda m, a: m.linalg.matrix_norm(a, "nuc"), np.eye(3) * 2, second=False)
    same(lambda m, a: m.linalg.eigvalsh(a).sum(), np.eye(3) * 2, second=False)
    same(lambda m, a: m.linalg.eigh(a)[0] ** 2, np.eye(3) * 2, second=False)


def test_eig_of_matrices_with_real_eigenvalues():
    a = np.array([[2.0, 1.0, 0.3], [0.2, 3.0, 0.1], [0.4, 0.2, 5.0]])
    x, y = ndl.from_numpy(a).requires_grad_(), torch.from_numpy(a).requires_grad_()
    (values, vectors), (t_values, t_vectors) = ndl.linalg.eig(x), torch.linalg.eig(y)
    np.testing.assert_allclose(values.detach().numpy(), t_values.detach().real.numpy())
    ((values**2).sum() + (vectors**4).sum()).backward()
    ((t_values**2).sum() + (t_vectors**4).sum()).real.backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(ndl.linalg.eigvals(x).detach().numpy(), t_values.detach().real.numpy())
    with pytest.raises(RuntimeError, match="complex eigenvalues"):
        ndl.linalg.eig(ndl.tensor([[0.0, 1.0], [-1.0, 0.0]]))


def test_least_squares():
    for m_, n, k in ((4, 2, 3), (2, 4, 1), (3, 3, 2)):
        a, b = matrices(2, n=m_, m=n), array(rng, (2, m_, k))
        same(lambda m, a, b: m.linalg.lstsq(a, b).solution, a, b)
        same(lambda m, a, b: m.linalg.lstsq(a, b[..., 0]).solution, a, b, second=False)
        for driver in ("gelsd", "gelss", "gels", "gelsy"):
            same(lambda m, a, b: tuple(m.linalg.lstsq(a, b, driver=driver)), a, b, grad=False)
    deficient = np.ones((4, 2))
    same(lambda m, a, b: m.linalg.lstsq(a, b), deficient, array(rng, (4, 1)), grad=False)
    same(lambda m, a, b: m.linalg.lstsq(a, b), array(rng, (4, 2)), array(rng, (4,)), grad=False)
    same(lambda m, a, b: m.linalg.lstsq(a, b, rcond=0.9), np.diag([2.0, 1.0]), array(rng, (2, 1)), grad=False)


def test_pseudoinverses_of_singular_matrices():
    a = np.array([[1.0, 2], [2, 4], [0, 0]])
    same(lambda m, a: m.linalg.pinv(a), a, grad=False)
    same(lambda m, a: m.linalg.pinv(a, hermitian=True), np.ones((3, 3)), grad=False)
    same(
        lambda m, a: m.linalg.pinv(a, rtol=m.tensor([0.6, 0.1], dtype=m.float64)),
        np.stack([np.diag([2.0, 1.0])] * 2),
        grad=False,
    )
    for atol, rtol in ((None, None), (1.5, None), (None, 0.6), (0.1, 0.6), (1.5, 0.1)):
        for call in (
            lambda m, a: m.linalg.matrix_rank(a, atol=atol, rtol=rtol),
            lambda m, a: m.linalg.pinv(a, atol=atol, rtol=rtol),
        ):
            same(call, np.diag([2.0, 1.0, 0.0]), grad=False)
    same(
        lambda m, a: (m.linalg.matrix_rank(a, 1.5), m.linalg.matrix_rank(a, tol=0.5)),
        np.diag([2.0, 1.0, 0.0]),
        grad=False,
    )
    same(lambda m, a: m.linalg.matrix_rank(a), np.zeros((3, 0, 2)), grad=False)
    same(lambda m, a: m.linalg.pinv(a), np.zeros((3, 0, 2)))


def test_exponentials_of_large_and_small_matrices():
    for scale in (1e-8, 1e-3, 1.0, 8.0, 40.0):
        same(lambda m, a: m.matrix_exp(a), matrices(2) * scale - scale * np.eye(3), second=scale == 1.0)
    same(lambda m, a: m.matrix_exp(a), np.array([[0.0, 1e3], [0.0, 0.0]]))


def test_tensors_as_matrices():
    same(lambda m, a: m.linalg.tensorinv(a.reshape(2, 3, 6), 2), matrices(n=6))
    same(lambda m, a: m.linalg.tensorinv(a.reshape(6, 3, 2), ind=1), matrices(n=6))
    same(lambda m, a, b: m.linalg.tensorsolve(a.reshape(2, 3, 6), b), matrices(n=6), array(rng, (2, 3)))
    same(lambda m, a, b: m.linalg.tensorsolve(a.reshape(6, 2, 3), b), matrices(n=6), array(rng, (6,)))
    same(
        lambda m, a, b: m.linalg.tensorsolve(a.reshape(2, 3, 3, 2), b, dims=(0, 2)),
        matrices(n=6),
        array(rng, (3, 2)),
    )
    same(lambda m, x: (m.linalg.vander(x), m.linalg.vander(x, N=2)), array(rng, (2, 4)))
    same(
        lambda m, x: (m.vander(x), m.vander(x, 3), m.vander(x, N=2, increasing=True)),
        array(rng, (4,)),
        grad=False,
    )
    x = ndl.from_numpy(array(rng, (4,))).requires_grad_()  # torch's own gradient fails
    assert ndl.autograd.gradcheck(ndl.vander, (x,))
    same(lambda m, x: m.linalg.vander(x, N=5), array(rng, (2, 3), "int64"), grad=False)
    a, t = array(rng, (2, 4, 3)), array(rng, (2, 3))
    for call in (lambda m, a, t: m.linalg.householder_product(a, t), lambda m, a, t: m.orgqr(a, t)):
        same(call, a, t)
        same(call, a, t[:, :2])


def test_products_of_vectors():
    for a, b in (((2, 3), (2, 3)), ((2, 1, 3), (1, 4, 3)), ((3,), (3,)), ((0, 3), (1, 3))):
        same(lambda m, a, b: m.linalg.cross(a, b), array(rng, a), array(rng, b))
        same(lambda m, a, b: m.linalg.vecdot(a, b), array(rng, a), array(rng, b))
    same(
        lambda m, a, b: (m.linalg.cross(a, b, dim=0), m.cross(a, b, dim=0), a.cross(b, 0)),
        array(rng, (3, 2)),
        array(rng, (3, 1)),
    )
    same(
        lambda m, a, b: m.linalg.cross(a, b),
        array(rng, (2, 3), "int64"),
        array(rng, (2, 3), "int64"),
        grad=False,
    )
    same(lambda m, a, b: m.linalg.vecdot(a, b, dim=0), array(rng, (3, 2)), array(rng, (3, 2)))
    same(lambda m, a: (m.trace(a), a.trace()), array(rng, (3, 4)))
    same(lambda m, a: m.trace(a), array(rng, (3, 2), "int32"), grad=False)


@pytest.mark.filterwarnings("ignore:Using torch.cross without specifying the dim", "ignore:cov")
def test_cross_finds_its_dimension():
    same(lambda m, a, b: m.cross(a, b), array(rng, (2, 3, 3)), array(rng, (2, 3, 3)))


@pytest.mark.filterwarnings("ignore:cov")
def test_covariances():
    f, a = np.array([1, 2, 1, 3]), np.array([0.5, 1, 0.2, 2.0])
    for shape in ((3, 4), (4,), (1, 4), (3, 1)):
        x = array(rng, shape)
        for correction in (1, 0, 2):
            same(lambda m, x: m.cov(x, correction=correction), x, second=False)
        if shape[-1] == 4:
            same(lambda m, x, f: m.cov(x, fweights=f), x, f)
            same(lambda m, x, f, a: m.cov(x, fweights=f, aweights=a), x, f, a)
            same(lambda m, x, a: x.cov(aweights=a, correction=0), x, a)
            same(lambda m, x: (m.corrcoef(x), x.corrcoef()), x)
    same(lambda m, x: (m.cov(x), m.corrcoef(x)), array(rng, (3, 4), "int64"), grad=False)
    same(lambda m, x: m.cov(x), array(rng, (3, 4), "float32"), grad=False)


def z(*shape, dtype="float32"):
    return np.ones(shape, dtype)


ERRORS = {
    "linalg.inv: The diagonal element 2 is zero, the inversion could not be completed because the input": (
        lambda m, a: m.linalg.inv(a),
        z(2, 2),
    ),
    "linalg.inv: (Batch element 1): The diagonal element 3 is zero": (
        lambda m, a: m.inverse(a),
        np.stack([np.eye(3), np.diag([1.0, 1, 0])]),
    ),
    "linalg.inv: A must be batches of square matrices, but they are 2 by 3 matrices": (
        lambda m, a: m.inverse(a),
        z(2, 3),
    ),
    "linalg.inv: The input tensor A must have at least 2 dimensions": (lambda m, a: m.linalg.inv(a), z(3)),
    "linalg.inv: Expected a floating point or complex tensor as input. Got Int": (
        lambda m, a: m.linalg.inv(a),
        z(2, 2, dtype="int32"),
    ),
    "linalg.inv: Low precision dtypes not supported. Got Half": (
        lambda m, a: m.linalg.inv(a),
        z(2, 2, dtype="float16"),
    ),
    "linalg.det: A must be batches of square matrices": (lambda m, a: a.det(), z(2, 3)),
    "linalg.det: Expected a floating point": (lambda m, a: a.det(), z(2, 2, dtype="int64")),
    "torch.linalg.solve: The solver failed because the input matrix is singular": (
        lambda m, a: m.linalg.solve(a, a),
        z(2, 2),
    ),
    "linalg.solve: Incompatible shapes of A and B for the equation AX = B (2x2 and 3x1)": (
        lambda m, a, b: m.linalg.solve(a, b),
        z(2, 2),
        z(3),
    ),
    "linalg.solve: Expected A and B to have the same dtype, but found A of type Float and B of type Double": (
        lambda m, a, b: m.linalg.solve(a, b),
        z(2, 2),
        z(2, dtype="float64"),
    ),
    "linalg.solve_triangular: Incompatible shapes of A and B for the equation XA = B (2x2 and 2x3)": (
        lambda m, a, b: m.linalg.solve_triangular(a, b, upper=True, left=False),
        z(2, 2),
        z(2, 3),
    ),
    "missing 1 required": (lambda m, a: m.linalg.solve_triangular(a, a), z(2, 2)),
    "linalg.cholesky: The factorization could not be completed because the input is not positive-definite "
    "(the leading minor of order 2 is not positive-definite)": (
        lambda m, a: m.linalg.cholesky(a),
        np.diag([1.0, -1, 1]),
    ),
    "linalg.cholesky: (Batch element 1): The factorization": (
        lambda m, a: m.linalg.cholesky(a),
        np.stack([np.eye(2), -np.eye(2)]),
    ),
    "qr received unrecognized mode 'x'": (lambda m, a: m.linalg.qr(a, "x"), z(3, 2)),
    "linalg.svd: The algorithm failed to converge because the input matrix contained non-finite values": (
        lambda m, a: m.linalg.svd(a),
        z(3, 2) * np.float32("nan"),
    ),
    "Expected UPLO argument to be 'L' or 'U', but got X": (lambda m, a: m.linalg.eigh(a, "X"), z(2, 2)),
    "linalg.pinv(Float{[2]}): expected a tensor with 2 or more dimensions": (
        lambda m, a: m.linalg.pinv(a),
        z(2),
    ),
    "matrix_rank: The input tensor input must have at least 2 dimensions": (
        lambda m, a: m.linalg.matrix_rank(a),
        z(2),
    ),
    "parameter `driver` should be one of (gels, gelsy, gelsd, gelss)": (
        lambda m, a: m.linalg.lstsq(a, a, driver="x"),
        z(2, 2),
    ),
    "input.size(-2) should match other.size(-2)": (lambda m, a, b: m.linalg.lstsq(a, b), z(3, 2), z(2, 2)),
    "argument 'n' (position 2) must be int, not float": (lambda m, a: m.matrix_power(a, 1.5), z(2, 2)),
    "Expected a strictly positive integer for 'ind'": (lambda m, a: m.linalg.tensorinv(a, 0), z(2, 2)),
    "prod(self.shape[ind:]) == prod(self.shape[:ind]), but got 3 != 2": (
        lambda m, a: m.linalg.tensorinv(a, 1),
        z(2, 3),
    ),
    "linalg.cross: inputs must have the same number of dimensions": (
        lambda m, a, b: m.linalg.cross(a, b),
        z(2, 3),
        z(3),
    ),
    "must have length 3. Got 2 and 2": (lambda m, a: m.linalg.cross(a, a), z(3, 2)),
    "trace: expected a matrix, but got tensor with dim 1": (lambda m, a: a.trace(), z(2)),
    "linalg.vecdot: Expected x and y to have the same dtype": (
        lambda m, a, b: m.linalg.vecdot(a, b),
        z(2),
        z(2, dtype="float64"),
    ),
    "two or fewer dimensions but got an input with 3": (lambda m, a: m.cov(a), z(2, 2, 2)),
    "cov(): expected fweights to have integral dtype": (lambda m, a: m.cov(a, fweights=a[0]), z(2, 2)),
    "cov(): aweights cannot be negative": (lambda m, a: m.cov(a, aweights=-a[0]), z(2, 2)),
    "linalg.cond got an invalid norm type: x": (lambda m, a: m.linalg.cond(a, "x"), z(2, 2)),
    "torch.linalg.lu_factor: U[2,2] is zero": (lambda m, a: m.linalg.lu_factor(a), z(2, 2)),
}


@pytest.mark.parametrize("words", ERRORS)
def test_errors_use_torchs_types_and_words(words):
    assert words in same_error(*ERRORS[words])


def test_the_error_is_called_LinAlgError():
    with pytest.raises(ndl.linalg.LinAlgError):
        ndl.linalg.inv(ndl.zeros(2, 2))
    assert issubclass(ndl.linalg.LinAlgError, RuntimeError)


def test_failures_that_do_not_raise():
    stack = np.stack([np.eye(3), np.ones((3, 3)), -np.eye(3)])
    same(
        lambda m, a: (m.linalg.inv_ex(a).info, m.linalg.inv_ex(a).inverse[0], m.linalg.inv_ex(a).inverse[2]),
        stack,
        grad=False,
    )
    same(lambda m, a: (m.linalg.cholesky_ex(a).info, m.linalg.cholesky_ex(a).L[0]), stack, grad=False)
    same(lambda m, a: m.linalg.solve_ex(a, a).info, stack, grad=False)
    same(lambda m, a: m.linalg.lu_factor_ex(a), stack, grad=False)
    with pytest.raises(ndl.linalg.LinAlgError):
        ndl.linalg.inv_ex(ndl.ones(2, 2), check_errors=True)


def test_gradients_that_do_not_exist():
    same_error(lambda m, a: m.linalg.qr(a, mode="r").R.sum().backward(), array(rng, (3, 3)), grad=True)
    same_error(lambda m, a: m.linalg.qr(a, mode="complete").R.sum().backward(), array(rng, (4, 3)), grad=True)


def test_every_name_of_torch_linalg_is_there():
    missing = [
        n
        for n in dir(torch.linalg)
        if n[0] != "_"
        and n not in ("common_notes", "ldl_factor", "ldl_factor_ex", "ldl_solve")
        and not hasattr(ndl.linalg, n)
    ]
    assert not missing
