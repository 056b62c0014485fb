"""`nn.functional`: the operations that layers are made of, as functions. Names only; the definitions are in `ops/`.

>>> import minitorch_ndl.nn.functional as F
>>> F.relu(ndl.tensor([-1.0, 2.0]))
tensor([0., 2.])
"""

from typing import TYPE_CHECKING

from .. import ops as ops
from ..faces import FACES as _FACES

globals().update(_FACES["functional"])

if TYPE_CHECKING:
    from .._functional import *  # noqa: F403
