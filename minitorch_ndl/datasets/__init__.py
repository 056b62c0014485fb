"""Data sets as NumPy arrays: MNIST, and digits that the package draws itself where MNIST cannot be had."""

from .digits import draw_digits
from .idx import DataError, DataNotFoundError, read_images, read_labels
from .loading import DigitImages, load

__all__ = [
    "DataError",
    "DataNotFoundError",
    "DigitImages",
    "draw_digits",
    "load",
    "read_images",
    "read_labels",
]
