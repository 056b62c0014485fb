"""Time single operations against torch eager, forward alone and with backward, sorted by ratio; float32, one thread.

    python scripts/bench/ops.py                          # a thousand, a hundred thousand and ten million elements
    python scripts/bench/ops.py --sizes 1000 -- exp softmax
    python scripts/bench/ops.py --write                  # and put what is slow, and why, into docs/benchmarks.md
    python scripts/bench/ops.py --fast --write           # the same with the compiled kernels
"""

import argparse
import os
import statistics
import sys
import time

os.environ["MINITORCH_NDL_FAST"] = "1" if "--fast" in sys.argv else "0"
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before NumPy is loaded

import numpy as np  # noqa: E402
import report  # noqa: E402
import slow  # noqa: E402
import torch  # noqa: E402

import minitorch_ndl as ndl  # noqa: E402

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

UNARY = ("abs neg exp exp2 expm1 log log1p log2 log10 sqrt rsqrt square reciprocal sin cos tan asin acos atan "
         "sinh cosh tanh asinh atanh sign floor ceil round trunc frac sigmoid erf erfc erfinv lgamma digamma "
         "sinc deg2rad isnan isfinite logit nan_to_num signbit clone ")
BINARY = ("add sub mul div maximum minimum pow atan2 hypot fmod remainder eq lt logical_and "
          "logaddexp xlogy copysign fmax")
REDUCE = ("sum mean prod var std max min amax argmax all any logsumexp cumsum cumprod sort argsort topk median norm "
          "softmax log_softmax nansum count_nonzero")
FUNCTIONAL = ("leaky_relu elu gelu silu softplus logsigmoid hardtanh hardswish selu celu mish relu6 hardsigmoid softsign "
              "tanhshrink normalize layer_norm dropout mse_loss l1_loss smooth_l1_loss binary_cross_entropy cross_entropy")


LEAST, MOST = 2e-4, 0.5  # seconds of one measurement, and of all of one row


def cases(size):
    """Name -> (function of a library and its tensors, arrays). The first float arrays get gradients."""
    random = np.random.RandomState(0)
    side = int(size**0.5)
    x = (random.rand(side, side).astype(np.float32) * 0.8 + 0.1)
    y = (random.rand(side, side).astype(np.float32) * 0.8 + 0.1)
    index = random.randint(0, side, (side, side))
    mask = random.rand(side, side) > 0.5
    signed = x * 4 - 2  # activations see numbers of both signs, and take other ways for them
    table = {n: (lambda lib, a, n=n: getattr(lib, n)(a), [x]) for n in UNARY.split()}
    for n in BINARY.split():
        table[n] = (lambda lib, a, b, n=n: getattr(lib, n)(a, b), [x, y])
    table["lerp"] = (lambda lib, a, b: lib.lerp(a, b, 0.3), [x, y])
    table["addcmul"] = (lambda lib, a, b: lib.addcmul(a, b, b, value=0.5), [x, y])
    table["relu"] = (lambda lib, a: lib.relu(a), [signed])
    table["mul scalar"] = (lambda lib, a: a * 1.5, [x])
    table["pow 2"] = (lambda lib, a: a**2, [x])
    table["clamp"] = (lambda lib, a: a.clamp(0.2, 0.7), [x])
    for n in REDUCE.split():
        dim = {"cumsum": (1,), "cumprod": (1,), "sort": (1,), "argsort": (1,), "topk": (8, 1), "logsumexp": (1,),
               "softmax": (1,), "log_softmax": (1,)}.get(n, ())
        table[n] = (lambda lib, a, n=n, d=dim: getattr(lib, n)(a, *d), [x])
    for n in ("sum", "mean", "amax", "var", "max", "prod"):
        for d in (0, 1):
            table[f"{n} dim {d}"] = (lambda lib, a, n=n, d=d: getattr(lib, n)(a, d), [x])
    for n in FUNCTIONAL.split():
        if "loss" in n or n == "binary_cross_entropy":
            table[n] = (lambda lib, a, b, n=n: getattr(lib.nn.functional, n)(a, b), [x, y])
        elif n == "layer_norm":
            table[n] = (lambda lib, a: lib.nn.functional.layer_norm(a, (side,)), [x])
        elif n != "cross_entropy":
            table[n] = (lambda lib, a, n=n: getattr(lib.nn.functional, n)(a), [signed])
    table["cross_entropy"] = (lambda lib, a, t: lib.nn.functional.cross_entropy(a, t), [x, index[:, 0].copy()])
    table.update({
        "transpose copy": (lambda lib, a: a.t().contiguous(), [x]), "cat": (lambda lib, a, b: lib.cat([a, b]), [x, y]),
        "stack": (lambda lib, a, b: lib.stack([a, b], 1), [x, y]), "flip": (lambda lib, a: a.flip(1), [x]),
        "roll": (lambda lib, a: a.roll(3, 1), [x]), "repeat": (lambda lib, a: a.repeat(1, 2), [x]),
        "gather": (lambda lib, a, i: a.gather(1, i), [x, index]), "tril": (lambda lib, a: a.tril(), [x]),
        "index_select": (lambda lib, a, i: a.index_select(0, i[0]), [x, index]),
        "x[index]": (lambda lib, a, i: a[i[0]], [x, index]), "x[mask]": (lambda lib, a, m: a[m], [x, mask]),
        "masked_fill": (lambda lib, a, m: a.masked_fill(m, 0.0), [x, mask]),
        "where": (lambda lib, a, b, m: lib.where(m, a, b), [x, y, mask]),
        "scatter_add": (lambda lib, a, b, i: a.scatter_add(1, i, b), [x, y, index]),
        "add row": (lambda lib, a, b: a + b[0], [x, y]), "add column": (lambda lib, a, b: a + b[:, :1], [x, y]),
        "matmul": (lambda lib, a, b: a @ b, [x[:512, :512], y[:512, :512]]),
        "randn": (lambda lib: lib.randn(side, side), []),
        "zeros": (lambda lib: lib.zeros(side, side), []), "arange": (lambda lib: lib.arange(size), []),
    })
    return table


