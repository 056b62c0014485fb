"""Which version this is, as `torch.version` says it.

>>> ndl.version.cuda is None
True
"""

API = "2.13.0"  # of the PyTorch whose names, arguments and numbers these are
cuda = hip = xpu = git_version = None
debug = False
