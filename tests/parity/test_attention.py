"""Attention against torch: masks, heads, dropout, first and second gradients, refusals; and the layer's function."""

import itertools

import numpy as np
import pytest

from tests.parity.oracle import check, refusal

torch = pytest.importorskip("torch")


def draw(*shape, seed=1, scale=1.0):
    return np.random.RandomState(seed).randn(*shape) * scale


def qkv(batch=(2, 3), length=4, keys=5, size=6, width=7, scale=1.0):
    return [draw(*batch, length, size, seed=1, scale=scale), draw(*batch, keys, size, seed=2, scale=scale),
            draw(*batch, keys, width, seed=3)]


def attention(lib, *args, **options):
    if lib is torch:  # second gradients exist in this one of its implementations only
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            return torch.nn.functional.scaled_dot_product_attention(*args, **options)
    return lib.nn.functional.scaled_dot_product_attention(*args, **options)


@pytest.mark.parametrize("batch, scale, causal", list(itertools.product([(), (3,), (2, 3), (2, 1, 3)], [1.0, 30.0],
                                                                        [False, True])))
def test_plain(batch, scale, causal):
    for length, keys in ((4, 5), (5, 4), (1, 6), (6, 1)):
        check(lambda lib, q, k, v: attention(lib, q, k, v, is_causal=causal), qkv(batch, length, keys, scale=scale), atol=1e-7)
    check(lambda lib, q, k, v: attention(lib, q, k, v, is_causal=causal, scale=0.3), qkv(batch, scale=scale), atol=1e-7)


@pytest.mark.parametrize("shape, scale", list(itertools.product([(4, 5), (1, 5), (2, 3, 4, 5), (2, 1, 1, 5), (3, 4, 1)],
                                                                [1.0, 30.0])))
def test_masks(shape, scale):
    mask = np.random.RandomState(4).rand(*shape) > 0.3
    mask[..., 0] = True
    check(lambda lib, q, k, v, m: attention(lib, q, k, v, m), [*qkv(scale=scale), mask], atol=1e-7)
    check(lambda lib, q, k, v, m: attention(lib, q, k, v, m), [*qkv(scale=scale), draw(*shape, seed=5)], atol=1e-7)


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_queries_that_see_nothing(scale):
    mask = np.ones((4, 5), bool)
    mask[2] = False
    check(lambda lib, q, k, v, m: attention(lib, q, k, v, m), [*qkv(scale=scale), mask], atol=1e-7)
    added = np.where(mask, 0.0, -np.inf)
    check(lambda lib, q, k, v: attention(lib, q, k, v, lib.from_numpy(added.copy())), qkv(scale=scale), atol=1e-7)
    check(lambda lib, q, k, v: attention(lib, q, k[:, :, :0], v[:, :, :0]), qkv(), second=False)


def test_broadcast_and_grouped_heads():
    q, k, v = draw(2, 6, 4, 5), draw(1, 6, 3, 5, seed=2), draw(2, 1, 3, 2, seed=3)
    check(lambda lib, q, k, v: attention(lib, q, k, v), [q, k, v])
    check(lambda lib, q, k, v: attention(lib, q, k[0], v), [q, k, v])
    k, v = draw(2, 2, 3, 5, seed=2), draw(2, 3, 3, 2, seed=3)
    check(lambda lib, q, k, v: attention(lib, q, k, v, enable_gqa=True), [q, k, v])


def test_self_attention_counts_each_role():
    check(lambda lib, x: attention(lib, x, x, x, is_causal=True), [draw(2, 4, 3)])


def test_as_in_a_transformer():  # heads as views of one projection
    def call(lib, x):
        q, k, v = (t.reshape(2, 5, 3, 4).transpose(1, 2) for t in x.split(12, 2))
        return attention(lib, q, k, v, is_causal=True).transpose(1, 2).reshape(2, 5, 12)

    check(call, [draw(2, 5, 36)])


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_dropout_is_torch_s(p):
    def call(lib, q, k, v):
        lib.manual_seed(3)
        return attention(lib, q, k, v, dropout_p=p)

    check(call, qkv(length=9, keys=10))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_dtypes(dtype):
    tolerance = {"rtol": 5e-3, "atol": 5e-3} if dtype == "float16" else {"rtol": 1e-4, "atol": 1e-5}
    arrays = [a.astype(dtype) for a in qkv(length=40, keys=50, size=16)]
    for causal in (False, True):
        check(lambda lib, q, k, v: attention(lib, q, k, v, is_causal=causal), arrays, second=False, **tolerance)
    mask = draw(40, 50).astype(dtype)
    check(lambda lib, q, k, v, m: attention(lib, q, k, v, m), [*arrays, mask], second=False, **tolerance)
    bools = draw(40, 50) > 0
    check(lambda lib, q, k, v, m: attention(lib, q, k, v, m), [*arrays, bools], second=False, **tolerance)


