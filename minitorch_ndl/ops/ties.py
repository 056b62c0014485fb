"""Which of several equal elements `topk`, `kthvalue` and `mode` name by their index.

Torch promises nothing here, but what it does is what the algorithms of its C++ library do, and scripts print it. These
are the same algorithms, step for step, on plain lists; they are only asked where elements tie and arrays are small.
(On large ones the first of the equal elements is as good as any, and some hundred times as fast.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import backend

LARGE = 4096  # elements; with more of them, nobody reads the indices
Less = Callable[[int, int], bool]


def small(xp: Any, x: Any) -> bool:
    return xp is backend.CPU.xp and 0 < x.size <= LARGE


def tie(xp: Any, x: Any) -> bool:
    """Whether `x` is small and has equal elements (or NaN) along its last dimension."""
    return small(xp, x) and tie_in_order(xp.sort(x, -1))


def tie_in_order(x: Any) -> bool:
    """The same for elements in order. (NaN is not larger than anything.)"""
    return not (x[..., 1:] > x[..., :-1]).all()


def by_rows(xp: Any, x: Any, count: int, choose: Callable[[Sequence, list[int]], list[int]]) -> Any:
    """The `count` indices that ``choose(values, indices)`` picks from each row of the last dimension."""
    rows = x.reshape(-1, x.shape[-1]).tolist()
    found = [choose(row, list(range(len(row)))) for row in rows]
    return xp.asarray(found, dtype=xp.int64).reshape(*x.shape[:-1], count)


def best(k: int, largest: bool, ordered: bool) -> Callable:
    """For `topk`."""

    def choose(v: Sequence, a: list[int]) -> list[int]:
        if largest:
            def less(i: int, j: int) -> bool:
                return v[i] > v[j] or (v[i] != v[i] and v[j] == v[j])
        else:
            def less(i: int, j: int) -> bool:
                return v[i] < v[j] or (v[i] == v[i] and v[j] != v[j])
        if not k:
            return []
        if k * 64 <= len(a):
            partial_sort(a, k, less)
        else:
            nth_element(a, k - 1, less)
            if ordered:
                a[:k - 1] = sort(a[:k - 1], less)
        return a[:k]

    return choose


def most_frequent(v: Sequence, a: list[int]) -> list[int]:
    """For `mode`."""
    a, run, longest, found = sort(a, lambda i, j: v[i] < v[j]), 0, 0, 0
    for place, i in enumerate(a):
        run += 1
        if place == len(a) - 1 or v[i] != v[a[place + 1]]:
            if run > longest:
                longest, found = run, i
            run = 0
    return [found]


def kth(k: int) -> Callable:
    """For `kthvalue`: Hoare's quickselect, with the median of three as the pivot."""

    def choose(v: Sequence, a: list[int]) -> list[int]:
        def greater(i: int, j: int) -> bool:
            return v[i] > v[j] or (v[i] != v[i] and v[j] == v[j])

        def order(i: int, j: int) -> None:
            if greater(a[i], a[j]):
                a[i], a[j] = a[j], a[i]

        low, high = 0, len(a) - 1
        while high > low + 1:
            centre = (low + high) // 2
            a[centre], a[low + 1] = a[low + 1], a[centre]
            order(low + 1, high)
            order(low, high)
            order(low + 1, low)
            i, j, pivot = low + 1, high, a[low]
            while True:
                i += 1
                while greater(pivot, a[i]):
                    i += 1
                j -= 1
                while greater(a[j], pivot):
                    j -= 1
                if j < i:
                    break
                a[i], a[j] = a[j], a[i]
            a[low], a[j] = a[j], a[low]
            if j <= k:
                low = i
            if j >= k:
                high = j - 1
        if high == low + 1:
            order(low, high)
        return [a[k]]

    return choose


# --- C++'s nth_element, sort and partial_sort -------------------------------------------------------------------------


def nth_element(a: list[int], n: int, less: Less) -> None:
    """Put at `n` what belongs there, nothing greater before it, nothing less after it."""
    first, last = 0, len(a)
    while last - first > 3:
        cut = _partition(a, first, last, less)
        first, last = (cut, last) if cut <= n else (first, cut)
    _insertion_sort(a, first, last, less)


def sort(a: list[int], less: Less) -> list[int]:
    parts = [(0, len(a))]
    while parts:
        first, last = parts.pop()
        if last - first > 16:
            cut = _partition(a, first, last, less)
            parts += [(cut, last), (first, cut)]
    _insertion_sort(a, 0, len(a), less)
    return a


def _insertion_sort(a: list[int], first: int, last: int, less: Less) -> None:
    for i in range(first + 1, last):
        item = a[i]
        while i > first and less(item, a[i - 1]):
            a[i] = a[i - 1]
            i -= 1
        a[i] = item


def _partition(a: list[int], first: int, last: int, less: Less) -> int:
    """Move the median of three to the front, and what is less than it before what is greater. Where these meet."""
    low, mid, high = first + 1, first + (last - first) // 2, last - 1
    x, y, z = a[low], a[mid], a[high]
    if less(x, y):
        pivot = mid if less(y, z) else high if less(x, z) else low
    else:
        pivot = low if less(x, z) else high if less(y, z) else mid
    a[first], a[pivot] = a[pivot], a[first]
    i, j, item = low, last, a[first]
    while True:
        while less(a[i], item):
            i += 1
        j -= 1
        while less(item, a[j]):
            j -= 1
        if i >= j:
            return i
        a[i], a[j] = a[j], a[i]
        i += 1


def partial_sort(a: list[int], k: int, less: Less) -> None:
    """Put the `k` least in order at the front, by a heap."""
    for parent in range((k - 2) // 2, -1, -1):
        _sift(a, parent, k, a[parent], less)
    for i in range(k, len(a)):
        if less(a[i], a[0]):
            item, a[i] = a[i], a[0]
            _sift(a, 0, k, item, less)
    for last in range(k - 1, 0, -1):
        item, a[last] = a[last], a[0]
        _sift(a, 0, last, item, less)


def _sift(a: list[int], hole: int, size: int, item: int, less: Less) -> None:
    """Put `item` into the heap a[:size], of which the place `hole` is free."""
    top = child = hole
    while child < (size - 1) // 2:
        child = 2 * (child + 1)
        if less(a[child], a[child - 1]):
            child -= 1
        a[hole], hole = a[child], child
    if size % 2 == 0 and child == (size - 2) // 2:
        child = 2 * child + 1
        a[hole], hole = a[child], child
    while hole > top and less(a[(hole - 1) // 2], item):
        a[hole], hole = a[(hole - 1) // 2], (hole - 1) // 2
    a[hole] = item
