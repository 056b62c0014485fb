"""Optimizers. To read: optimizer (what all share), then sgd, adam."""

from .adam import NAdam as NAdam
from .adam import Adam as Adam
from .adam import Adamax as Adamax
from .adam import AdamW as AdamW
from .adam import RAdam as RAdam
from .adaptive import ASGD as ASGD
from .adaptive import Adadelta as Adadelta
from .adaptive import Adagrad as Adagrad
from .adaptive import RMSprop as RMSprop
from .adaptive import Rprop as Rprop
from .optimizer import Optimizer as Optimizer
from .sgd import SGD as SGD