REFUSED = [
    lambda f, lib, q, k, v: f(q[0, 0, 0], k[0, 0, 0], v[0, 0, 0]), lambda f, lib, q, k, v: f(q, k[:, :2], v[:, :2]),
    lambda f, lib, q, k, v: f(q, k[..., :4], v), lambda f, lib, q, k, v: f(q, k, v[:, :, :3]),
    lambda f, lib, q, k, v: f(q, k.double(), v), lambda f, lib, q, k, v: f(q.long(), k.long(), v.long()),
    lambda f, lib, q, k, v: f(q, k, v, lib.ones(5, 6).double()), lambda f, lib, q, k, v: f(q, k, v, lib.ones(5, 6).long()),
    lambda f, lib, q, k, v: f(q, k, v, lib.ones(5, 7)), lambda f, lib, q, k, v: f(q, k, v, lib.ones(6)),
    lambda f, lib, q, k, v: f(q, k, v, lib.ones(2, 2, 4, 5, 6)), lambda f, lib, q, k, v: f(q, k, v, lib.ones(())),
    lambda f, lib, q, k, v: f(q, k, v, lib.ones(5, 6), is_causal=True), lambda f, lib, q, k, v: f(q, k, v, dropout_p=2.0),
    lambda f, lib, q, k, v: f(q, k, v, None, 0.0, False, 0.1), lambda f, lib, q, k, v: f(1, k, v),
    lambda f, lib, q, k, v: f(q, k[:, :3], v[:, :3], enable_gqa=True), lambda f, lib, q, k, v: f(q, k, v, [1]),
    lambda f, lib, q, k, v: f(q[0, 0], k[0, 0], v[0, 0], enable_gqa=True),
]


@pytest.mark.parametrize("call", REFUSED)
def test_refusals(call):
    refusal(lambda lib: call(lib.nn.functional.scaled_dot_product_attention, lib, lib.ones(2, 4, 5, 8), lib.ones(2, 4, 6, 8),
                             lib.ones(2, 4, 6, 3)))


# --- multi_head_attention_forward -------------------------------------------------------------------------------------


def parameters(size, seed=7):
    return [draw(3 * size, size, seed=seed, scale=0.3), draw(3 * size, seed=seed + 1, scale=0.3),
            draw(size, size, seed=seed + 2, scale=0.3), draw(size, seed=seed + 3, scale=0.3)]


def forward(lib, q, k, v, w, b, ow, ob, heads=2, bias=(None, None), zero=False, p=0.0, **options):
    options.setdefault("embed_dim_to_check", q.shape[-1])
    out, scores = lib.nn.functional.multi_head_attention_forward(
        query=q, key=k, value=v, num_heads=heads, in_proj_weight=w, in_proj_bias=b, bias_k=bias[0], bias_v=bias[1],
        add_zero_attn=zero, dropout_p=p, out_proj_weight=ow, out_proj_bias=ob, **options)
    return out if scores is None else (out, scores)


@pytest.mark.parametrize("batched, weights, average, heads",
                         list(itertools.product([True, False], [True, False], [True, False], [1, 2, 3])))
def test_heads(batched, weights, average, heads):
    n = (3,) if batched else ()
    x, memory = draw(4, *n, 6), draw(5, *n, 6, seed=2)
    options = {"heads": heads, "need_weights": weights, "average_attn_weights": average}
    check(lambda lib, x, *p: forward(lib, x, x, x, *p, **options), [x, *parameters(6)], second=weights)
    check(lambda lib, x, y, *p: forward(lib, x, y, y, *p, **options), [x, memory, *parameters(6)], second=weights)
    check(lambda lib, x, y, z, *p: forward(lib, x, y, z, *p, **options), [x, memory, draw(5, *n, 6, seed=3), *parameters(6)],
          second=weights)


