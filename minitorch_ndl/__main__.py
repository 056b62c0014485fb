"""The command line: ``python -m minitorch_ndl run train.py`` and ``python -m minitorch_ndl check train.py``."""

import argparse
import sys
from pathlib import Path

from . import __version__
from .compat import check, run


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m minitorch_ndl", description="PyTorch scripts on minitorch_ndl, as they stand.")
    parser.add_argument("--version", action="version", version=f"minitorch_ndl {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    runs = commands.add_parser("run", help="run a script, in which torch and torchvision are this package",
                               description="Run a PyTorch script: 'import torch' and 'import torchvision' bring "
                                           "minitorch_ndl, whether PyTorch is installed or not.")
    runs.add_argument("-m", dest="module", action="store_true", help="SCRIPT is a module's name, as with python -m")
    runs.add_argument("script", metavar="SCRIPT")
    runs.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="the script's own arguments")

    checks = commands.add_parser("check", help="list which of torch's names scripts use, and which are missing",
                                 description="Read PyTorch scripts, without running them, and list which of torch's names "
                                             "they use and which of these minitorch_ndl lacks. The exit status is 1 if "
                                             "any is missing. What methods a tensor is asked for cannot be seen this way.")
    checks.add_argument("scripts", nargs="+", metavar="SCRIPT", help="a file, or a folder for all Python files in it")
    arguments = parser.parse_args()

    if arguments.command == "run":
        if not arguments.module and not Path(arguments.script).is_file():
            parser.error(f"run: there is no file {arguments.script}")
        return run(arguments.script, arguments.arguments, arguments.module)
    return _check(arguments.scripts)


def _check(scripts: list[str]) -> int:
    status = 0
    for name in scripts:
        path = Path(name)
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            try:
                report = check(file)
            except (OSError, SyntaxError, ValueError) as error:
                print(f"{file}: cannot be read: {error}", file=sys.stderr)
                status = 2
                continue
            print(report)
            status = max(status, int(bool(report.missing)))
    return status


if __name__ == "__main__":
    sys.exit(main())
