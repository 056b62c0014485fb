"""Pictures by matplotlib: what they have in common."""

from __future__ import annotations

import io
import os
from typing import Any

from .. import errors

# Colours that can be told apart, also by people who see red and green alike (Okabe and Ito, 2008), and on paper.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#7A5195", "#8C8C8C")
_FORMATS = (".png", ".svg", ".pdf", ".html")


def figure(width: float, height: float, what: str) -> Any:
    """An empty figure that belongs to no window. Raises ImportError where matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise errors.not_installed(what, "matplotlib", "viz") from error
    return Figure(figsize=(width, height), layout="constrained")


def save(fig: Any, path: Any, what: str, title: str = "") -> None:
    """Write a figure to a file whose ending says how; ``.html`` is a page with the drawing in it."""
    path = os.fspath(path)
    ending = os.path.splitext(path)[1].lower()
    if ending not in _FORMATS:
        raise ValueError(f"{what}: cannot write a picture to {path!r}: its name must end in one of {', '.join(_FORMATS)}.")
    if ending == ".html":
        import html

        drawing = io.StringIO()
        fig.savefig(drawing, format="svg")
        text = drawing.getvalue()
        page = ("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
                f"content=\"width=device-width\"><title>{html.escape(title)}</title>\n<style>body{{margin:1rem;"
                "background:#fff}svg{width:100%;height:auto}</style></head>\n<body>"
                f"{text[text.index('<svg'):]}</body></html>\n")
        content = page.encode()
    else:
        picture = io.BytesIO()
        fig.savefig(picture, format=ending[1:], dpi=150)
        content = picture.getvalue()
    try:
        with open(path, "wb") as file:
            file.write(content)
    except OSError as error:
        raise type(error)(error.errno, f"{what}: cannot write the picture ({error.strerror}); give a path in a folder that "
                          f"exists and that you may write to", path) from error
