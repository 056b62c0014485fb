"""PyTorch scripts as they stand: ``import torch`` brings this package, and a check says beforehand what is missing.

    python -m minitorch_ndl run train.py --its --own --arguments
    python -m minitorch_ndl check train.py
"""

from .check import Report as Report, check as check
from .finder import explain as explain, install as install
from .runner import run as run