@pytest.mark.parametrize("weights, padding, mask", list(itertools.product(
    [True, False], [None, "bool", "float"], [None, "bool", "float", "bool 3-D", "float 3-D"])))
@pytest.mark.filterwarnings("ignore:Support for mismatched")
def test_head_masks(weights, padding, mask):
    random = np.random.RandomState(8)
    x, memory = draw(4, 3, 6), draw(5, 3, 6, seed=2)
    given = []
    for kind, shape in ((padding, (3, 5)), (mask, (6, 4, 5) if mask and "3" in mask else (4, 5))):
        if kind is None:
            given.append(None)
        else:
            hide = random.rand(*shape) > 0.6
            hide[..., 0] = False
            given.append(hide if kind.startswith("bool") else random.randn(*shape))
    for extra in (False, True):
        arrays = [x, memory, *parameters(6), draw(1, 1, 6), draw(1, 1, 6, seed=2)]

        def call(lib, x, y, w, b, ow, ob, bk, bv):
            pad, seen = (None if m is None else lib.from_numpy(m) for m in given)
            return forward(lib, x, y, y, w, b, ow, ob, bias=(bk, bv) if extra else (None, None), zero=extra,
                           key_padding_mask=pad, attn_mask=seen, need_weights=weights)

        check(call, arrays, second=weights)


def test_separate_projections_and_static_keys():
    def separate(lib, x, k, v, wq, wk, wv, b, ow, ob):
        return forward(lib, x, k, v, None, b, ow, ob, use_separate_proj_weight=True, q_proj_weight=wq, k_proj_weight=wk,
                       v_proj_weight=wv)

    check(separate, [draw(4, 3, 6), draw(5, 3, 2), draw(5, 3, 3), draw(6, 6), draw(6, 2), draw(6, 3), *parameters(6)[1:]])

    def static(lib, x, k, v, *p):
        return forward(lib, x, x, x, *p, static_k=k, static_v=v)

    check(static, [draw(4, 3, 6), draw(6, 5, 3), draw(6, 5, 3, seed=2), *parameters(6)])


def test_causal_hint():
    mask = np.triu(np.full((4, 4), -np.inf), 1)
    for weights in (True, False):
        check(lambda lib, x, *p: forward(lib, x, x, x, *p, attn_mask=lib.from_numpy(mask.copy()), is_causal=True,
                                         need_weights=weights), [draw(4, 3, 6), *parameters(6)], second=weights)


@pytest.mark.parametrize("weights, training", list(itertools.product([True, False], [True, False])))
def test_head_dropout(weights, training):
    def call(lib, x, *p):
        lib.manual_seed(5)
        return forward(lib, x, x, x, *p, p=0.4, training=training, need_weights=weights)

    check(call, [draw(7, 3, 6), *parameters(6)], second=False)


@pytest.mark.filterwarnings("ignore:Support for mismatched")
@pytest.mark.parametrize("options", [
    {"heads": 4}, {"embed_dim_to_check": 5}, {"bias": (0, None)}, {"is_causal": True}, {"use_separate_proj_weight": True},
    {"key_padding_mask": (3, 4)}, {"attn_mask": (5, 5)}, {"attn_mask": (3, 4, 4)}, {"attn_mask": (4,)},
    {"key_padding_mask": (4,)}, {"static_k": (6, 5, 2)}, {"static_k": (5, 5, 3)},
])
def test_head_refusals(options):
    def call(lib):
        x, given = lib.ones(4, 3, 6), dict(options)
        for k, v in given.items():
            if isinstance(v, tuple):
                given[k] = (lib.ones(1, 1, 6), None) if k == "bias" else lib.ones(*v)
        y = x[:3] if "key_padding_mask" in given else x
        return forward(lib, x, y, y, *(lib.from_numpy(a.astype("float32")) for a in parameters(6)), **given)

    refusal(call)


def test_head_refusals_of_dimensions():
    for q, k in (((4, 6), (4, 3, 6)), ((4, 3, 6), (4, 6)), ((6,), (6,)), ((2, 4, 3, 6), (2, 4, 3, 6)), ((4, 3, 6), (4, 2, 6))):
        refusal(lambda lib: forward(lib, lib.ones(*q), lib.ones(*k), lib.ones(*k),
                                    *(lib.from_numpy(a.astype("float32")) for a in parameters(6))))
