"""Matrix products inside compiled loops, by NumPy's own BLAS, which they call by its address (`blas.numpys().sgemm`)."""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ..products import TILE
from . import loop

# What cblas_sgemm takes. A library whose sizes have 32 bits reads the lower half of ours.
_WORD, _SIZE, _ARRAY, _NUMBER = ir.IntType(32), ir.IntType(64), ir.IntType(64), ir.FloatType()
_SGEMM = ir.FunctionType(ir.VoidType(), [_WORD, _WORD, _WORD, _SIZE, _SIZE, _SIZE, _NUMBER, _ARRAY, _SIZE, _ARRAY, _SIZE,
                                         _NUMBER, _ARRAY, _SIZE])
_BY_ROWS, _AS_IT_IS = _WORD(101), _WORD(111)


@intrinsic
def _call(typing, sgemm, rows, columns, inner, a, a_row, b, b_row, beta, out, out_row):
    def generate(context, builder, signature, given):
        address, rows, columns, inner, a, a_row, b, b_row, beta, out, out_row = given
        builder.call(builder.inttoptr(address, _SGEMM.as_pointer()),
                     [_BY_ROWS, _AS_IT_IS, _AS_IT_IS, rows, columns, inner, _NUMBER(1), a, a_row, b, b_row, beta, out, out_row])
        return context.get_dummy_value()

    size, array = types.int64, types.uintp
    return types.void(size, size, size, size, array, size, array, size, types.float32, array, size), generate


@loop
def multiply(sgemm, a, b, out, beta):
    """out ← a @ b + beta out, of float32 matrices by rows.

    What is too large for the kernels that read matrices as they lie (see `products`) is made in strips of the same width, a
    multiple of 64, with which they are quickest.
    """
    rows, inner, columns = a.shape[0], a.shape[1], b.shape[1]
    most, wide = TILE // (rows * inner) // 64, columns
    if 0 < 64 * most < columns:
        strips = -(-columns // (64 * most))
        wide = -(-columns // (64 * strips)) * 64
    for first in range(0, columns, wide):
        right, to = b[:, first:first + wide], out[:, first:first + wide]
        _call(sgemm, rows, right.shape[1], inner, a.ctypes.data, a.strides[0] // 4, right.ctypes.data, b.strides[0] // 4,
              np.float32(beta), to.ctypes.data, out.strides[0] // 4)
