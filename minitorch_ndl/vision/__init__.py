"""torchvision's data sets, transforms and image grids, for scripts that ``import torchvision``.

https://pytorch.org/vision/stable/

Images are Pillow's where it is installed (``pip install minitorch-ndl[vision]``). Without it, data sets give their images as
uint8 arrays, (H, W) or (H, W, C), which all transforms here take as well.
"""

from typing import Any as _Any

from . import datasets as datasets, transforms as transforms, utils as utils
from .images import get_image_backend as get_image_backend, set_image_backend as set_image_backend

__version__ = "0.28.0"  # of the torchvision whose names and numbers these are


def __getattr__(name: str) -> _Any:
    import sys

    what = f"module 'torchvision' has no attribute {name!r} in minitorch_ndl"
    if name in ("models", "ops", "io"):
        what += f": torchvision.{name} is not part of it. Models can be written with nn, and trained weights loaded with " \
                "load_state_dict" if name == "models" else f": torchvision.{name} is not part of it"
    raise AttributeError(what, name=name, obj=sys.modules[__name__])
