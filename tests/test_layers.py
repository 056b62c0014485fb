"""Imports only ever go down the layers of docs/architecture.md, and never in a circle."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "minitorch_ndl"

# From the bottom up. A name stands for a module, or for a package with all that is in it unless a longer name
# says otherwise; so a package's __init__, which re-exports, stands as high as its highest member.
# "" is the package's own __init__.
LAYERS = [
    ("errors", "dtypes", "backend", "blas", "compiled", "malloc", "random", "sums", "products"),
    ("autograd.grad_mode", "printing"),
    ("autograd.node",),
    ("tensor",),
    ("autograd",),
    ("faces", "promotion", "dispatch", "fast", "op", "composite", "fused"),
    ("ops",),
    ("cuda", "nn.functional", "linalg", "sparse", "special", "settings", "profiler", "version"),
    ("nn", "func", "optim", "distributions", "utils", "datasets", "serialization", "amp", "jit", "multiprocessing",
     "absent", "backends", "distributed", "hub", "testing"),
    ("vision", "viz", "needle", "compat", "", "__main__"),
]


def layer_of(module):
    """The layer of a module, by the longest name in LAYERS that it is or lies in; None if in none."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        for layer, names in enumerate(LAYERS):
            if name in names:
                return layer
    return None


def modules_of(package):
    """The dotted name inside the package -> file, for each module; a package goes by its own name."""
    modules = {}
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return modules


class Imports(ast.NodeVisitor):
    """Collects the modules of the package that a file imports: anywhere in it, but not for type checkers."""

    def __init__(self, module, file, root, modules):
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        self.package = [root, *filter(None, package.split("."))]
        self.root = root
        self.modules = modules
        self.found = {}  # module -> line
        self.visit(ast.parse(file.read_text(encoding="utf-8"), str(file)))

    def visit_If(self, node):
        skipped = ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "_TYPE_CHECKING")
        for child in node.orelse if skipped else ast.iter_child_nodes(node):
            self.visit(child)

    def visit_Import(self, node):
        for alias in node.names:
            self.add(alias.name, node)
            if not alias.asname:  # `import a.b.c` binds a
                self.add(alias.name.partition(".")[0], node)

    def visit_ImportFrom(self, node):
        base = self.package[: len(self.package) - node.level + 1] if node.level else []
        base = ".".join([*base, *filter(None, [node.module])])
        for alias in node.names:
            if not self.add(f"{base}.{alias.name}", node):  # a submodule, or else a name in base itself
                self.add(base, node)

    def add(self, name, node):
        root, _, module = name.partition(".")
        known = root == self.root and module in self.modules
        if known:
            self.found.setdefault(module, node.lineno)
        return known


def import_graph(package):
    """module -> {module that it imports: line}."""
    modules = modules_of(package)
    return {name: Imports(name, file, package.name, modules).found for name, file in modules.items()}


def problems(package):
    """What is wrong with the imports of a package, in sentences."""
    graph = import_graph(package)
    found = [f"{m} stands in no layer: say in LAYERS where" for m in graph if layer_of(m) is None]
    for module, imported in graph.items():
        for other, line in imported.items():
            here, there = layer_of(module), layer_of(other)
            if None not in (here, there) and there > here:
                importer, imported_name = module or "__init__", other or "__init__"
                found.append(f"{importer}:{line} imports {imported_name}, which stands higher")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = error.args[1][::-1]
        found.append("a circle of imports: " + " -> ".join(module or "__init__" for module in circle))
    return found


def test_imports_only_go_down():
    assert problems(PACKAGE) == []


# The checker itself, on made-up packages


@pytest.fixture
def problems_of(tmp_path):
    def check(files):
        for path, source in {"__init__.py": "", **files}.items():
            file = tmp_path / "minitorch_ndl" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source)
        return problems(tmp_path / "minitorch_ndl")

    return check


def test_a_sound_tree_passes(problems_of):
    files = {
        "__init__.py": "from . import nn\nfrom .tensor import Tensor\nfrom .autograd import backward",
        "errors.py": "import numpy as np",
        "tensor.py": "from .autograd.node import Node\nfrom . import errors",
        "autograd/__init__.py": "from .engine import backward",
        "autograd/node.py": "import minitorch_ndl.errors as errors",
        "autograd/engine.py": "from ..tensor import Tensor\nfrom .node import Node",
        "nn/__init__.py": "from . import functional, linear",
        "nn/functional.py": "from .. import errors",
        "nn/linear.py": "from . import functional as F",
        "utils/data/loader.py": "from minitorch_ndl import errors, nn",
    }
    assert problems_of(files) == []


@pytest.mark.parametrize(
    "source",
    [
        "from .ops import relu",
        "from . import ops",
        "import minitorch_ndl.ops.activation as relu",
        "from minitorch_ndl.ops.activation import relu",
        "from minitorch_ndl import ops",
        "def f():\n    from .ops.activation import relu",
        "try:\n    pass\nfinally:\n    from .ops import *",
        "if TYPE_CHECKING:\n    pass\nelse:\n    from .ops import relu",
    ],
)
def test_an_upward_import_is_found(problems_of, source):
    files = {"tensor.py": source, "ops/__init__.py": "", "ops/activation.py": ""}
    (problem,) = problems_of(files)
    assert "tensor:" in problem and "imports ops" in problem and "higher" in problem


def test_the_package_itself_stands_above_its_modules(problems_of):
    for source in ("import minitorch_ndl as ndl", "from . import f", "from minitorch_ndl import f"):
        assert problems_of({"dtypes.py": source}) == ["dtypes:1 imports __init__, which stands higher"]


def test_a_packages_names_stand_as_high_as_its_highest_member(problems_of):
    files = {"autograd/__init__.py": "", "autograd/node.py": "", "autograd/engine.py": ""}
    assert problems_of({**files, "tensor.py": "from .autograd.node import Node"}) == []
    for source in ("from .autograd import Node", "from .autograd import engine"):
        (problem,) = problems_of({**files, "tensor.py": source})
        assert "tensor:1 imports autograd" in problem


def test_within_a_layered_package_the_order_counts(problems_of):
    files = {"autograd/__init__.py": "", "autograd/node.py": "from . import engine", "autograd/engine.py": ""}
    assert problems_of(files) == ["autograd.node:1 imports autograd.engine, which stands higher"]


def test_imports_for_type_checkers_do_not_count(problems_of):
    for test in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "_TYPE_CHECKING"):
        source = f"if {test}:\n    from .tensor import Tensor"
        assert problems_of({"errors.py": source, "tensor.py": "from . import errors"}) == []


def test_a_circle_within_a_layer_is_found(problems_of):
    files = {
        "ops/unary.py": "def f():\n    from .reduce import g",
        "ops/reduce.py": "from . import shape",
        "ops/shape.py": "from .unary import f",
    }
    (problem,) = problems_of(files)
    circle = problem.removeprefix("a circle of imports: ").split(" -> ")
    assert set(zip(circle, circle[1:])) == {
        ("ops.unary", "ops.reduce"),
        ("ops.reduce", "ops.shape"),
        ("ops.shape", "ops.unary"),
    }


def test_a_member_that_reads_its_own_package_is_a_circle(problems_of):
    (problem,) = problems_of({"ops/__init__.py": "from .unary import f", "ops/unary.py": "from . import f"})
    assert problem.startswith("a circle of imports: ops")


def test_a_module_without_a_layer_is_found(problems_of):
    assert problems_of({"attic.py": ""}) == ["attic stands in no layer: say in LAYERS where"]
