"""Why some operations are slower than torch's: what ops.py puts beside its figures."""

LIMIT = 1.5  # times torch's time; what is slower needs a reason

# Kind, its reason, and the operations it is true of.
KINDS = [
    ("Passes over memory", "NumPy goes through memory once for each of its operations, torch once for all of them. Going "
     "through blocks that fit the cache was tried: the calls take back what the cache gives. The compiled kernels of the "
     "`fast` extra are the way past it",
     "gelu selu celu elu smooth_l1_loss silu hardswish layer_norm sigmoid nan_to_num rsqrt lerp leaky_relu frac logit relu6 "
     "softmax softplus hardsigmoid log_softmax hardtanh cross_entropy addcmul clamp binary_cross_entropy mish logsigmoid "
     "logaddexp mse_loss l1_loss var std norm normalize sinc tanhshrink softsign xlogy logsumexp nansum"),
    ("NumPy's own loop is slow", "it takes one element after the other, where torch's takes eight or sixteen at once",
     "fmod remainder sign copysign reciprocal hypot"),
    ("Running sums and products", "the same, as each element waits for the one before; longer sums are made with a triangle "
     "of ones instead", "cumsum cumprod"),
    ("Products", "the same; halves are multiplied until few are left", "prod"),
    ("Sums", "made by BLAS, as products with ones in blocks of 512: ahead of NumPy's sum while the array is in the cache, "
     "behind it, and behind torch's, when it comes from memory", "sum mean"),
    ("A row or a column for all", "NumPy starts an inner loop for each row", "add_row add_column"),
    ("Special functions", "polynomials in our own NumPy code, a pass for each power",
     "erf erfc erfinv lgamma digamma"),
    ("Indices", "NumPy's fancy indexing wants an index for each dimension, and adds up at indices one by one",
     "gather scatter_add index_select"),
    ("Order", "NumPy has no operation that gives values and places at once", "topk median sort max_dim_0 max_dim_1"),
    ("Copies", "a NumPy call for each piece (`tril`: for each row); backwards, NumPy copies element by element",
     "tril flip roll cat stack repeat transpose_copy"),
    ("Random numbers", "torch's own stream of numbers has to be followed, in NumPy", "randn"),
]
LARGE, SMALL = ("Sums", "Products", "A row or a column for all"), 1_000  # small ones are plain calls
CALLS = ("Calls", f"at {SMALL:,} elements and fewer: a microsecond of Python around NumPy's half, more where an operation has "
         f"options to look at, or several NumPy calls to make")
UNKNOWN = ("Not looked into", "no reason is known yet")


def kind(name, size):
    """The kind of the operation called `name`, with its reason."""
    for title, reason, names in KINDS:
        if (title not in LARGE or size > SMALL) and {name.replace(" ", "_"), name.split()[0]} & set(names.split()):
            return title, reason
    return CALLS if size <= SMALL else UNKNOWN


def summary(tables):
    """{size: rows of (ratio, name, backward, ...)} as Markdown: what is above the limit, by kind."""
    found = {}
    for size, rows in tables.items():
        for ratio, name, backward, *_ in rows:
            if ratio > LIMIT:
                found.setdefault(kind(name, size), {}).setdefault(size, {}).setdefault(name, {})[backward] = ratio
    counts = ", ".join(f"{sum(r[0] > LIMIT for r in rows)} of {len(rows)} at {size:,} elements"
                       for size, rows in tables.items())
    lines = [f"Slower than {LIMIT} times torch's: {counts}. In brackets: with backward.", ""]
    order = [*(k[:2] for k in KINDS), CALLS, UNKNOWN]
    for title, reason in sorted(found, key=order.index):
        lines.append(f"- **{title}**: {reason}.")
        for size, names in found[title, reason].items():
            lines.append(f"  - {size:,}: {', '.join(f'{n} {ratios(r)}' for n, r in names.items())}")
    return "\n".join(lines)


def ratios(by_backward):
    return " ".join(f"({r:.1f})" if backward else f"{r:.1f}" for backward, r in sorted(by_backward.items()))
