"""All transforms, by torchvision's path. The definitions are in `plain` and `augment`."""

from . import augment, plain
from .augment import *  # noqa: F403
from .geometry import InterpolationMode as InterpolationMode
from .plain import *  # noqa: F403

__all__ = ["InterpolationMode", *augment.__all__, *plain.__all__]
