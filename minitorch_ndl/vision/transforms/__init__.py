"""Transforms of images, for data sets. https://pytorch.org/vision/stable/transforms.html

>>> from minitorch_ndl.vision import transforms
>>> prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])
>>> prepare(np.array([[0, 255]], np.uint8))
tensor([[[-1.,  1.]]])
"""

from . import functional as functional, v2 as v2
from .geometry import InterpolationMode as InterpolationMode
from .transforms import *  # noqa: F403
from .transforms import __all__ as __all__
