"""Random images, to try a program on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import minitorch_ndl as ndl

from ..images import as_image
from .base import VisionDataset


class FakeData(VisionDataset):
    """Random images and labels, the same ones each time.

    https://pytorch.org/vision/stable/generated/torchvision.datasets.FakeData.html

    image_size     channels, height, width
    random_offset  another number gives other images
    """

    def __init__(self, size: int = 1000, image_size: tuple[int, int, int] = (3, 224, 224), num_classes: int = 10,
                 transform: Callable | None = None, target_transform: Callable | None = None, random_offset: int = 0):
        super().__init__(transform=transform, target_transform=target_transform)
        self.size, self.image_size, self.num_classes, self.random_offset = size, image_size, num_classes, random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index >= len(self):
            raise IndexError(f"{type(self).__name__} index out of range")
        generator = ndl.Generator().manual_seed(index + self.random_offset)
        image = ndl.randn(*self.image_size, generator=generator)
        target = ndl.randint(0, self.num_classes, (1,), generator=generator)[0]
        pixels = (image * 255).numpy().astype(np.int64).astype(np.uint8).transpose(1, 2, 0)
        if self.image_size[0] == 1:
            pixels = pixels[:, :, 0]
        mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[self.image_size[0]]
        image, target = self._sample(as_image(pixels, mode), target)
        return image, int(target) if isinstance(target, ndl.Tensor) else target

    def __len__(self) -> int:
        return self.size
