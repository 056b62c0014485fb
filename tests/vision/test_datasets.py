"""Data sets in their published formats; with Pillow, and without it."""

import gzip
import io
import os
import pickle
import struct
import sys
import tarfile

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import datasets as drawn, vision
from minitorch_ndl.utils.data import DataLoader
from minitorch_ndl.vision import datasets, transforms


@pytest.fixture(params=["with Pillow", "without Pillow"])
def pillow(request, monkeypatch):
    """Whether Pillow is there."""
    if request.param == "with Pillow":
        pytest.importorskip("PIL.Image")
        return True
    for name in [n for n in sys.modules if n.partition(".")[0] == "PIL"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "PIL", None)
    return False


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("MINITORCH_NDL_MIRRORS", "")
    monkeypatch.delenv("MINITORCH_NDL_DATA", raising=False)


def write_mnist(folder, counts=(40, 10), compress=gzip.compress):
    folder.mkdir(parents=True)
    for split, count, seed in zip(("train", "t10k"), counts, (0, 1)):
        images, labels = drawn.draw_digits(count, seed=seed)
        suffix = ".gz" if compress(b"") else ""
        (folder / f"{split}-images-idx3-ubyte{suffix}").write_bytes(compress(struct.pack(">4i", 2051, count, 28, 28) + images.tobytes()))
        (folder / f"{split}-labels-idx1-ubyte{suffix}").write_bytes(compress(struct.pack(">2i", 2049, count) + labels.tobytes()))


@pytest.mark.parametrize("compress", [gzip.compress, bytes])
@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_mnist(tmp_path, pillow, name, compress):
    write_mnist(tmp_path / name / "raw", compress=compress)
    make = getattr(datasets, name)
    prepare = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    train, test = make(tmp_path, transform=prepare, download=True), make(str(tmp_path), train=False)
    images, labels = drawn.draw_digits(40, seed=0)
    assert len(train) == 40 and len(test) == 10 and train.data.shape == (40, 28, 28) and train.targets.tolist() == labels.tolist()
    image, label = train[3]
    np.testing.assert_allclose(image.numpy(), (images[3][None] / np.float32(255) - 0.1307) / 0.3081, rtol=1e-4, atol=1e-5)
    assert type(label) is int and label == labels[3]
    raw, _ = test[0]
    assert (type(raw) is np.ndarray) == (not pillow)
    assert (np.asarray(raw) == drawn.draw_digits(10, seed=1)[0][0]).all()
    x, y = next(iter(DataLoader(train, batch_size=8)))
    assert x.shape == (8, 1, 28, 28) and y.dtype is ndl.int64
    assert "Number of datapoints: 40" in repr(train) and "Split: Train" in repr(train) and "Normalize(mean" in repr(train)
    with pytest.warns(UserWarning, match="renamed"):
        assert train.train_labels is train.targets
    assert len(make(tmp_path, target_transform=lambda y: y + 100)) == 40
    assert make(tmp_path, target_transform=lambda y: y + 100)[3][1] == labels[3] + 100


def test_mnist_in_the_folder_that_the_environment_names(tmp_path, monkeypatch):
    write_mnist(tmp_path / "shared")
    monkeypatch.setenv("MINITORCH_NDL_DATA", str(tmp_path / "shared"))
    assert len(datasets.MNIST(tmp_path / "empty", download=True)) == 40
    with pytest.raises(RuntimeError, match="download=True"):
        datasets.FashionMNIST(tmp_path / "empty")


@pytest.mark.parametrize("make", [datasets.MNIST, datasets.FashionMNIST, datasets.CIFAR10, datasets.CIFAR100])
def test_not_found_and_not_to_be_had(tmp_path, make):
    with pytest.raises(RuntimeError, match="You can use download=True"):
        make(tmp_path)
    with pytest.raises(RuntimeError, match=r"could not be downloaded[\s\S]*Restore the network, or put"):
        make(tmp_path, download=True)


def test_damaged_mnist(tmp_path):
    write_mnist(tmp_path / "MNIST" / "raw", compress=bytes)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RuntimeError, match="train-images-idx3-ubyte"):
        datasets.MNIST(tmp_path)


