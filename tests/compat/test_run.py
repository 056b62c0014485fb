"""Scripts that `import torch`, run and checked in processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SCRIPT = """
import argparse, sys
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
import torch.utils.data
import torch.backends.cudnn as cudnn
from torch import Tensor, autocast
from torch.autograd import Variable
from torch.autograd.variable import Variable as OldVariable
from torch.cuda.amp import GradScaler
from torch.nn.modules.linear import Linear
from torch.nn.parameter import Parameter
from torch.utils.data import DataLoader, TensorDataset
from torchvision import datasets, transforms
from torchvision.transforms import functional as TF

assert sys.modules["torch"] is torch and torch.nn is nn and nn.functional is F and torch.optim is optim
assert Linear is nn.Linear and Variable is OldVariable and TF is transforms.functional
assert torch.__version__.split(".")[:2] >= ["2", "0"] and "minitorch_ndl" in torch.__version__
cudnn.benchmark = True
assert torch.backends.cudnn.benchmark

class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc = nn.Linear(2, 1)
    def forward(self, x):
        return self.fc(F.relu(x))

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int)
args = parser.parse_args()
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.manual_seed(0)
net = Net().to(device)
optimizer = optim.SGD(net.parameters(), lr=0.1)
x = torch.rand(64, 2)
loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=16, shuffle=True)
for step in range(args.steps):
    for a, b in loader:
        optimizer.zero_grad()
        loss = F.mse_loss(net(a), b)
        loss.backward()
        optimizer.step()
torch.save(net, "net.pt")
print(type(torch.load("net.pt", weights_only=False)).__module__, f"{loss.item():.4f}", len(sys.argv))
"""


def command(*arguments, cwd):
    return subprocess.run([sys.executable, "-W", "error", "-m", "minitorch_ndl", *map(str, arguments)], cwd=cwd, text=True,
                          capture_output=True, timeout=120, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"})


@pytest.fixture
def script(tmp_path):
    def write(text, name="train.py"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_a_script_trains(script, tmp_path):
    script("VALUE = 7", "neighbour.py")
    script(SCRIPT + "\nimport neighbour\nassert neighbour.VALUE == 7 and __file__.endswith('train.py')")
    done = command("run", "train.py", "--steps", 25, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    module, loss, count = done.stdout.split()
    assert module == "__main__" and float(loss) < 0.01 and count == "3"


def test_it_prints_what_torch_prints(script, tmp_path):
    pytest.importorskip("torch")
    script("import torch\ntorch.manual_seed(3)\nm = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh())\n"
           "x = torch.rand(2, 4)\nprint(m, x, m(x).sum().item() > -9, torch.randperm(5), sep='\\n')")
    ours = command("run", "train.py", cwd=tmp_path)
    theirs = subprocess.run([sys.executable, "train.py"], cwd=tmp_path, text=True, capture_output=True)
    assert ours.stdout == theirs.stdout != ""


def test_a_module(script, tmp_path):
    script("import torch, sys; print(torch.ones(1).item(), sys.argv[1:])", "tool.py")
    done = command("run", "-m", "tool", "--flag", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout == "1.0 ['--flag']\n", done.stderr


@pytest.mark.parametrize("line, error, name, near", [
    ("torch.zeroes(2)", "AttributeError", "torch.zeroes", "torch.zeros"),
    ("torch.nn.Liner(2, 2)", "AttributeError", "torch.nn.Liner", "torch.nn.Linear"),
    ("torch.Linear(2, 2)", "AttributeError", "torch.Linear", "torch.nn.Linear"),
    ("from torch.nn import Liner", "ImportError", "torch.nn.Liner", "torch.nn.Linear"),
    ("from torch import optin", "ImportError", "torch.optin", "torch.optim"),
    ("import torch.optin", "ModuleNotFoundError", "torch.optin", "torch.optim"),
    ("import torch.utils.dataa", "ModuleNotFoundError", "torch.utils.dataa", "torch.utils.data"),
    ("torch.ones(2).reshap(1)", "AttributeError", "torch.Tensor.reshap", "torch.Tensor.reshape"),
    ("import torchvision; torchvision.transforms.Resiz", "AttributeError", "torchvision.transforms.Resiz", "Resize"),
])
def test_a_missing_name_is_named_with_the_nearest(script, tmp_path, line, error, name, near):
    script(f"import torch\n{line}")
    done = command("run", "train.py", cwd=tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and last.startswith(f"{error}: ") and f"has no {name};" in last and near in last
    assert "line 2" in done.stderr and "runner.py" not in done.stderr


def test_missing_names_can_be_asked_for(script, tmp_path):
    script("import torch\nassert not hasattr(torch, 'nope') and getattr(torch, 'nope', 5) == 5\n"
           "try:\n    import torch.onnx\nexcept ImportError:\n    pass\nelse:\n    raise SystemExit(4)\nraise SystemExit(3)")
    assert command("run", "train.py", cwd=tmp_path).returncode == 3


def test_no_such_script(tmp_path):
    done = command("run", "nothing.py", cwd=tmp_path)
    assert done.returncode == 2 and "there is no file nothing.py" in done.stderr
    assert "check" in command("--help", cwd=tmp_path).stdout


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_have_the_same_torch(script, tmp_path, method):
    script("import sys, torch\nimport torch.nn as nn\nimport torch.multiprocessing as mp\n"
           "class Net(nn.Module):\n    def forward(self, x):\n        return x + 1\n"
           "def work(i, net, out):\n    out.put((i, net(torch.ones(1)).item(), 'minitorch_ndl' in torch.__version__))\n"
           "if __name__ == '__main__':\n"
           f"    out = mp.get_context('{method}').SimpleQueue()\n    mp.spawn(work, (Net(), out), 2, start_method='{method}')\n"
           "    print(sorted([out.get(), out.get()]))")
    done = command("run", "train.py", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout == "[(0, 2.0, True), (1, 2.0, True)]\n", done.stdout + done.stderr


# --- check ------------------------------------------------------------------------------------------------------------


def test_check_lists_what_is_used_and_what_is_missing(script, tmp_path):
    script(SCRIPT)
    good = command("check", "train.py", cwd=tmp_path)
    assert good.returncode == 0 and "all there" in good.stdout and "torch.nn.functional.mse_loss" in good.stdout
    script("raise SystemExit('it was run')\nimport torch\nfrom torch import nn as layers\n\n"
           "def f(layers, other=layers.Relu):\n    return layers.nothing\n\n"
           "class A(layers.Modul): x: torch.Tensr = torch.nn.functional.relu.__doc__.strip\nimport torchvision.models\n"
           "print(torch.pi.real, torch.cuda.is_available(), getattr(torch, 'x'))", "bad.py")
    bad = command("check", "bad.py", cwd=tmp_path)
    missing = {line.split()[0]: line for line in bad.stdout.splitlines() if "MISSING" in line}
    assert bad.returncode == 1 and "it was run" not in bad.stdout + bad.stderr
    assert missing.keys() == {"torch.nn.Relu", "torch.nn.Modul", "torch.Tensr", "torchvision.models"}
    assert "line 5" in missing["torch.nn.Relu"] and "nearest: torch.nn.ReLU" in missing["torch.nn.Relu"]
    both = command("check", tmp_path, cwd=tmp_path)
    assert both.returncode == 1 and "train.py" in both.stdout and "bad.py" in both.stdout


def test_check_of_what_is_no_python(script, tmp_path):
    script("def f(:\n")
    done = command("check", "train.py", "nothing.py", cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.count("cannot be read") == 2 and "Traceback" not in done.stderr
