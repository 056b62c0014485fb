"""nn.init and the layers' default values: torch's numbers for the same seed, and torch's refusals."""

import warnings

import numpy as np
import pytest

import minitorch_ndl as ndl

torch = pytest.importorskip("torch")

from tests.parity.same import check, same_error

FILLS = {
    "uniform_": [{}, {"a": -2.0, "b": 3.0}],
    "normal_": [{}, {"mean": 1.0, "std": 0.1}],
    "trunc_normal_": [
        {},
        {"std": 0.02},
        {"mean": 0.5, "std": 2.0, "a": -1.0, "b": 1.5},
        {"a": 2.0, "b": 3.0},
        {"mean": 1.0, "std": 5.0, "a": -0.5, "b": 0.5},
    ],
    "constant_": [{"val": 0.3}],
    "ones_": [{}],
    "zeros_": [{}],
    "xavier_uniform_": [{}, {"gain": 2.0}],
    "xavier_normal_": [{}, {"gain": 0.5}],
    "kaiming_uniform_": [{}, {"a": 0.2}, {"mode": "fan_out", "nonlinearity": "relu"}, {"nonlinearity": "tanh"}],
    "kaiming_normal_": [{}, {"mode": "fan_out"}, {"nonlinearity": "selu"}, {"nonlinearity": "linear"}],
    "orthogonal_": [{}, {"gain": 2.0}],
}
SHAPES = [(3, 4), (17, 33), (6, 5, 3), (4, 3, 2, 2), (1, 7)]


def filled(m, name, shape, dtype, options, generator=None, transposed=False):
    m.manual_seed(3)
    tensor = m.empty(*shape, dtype=getattr(m, dtype))
    tensor = tensor.t() if transposed else tensor
    given = {"generator": m.Generator().manual_seed(generator)} if generator else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = getattr(m.nn.init, name)(tensor, **options, **given)
    assert result is tensor
    return tensor, m.rand(2)  # the stream goes on at the same place


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FILLS)
def test_values(name, dtype):
    for options in FILLS[name]:
        for shape in SHAPES:
            check(
                filled(ndl, name, shape, dtype, options),
                filled(torch, name, shape, dtype, options),
                f"{name} {options} {shape}",
            )


def test_generators_and_other_layouts():
    for name in (
        "uniform_",
        "normal_",
        "trunc_normal_",
        "xavier_uniform_",
        "xavier_normal_",
        "kaiming_uniform_",
        "kaiming_normal_",
        "orthogonal_",
    ):
        check(filled(ndl, name, (5, 8), "float32", {}, 11), filled(torch, name, (5, 8), "float32", {}, 11), name)
    for name in ("uniform_", "xavier_uniform_", "kaiming_uniform_", "normal_", "orthogonal_"):
        check(
            filled(ndl, name, (5, 8), "float32", {}, transposed=True),
            filled(torch, name, (5, 8), "float32", {}, transposed=True),
            name,
        )


def test_matrices_and_kernels():
    for shape in ((3, 3), (2, 5), (5, 2)):
        check(filled(ndl, "eye_", shape, "float32", {}), filled(torch, "eye_", shape, "float32", {}), "eye_")
        for sparsity in (0.0, 0.3, 0.9):
            options = {"sparsity": sparsity, "std": 0.1}
            check(
                filled(ndl, "sparse_", shape, "float32", options),
                filled(torch, "sparse_", shape, "float32", options),
                "sparse_",
            )
    for shape in ((4, 3, 5), (4, 2, 3, 4), (2, 4, 3, 2, 3)):
        for groups in (1, 2):
            check(
                filled(ndl, "dirac_", shape, "float32", {"groups": groups}),
                filled(torch, "dirac_", shape, "float32", {"groups": groups}),
                "dirac_",
            )


def test_gains():
    for name in ("linear", "conv1d", "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert ndl.nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    for slope in (0.3, 2, None):
        assert ndl.nn.init.calculate_gain("leaky_relu", slope) == torch.nn.init.calculate_gain("leaky_relu", slope)


def test_refusals():
    for m_call in (
        lambda m: m.nn.init.calculate_gain("softmax"),
        lambda m: m.nn.init.calculate_gain("leaky_relu", True),
        lambda m: m.nn.init.xavier_uniform_(m.empty(3)),
        lambda m: m.nn.init.kaiming_normal_(m.empty(3)),
        lambda m: m.nn.init.kaiming_normal_(m.empty(3, 3), mode="fan_both"),
        lambda m: m.nn.init.eye_(m.empty(3)),
        lambda m: m.nn.init.dirac_(m.empty(3, 3)),
        lambda m: m.nn.init.dirac_(m.empty(3, 3, 3), groups=2),
        lambda m: m.nn.init.orthogonal_(m.empty(3)),
        lambda m: m.nn.init.sparse_(m.empty(3), 0.5),
        lambda m: m.nn.init.normal_(m.empty(3), std=-1.0),
    ):
        same_error(m_call)


def test_former_names_warn():
    for m in (torch, ndl):
        with pytest.warns(FutureWarning, match="`nn.init.xavier_uniform` is now deprecated in favor of"):
            m.manual_seed(0)
            m.nn.init.xavier_uniform(m.empty(2, 2))
        with pytest.warns(UserWarning, match="zero-element"):
            m.nn.init.kaiming_uniform_(m.empty(0, 2))
        with pytest.warns(UserWarning, match="more than 2 std"):
            m.nn.init.trunc_normal_(m.empty(3), mean=5.0)


LAYERS = {
    "Linear": [(784, 100), (3, 4), (5, 1, False), (1, 1)],
    "Bilinear": [(3, 4, 5), (2, 2, 1, False)],
    "Embedding": [(10, 3), (10, 3, 2), (4, 16, -1)],
    "PReLU": [(), (3, 0.1)],
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_start_as_in_torch(name):
    for arguments in LAYERS[name]:
        for dtype in ("float32", "float64"):
            states = []
            for m in (ndl, torch):
                m.manual_seed(1)
                states.append(getattr(m.nn, name)(*arguments, dtype=getattr(m, dtype)).state_dict())
            assert list(states[0]) == list(states[1])
            for key in states[1]:
                check(states[0][key], states[1][key], f"{name}{arguments} {key}")


def test_the_requires_grad_flag_stays():
    weight = ndl.nn.Parameter(ndl.empty(3, 4))
    for fill in (
        ndl.nn.init.normal_,
        ndl.nn.init.orthogonal_,
        ndl.nn.init.eye_,
        ndl.nn.init.zeros_,
        ndl.nn.init.trunc_normal_,
    ):
        fill(weight)
        assert weight.requires_grad and weight.is_leaf and weight.grad_fn is None


def test_orthogonal_means_orthogonal():
    w = ndl.nn.init.orthogonal_(ndl.empty(4, 3, 2)).numpy().reshape(4, 6)
    np.testing.assert_allclose(w @ w.T, np.eye(4), atol=1e-6)
