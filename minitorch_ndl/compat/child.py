"""What a process that a running script has spawned executes instead of the script: the script, with this package as torch.

`multiprocessing` runs the main module anew in processes that it spawns, by the name that `runner` has given it: this one's.
"""

import os

if __name__ == "__mp_main__":
    from minitorch_ndl.compat.finder import install
    from minitorch_ndl.compat.runner import SCRIPT, compiled

    install()
    __file__ = os.environ[SCRIPT]
    exec(compiled(__file__), globals())
