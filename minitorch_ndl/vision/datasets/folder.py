"""Images in folders, one folder for each class."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ..images import pillow
from .base import VisionDataset

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def default_loader(path: Any) -> Any:
    """The image in a file, in RGB. Needs Pillow."""
    with open(path, "rb") as file:
        return pillow("Image").open(file).convert("RGB")


pil_loader = default_loader


def find_classes(directory: Any) -> tuple[list[str], dict[str, int]]:
    """The folders in `directory`, sorted, and their numbers."""
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: i for i, name in enumerate(classes)}


class DatasetFolder(VisionDataset):
    """Files in folders, one for each class: ``root/cat/1.npy``, ``root/dog/x/2.npy``.

    loader         makes a sample of a path
    extensions     which files count; or `is_valid_file`, a function of the path
    allow_empty    folders without files are classes all the same
    """

    def __init__(self, root: Any, loader: Callable, extensions: tuple[str, ...] | None = None,
                 transform: Callable | None = None, target_transform: Callable | None = None,
                 is_valid_file: Callable | None = None, allow_empty: bool = False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(self.root, self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.targets = [target for _, target in self.samples]
        self.loader, self.extensions = loader, extensions

    @staticmethod
    def make_dataset(directory: Any, class_to_idx: dict[str, int], extensions: Any = None,
                     is_valid_file: Callable | None = None, allow_empty: bool = False) -> list[tuple[str, int]]:
        """The files, sorted, with their classes' numbers."""
        if (extensions is None) == (is_valid_file is None):
            raise ValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
        valid = is_valid_file or (lambda path: path.lower().endswith(
            extensions if isinstance(extensions, str) else tuple(extensions)))
        samples: list[tuple[str, int]] = []
        empty: list[str] = []
        for name in sorted(class_to_idx):
            before = len(samples)
            for folder, _, files in sorted(os.walk(os.path.join(directory, name), followlinks=True)):
                paths = [os.path.join(folder, file) for file in sorted(files)]
                samples += [(path, class_to_idx[name]) for path in paths if valid(path)]
            if len(samples) == before:
                empty.append(name)
        if empty and not allow_empty:
            what = f" Supported extensions are: {', '.join(extensions)}" if extensions else ""
            raise FileNotFoundError(f"Found no valid file for the classes {', '.join(empty)}.{what}")
        return samples

    def find_classes(self, directory: Any) -> tuple[list[str], dict[str, int]]:
        """The classes and their numbers; may be overridden."""
        return find_classes(directory)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._sample(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Images in folders, one for each class: ``root/cat/1.png``. Needs Pillow.

    https://pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html
    """

    def __init__(self, root: Any, transform: Callable | None = None, target_transform: Callable | None = None,
                 loader: Callable = default_loader, is_valid_file: Callable | None = None, allow_empty: bool = False):
        super().__init__(root, loader, IMG_EXTENSIONS if is_valid_file is None else None, transform, target_transform,
                         is_valid_file, allow_empty)
        self.imgs = self.samples
