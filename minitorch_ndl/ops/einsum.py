"""Sums of products over named dimensions: `einsum`, and `tensordot`, which is the same with numbered ones.

Each dimension of each operand has a label. Everything comes down to one step on two operands: the labels that both
have and that are not needed any more are summed over, in one (batched) matrix product.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any

from ..composite import composite, face
from ..faces import F
from ..tensor import Tensor
from .shape import normal_dim

Label = Hashable  # a letter; a negative number for a dimension under an ellipsis, counted from the right
Labels = Sequence[Label]


@face("einsum")
def einsum(equation: Any, *operands: Any) -> Tensor:
    """Sum of products over named dimensions. https://pytorch.org/docs/stable/generated/torch.einsum.html

    A letter for each dimension of each operand, then, after ->, for the result: letters that are missing there are
    summed over; one that an operand has twice means its diagonal; ... stands for any number of dimensions, which
    broadcast. Without ->, the result has the letters that occur once, in alphabetical order. Sublists work too:
    ``einsum(a, [0, 1], b, [1, 2], [0, 2])``.

    >>> a, b = ndl.ones(2, 3), ndl.ones(3, 4)
    >>> ndl.einsum("ij,jk->ik", a, b).shape, ndl.einsum("ij->", a)
    (Size([2, 4]), tensor(6.))
    """
    if isinstance(equation, Tensor) or (isinstance(equation, (list, tuple)) and equation):
        equation, operands = _from_sublists((equation, *operands))
    if not operands:
        raise ValueError("einsum(): must specify the equation string and at least one operand, or at least one operand "
                         "and its subscripts list")
    if not isinstance(equation, str):
        raise TypeError(f"einsum(): argument 'equation' (position 1) must be str, not {type(equation).__name__}")
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    for i, operand in enumerate(operands):
        if not isinstance(operand, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 1, but got {type(operand).__name__} (einsum)")
    labels, output = _parse(equation, tuple(x._array.ndim for x in operands))
    if _adds_integers(operands, labels, output):
        operands = tuple(x.long() for x in operands)
    return evaluate(list(operands), labels, output)


def _adds_integers(operands: tuple, labels: list, output: tuple) -> bool:
    """Whether integers are merely summed over some dimension of one operand: sums of integers are int64."""
    if operands[0].is_floating_point():
        return False
    alone = [{name for name in names if sum(name in others for others in labels) == 1} - set(output) for names in labels]
    return any(len(operands) == 1 or n > 1 for x, names, only in zip(operands, labels, alone, strict=True)
               for name, n in zip(names, x.shape, strict=True) if name in only)


# --- reading the equation ---------------------------------------------------------------------------------------------


def _from_sublists(args: tuple) -> tuple[str, tuple]:
    """``a, [0, 1], b, [1, 2], [0, 2]`` as an equation and its operands."""
    terms = [_letters(labels) for labels in args[1::2]]
    equation = ",".join(terms)
    if len(args) % 2:
        equation += "->" + _letters(args[-1])
    return equation, args[:len(args) // 2 * 2:2]


def _letters(labels: Any) -> str:
    letters = []
    for label in labels:
        if label is not ... and not 0 <= label < 52:
            raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52); "
                             f"got {label} in {labels}")
        letters.append("..." if label is ... else chr(label + (ord("A") if label < 26 else ord("a") - 26)))
    return "".join(letters)


@lru_cache(maxsize=256)
def _parse(equation: str, ranks: tuple[int, ...]) -> tuple[list[tuple[Label, ...]], tuple[Label, ...]]:
    """The labels of each operand's dimensions, and those of the result."""
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        more = "fewer" if len(terms) > len(ranks) else "more"
        raise RuntimeError(f"einsum(): {more} operands were provided than specified in the equation ('{equation}' "
                           f"describes {len(terms)}, got {len(ranks)})")
    labels: list[tuple[Label, ...]] = []
    start = 0
    for i, (term, rank) in enumerate(zip(terms, ranks, strict=True)):
        before, dots, after = _split(term, start, f"operand {i}")
        start += len(term) + 1
        hidden = rank - len(before) - len(after)
        if hidden < 0 or (hidden and not dots):
            raise RuntimeError(f"einsum(): the number of subscripts in the equation ({len(before) + len(after)}) "
                               f"{'is more than' if dots else 'does not match'} the number of dimensions ({rank}) for "
                               f"operand {i}{'' if dots else ' and no ellipsis was given'} ('{equation}')")
        labels.append((*before, *range(-hidden, 0), *after))
    letters = [label for term in labels for label in term]
    ellipsis = sorted({label for label in letters if isinstance(label, int)})
    if not arrow:
        once = sorted(label for label in letters if isinstance(label, str) and letters.count(label) == 1)
        return labels, (*ellipsis, *once)
    before, dots, after = _split(right, start + 1, "output")
    for letter in (*before, *after):
        if (before + after).count(letter) > 1:
            raise RuntimeError(f"einsum(): output subscript {letter} appears more than once in the output")
        if letter not in letters:
            raise RuntimeError(f"einsum(): output subscript {letter} does not appear in the equation for any input "
                               f"operand ('{equation}')")
    return labels, (*before, *(ellipsis if dots else ()), *after)


