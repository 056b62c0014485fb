"""The vocabulary of CMU's deep-learning-systems course ("needle"), on this package's own engine.

For checking an understanding against: `needle.Tensor` remembers its `op` and `inputs` as the course draws them, while
the operations, their gradients and the backward pass are the package's. https://dlsyscourse.org

>>> from minitorch_ndl import needle
>>> x = needle.Tensor([6])
>>> y = x * x + 2 * x
>>> y.backward(); x.grad.numpy()
array([14])
"""

from . import autograd as autograd, data as data, init as init, nn as nn, ops as ops, optim as optim, simple_ml as simple_ml
from .autograd import Tensor as Tensor
from .ops import (
    add as add,
    add_scalar as add_scalar,
    broadcast_to as broadcast_to,
    divide as divide,
    divide_scalar as divide_scalar,
    exp as exp,
    log as log,
    matmul as matmul,
    mul_scalar as mul_scalar,
    multiply as multiply,
    negate as negate,
    power as power,
    power_scalar as power_scalar,
    relu as relu,
    reshape as reshape,
    summation as summation,
    transpose as transpose,
)
