"""Write docs/compatibility.md: which of PyTorch's names are here, by comparing names and signatures with PyTorch itself.

    python scripts/make_compat_table.py           write it (PyTorch must be installed)
    python scripts/make_compat_table.py --check   fail if it is not in step with this package and PyTorch
"""

import ast
import collections
import functools
import importlib
import inspect
import re
import sys
import textwrap
import types
from pathlib import Path

import minitorch_ndl as ndl
from minitorch_ndl.compat import finder
from minitorch_ndl.faces import Signature

PAGE = Path(ndl.__file__).parents[1] / "docs" / "compatibility.md"
NAMESPACES = """torch torch.Tensor torch.nn torch.nn.Module torch.nn.functional torch.nn.init torch.nn.utils torch.nn.utils.rnn
    torch.nn.utils.parametrize torch.nn.utils.parametrizations torch.nn.utils.prune torch.nn.attention torch.optim
    torch.optim.Optimizer torch.optim.lr_scheduler torch.optim.swa_utils torch.autograd torch.autograd.functional
    torch.autograd.graph torch.autograd.forward_ad torch.utils.data torch.utils.checkpoint torch.linalg torch.special torch.fft
    torch.func torch.distributions torch.distributions.transforms torch.distributions.constraints torch.amp torch.random
    torch.Generator torch.serialization torch.sparse torch.signal.windows torch.hub torch.profiler torch.testing""".split()
VERDICTS = ("present", "partial", "refused", "absent")
SHORT = 12  # a longer list is folded
# Left out: other processors and their number formats, quantisation, compilation, distribution, named tensors, typed storages.
ELSEWHERE = re.compile(
    r"cuda|cudnn|miopen|mkldnn|mps|xpu|hpu|(?<![a-z])ipu|mtia|xla|vulkan|fbgemm|record_stream|graphsafe|flash_attention|"
    r"scaled_mm|grouped_mm|^ScalingType|^SwizzleType|^Stream$|^Event$|^get_device_module|^float[48]_|^bits\d|^u?int[1-7]$|"
    r"quant|qu?int|qscheme|^q_|int_repr|per_channel|per_tensor|jit|script|sym_|^Sym(Bool|Float|Int)|^vitals|compile|export|^fx$|"
    r"^while_loop$|^fork$|^wait$|distributed|sharded|share_memory|is_shared|namedtensor|named_?tensor|^names?$|_names?_?$|"
    r"^rename|^align_|^refine_names|torch_function|deterministic_fill|^(?!Untyped|Typed).*Storage$", re.IGNORECASE)
PARAMETERS_ELSEWHERE = {"out_dtype", "orig_func"}  # of products on CUDA; of a context manager, when it decorates
# Machinery that is visible, but no part of what one programs with.
INTERNAL = {"torch.cond", "torch.nn.factory_kwargs", "torch.nn.functional.boolean_dispatch",
            "torch.nn.functional.assert_int_or_pair", "torch.nn.Module.T_destination",
            "torch.nn.Module.dump_patches", "torch.nn.MultiheadAttention.merge_masks",
            "torch.inference_mode.clone", "torch.set_grad_enabled.clone", "torch.autograd.inference_mode.clone",
            "torch.autograd.set_grad_enabled.clone"}
# Classes of PyTorch's C++ part that one programs with; the others are its compiler's.
COMPILED = {"Generator", "Size", "device", "dtype", "finfo", "iinfo", "layout", "memory_format"}
HEAD = """# PyTorch compatibility

Which of PyTorch {version}'s names are here. Made by `scripts/make_compat_table.py`, which compares the two packages name
by name and parameter by parameter; do not edit.

| | |
|---|---|
| present | the name is here, and takes every parameter by the name that it has in PyTorch |
| partial | the name is here, but lacks parameters or (with a dot) methods, which are listed |
| refused | the name is here to say why it does not work: complex numbers, sparse layouts, quantisation |
| absent | the name is not here: `AttributeError`; `python -m minitorch_ndl run script.py` adds the nearest name |

What is compared are names, not behaviour: that is the business of the tests, thousands of which run the same code on
both. Which of these names a script uses, and which of them lack: `python -m minitorch_ndl check script.py`.
"""
FOOT = """## How it is found out

- **Names**: a module's `__all__`; where there is none, and for `torch` itself, all public names that PyTorch made itself.
  Left out are compiled functions without documentation, the classes of PyTorch's own compiler, and the names of other
  processors (CUDA, MPS, ...) and their number formats, of quantisation, compilation and distribution, of named tensors
  and of typed storages.
- **PyTorch's parameters**: for Python code Python's own `inspect.signature`; for compiled functions and methods the
  declarations that PyTorch ships with (`torch/_C/*.pyi`), made from the same list as its argument parser, less what that
  parser refuses; for those of `linalg`, `special` and `fft`, which are not declared there, the operators as they are
  registered. Parameters that begin with an underscore, and those that only CUDA takes, do not count. Of {unknown}
  compiled names the parameters can't be known; there the name alone counts.
- **Our parameters**: `inspect.signature`; an operation made by `@op` or `@composite` is asked, by calling it with the
  name. {any} of our functions hand any keyword on (`**kwargs`), and are taken to accept all.
- **Classes**: the parameters of the constructor, and the documented public methods that the class itself defines.
"""


