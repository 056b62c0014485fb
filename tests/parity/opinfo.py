"""Torch's own table of operations, with its own sample inputs, run on torch and on us.

    python -m tests.parity.opinfo [names...] [--dtypes float64,int64] [--cap 20] [--reference]

prints, for each operation, how many checks hold and what the first failures say. One check is one sample input through
one face (function, method, in place, ``out=``, operator, alias): values, dtype, shape, kind of result, gradients of
first and second order; or one input that has to raise an error.
"""

import argparse
import collections
import functools
import operator
import re
import time
import traceback
import types
import warnings

import numpy as np
import torch

import minitorch_ndl as ndl

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal import common_methods_invocations as database

CORE = """arange zeros ones full eye linspace zeros_like ones_like full_like empty empty_like randn randn_like rand_like
randint new_zeros new_ones new_full tril triu to float double long int bool item clone contiguous fill zero_ abs neg exp
log log1p expm1 sqrt rsqrt square reciprocal sin cos tanh sigmoid sign floor ceil round erf add sub mul div true_divide
floor_divide remainder pow maximum minimum max min clamp clamp_min clamp_max where eq ne lt le gt ge logical_and
logical_or logical_not isnan isinf isfinite __radd__ __rsub__ __rmul__ __rdiv__ __rpow__ __rmatmul__ __getitem__ sum
mean prod amax amin argmax argmin var std all any logsumexp cumsum reshape view transpose permute t T mT squeeze
unsqueeze flatten expand expand_as repeat broadcast_to cat stack chunk split unbind flip roll gather scatter scatter_add
index_select index_put masked_fill masked_select nonzero sort argsort topk mm bmm matmul mv dot outer einsum addmm
softmax log_softmax nn.functional.relu nn.functional.leaky_relu nn.functional.elu nn.functional.gelu nn.functional.silu
nn.functional.softplus nn.functional.logsigmoid nn.functional.linear nn.functional.conv1d nn.functional.conv2d
nn.functional.max_pool2d nn.functional.avg_pool2d nn.functional.adaptive_avg_pool2d nn.functional.batch_norm
nn.functional.layer_norm nn.functional.dropout nn.functional.embedding nn.functional.one_hot nn.functional.pad/constant
nn.functional.normalize nn.functional.cross_entropy nn.functional.nll_loss nn.functional.mse_loss nn.functional.l1_loss
nn.functional.smooth_l1_loss nn.functional.huber_loss nn.functional.binary_cross_entropy
nn.functional.binary_cross_entropy_with_logits nn.functional.kl_div nn.functional.cosine_similarity
nn.functional.scaled_dot_product_attention""".split()

