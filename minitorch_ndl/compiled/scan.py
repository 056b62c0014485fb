"""Twins of running sums and products along a dimension, and of the product of all; they add up in double precision."""

import math

import numpy as np

from . import loop, twin


def _layers(x, dim):
    """`x` as (before, along `dim`, after); None for what the loops don't take."""
    if not x.size or not x.ndim or x.dtype.char not in "fd" or not x.dtype.isnative or not x.flags.c_contiguous:
        return None
    dim %= x.ndim
    return x.reshape(math.prod(x.shape[:dim]), x.shape[dim], -1)


@loop
def _cumsum(x, out, sums, back):
    last = x.shape[1] - 1
    for i in range(x.shape[0]):
        if x.shape[2] == 1:
            total = 0.0
            for s in range(last + 1):
                j = last - s if back else s
                total += x[i, j, 0]
                out[i, j, 0] = total
        else:
            sums[:] = 0
            for s in range(last + 1):
                j = last - s if back else s
                for k in range(x.shape[2]):
                    sums[k] += x[i, j, k]
                    out[i, j, k] = sums[k]


@loop
def _cumprod(x, out, products):
    for i in range(x.shape[0]):
        if x.shape[2] == 1:
            product = 1.0
            for j in range(x.shape[1]):
                product *= x[i, j, 0]
                out[i, j, 0] = product
        else:
            products[:] = 1
            for j in range(x.shape[1]):
                for k in range(x.shape[2]):
                    products[k] *= x[i, j, k]
                    out[i, j, k] = products[k]


def _define(name, run, *options):
    @twin(name)
    def scanned(plain, input, dim, *dtype):
        ready = _layers(input, dim) if -input.ndim <= dim < input.ndim else None
        if ready is None:
            return plain(input, dim, *dtype)
        out = np.empty(ready.shape, input.dtype)
        run(ready, out, np.empty(ready.shape[2]), *options)
        return out.reshape(input.shape)


_define("cumsum", _cumsum, False)
_define("cumsum_back", _cumsum, True)
_define("cumprod", _cumprod)


@loop
def _products(x, out):
    for i in range(x.shape[0]):
        row, product = x[i], x.dtype.type(1)
        for j in range(row.size):
            product *= row[j]
        out[i] = product


@twin("prod")
def prod(plain, input, dim, keepdim, dtype):
    last = input.ndim - 1
    if dim not in (None, -1, last) or last < 0 or _layers(input, last) is None:
        return plain(input, dim, keepdim, dtype)
    x = input.reshape(1, -1) if dim is None else input.reshape(-1, input.shape[-1])
    out = np.empty(len(x), input.dtype)
    _products(x, out)
    shape = () if dim is None else input.shape[:-1]
    return out.reshape(shape + (1,) * (input.ndim - len(shape)) * keepdim)
