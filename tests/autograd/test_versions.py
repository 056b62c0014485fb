"""Every in-place method counts as one write, so that backward notices what it overwrites."""

import pytest

import minitorch_ndl as ndl

ONES = ndl.ones(2, 3, dtype=ndl.float64)
ROWS = ndl.tensor([0, 1])
PLACES = ndl.tensor([[0, 1, 0]])

# What the methods need beyond the tensor itself. Those that are not here need nothing or another tensor.
ARGUMENTS = {
    "addcdiv_": (ONES, ONES), "addcmul_": (ONES, ONES), "lerp_": (ONES, 0.5), "clamp_": (0.0, 1.0), "clip_": (0.0, 1.0),
    "clamp_min_": (0.0,), "clamp_max_": (1.0,), "fill_": (2.0,), "pow_": (2.0,), "float_power_": (2.0,), "cumsum_": (0,),
    "cumprod_": (0,), "index_add_": (0, ROWS, ONES), "index_copy_": (0, ROWS, ONES), "index_fill_": (0, ROWS, 1.0),
    "index_put_": ((ROWS,), ONES), "index_reduce_": (0, ROWS, ONES, "prod"), "masked_fill_": (ONES > 0, 1.0),
    "masked_scatter_": (ONES > 0, ONES), "put_": (ROWS, ONES[0, :2]), "scatter_": (0, PLACES, 1.0),
    "scatter_add_": (0, PLACES, ONES), "scatter_reduce_": (0, PLACES, ONES, "sum"), "fill_diagonal_": (1.0,),
    "addr_": (ndl.ones(2, dtype=ndl.float64), ndl.ones(3, dtype=ndl.float64)),
    "addmm_": (ndl.ones(2, 2, dtype=ndl.float64), ONES), "addbmm_": (ndl.ones(1, 2, 2, dtype=ndl.float64), ONES[None]),
    "renorm_": (2, 0, 0.5), "polygamma_": (1,), "mvlgamma_": (1,),
    "geometric_": (0.5,), "map_": (ONES, lambda a, b: a + b), "apply_": (lambda a: a + 1,), "ldexp_": (ndl.ones(2, 3),),
    "logit_": (0.1,), "igamma_": (ONES,), "igammac_": (ONES,),
}
NO_WRITES = {  # they change how a tensor looks at its memory, or nothing at all
    "detach_", "requires_grad_", "t_", "transpose_", "swapaxes_", "swapdims_", "squeeze_", "unsqueeze_", "as_strided_",
    "resize_", "resize_as_", "set_", "share_memory_", "resolve_conj_", "resolve_neg_", "conj_", "conj_physical_",
}
OTHER_KINDS = {  # for integers, or other shapes
    name: lambda: ndl.tensor([[3, 4, 5], [6, 7, 8]]) for name in (
        "bitwise_and_", "bitwise_or_", "bitwise_xor_", "bitwise_not_", "bitwise_left_shift_", "bitwise_right_shift_",
        "gcd_", "lcm_")
}
OTHER_KINDS["addmv_"] = lambda: ndl.ones(2, dtype=ndl.float64)
OTHER_KINDS["baddbmm_"] = lambda: ndl.ones(1, 2, 3, dtype=ndl.float64)
ARGUMENTS["addmv_"] = (ONES, ndl.ones(3, dtype=ndl.float64))
ARGUMENTS["baddbmm_"] = (ndl.ones(1, 2, 2, dtype=ndl.float64), ONES[None])
METHODS = sorted(n for n in dir(ndl.Tensor) if n.endswith("_") and not n.startswith("_") and n not in NO_WRITES)


def call(name, x):
    method = getattr(x, name)
    if name in ARGUMENTS:
        return method(*ARGUMENTS[name])
    try:
        return method()
    except TypeError:
        return method(ndl.ones_like(x))


@pytest.mark.parametrize("name", METHODS)
def test_one_write(name):
    if name in ("igamma_", "igammac_"):
        pytest.importorskip("scipy", reason="these two come from SciPy")
    for through in (lambda x: x, lambda x: x.view(x.shape), lambda x: x.detach()):
        x = OTHER_KINDS.get(name, lambda: ONES * 0.5)()
        assert x._version == 0
        target = through(x)
        assert call(name, target) is target
        assert x._version == 1, f"{x._version} writes were counted"
        if name == "copy_":
            call(name, x)
            assert target._version == 2


def test_other_ways_to_write():
    writes = {
        "x[0] = 1": lambda x: x.__setitem__(0, 1.0), "x[mask] = 1": lambda x: x.__setitem__(x > 0, 1.0),
        "x[tensor] = row": lambda x: x.__setitem__(ROWS, ONES), "x[:, 1:] = row": lambda x: x.__setitem__(
            (slice(None), slice(1, None)), ONES[:, 1:]),
        "x += 1": lambda x: x.__iadd__(1), "out=": lambda x: ndl.exp(ONES, out=x),
        "out= of an operator": lambda x: ndl.mul(ONES, 2, out=x), "init": lambda x: ndl.nn.init.uniform_(x),
        "init of ones": lambda x: ndl.nn.init.ones_(x),
    }
    for how, write in writes.items():
        for x in (ONES * 2, ONES.clone()[0:].view(2, 3)):
            write(x)
            assert x._version == 1, how


def test_reading_is_no_write():
    x = ONES * 2
    x + 1, x.numpy(), x.tolist(), x.detach(), x.data, x[0], x.sum(), repr(x), x.clone(), x.t(), list(x)
    assert x._version == 0
    assert x.detach()._version == 0 and x.data._version == 0


def test_what_shares_a_count():
    x = ONES * 2
    view, twin, apart = x[0], x.detach(), x.data
    view.add_(1)
    assert (x._version, view._version, twin._version, apart._version) == (1, 1, 1, 0)
    apart.add_(1)
    assert (x._version, apart._version) == (1, 1)
    x.data = ONES.clone()
    assert x._version == 1


def test_an_optimizer_step_is_noticed():
    w = ndl.ones(2, requires_grad=True)
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    ndl.optim.SGD([w], 0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
