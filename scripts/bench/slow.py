"""Why some operations are slower than torch's: what ops.py puts beside its figures."""

LIMIT = 1.5  # times torch's time; what is slower needs a reason

# Kind, its reason, and the operations it is true of.
KINDS = [
    ("Passes over memory", "NumPy goes through memory once for each of its operations, torch once for all of them. Going "
     "through blocks that fit the cache was tried: the calls take back what the cache gives. The compiled kernels of the "
     "`fast` extra, where there is one, go through once; at a thousand elements, calling one costs what is left",
     "gelu selu celu elu smooth_l1_loss silu hardswish layer_norm sigmoid nan_to_num rsqrt lerp leaky_relu frac logit sign "
     "softmax softplus hardsigmoid log_softmax cross_entropy addcmul binary_cross_entropy mish logsigmoid abs "
     "logaddexp mse_loss l1_loss var std norm normalize sinc tanhshrink softsign xlogy logsumexp hypot"),
    ("NumPy's own loop is slow", "its `clip` takes twice the time of a sum; of the others, it takes one element after the "
     "other, where torch's takes eight or sixteen at once; fmod and remainder go through double precision, which is several "
     "times as fast", "fmod remainder copysign reciprocal relu relu6 hardtanh clamp"),
    ("Running sums and products", "NumPy takes several times what it takes an element to wait for the one before; longer "
     "sums are made with a triangle of ones instead", "cumsum cumprod"),
    ("Products", "NumPy multiplies one after the other along a row; rows are multiplied side by side, or halves with halves, "
     "until few are left: that is more passes", "prod"),
    ("Sums and extremes", "a sum is a product with ones, in blocks of some 512, made by BLAS: as fast as torch's, but for the "
     "five or six calls that set it up, which show as long as the sum itself takes five microseconds",
     "sum mean nansum amax amin"),
    ("A row or a column for all", "NumPy starts an inner loop for each row", "add_row add_column"),
    ("Special functions", "polynomials in our own NumPy code, two passes for each power (compiled: erf, erfc and erfinv)",
     "erf erfc erfinv lgamma digamma"),
    ("Indices", "NumPy's fancy indexing wants an index for each dimension, and adds up at indices one by one",
     "gather scatter_add index_select x[index]"),
    ("Order", "NumPy has no operation that gives values and places at once", "topk median sort max_dim_0 max_dim_1"),
    ("Copies", "a NumPy call for each piece (`tril`: a mask, made anew each time); backwards, NumPy copies element by element",
     "tril flip roll cat stack repeat transpose_copy"),
    ("Random numbers", "torch's own stream of numbers has to be followed, in NumPy", "randn"),
]
LARGE, SMALL = ("Sums and extremes", "Products", "A row or a column for all"), 1_000  # small ones are plain calls
CALLS = ("Calls", f"at {SMALL:,} elements and fewer: a microsecond of Python around NumPy's half, more where an operation has "
         f"options to look at, numbers beside its tensors to convert, or several NumPy calls to make")
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
