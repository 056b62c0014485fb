"""Twins of what attention does between its matrix products."""

import numpy as np

from . import loop, rows, twin
from .numeric import dot, largest, total
from .softmax import exponentials


@loop
def _far(row):
    """How many numbers have exponentials that sums would lose, or be lost in; those of NaN and inf, too."""
    count = 0
    for j in range(row.size):
        count += 0 if abs(row[j]) < 40 else 1
    return count


@loop
def _shift(scores, first):
    """Make the largest element of each row 0."""
    for i in range(scores.shape[0]):
        row = scores[i]
        if first >= 0:
            row[first + i + 1:] = -np.inf
        top = largest(row)
        if not np.isinf(top):  # else there is nothing to attend to: zeros
            for j in range(row.size):
                row[j] -= top


@loop
def _exponentials(scores, first, sums):
    heads, queries, keys = scores.shape
    for h in range(heads):
        if _far(scores[h].reshape(-1)):  # seldom
            _shift(scores[h], first)
        exponentials(scores[h])
        for i in range(queries):
            row = scores[h, i]
            if first >= 0:
                for j in range(keys):
                    row[j] = row[j] if j <= first + i else scores.dtype.type(0)
            sums[h, i] = total(row)


@twin("attend.exponentials")
def attend_exponentials(plain, weights, keep, first):
    if rows(weights) is None or not weights.size:
        return plain(weights, keep, first)
    if keep is not None:
        np.copyto(weights, -np.inf, where=~keep)
    sums = np.empty((*weights.shape[:-1], 1), weights.dtype)
    _exponentials(weights.reshape(-1, *weights.shape[-2:]), -1 if first is None else first, sums.reshape(-1, weights.shape[-2]))
    return sums


@loop
def _slopes(slopes, weights, share):
    for i in range(slopes.shape[0]):
        row, weight = slopes[i], weights[i]
        along = share[i] * slopes.dtype.type(dot(row, weight))  # the sum of what the weights, made to add up to 1, contribute
        for j in range(row.size):
            row[j] = (row[j] - along) * weight[j]


@twin("attend.slopes")
def attend_slopes(plain, of_scores, weights, share, small, out):
    if rows(of_scores, weights) is None or not weights.size or share.dtype != weights.dtype:
        return plain(of_scores, weights, share, small, out)
    n = weights.shape[-1]
    _slopes(of_scores.reshape(-1, n), weights.reshape(-1, n), share.reshape(-1))