# --- PyTorch's side ---------------------------------------------------------------------------------------------------


def is_ours(value):
    """Whether a value found in one of PyTorch's modules was made by PyTorch, not imported from elsewhere."""
    home = getattr(value, "__module__", None) or "torch"
    return home.partition(".")[0] == "torch"


def public(path, home):
    """The names in one of PyTorch's namespaces that its users write, with what they stand for."""
    torch, module = sys.modules["torch"], isinstance(home, types.ModuleType)
    listed = getattr(home, "__all__", None) if path != "torch" else None
    for name in sorted({*(listed or dir(home))}):
        value = getattr(home, name, None)
        if name.startswith("_") or ELSEWHERE.search(name) or f"{path}.{name}" in INTERNAL or not is_ours(value):
            continue
        if isinstance(value, types.ModuleType) or (is_compiled(value) and not documented(value)):
            continue
        if module and not callable(value) and not isinstance(value, (torch.dtype, torch.layout, torch.memory_format, float)):
            if listed is None:
                continue
        if value is torch.Tensor and path != "torch" or (
                isinstance(value, type) and listed is None and path != "torch" and getattr(torch, name, None) is value):
            continue  # an import
        if isinstance(value, type) and path == "torch" and not is_tensor_type(value):
            if getattr(torch._C, name, None) is value and name not in COMPILED:
                continue
        yield name, value


def is_tensor_type(value):
    """Such as torch.FloatTensor."""
    return type(value).__name__ == "tensortype"


def is_compiled(value):
    return callable(value) and not isinstance(value, type) and not hasattr(value, "__code__")


def documented(value):
    """The line that stands in compiled functions of its own accord, a signature, is no documentation."""
    doc = (getattr(value, "__doc__", None) or "").strip()
    return bool(doc) and not (is_compiled(value) and "\n" not in doc)


@functools.cache
def stubs():
    """By name: the parameters of PyTorch's compiled functions and methods, as its own .pyi files declare them."""
    folder = Path(sys.modules["torch"].__file__).parent / "_C"
    found = collections.defaultdict(set)
    for file, prefix in (("_VariableFunctions.pyi", "torch"), ("_nn.pyi", "nn"), ("__init__.pyi", "_C")):
        for node in ast.parse((folder / file).read_text(encoding="utf-8")).body:
            members = node.body if isinstance(node, ast.ClassDef) else [node]
            place = node.name if isinstance(node, ast.ClassDef) else prefix
            for member in members:
                if isinstance(member, ast.FunctionDef):
                    a = member.args
                    found[place, member.name].update(x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs))
    return found


@functools.cache
def schemas():
    """By name: the parameters of PyTorch's operators, as they are registered."""
    found = collections.defaultdict(set)
    for schema in sys.modules["torch"]._C._jit_get_all_schemas():
        space, _, name = schema.name.partition("::")
        if space == "aten":
            found[name].update("input" if a.name == "self" else a.name for a in schema.arguments if not a.is_out)
            found[name].update("out" for a in schema.arguments if a.is_out)
    return found


@functools.cache
def overrides():
    return sys.modules["torch"].overrides.get_testing_overrides()


def theirs(path, name, value):
    """The names of the parameters of PyTorch's `value`; None if they can't be known."""
    signature = of_python(value)
    if signature is None:
        if not is_compiled(value) and value in overrides():
            return of_python(overrides()[value])[0]
        inner = getattr(value, "__name__", name)
        for place in (("TensorBase", inner), ("torch", inner), ("nn", inner), ("_C", inner)):
            if place in stubs() and (place[0] == "TensorBase") == (path == "torch.Tensor"):
                return stubs()[place] - {"self"}
        if inner.partition("_")[0] in ("linalg", "special", "fft") and inner in schemas():
            return schemas()[inner] - ({"out"} if "out=" not in value.__doc__.strip().split("\n")[0] else set())
        if value in overrides():
            signature = of_python(overrides()[value])
    return None if signature is None else signature[0]


def of_python(value):
    """The parameters that a Python function or class takes by name, and whether it takes any others. None: not known."""
    try:
        parameters = inspect.signature(value).parameters.values()
    except (ValueError, TypeError):
        return None
    names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)} - {"self"}
    if {p.name for p in parameters} == {"args", "kwargs"}:  # around something else, unless it is ours
        return None if value.__module__.startswith("torch") else (set(), True)
    return names, any(p.kind == p.VAR_KEYWORD for p in parameters)


