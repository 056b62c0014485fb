"""Optimizers. To read: optimizer (what all share), then sgd."""

from .optimizer import Optimizer as Optimizer
from .sgd import SGD as SGD