COMMON = """logspace scalar_tensor tril_indices triu_indices new_empty byte char short randint_like bernoulli multinomial
normal uniform exponential acos asin atan atan2 acosh asinh atanh sinh cosh tan log2 log10 exp2 trunc frac fmod sgn
signbit positive logaddexp logaddexp2 xlogy hypot erfc erfinv lgamma digamma sinc deg2rad rad2deg logit lerp addcmul
addcdiv copysign fmax fmin nan_to_num float_power ldexp heaviside rsub gcd lcm logical_xor bitwise_and bitwise_or
bitwise_xor bitwise_not bitwise_left_shift bitwise_right_shift __rand__ __ror__ __rxor__ __rmod__ isclose allclose equal
isin isposinf isneginf isreal median nanmedian mode kthvalue quantile nanquantile nanmean nansum count_nonzero cumprod
cummax cummin logcumsumexp aminmax std_mean var_mean norm dist cdist unique unique_consecutive bincount histc
searchsorted bucketize diff trapz trapezoid cov corrcoef msort renorm trace diag diag_embed diagonal diagflat block_diag
meshgrid combinations cartesian_prod fliplr flipud rot90 tile repeat_interleave hstack vstack dstack column_stack hsplit
vsplit dsplit tensor_split split_with_sizes select narrow unflatten unfold movedim ravel view_as reshape_as atleast_1d
atleast_2d atleast_3d broadcast_tensors broadcast_shapes sum_to_size index_add index_copy index_fill scatter_reduce
masked_scatter put take take_along_dim argwhere addmv addr addbmm baddbmm vdot inner tensordot kron cross logdet
linalg.det linalg.slogdet linalg.inv linalg.solve linalg.cholesky linalg.qr linalg.svd linalg.svdvals linalg.eigh
linalg.eigvalsh linalg.norm linalg.vector_norm linalg.matrix_norm linalg.matrix_power linalg.pinv linalg.lstsq
linalg.matrix_rank linalg.multi_dot linalg.solve_triangular linalg.cross linalg.vecdot linalg.diagonal cholesky
nn.functional.relu6 nn.functional.selu nn.functional.celu nn.functional.mish nn.functional.prelu nn.functional.glu
nn.functional.hardtanh nn.functional.hardswish nn.functional.hardsigmoid nn.functional.hardshrink
nn.functional.softshrink nn.functional.softsign nn.functional.tanhshrink nn.functional.threshold nn.functional.softmin
nn.functional.rrelu nn.functional.conv3d nn.functional.conv_transpose1d nn.functional.conv_transpose2d
nn.functional.conv_transpose3d nn.functional.max_pool1d nn.functional.max_pool3d nn.functional.avg_pool1d
nn.functional.avg_pool3d nn.functional.adaptive_avg_pool1d nn.functional.adaptive_avg_pool3d
nn.functional.adaptive_max_pool1d nn.functional.adaptive_max_pool2d nn.functional.adaptive_max_pool3d
nn.functional.group_norm nn.functional.instance_norm nn.functional.rms_norm nn.functional.local_response_norm
nn.functional.dropout2d nn.functional.dropout3d nn.functional.alpha_dropout nn.functional.pad nn.functional.interpolate
nn.functional.unfold nn.functional.pixel_shuffle nn.functional.pixel_unshuffle nn.functional.channel_shuffle
nn.functional.grid_sample nn.functional.embedding_bag nn.functional.bilinear nn.functional.pairwise_distance
nn.functional.pdist nn.functional.margin_ranking_loss nn.functional.triplet_margin_loss
nn.functional.cosine_embedding_loss nn.functional.hinge_embedding_loss nn.functional.soft_margin_loss
nn.functional.multi_margin_loss nn.functional.multilabel_margin_loss nn.functional.multilabel_soft_margin_loss
nn.functional.poisson_nll_loss nn.functional.gaussian_nll_loss nn.functional.ctc_loss
nn.functional.triplet_margin_with_distance_loss nn.functional.multi_head_attention_forward""".split()

DTYPES = (torch.float64, torch.float32, torch.int64, torch.int32, torch.uint8, torch.bool, torch.float16)
TOLERANCES = {torch.float16: (5e-2, 5e-2), torch.float32: (1e-4, 2e-5), torch.float64: (1e-6, 1e-8)}
ROUGH = 50  # how much less exact gradients may be
FREE_SIGNS = ("linalg.eigh", "linalg.svd")  # the sample's own treatment of the result takes the freedom away
TIES = ("topk", "kthvalue", "median", "nanmedian", "mode", "sort", "argsort", "msort")  # which of equals comes first?
UNINITIALISED = ("empty", "empty_like", "new_empty")  # whose values mean nothing


# Where we differ from torch on purpose: (operation, what the check's description or outcome contains, why).
KNOWN = (
    ("nn.functional.soft_margin_loss", "float16", "torch's exp overflows in float16; ours gives the value"),
    ("nn.functional.normalize", "float16", "torch's powers overflow in float16; ours give the value"),
    ("nn.functional.grid_sample", "float16", "both round each step; ours is no farther from the gradient in float64"),
    ("linalg.norm", "second gradient", "NaN in torch at zero, 0 here: the subgradient that the first order has too"),
)


def known(info, what, outcome):
    """Whether a difference is one of the few that are meant."""
    return any(info.name == name and words in what + outcome for name, words, _ in KNOWN)


