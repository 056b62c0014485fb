"""Random changes of an image (H, W, C), drawn from NumPy's generator as the course's are: see `np.random.seed`."""

from __future__ import annotations

import numpy as np


class Transform:
    """Something that makes one image of another."""

    def __call__(self, img: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class RandomFlipHorizontal(Transform):
    """Left and right swapped, with probability p."""

    def __init__(self, p: float = 0.5):
        self.p = p

    def __call__(self, img: np.ndarray) -> np.ndarray:
        return img[:, ::-1, :] if np.random.rand() < self.p else img


class RandomCrop(Transform):
    """The image moved by up to `padding` pixels along H and W; zeros come in from outside."""

    def __init__(self, padding: int = 3):
        self.padding = padding

    def __call__(self, img: np.ndarray) -> np.ndarray:
        p = self.padding
        down, right = np.random.randint(low=-p, high=p + 1, size=2)
        framed = np.pad(img, ((p, p), (p, p), (0, 0)))
        return framed[p + down:p + down + img.shape[0], p + right:p + right + img.shape[1]]