# --- our side ---------------------------------------------------------------------------------------------------------


def lacking(value, wanted):
    """Those of the parameters `wanted` that our `value` does not take."""
    made = getattr(value, "signature", None)
    if isinstance(made, Signature):
        return {name for name in wanted - {*made.names} if refuses(value, name)}
    known = of_python(value)
    return set() if known is None or known[1] else wanted - known[0]


def refuses(function, name, *args):
    """Asks it: what is unexpected is refused before what is missing is missed."""
    try:
        function(*args, **{name: None})
    except TypeError as error:
        text, _, forms = str(error).partition("but expected one of:")
        if forms:  # PyTorch's parser, where there are several forms
            return name not in re.findall(r"\w+", forms)
        return f"unexpected keyword argument '{name}'" in text or "no keyword arguments" in text
    except Exception:  # of whatever kind: the name was not the trouble
        return False
    return False


def compare(path, name, value, tally):
    """present, partial, refused or absent; and what lacks."""
    try:
        mine = finder.lookup(f"{path}.{name}")
    except AttributeError:
        return "absent", []
    if callable(mine) and (mine.__doc__ or "").startswith("Raises "):
        return "refused", []
    if not callable(value) or is_tensor_type(value):
        return "present", []
    wanted = theirs(path, name, value)
    if wanted is None:
        tally["unknown"] += 1
    elif not isinstance(getattr(mine, "signature", None), Signature) and (of_python(mine) or ("", False))[1]:
        tally["any"] += 1
    lacks = sorted(lacking(mine, {w for w in wanted or () if w[0] != "_" and w not in PARAMETERS_ELSEWHERE}))
    if is_compiled(value):  # its declaration has a slip here and there
        lacks = [w for w in lacks if not refuses(value, w, sys.modules["torch"].ones(1))]
    if isinstance(value, type) and isinstance(mine, type) and f"{path}.{name}" not in NAMESPACES:
        lacks += [f".{m}" for m in sorted(vars(value)) if m[0] != "_" and not hasattr(mine, m) and not ELSEWHERE.search(m)
                  and f"{path}.{name}.{m}" not in INTERNAL and callable(getattr(value, m)) and documented(getattr(value, m))]
    return ("partial" if lacks else "present"), lacks


# --- the page ---------------------------------------------------------------------------------------------------------


def resolved(path):
    parts = path.split(".")
    for n in range(len(parts), 0, -1):
        try:
            home = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        return functools.reduce(getattr, parts[n:], home)


def survey():
    """By namespace and verdict: the names, each with what lacks; and how many could not be compared."""
    tally = {"unknown": 0, "any": 0}
    found = {path: {verdict: [] for verdict in VERDICTS} for path in NAMESPACES}
    for path in NAMESPACES:
        for name, value in public(path, resolved(path)):
            verdict, lacks = compare(path, name, value, tally)
            found[path][verdict].append((name, lacks))
    return found, tally


def code(names):
    return ", ".join(f"`{name}`" for name in names)


def section(path, found):
    lines = [f"## {path}\n"]
    for verdict in ("absent", "partial", "refused", "present"):
        entries = found[verdict]
        if not entries:
            continue
        if verdict == "partial":
            text = "\n".join(["| name | lacks |", "|---|---|", *(f"| `{name}` | {code(lacks)} |" for name, lacks in entries)])
        else:
            text = textwrap.fill(code([name for name, _ in entries]), 120, break_long_words=False, break_on_hyphens=False)
        title = f"{len(entries)} {verdict}"
        if len(entries) > SHORT or verdict == "present":
            lines.append(f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>\n")
        else:
            lines.append(f"{title}:\n\n{text}\n" if verdict == "partial" else f"{title}: {text}\n")
    return "\n".join(lines)


def row(title, counts):
    total = sum(counts)
    return f"| {title} | {' | '.join(map(str, [total, *counts]))} | {100 * (counts[0] + counts[1]) / max(total, 1):.0f} % |"


def page():
    torch = importlib.import_module("torch")
    found, tally = survey()
    counts = {path: [len(found[path][verdict]) for verdict in VERDICTS] for path in NAMESPACES}
    table = [f"| | names | {' | '.join(VERDICTS)} | here |", "|---|" + "---:|" * (len(VERDICTS) + 2),
             *(row(f"[{path}](#{anchor(path)})", counts[path]) for path in NAMESPACES),
             row("**all**", [sum(column) for column in zip(*counts.values(), strict=True)])]
    return "\n".join([HEAD.format(version=torch.__version__.partition("+")[0]), *table, "",
                      *(section(path, found[path]) for path in NAMESPACES), FOOT.format(**tally)])


def anchor(title):
    """What a heading is called in links, on GitHub and in Sphinx."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def main():
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        sys.exit("docs/compatibility.md is not in step with this package and PyTorch: run scripts/make_compat_table.py")


if __name__ == "__main__":
    main()