def infos(names=()):
    """The entries of torch's table that `names` (or the two lists) ask for: a name, or name/variant."""
    wanted = set(names or CORE + COMMON)
    return [o for o in database.op_db if o.name in wanted or full_name(o) in wanted]


def full_name(info):
    return info.name + (f"/{info.variant_test_name}" if info.variant_test_name else "")


def is_core(info):
    return info.name in CORE or full_name(info) in CORE


# --- from torch's values and functions to ours -----------------------------------------------------------------------


class OutOfScope(Exception):
    """Something in a sample that has no counterpart here: complex, bfloat16, sparse."""


def ours(value, seen=None):
    """Our counterpart of a value of torch's: tensors with their memory layout, dtypes, devices, functions."""
    seen = {} if seen is None else seen
    if isinstance(value, torch.Tensor):
        if id(value) not in seen:
            seen[id(value)] = tensor(value, seen)
        return seen[id(value)]
    if isinstance(value, torch.Size):
        return ndl.Size(value)
    if isinstance(value, (list, tuple)):
        parts = [ours(v, seen) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, dict):
        return {k: ours(v, seen) for k, v in value.items()}
    if isinstance(value, torch.dtype):
        found = getattr(ndl, str(value).removeprefix("torch."), None)
        if found is None or found.numpy is None:
            raise OutOfScope(value)
        return found
    if isinstance(value, (torch.layout, torch.memory_format)):
        name = str(value).removeprefix("torch.")
        if not hasattr(ndl, name):
            raise OutOfScope(value)
        return getattr(ndl, name)
    if isinstance(value, torch.device):
        return ndl.device(str(value))
    if isinstance(value, torch.Generator):
        return ndl.Generator().manual_seed(value.initial_seed())
    if isinstance(value, torch.nn.Module):
        return getattr(ndl.nn, type(value).__name__)()
    if isinstance(value, complex):
        raise OutOfScope(value)
    if callable(value) and not isinstance(value, type):
        return function(value)
    return value


def tensor(value, seen):
    """Our tensor with the values, the strides and the requires_grad of torch's. Tensors that share memory in torch do
    so here."""
    if value.layout is not torch.strided or value.is_complex() or value.dtype is torch.bfloat16 or value.is_quantized:
        raise OutOfScope(str(value.dtype))
    if value.ndim > 64:  # NumPy's limit
        raise OutOfScope(f"{value.ndim} dimensions")
    if not hasattr(ndl, str(value.dtype).removeprefix("torch.")) or value.device.type != "cpu":
        raise OutOfScope(str(value.dtype))
    if type(value) is torch.nn.Parameter:
        return ndl.nn.Parameter(ndl.from_numpy(value.detach().numpy().copy()), value.requires_grad)
    storage = value.detach().untyped_storage()
    memory = ("memory", storage.data_ptr() or id(value))
    if memory not in seen:
        seen[memory] = torch.empty(0, dtype=value.dtype).set_(storage).numpy().copy()
    flat = seen[memory]
    if flat.dtype != value.detach().reshape(-1)[:0].numpy().dtype:
        raise OutOfScope("one memory as two dtypes")
    array = np.lib.stride_tricks.as_strided(flat[value.storage_offset():], tuple(value.shape),
                                            [s * flat.itemsize for s in value.stride()])
    result = ndl.from_numpy(array)
    return result.requires_grad_() if value.requires_grad else result


class _Torch:
    """What `torch` means inside the table's own little functions when they run on us."""

    def __getattr__(self, name):
        return getattr(ndl, name)


def _seeded(call, *args, **kwargs):
    ndl.manual_seed(42)
    return call(*args, **kwargs)