def _split(term: str, start: int, which: str) -> tuple[list[str], str, list[str]]:
    """The letters before an ellipsis, the ellipsis, and the letters after it. `start`: where the term begins."""
    before, dots, after = term.partition("...")
    if "." in after:
        raise RuntimeError(f"einsum(): found '.' for {which} for which an ellipsis was already found")
    if "." in before:
        raise RuntimeError(f"einsum(): found '.' for {which} that is not part of any ellipsis (...)")
    for i, letter in enumerate(term):
        if not (letter in " ." or (letter.isascii() and letter.isalpha())):
            raise RuntimeError(f"einsum(): invalid subscript given at index {start + i} in the equation string, "
                               f"subscripts must be in [a-zA-Z]; got '{letter}'")
    return [c for c in before if c != " "], dots, [c for c in after if c != " "]


# --- computing it -----------------------------------------------------------------------------------------------------


def evaluate(operands: list[Tensor], labels: Sequence[Labels], output: Labels) -> Tensor:
    """The sum over all labels that are not in `output` of the operands' product."""
    sizes: dict[Label, int] = {}
    terms = []  # pairs of an operand and its labels
    for i, (x, names) in enumerate(zip(operands, labels, strict=True)):
        if len(set(names)) < len(names):
            x, names = _diagonal(x, names, i)
        for name, n in zip(names, x._array.shape, strict=True):
            if sizes.setdefault(name, n) != n and n != 1:
                if sizes[name] != 1:
                    raise _does_not_broadcast(i, name, n, sizes[name])
                sizes[name] = n
        terms.append((x, names))
    # A dimension of size 1 changes no product. Without it, what broadcasts is what an operand just has not.
    terms = [_without_ones(x, names) for x, names in terms]
    while len(terms) > 1:
        i, j = (0, 1) if len(terms) == 2 else _cheapest_pair(terms, output, sizes)
        second, first = terms.pop(j), terms.pop(i)
        terms.append(_contract(*first, *second, {*output, *(name for _, names in terms for name in names)}))
    x, names = terms[0]
    x, names = _summed(x, names, output)
    x = _arranged(x, names, [name for name in output if name in names])
    return x if len(names) == len(output) else x.reshape(tuple(sizes[name] for name in output))


def _diagonal(x: Tensor, names: Labels, i: int) -> tuple[Tensor, Labels]:
    """`x` with each repeated label's dimensions made one."""
    names = list(names)
    for name in list(names):
        while names.count(name) > 1:
            first = names.index(name)
            second = names.index(name, first + 1)
            a, b = x.shape[first], x.shape[second]
            if a != b:
                raise RuntimeError(f"einsum(): subscript {name} is repeated for operand {i} but the sizes don't match, "
                                   f"{b} != {a}")
            x = F.diagonal(x, 0, first, second)
            names = [*names[:first], *names[first + 1:second], *names[second + 1:], name]
    return x, names


def _without_ones(x: Tensor, names: Labels) -> tuple[Tensor, Labels]:
    shape = x._array.shape
    if 1 not in shape:
        return x, names
    return (x.reshape(tuple(n for n in shape if n != 1)),
            [name for name, n in zip(names, shape, strict=True) if n != 1])


def _summed(x: Tensor, names: Labels, keep: Any) -> tuple[Tensor, Labels]:
    """`x` summed over the labels that are not in `keep`."""
    dims = tuple(i for i, name in enumerate(names) if name not in keep)
    return (x.sum(dims, dtype=x.dtype), [name for name in names if name in keep]) if dims else (x, names)


def _arranged(x: Tensor, names: Labels, order: Labels) -> Tensor:
    """`x` with its dimensions in the order of `order`."""
    if list(names) == list(order):
        return x
    return F.permute(x, tuple(names.index(name) for name in order))


