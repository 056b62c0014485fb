"""The course's data sets, transforms and loader."""

from .loader import DataLoader as DataLoader
from .sets import (
    CIFAR10Dataset as CIFAR10Dataset,
    Dataset as Dataset,
    MNISTDataset as MNISTDataset,
    NDArrayDataset as NDArrayDataset,
)
from .text import Corpus as Corpus, Dictionary as Dictionary, batchify as batchify, get_batch as get_batch
from .transforms import RandomCrop as RandomCrop, RandomFlipHorizontal as RandomFlipHorizontal, Transform as Transform
