"""Data sets, and loading them in batches. https://pytorch.org/docs/stable/data.html"""

import sys as _sys
import types as _types

from . import collate, worker
from .collate import default_collate as default_collate, default_convert as default_convert
from .dataloader import DataLoader as DataLoader
from .dataset import (
    ChainDataset as ChainDataset,
    ConcatDataset as ConcatDataset,
    Dataset as Dataset,
    IterableDataset as IterableDataset,
    StackDataset as StackDataset,
    Subset as Subset,
    TensorDataset as TensorDataset,
    random_split as random_split,
)
from .distributed import DistributedSampler as DistributedSampler
from .sampler import (
    BatchSampler as BatchSampler,
    RandomSampler as RandomSampler,
    Sampler as Sampler,
    SequentialSampler as SequentialSampler,
    SubsetRandomSampler as SubsetRandomSampler,
    WeightedRandomSampler as WeightedRandomSampler,
)
from .worker import WorkerInfo as WorkerInfo, get_worker_info as get_worker_info

# Where some scripts look for them.
_utils = _sys.modules[f"{__name__}._utils"] = _types.ModuleType(f"{__name__}._utils")
for _file in (collate, worker):
    _name = _file.__name__.rpartition(".")[2]
    _sys.modules[f"{__name__}._utils.{_name}"] = _file
    setattr(_utils, _name, _file)