def function(f, name=""):
    """Our counterpart of one of torch's functions; `name` is where it is found, if its own name does not tell."""
    if isinstance(f, functools.partial):
        return functools.partial(function(f.func), *ours(f.args), **ours(f.keywords))
    module = getattr(f, "__module__", None) or ""
    if module.startswith("torch.testing") and isinstance(f, types.FunctionType):
        if f.__name__ == "wrapper_set_seed":
            return _seeded
        names = {**f.__globals__, "torch": _Torch(), "wrapper_set_seed": _seeded}
        for n in f.__code__.co_names:
            if isinstance(names.get(n), types.FunctionType) and names[n].__module__ == module:
                names[n] = function(names[n])
        closure = tuple(types.CellType(ours(c.cell_contents)) for c in f.__closure__ or ()) or None
        copy = types.FunctionType(f.__code__, names, f.__name__, f.__defaults__, closure)
        copy.__kwdefaults__ = f.__kwdefaults__
        return copy
    if module in ("_operator", "builtins", "math", "numpy"):
        return f
    if type(f).__name__ in ("method_descriptor", "wrapper_descriptor"):
        return getattr(ndl.Tensor, f.__name__)
    if module == "torch._tensor":
        return getattr(ndl.Tensor, f.__name__)
    if module == "torch.nn.functional" and not name:
        name = "nn.functional." + f.__name__
    return operator.attrgetter(name or f.__name__)(ndl)


def faces(info):
    """(label, torch's function, the name of ours) for every spelling of an operation."""
    yield "function", info.op, info.name
    if info.method_variant is not None:
        yield "method", info.method_variant, ""
    if info.inplace_variant is not None:
        yield "in place", info.inplace_variant, ""
    if info.operator_variant is not None:
        yield "operator", info.operator_variant, ""
    if info.inplace_operator_variant is not None:
        yield "in-place operator", info.inplace_operator_variant, ""
    for alias in info.aliases:
        yield f"alias {alias.name}", alias.op, alias.name
        if alias.method_variant is not None:
            yield f"method {alias.name}", alias.method_variant, ""
        if alias.inplace_variant is not None:
            yield f"in place {alias.name}_", alias.inplace_variant, ""
    if info.supports_out:
        yield "out", info.op, info.name


# --- comparing -------------------------------------------------------------------------------------------------------


class Different(AssertionError):
    pass


def compare(actual, expected, where="result", values=True, grad=True, rough=1):
    """Raise Different unless the kinds, shapes, dtypes and values are the same."""
    if isinstance(expected, (tuple, list)) and not isinstance(expected, torch.Size):
        if not isinstance(actual, (tuple, list)) or isinstance(actual, list) != isinstance(expected, list):
            raise Different(f"{where}: {type(actual).__name__} for {type(expected).__name__}")
        if len(actual) != len(expected):
            raise Different(f"{where}: {len(actual)} parts for {len(expected)}")
        fields = getattr(type(expected), "__match_args__", ()) if hasattr(expected, "n_fields") else ()
        if fields and fields != getattr(actual, "_fields", None):
            raise Different(f"{where}: fields {getattr(actual, '_fields', None)} for {fields}")
        for i, (a, e) in enumerate(zip(actual, expected)):
            compare(a, e, f"{where}[{i}]", values, grad, rough)
        return
    if not isinstance(expected, torch.Tensor):
        if type(expected) is torch.Size:
            actual, expected = tuple(actual), tuple(expected)
        if type(actual) is not type(expected) or not (actual == expected or (actual != actual and expected != expected)):
            raise Different(f"{where}: {actual!r} ({type(actual).__name__}) for {expected!r}")
        return
    if not isinstance(actual, ndl.Tensor):
        raise Different(f"{where}: {type(actual).__name__} for a tensor")
    if str(actual.dtype).removeprefix("ndl.") != str(expected.dtype).removeprefix("torch."):
        raise Different(f"{where}: {actual.dtype} for {expected.dtype}")
    if tuple(actual.shape) != tuple(expected.shape):
        raise Different(f"{where}: shape {tuple(actual.shape)} for {tuple(expected.shape)}")
    if grad and actual.requires_grad != expected.requires_grad:
        raise Different(f"{where}: requires_grad {actual.requires_grad} for {expected.requires_grad}")
    if values and expected.numel():
        rtol, atol = TOLERANCES.get(expected.dtype, (0, 0))
        a, e = actual.detach().numpy(), expected.numpy(force=True)
        if expected.dtype in TOLERANCES:
            with np.errstate(all="ignore"):
                same = np.isclose(a.astype("float64"), e.astype("float64"), rtol * rough, atol * rough, equal_nan=True)
        else:
            same = a == e
        if not same.all():
            at = tuple(int(i) for i in np.argwhere(~same)[0])
            raise Different(f"{where}: {int((~same).sum())} of {e.size} values differ, such as {a[at]!r} for {e[at]!r} "
                            f"at {at}")