def cifar_files(count=6, fine=False):
    rng = np.random.RandomState(0)
    label_key = "fine_labels" if fine else "labels"
    names = ["train", "test"] if fine else [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    files = {name: {b"data": rng.randint(0, 256, (count, 3072), np.uint8), label_key.encode(): rng.randint(0, 10, count).tolist()} for name in names}
    files["meta" if fine else "batches.meta"] = {("fine_label_names" if fine else "label_names").encode(): [f"class {i}" for i in range(10)]}
    return files


@pytest.mark.parametrize("fine", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_cifar(tmp_path, pillow, fine, packed):
    make = datasets.CIFAR100 if fine else datasets.CIFAR10
    files = cifar_files(fine=fine)
    contents = {name: pickle.dumps(content, 2) for name, content in files.items()}
    if packed:
        with tarfile.open(tmp_path / make.filename, "w:gz") as tar:
            for name, content in {**contents, "../outside": b"x"}.items():
                info = tarfile.TarInfo(f"{make.base_folder}/{name}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    else:
        (tmp_path / make.base_folder).mkdir()
        for name, content in contents.items():
            (tmp_path / make.base_folder / name).write_bytes(content)
    train, test = make(tmp_path, download=packed), make(tmp_path, train=False, transform=transforms.ToTensor())
    assert len(train) == (6 if fine else 30) and len(test) == 6 and train.data.shape[1:] == (32, 32, 3)
    first = files["train" if fine else "data_batch_1"]
    image, label = train[2]
    assert label == first[b"fine_labels" if fine else b"labels"][2]
    assert (np.asarray(image) == first[b"data"][2].reshape(3, 32, 32).transpose(1, 2, 0)).all()
    assert test[0][0].shape == (3, 32, 32) and train.class_to_idx["class 3"] == 3
    assert not (tmp_path / "outside").exists()
    augment = transforms.Compose([transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), transforms.ToTensor()])
    assert augment(train[0][0]).shape == (3, 32, 32)


def test_cifar_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path}/mark",)

    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in cifar_files():
        (folder / name).write_bytes(pickle.dumps({b"data": Evil()}, 2))
    with pytest.raises(RuntimeError, match="system"):
        datasets.CIFAR10(tmp_path)
    assert not (tmp_path / "mark").exists()


def test_image_folder(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    for i, name in enumerate(["dog/1.png", "cat/b.PNG", "cat/sub/c.jpg", "cat/a.png", "dog/notes.txt"]):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no image")
        else:
            Image.fromarray(np.full((4, 5), 10 * i, np.uint8)).save(path)
    found = datasets.ImageFolder(tmp_path, transform=transforms.ToTensor())
    assert found.classes == ["cat", "dog"] and found.class_to_idx == {"cat": 0, "dog": 1}
    assert [os.path.relpath(path, tmp_path) for path, _ in found.imgs] == ["cat/a.png", "cat/b.PNG", "cat/sub/c.jpg", "dog/1.png"]
    assert found.targets == [0, 0, 0, 1] and found[0][0].shape == (3, 4, 5) and found[0][1] == 0
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty"):
        datasets.ImageFolder(tmp_path)
    assert len(datasets.ImageFolder(tmp_path, allow_empty=True).classes) == 3
    texts = datasets.DatasetFolder(tmp_path, lambda path: open(path).read(), is_valid_file=lambda path: path.endswith("txt"), allow_empty=True)
    assert texts.samples == [(str(tmp_path / "dog" / "notes.txt"), 1)]
    with pytest.raises(FileNotFoundError, match="class folder"):
        datasets.ImageFolder(tmp_path / "empty")


def test_image_folder_without_pillow(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").write_bytes(b"x")
    found = datasets.ImageFolder(tmp_path)
    for name in [n for n in sys.modules if n.partition(".")[0] == "PIL"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match="package pillow.*pip install"):
        found[0]
    with pytest.raises(ImportError, match="package pillow.*pip install"):
        vision.utils.save_image(ndl.ones(3, 4, 4), tmp_path / "x.png")


def test_fake_data(pillow):
    data = datasets.FakeData(3, (1, 6, 7), 4, transform=transforms.ToTensor())
    before = ndl.get_rng_state()
    image, label = data[1]
    assert ndl.get_rng_state().equal(before), "the random numbers of the program are left alone"
    assert image.shape == (1, 6, 7) and 0 <= label < 4 and data[1][0].equal(image) and not data[2][0].equal(image)


def test_transforms_take_arrays(pillow):
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    assert (transforms.functional.hflip(image) == image[:, ::-1]).all()
    assert (transforms.Pad(1, padding_mode="edge")(image) == np.pad(image, ((1, 1), (1, 1), (0, 0)), "edge")).all()
    assert (transforms.functional.crop(image, 1, 2, 2, 3) == image[1:3, 2:5]).all()
    assert transforms.Resize((8, 10))(image).shape == (8, 10, 3) and transforms.Grayscale()(image[:, :, 0]).shape == (4, 5)
    with pytest.raises(TypeError, match="PIL Image"):
        transforms.RandomHorizontalFlip(1.0)("no image")


@pytest.mark.parametrize("make, error, words", [
    (lambda: transforms.RandomCrop(50)(np.zeros((4, 4), np.uint8)), ValueError, "larger than input image size"),
    (lambda: transforms.Normalize([0], [0])(ndl.ones(1, 2, 2)), ValueError, "division by zero"),
    (lambda: transforms.Normalize([0], [1])(np.zeros((4, 4))), TypeError, "ToTensor"),
    (lambda: transforms.Normalize([0], [1])(ndl.ones(1, 2, 2).byte()), TypeError, "float tensor"),
    (lambda: transforms.ToTensor()([1, 2]), TypeError, "PIL Image or ndarray"),
    (lambda: transforms.Pad((1, 2, 3)), ValueError, "1, 2, or 4"),
    (lambda: transforms.ColorJitter(brightness=-1), ValueError, "non negative"),
    (lambda: transforms.ColorJitter(hue=0.7), ValueError, "hue values"),
    (lambda: transforms.Lambda(3), TypeError, "callable"),
    (lambda: vision.utils.make_grid([1, 2]), TypeError, "tensor or list of tensors"),
    (lambda: vision.models, AttributeError, "models"),
])
def test_mistakes(make, error, words):
    with pytest.raises(error, match=words):
        make()
