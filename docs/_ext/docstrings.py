"""The package's docstrings, which are plain text for `help()`, as reStructuredText.

They use `code`, ``code``, examples with >>>, and columns ("dim    the dimension to sum over"); whatever else looks like markup,
such as the star in `a * b`, is only a character.
"""

import re

COLUMNS = re.compile(r"^(\S.*?) {2,}(\S.*)$")
SPAN = re.compile(r"``(.+?)``|`([^`]+)`|(https?://[^\s)]*[^\s).,;])")
TORCH = re.compile(r"https://pytorch\.org/docs/stable/generated/(torch\.[\w.]+?)\.html$")


def to_rst(doc):
    """A cleaned docstring as lines of reStructuredText."""
    lines = []
    for block in blocks(doc):
        lines += [*written(block), ""]
    return lines


def blocks(doc):
    """The parts between blank lines; an example is a part of its own; what is indented below it stays with a paragraph."""
    for part in re.split(r"\n\s*\n", doc.strip("\n")):
        text, example = [], []
        for line in part.split("\n"):
            (example if example or line.lstrip().startswith(">>>") else text).append(line)
        for piece in (text, example):
            if piece:
                yield piece


def written(block):
    margin = min(len(line) - len(line.lstrip()) for line in block)
    first = block[0].lstrip()
    if first.startswith(">>>"):
        return [".. code-block:: pycon", "", *("   " + line[margin:] for line in block)]
    block = [line[margin:] for line in block]
    start = next((i for i, line in enumerate(block) if is_table(block[i:])), None)
    if start is not None:
        return [*(paragraph(block[:start]) if start else ()), "", *table(block[start:])]
    if first.startswith("- "):
        return items(block)
    if margin >= 4 and looks_like_code(block):
        return [".. code-block:: python", "", *("   " + line for line in block)]
    return paragraph(block)


def is_table(block):
    entries = [line for line in block if not line.startswith(" ")]
    return len(entries) > 0 and all(COLUMNS.match(line) for line in entries) and not block[0].startswith(" ")


def table(block):
    """Columns as a list of definitions."""
    lines, entries = [], []
    for line in block:
        found = COLUMNS.match(line)
        if line.startswith(" ") or not found:
            entries[-1][1].append(line.strip())
        else:
            entries.append((found[1], [found[2]]))
    for key, texts in entries:
        lines += [f"``{key.replace('`', '')}``", *("   " + line for line in paragraph(texts)), ""]
    return lines


def items(block):
    lines = []
    for line in block:
        if line.startswith("- "):
            lines.append([line[2:]])
        else:
            lines[-1].append(line.strip())
    return ["- " + paragraph(texts)[0] for texts in lines]


def looks_like_code(block):
    return all(re.match(r"\s*(@|def |class |import |from |with |for |return |\w+(\.\w+)* *=|\w[\w.]*\(|#|\w+\s*:)", line) or
               line.startswith(" ") for line in block)


def paragraph(block):
    return [inline(" ".join(line.strip() for line in block))]


def inline(text):
    """One line of text with its code and addresses marked, and everything else as it stands."""
    parts, end = [], 0
    for span in SPAN.finditer(text):
        parts.append(escape(text[end:span.start()]))
        code, end = span[1] or span[2], span.end()
        if code:
            parts.append(f"``{code.strip()}``")
        else:
            name = TORCH.match(span[3])
            parts.append(f"`{name[1] + ' in PyTorch' if name else span[3]} <{span[3]}>`__")
    parts.append(escape(text[end:]))
    return "\\ ".join(parts).replace("\\  ", " ").strip().removeprefix("\\ ")


def escape(text):
    return re.sub(r"([\\*_|`<>:])", r"\\\1", text)