def tensors(value):
    """All tensors in nested lists, tuples and dicts, each once."""
    found = {}

    def look(v):
        if isinstance(v, (torch.Tensor, ndl.Tensor)):
            found[id(v)] = v
        elif isinstance(v, (list, tuple)):
            for part in v:
                look(part)
        elif isinstance(v, dict):
            look(list(v.values()))

    look(value)
    return list(found.values())


def gradients(m, outs, sources, second):
    """First- and second-order gradients, with fixed weights for every output."""
    rng = np.random.default_rng(0)

    def weights(t):
        make = torch.from_numpy if m is torch else ndl.from_numpy
        return make(np.asarray(rng.uniform(0.5, 1.5, tuple(t.shape)) * rng.choice([-1, 1], tuple(t.shape)),
                               str(t.dtype).split(".")[1]))

    outs = [o for o in tensors(outs) if o.requires_grad]
    if not outs:
        return [], None
    first = m.autograd.grad(outs, sources, [weights(o) for o in outs], create_graph=second, allow_unused=True)
    if not second:
        return first, None
    found = [weights(s) for s in sources]  # drawn for all, so that both modules use the same numbers
    pairs = [(g, w) for g, w in zip(first, found) if g is not None and g.requires_grad]
    if not pairs:
        return first, None
    return first, m.autograd.grad([g for g, _ in pairs], sources, [w for _, w in pairs], allow_unused=True)


def compare_gradients(actual, expected, where):
    if expected is None:
        expected = [None] * len(actual or ())
    if actual is None:
        actual = [None] * len(expected)
    for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
        if a is None and e is None:
            continue
        if a is None:
            a = ndl.zeros(tuple(e.shape), dtype=ours(e.dtype))
        if e is None:
            e = torch.zeros(tuple(a.shape), dtype=getattr(torch, a.dtype.name))
        compare(a, e, f"{where} of tensor {i}", grad=False, rough=1 if e.dtype is torch.float16 else ROUGH)


def seed(number):
    """Start both modules' random numbers; `torch.manual_seed` would look for GPUs each time."""
    torch.default_generator.manual_seed(number)
    ndl.manual_seed(number)