def measure(function, arrays, backward, repeats):
    """Median seconds of each library, in turn; None where an operation has no gradient."""
    libraries = {}
    for lib in (ndl, torch):
        tensors = [lib.from_numpy(np.ascontiguousarray(a)) for a in arrays]
        if backward:
            for t in tensors:
                if t.is_floating_point():
                    t.requires_grad_()
        out = function(lib, *tensors)
        out = out[0] if isinstance(out, tuple) else out
        if backward and not out.requires_grad:
            return None
        seed = lib.ones(out.shape) if backward else None

        def once(lib=lib, tensors=tensors, seed=seed):
            out = function(lib, *tensors)
            if seed is not None:
                (out[0] if isinstance(out, tuple) else out).backward(seed)
                for t in tensors:
                    t.grad = None

        once()
        start = time.perf_counter()
        once()
        libraries[lib] = (once, [], max(1, int(LEAST / (time.perf_counter() - start))))
    spent = 0.0
    for count in range(repeats):
        for once, times, calls in libraries.values():
            start = time.perf_counter()
            for _ in range(calls):
                once()
            seconds = time.perf_counter() - start
            times.append(seconds / calls)
            spent += seconds
        if spent > MOST and count >= 2:
            break
    return [statistics.median(times) for _, times, _ in libraries.values()]


def table(size, names, repeats):
    """(ratio to torch, what, our seconds, torch's), the slowest first."""
    rows = []
    for name, (function, arrays) in cases(size).items():
        if names and name not in names:
            continue
        for backward in (False, True):
            if backward and not arrays:
                continue
            found = measure(function, arrays, backward, repeats)
            if found:
                rows.append((found[0] / found[1], name, backward, *found))
    return sorted(rows, reverse=True)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000, 10_000_000])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--fast", action="store_true", help="with the compiled kernels")
    parser.add_argument("--write", action="store_true", help="put a summary into docs/benchmarks.md")
    args = parser.parse_args(argv)
    if args.write and (args.names or args.sizes != parser.get_default("sizes")):
        parser.error("--write: docs/benchmarks.md holds a whole run, not a part of one")
    tables = {}
    for size in args.sizes:
        tables[size] = table(size, args.names, args.repeats)
        print(report.table([f"operation, {size:,} elements", "/ torch", "ms", "torch ms"],
                           [[name + " and backward" * backward, f"{ratio:.2f}", f"{1e3 * ours:.4f}", f"{1e3 * theirs:.4f}"]
                            for ratio, name, backward, ours, theirs in tables[size]]) + "\n", flush=True)
    text = slow.summary(tables)
    print(text)
    if args.write:
        report.write("operations with fast" if args.fast else "operations", f"{report.machine()}\n\n{text}")


if __name__ == "__main__":
    main()
