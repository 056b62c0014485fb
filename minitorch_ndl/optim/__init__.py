"""Optimizers. To read: optimizer (what all share), then sgd, adam; schedule and lr_scheduler for learning rates."""

import sys as _sys

from . import adam, adaptive, lr_scheduler as lr_scheduler, matrices, swa_utils as swa_utils
from .adam import (
    Adam as Adam,
    Adamax as Adamax,
    AdamW as AdamW,
    NAdam as NAdam,
    RAdam as RAdam,
    SparseAdam as SparseAdam,
)
from .adaptive import ASGD as ASGD, Adadelta as Adadelta, Adagrad as Adagrad, RMSprop as RMSprop, Rprop as Rprop
from .lbfgs import LBFGS as LBFGS
from .matrices import Adafactor as Adafactor, Muon as Muon
from .optimizer import Optimizer as Optimizer
from .sgd import SGD as SGD

# torch has a module for each: ``from torch.optim.adamw import AdamW``.
for _path, _file in {"adamw": adam, "adamax": adam, "nadam": adam, "radam": adam, "sparse_adam": adam,
                     "adagrad": adaptive, "adadelta": adaptive, "rmsprop": adaptive, "rprop": adaptive, "asgd": adaptive,
                     "_adafactor": matrices, "_muon": matrices}.items():
    _sys.modules[f"{__name__}.{_path}"] = globals()[_path] = _file
