"""Fill in, on docs/errors.md, what each piece of wrong code brings: here, and on PyTorch where that is installed.

    python scripts/make_errors_page.py           write the messages into the page
    python scripts/make_errors_page.py --check   fail if the page says anything else than what happens

The page itself holds the cases: under a ### heading, a ```python not-run block is the wrong code, what stands between it and
the next line that begins with **Fix** is written by this script (for a new case, leave an empty line), and the ```python
block after that is the code put right, which must run. Without PyTorch its messages stay as they are.
"""

import contextlib
import importlib
import importlib.util
import io
import itertools
import os
import re
import sys
import tempfile
import textwrap
import warnings
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"
OURS, THEIRS = "minitorch_ndl", "torch"
TITLES = {OURS: "minitorch_ndl", THEIRS: "PyTorch"}
CASE = re.compile(r"^### (?P<title>.*?)$(?P<prose>.*?)^```python not-run\n(?P<wrong>.*?)^```\n(?P<said>.*?)"
                  r"^(?P<advice>\*\*Fix.*?)^```python\n(?P<fixed>.*?)^```$", re.MULTILINE | re.DOTALL)
SAID = re.compile(r"^\*\*(.*?)\*\*\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WIDTH = 88  # as wide as a page of the site
# Said by PyTorch's C++ code after a warning; a place in its source, on the machine that built it.
TRIGGERED = re.compile(r" \(Triggered internally at .*?\)$")
BOLD = re.compile(r"\x1b\[\d*m")  # and colours, for terminals


def imports(package):
    """The names that every piece of code begins with, from one of the two packages."""
    return {"__name__": "__page__", "np": importlib.import_module("numpy"), "ndl": importlib.import_module(package),
            "nn": importlib.import_module(f"{package}.nn"), "F": importlib.import_module(f"{package}.nn.functional"),
            "optim": importlib.import_module(f"{package}.optim"), "data": importlib.import_module(f"{package}.utils.data")}


@contextlib.contextmanager
def elsewhere():
    """In an empty folder, as some of the code writes files."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def run(code, package):
    """What `code` prints and warns of, and the exception that it raises or None."""
    names, printed = imports(package), io.StringIO()
    names["ndl"].manual_seed(0)
    with warnings.catch_warnings(record=True) as warned, contextlib.redirect_stdout(printed), elsewhere():
        warnings.simplefilter("always")
        if package == THEIRS:
            names["ndl"].set_warn_always(True)  # else what an earlier case has warned of would not be said again
        try:
            exec(compile(code, "<page>", "exec"), names)
            raised = None
        except Exception as error:
            raised = error
        finally:
            if package == THEIRS:
                names["ndl"].set_warn_always(False)
    told = [f"{w.category.__name__}: {TRIGGERED.sub('', str(w.message))}" for w in warned]
    return [*printed.getvalue().splitlines(), *told], raised


def happens(code, package):
    """The same as one text, as the page shows it: long lines broken at spaces."""
    lines, raised = run(code, package)
    if raised is not None:
        lines.append(f"{type(raised).__name__}: {raised}")
    text = BOLD.sub("", "\n".join(lines)).expandtabs(4)
    return "\n".join(line for long in text.splitlines() for line in textwrap.wrap(
        long, WIDTH, break_long_words=False, break_on_hyphens=False, replace_whitespace=False) or [""])


def kept(said):
    """By package: what the page says now."""
    found = {}
    for title, text in SAID.findall(said):
        for package, name in TITLES.items():
            if name in title:
                found[package] = text.rstrip("\n")
    return found


def shown(texts):
    """The part of the page that this script writes."""
    if texts[OURS] == texts[THEIRS]:
        texts = {" and ".join(TITLES.values()): texts[OURS]}
    else:
        texts = {TITLES[package]: text for package, text in texts.items()}
    return "\n" + "".join(f"**{title}**\n\n```text\n{text}\n```\n\n" for title, text in texts.items())


def filled(page, packages):
    """The page, with what each case brings on `packages` written in anew."""
    count = itertools.count(1)

    def case(match):
        texts = {OURS: "", THEIRS: ""} | kept(match["said"]) | {p: happens(match["wrong"], p) for p in packages}
        before, after = page[match.start():match.start("said")], page[match.end("said"):match.end()]
        return re.sub(r"^### (\d+\. )?", f"### {next(count)}. ", before) + shown(texts) + after

    return CASE.sub(case, page)


def main():
    packages = [OURS, *([THEIRS] if importlib.util.find_spec(THEIRS) else [])]
    before = PAGE.read_text(encoding="utf-8")
    after = filled(before, packages)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(after, encoding="utf-8")
    elif after != before:
        sys.exit("docs/errors.md says other things than what happens: run scripts/make_errors_page.py")


if __name__ == "__main__":
    main()
