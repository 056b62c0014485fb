"""torch.linalg by its names: the operations are defined in `ops/`, in solve, decompositions, magnitude, linalg, matmul.

https://pytorch.org/docs/stable/linalg.html
"""

from . import ops as ops
from .faces import FACES as _FACES

globals().update(_FACES["linalg"])
