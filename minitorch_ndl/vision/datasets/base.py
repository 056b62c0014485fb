"""What the data sets have in common."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ...utils.data import Dataset


class StandardTransform:
    """A transform for the image and one for the target."""

    def __init__(self, transform: Callable | None = None, target_transform: Callable | None = None):
        self.transform, self.target_transform = transform, target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:
        return (input if self.transform is None else self.transform(input),
                target if self.target_transform is None else self.target_transform(target))

    def __repr__(self) -> str:
        lines = [type(self).__name__]
        for head, transform in (("Transform: ", self.transform), ("Target transform: ", self.target_transform)):
            if transform is not None:
                lines.append(head + repr(transform).replace("\n", "\n" + " " * len(head)))
        return "\n".join(lines)


class VisionDataset(Dataset):
    """Base class of data sets of images: `transform` for the image, `target_transform` for its label, or `transforms`
    for both at once."""

    def __init__(self, root: Any = None, transforms: Callable | None = None, transform: Callable | None = None,
                 target_transform: Callable | None = None):
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        self.transform, self.target_transform = transform, target_transform
        self.transforms = StandardTransform(transform, target_transform) if transform or target_transform else transforms

    def __len__(self) -> int:
        raise NotImplementedError

    def _sample(self, image: Any, target: Any) -> tuple[Any, Any]:
        """Image and target after their transforms."""
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def extra_repr(self) -> str:
        """More lines for printing."""
        return ""

    def __repr__(self) -> str:
        lines = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            lines.append(f"Root location: {self.root}")
        lines += self.extra_repr().splitlines()
        if self.transforms is not None:
            lines.append(repr(self.transforms))
        return f"Dataset {type(self).__name__}\n" + "\n".join(" " * 4 + line for line in lines)