def check(info, sample, face, theirs, name, dtype):
    """Run one sample through one face. Returns "ok", "skip", or what is wrong."""
    in_place, out = face.startswith("in"), face == "out"
    method = info.name.startswith("__") or face.split()[0] not in ("function", "out", "alias")
    if method and isinstance(sample.input, (int, float)):
        return "skip"  # numbers have no such methods
    supports = getattr(info, "supports_inplace_autograd" if in_place else "supports_autograd")
    floating = dtype in info.supported_backward_dtypes("cpu") if dtype.is_floating_point else False
    grad = supports and floating and not out
    second = grad and info.supports_gradgrad and dtype is torch.float64
    try:
        seen = {}
        x, args, kwargs = sample.input, sample.args, sample.kwargs
        leaves = [t for t in tensors([x, args, kwargs]) if t.requires_grad] if grad else []
        x2, args2, kwargs2 = ours(x, seen), ours(args, seen), ours(kwargs, seen)
        twins = [seen[id(t)] for t in leaves]
    except OutOfScope:
        return "skip"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if in_place:
            if sample.broadcasts_input:
                return "skip"
            x, x2 = (x.clone(), x2.clone()) if isinstance(x, torch.Tensor) else (x, x2)
        if out or not grad:
            x, args, kwargs = _detached(x), _detached(args), _detached(kwargs)
            x2, args2, kwargs2 = _detached(x2), _detached(args2), _detached(kwargs2)
        seed(42)
        try:
            expected = theirs(x, *args, **kwargs)
        except Exception as e:
            expected = e
        try:
            f = function(theirs, name)
            if out:
                if isinstance(expected, Exception) or not tensors(expected):
                    return "skip"
                fresh = _blank(expected)
                kwargs2 = {**kwargs2, "out": fresh}
            actual = f(x2, *args2, **kwargs2)
        except Exception as e:
            if isinstance(expected, Exception):
                return "ok" if isinstance(e, type(expected)) or isinstance(expected, NotImplementedError) else \
                    f"raises {type(e).__name__}({e}) for {type(expected).__name__}({expected})"
            return f"raises {type(e).__name__}: {e}"
        if isinstance(expected, Exception):
            if isinstance(expected, NotImplementedError) or "not implemented" in str(expected):
                return "skip"  # we may do more than torch
            return f"does not raise {type(expected).__name__}: {expected}"
        try:
            if info.name in FREE_SIGNS:
                process = sample.output_process_fn_grad
                compare(function(process)(actual), process(expected), grad=grad)
            tied = info.name in TIES and dtype not in (torch.float64, torch.float32) and not sample.kwargs.get("stable")
            if tied and isinstance(expected, tuple):
                compare(actual[0], expected[0], grad=grad)
            compare(actual, expected, values=info.name not in UNINITIALISED + FREE_SIGNS and not tied, grad=grad)
            if out and any(a is not b for a, b in zip(tensors(actual), tensors(fresh))):
                raise Different("result is not what was given as out=")
            if in_place and isinstance(x2, ndl.Tensor) and isinstance(actual, ndl.Tensor) and actual is not x2:
                raise Different("in place: does not return the tensor itself")
            if leaves and not tied:
                process = sample.output_process_fn_grad
                try:
                    one, two = gradients(torch, process(expected), leaves, second)
                except (RuntimeError, NotImplementedError):  # torch has no second derivative, whatever its table says
                    second = False
                    one, two = gradients(torch, process(theirs(x, *args, **kwargs)), leaves, second)
                mine, mine2 = gradients(ndl, function(process)(actual), twins, second)
                compare_gradients(mine, one, "gradient")
                if second:
                    compare_gradients(mine2, two, "second gradient")
        except Different as e:
            return str(e)
        except Exception as e:
            at = traceback.extract_tb(e.__traceback__)[-1]
            return f"raises {type(e).__name__} in comparing: {e} ({at.filename.rsplit('/', 1)[-1]}:{at.lineno})"
    return "ok"


def _detached(value):
    if isinstance(value, (torch.Tensor, ndl.Tensor)):
        return value.detach()
    if isinstance(value, (list, tuple)) and not isinstance(value, (torch.Size, ndl.Size)):
        return type(value)(_detached(v) for v in value)
    if isinstance(value, dict):
        return {k: _detached(v) for k, v in value.items()}
    return value


def _blank(expected):
    """Tensors of ours for ``out=``, as torch's result is."""
    if isinstance(expected, torch.Tensor):
        return ndl.zeros(tuple(expected.shape), dtype=ours(expected.dtype))
    return tuple(_blank(e) for e in expected)


def check_error(info, error):
    """One input that has to raise."""
    sample = error.sample_input
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:  # before any memory is shared with NumPy, which would keep torch from growing it
            info.op(sample.input, *sample.args, **sample.kwargs)
            return "skip"  # torch changed its mind
        except Exception as e:
            theirs = e
        try:
            seen = {}
            x, args, kwargs = ours(sample.input, seen), ours(sample.args, seen), ours(sample.kwargs, seen)
        except (OutOfScope, AttributeError):
            return "skip"
        try:
            function(info.op, info.name)(x, *args, **kwargs)
        except Exception as e:
            if isinstance(e, error.error_type) or isinstance(e, type(theirs)):
                return "ok" if re.search(error.error_regex, str(e)) else f"words: {e} FOR {error.error_regex}"
            return f"raises {type(e).__name__}({e}) for {error.error_type.__name__}({theirs})"
    return f"does not raise {error.error_type.__name__}: {theirs}"


