"""Data sets of images, in their published formats. https://pytorch.org/vision/stable/datasets.html"""

from .base import StandardTransform as StandardTransform, VisionDataset as VisionDataset
from .cifar import CIFAR10 as CIFAR10, CIFAR100 as CIFAR100
from .fake import FakeData as FakeData
from .folder import (
    IMG_EXTENSIONS as IMG_EXTENSIONS,
    DatasetFolder as DatasetFolder,
    ImageFolder as ImageFolder,
    default_loader as default_loader,
)
from .mnist import KMNIST as KMNIST, MNIST as MNIST, FashionMNIST as FashionMNIST