def _contract(a: Tensor, a_names: Labels, b: Tensor, b_names: Labels, keep: set) -> tuple[Tensor, Labels]:
    """The product of two operands, summed over what is not in `keep`, and its labels."""
    a, a_names = _summed(a, a_names, keep.union(b_names))
    b, b_names = _summed(b, b_names, keep.union(a_names))
    both = [name for name in a_names if name in b_names]
    batch, summed = [n for n in both if n in keep], [n for n in both if n not in keep]
    left = [name for name in a_names if name not in both]
    right = [name for name in b_names if name not in both]
    a = _arranged(a, a_names, [*batch, *left, *summed])
    b = _arranged(b, b_names, [*batch, *summed, *right])
    stack, rows, inner = _parts(a, len(batch), len(left))
    columns = b.shape[len(both):]
    names = [*batch, *left, *right]
    if not summed:
        product = a.reshape((*stack, *rows, *(1,) * len(columns))) * b.reshape((*stack, *(1,) * len(rows), *columns))
        return product, names
    if len(left) != 1 or len(summed) != 1:
        a = a.reshape((*stack, math.prod(rows), math.prod(inner)))
    if len(right) != 1 or len(summed) != 1:
        b = b.reshape((*stack, math.prod(inner), math.prod(columns)))
    product = F.matmul(a, b)
    if len(left) == 1 and len(right) == 1:
        return product, names
    return product.reshape((*stack, *rows, *columns)), names


def _parts(x: Tensor, first: int, second: int) -> tuple:
    shape = tuple(x.shape)
    return shape[:first], shape[first:first + second], shape[first + second:]


def _cheapest_pair(terms: Sequence[tuple], output: Labels, sizes: dict) -> tuple[int, int]:
    """Which two of several operands to multiply next: those whose product is the smallest beside what it replaces."""
    best = None
    for j in range(1, len(terms)):
        for i in range(j):
            others = {name for k, (_, names) in enumerate(terms) if k not in (i, j) for name in names}
            names = {name for name in (*terms[i][1], *terms[j][1]) if name in others or name in output}
            cost = math.prod(sizes[name] for name in names) - sum(math.prod(terms[k][0].shape) for k in (i, j))
            if best is None or cost < best[0]:
                best = cost, i, j
    assert best is not None
    return best[1:]


def _does_not_broadcast(i: int, name: Label, n: int, before: int) -> RuntimeError:
    if isinstance(name, int):
        return RuntimeError(f"einsum(): dimension {-name} from the right covered by ellipsis in operand {i} has size "
                            f"{n} which does not broadcast with previously seen ellipsis with size {before}")
    return RuntimeError(f"einsum(): subscript {name} has size {n} for operand {i} which does not broadcast with "
                        f"previously seen size {before}; sizes under one letter must be equal, or 1.")


# --- tensordot ------------------------------------------------------------------------------------------------------


@composite(on="torch")
def tensordot(a, b, dims=2):
    """Sums over `dims`: so many of a's last dimensions with b's first ones, or a pair of lists of dimensions.

    >>> ndl.tensordot(ndl.ones(2, 3, 4), ndl.ones(4, 3, 5), dims=([1, 2], [1, 0])).shape
    Size([2, 5])
    """
    for position, (name, value) in enumerate((("self", a), ("other", b)), 1):
        if not isinstance(value, Tensor):
            raise TypeError(f"tensordot(): argument '{name}' (position {position}) must be Tensor, "
                            f"not {type(value).__name__}")
    of_a, of_b = _dot_dims(a, b, dims)
    a_names: list[Label] = [("a", i) for i in range(a.ndim)]
    b_names: list[Label] = [("b", i) for i in range(b.ndim)]
    for i, j in zip(of_a, of_b, strict=True):
        if a.shape[i] != b.shape[j] and 1 not in (a.shape[i], b.shape[j]):
            raise RuntimeError(f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} and "
                               f"second has size {b.shape[j]} in dim {j} (tensordot of shapes {tuple(a.shape)} and "
                               f"{tuple(b.shape)})")
        b_names[j] = a_names[i]
    output = [name for name in a_names + b_names if (name in a_names) != (name in b_names)]
    return evaluate([a, b], [a_names, b_names], output)


def _dot_dims(a: Tensor, b: Tensor, dims: Any) -> tuple[list[int], list[int]]:
    if isinstance(dims, Tensor):
        dims = dims.item() if dims.numel() == 1 else dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims} for shapes "
                               f"{tuple(a.shape)} and {tuple(b.shape)}")
        return list(range(a.ndim - dims, a.ndim)), list(range(dims))
    of_a, of_b = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(of_a) != len(of_b):
        raise RuntimeError(f"both dimension lists should have same length; got {of_a} and {of_b} (tensordot)")
    of_a = [normal_dim(d, a.ndim, "tensordot") for d in of_a]
    of_b = [normal_dim(d, b.ndim, "tensordot") for d in of_b]
    for found in (of_a, of_b):
        for d in found:
            if found.count(d) > 1:
                raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return of_a, of_b
