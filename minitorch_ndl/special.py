"""torch.special by its names: the operations are defined in `ops/`.

https://pytorch.org/docs/stable/special.html
"""

from . import ops as ops
from .faces import FACES as _FACES

globals().update(_FACES["special"])