def take(iterator, cap):
    """The first `cap` of the samples, or all."""
    samples = list(iterator)
    if cap and len(samples) > cap:  # spread over the whole list
        samples = [samples[i * len(samples) // cap] for i in range(cap)]
    return samples


def checks(info, dtype, cap=0, reference=False):
    """Yield (what, outcome) for every sample of one operation and dtype, through all of its faces."""
    if dtype not in info.supported_dtypes("cpu"):
        return
    grads = dtype.is_floating_point and info.supports_autograd and dtype in info.supported_backward_dtypes("cpu")
    seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = info.sample_inputs_func
        if reference and info.reference_inputs_func is not None:
            source, grads = info.reference_inputs_func, False
        samples = take(source(info, "cpu", dtype, grads), cap)
    for face, theirs, name in faces(info):
        for sample in samples:
            outcome = check(info, sample, face, theirs, name, dtype)
            yield f"{face}, {str(dtype).removeprefix('torch.')}: {describe(sample)}", outcome


def error_checks(info):
    if info.error_inputs_func is None:
        return
    seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for error in info.error_inputs_func(info, "cpu"):
            yield f"error: {describe(error.sample_input)}", check_error(info, error)


def describe(sample):
    def show(v):
        if isinstance(v, torch.Tensor):
            layout = "" if v.is_contiguous() else f" strides {v.stride()}"
            return f"{str(v.dtype).removeprefix('torch.')}{list(v.shape)}{layout}"
        if isinstance(v, (list, tuple)):
            return "(" + ", ".join(map(show, v)) + ")"
        return repr(v)

    parts = [show(sample.input), *map(show, sample.args), *(f"{k}={show(v)}" for k, v in sample.kwargs.items())]
    return ", ".join(parts)[:200]


# --- the report ------------------------------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--dtypes", default=",".join(str(d).removeprefix("torch.") for d in DTYPES))
    parser.add_argument("--cap", type=int, default=0, help="at most so many samples for each operation and dtype")
    parser.add_argument("--reference", action="store_true", help="torch's larger set of samples")
    parser.add_argument("--show", type=int, default=3, help="how many failures to print for each operation")
    parser.add_argument("--words", action="store_true", help="messages other than torch's count as failures")
    options = parser.parse_args()
    names = CORE if options.names == ["core"] else COMMON if options.names == ["common"] else options.names
    totals, words = collections.defaultdict(lambda: [0, 0]), 0
    for info in infos(names):
        start, good, bad = time.perf_counter(), 0, []
        for d in options.dtypes.split(","):
            for what, outcome in checks(info, getattr(torch, d), options.cap, options.reference):
                good += outcome == "ok"
                if outcome not in ("ok", "skip"):
                    bad.append((what, outcome))
        for what, outcome in error_checks(info):
            if outcome.startswith("words") and not options.words:
                good, words = good + 1, words + 1
            elif outcome == "ok":
                good += 1
            elif outcome != "skip":
                bad.append((what, outcome))
        total = totals["core" if is_core(info) else "common"]
        total[0], total[1] = total[0] + good, total[1] + good + len(bad)
        taken = time.perf_counter() - start
        if bad or options.names:
            print(f"{full_name(info)}: {good} of {good + len(bad)} ({taken:.1f} s)", flush=True)
        seen = collections.Counter()
        for what, outcome in bad:
            kind = re.sub(r"\W?\d[\d.e+-]*|\([^)]*\)|\[[^]]*\]", "", what.split(":")[0].split(",")[0] + outcome)[:90]
            seen[kind] += 1
            if seen[kind] == 1 and len(seen) <= options.show:
                print(f"    {what}\n        {outcome[:400]}", flush=True)
        if len(seen) > options.show:
            print(f"    and {len(seen) - options.show} more kinds", flush=True)
    for name, (good, total) in totals.items():
        print(f"{name}: {good} of {total} = {100 * good / max(total, 1):.2f} %; other words than torch's: {words}")


if __name__ == "__main__":
    main()
