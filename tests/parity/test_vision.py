"""torchvision's transforms, grids and data sets: the same pixels from the same random numbers."""

import importlib.util
import random
import sys
import types

import numpy as np
import pytest

import minitorch_ndl as ndl
from minitorch_ndl import vision
from tests.helpers import assert_close

torch = pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")
_spec = importlib.util.find_spec("torchvision")
if _spec is None:
    pytest.skip("torchvision is not installed", allow_module_level=True)
if "torchvision" not in sys.modules:
    # Its compiled part must match torch's build, and nothing here needs it: only the modules written in Python are loaded.
    sys.modules["torchvision"] = types.ModuleType("torchvision")
    sys.modules["torchvision"].__path__, sys.modules["torchvision"].__spec__ = _spec.submodule_search_locations, _spec
import torchvision.transforms
import torchvision.transforms.functional
import torchvision.utils

T = torchvision.transforms
OURS = vision.transforms


def picture(height=20, width=30, channels=3, seed=0):
    rng = np.random.RandomState(seed)
    rough = rng.randint(0, 256, (6, 6, channels), np.uint8)
    smooth = np.asarray(Image.fromarray(rough.squeeze()).resize((width, height), Image.BICUBIC))
    return smooth.reshape(height, width, channels).squeeze().copy()


def kinds(array):
    """The picture as Pillow's image, as uint8 tensors and as float tensors: ours and theirs."""
    chw = np.ascontiguousarray(array.reshape(*array.shape[:2], -1).transpose(2, 0, 1))
    pil = Image.fromarray(array)
    yield "pil", pil, pil
    yield "uint8", ndl.from_numpy(chw), torch.from_numpy(chw)
    values = chw.astype(np.float32) / 255
    yield "float", ndl.from_numpy(values), torch.from_numpy(values)


def same(ours, theirs, slack=0):
    if isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            same(a, b, slack)
    elif isinstance(theirs, Image.Image):
        assert ours.mode == theirs.mode and ours.size == theirs.size
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    elif theirs.dtype == torch.uint8:
        assert ours.shape == tuple(theirs.shape) and ours.dtype is ndl.uint8
        difference = np.abs(ours.numpy().astype(int) - theirs.numpy().astype(int))
        # A value that lies halfway may be rounded either way.
        assert difference.max(initial=0) <= slack and (difference > 0).mean() < 0.02
    else:
        assert_close(ours, theirs, rtol=1e-4, atol=2e-5, check_dtype=True)


def seeded(function, image, seed):
    (ndl if isinstance(function, (ndl.nn.Module, vision.transforms.Compose)) else torch).manual_seed(seed)
    random.seed(seed)
    return function(image)


RANDOM = {
    "RandomCrop": lambda T: T.RandomCrop(12), "RandomCrop padded": lambda T: T.RandomCrop((16, 30), padding=(3, 6)),
    "RandomCrop reflected": lambda T: T.RandomCrop(20, padding=4, padding_mode="reflect"),
    "RandomCrop if needed": lambda T: T.RandomCrop((25, 45), pad_if_needed=True, fill=9),
    "RandomHorizontalFlip": lambda T: T.RandomHorizontalFlip(0.7), "RandomVerticalFlip": lambda T: T.RandomVerticalFlip(0.7),
    "RandomResizedCrop": lambda T: T.RandomResizedCrop(16), "RandomResizedCrop large": lambda T: T.RandomResizedCrop((40, 50), (0.5, 1)),
    "RandomRotation": lambda T: T.RandomRotation(40), "RandomRotation expand": lambda T: T.RandomRotation((10, 80), expand=True, fill=50),
    "RandomAffine": lambda T: T.RandomAffine(30, (0.1, 0.2), (0.7, 1.2), 10), "RandomAffine 2": lambda T: T.RandomAffine(0, shear=(-5, 5, 1, 9), fill=20),
    "RandomGrayscale": lambda T: T.RandomGrayscale(0.8), "ColorJitter": lambda T: T.ColorJitter(0.4, 0.5, 0.6, 0.2),
    "ColorJitter one": lambda T: T.ColorJitter(contrast=(0.2, 3)), "GaussianBlur": lambda T: T.GaussianBlur((5, 3), (0.4, 2)),
    "RandomApply": lambda T: T.RandomApply([T.RandomCrop(10), T.Pad(2)], 0.6), "RandomInvert": lambda T: T.RandomInvert(0.8),
    "RandomSolarize": lambda T: T.RandomSolarize(0.5, 0.9), "RandomAutocontrast": lambda T: T.RandomAutocontrast(0.9),
    "RandomOrder": lambda T: T.RandomOrder([T.RandomCrop(15), T.Pad(1), T.RandomVerticalFlip()]),
    "RandomChoice": lambda T: T.RandomChoice([T.RandomCrop(15), T.Pad(1), T.RandomVerticalFlip()]),
}
FIXED = {
    "Resize": lambda T: T.Resize(10), "Resize up": lambda T: T.Resize((50, 33)), "Resize max": lambda T: T.Resize(18, max_size=24),
    "Resize nearest": lambda T: T.Resize((7, 9), T.InterpolationMode.NEAREST), "Resize bicubic": lambda T: T.Resize(13, T.InterpolationMode.BICUBIC),
    "Resize plain": lambda T: T.Resize((9, 11), antialias=False), "CenterCrop": lambda T: T.CenterCrop(11), "CenterCrop larger": lambda T: T.CenterCrop((33, 21)),
    "Pad": lambda T: T.Pad(3, fill=7), "Pad edge": lambda T: T.Pad((1, 2, 3, 4), padding_mode="edge"), "Pad reflect": lambda T: T.Pad((5, 2), padding_mode="reflect"),
    "Pad symmetric": lambda T: T.Pad(6, padding_mode="symmetric"), "Grayscale": lambda T: T.Grayscale(), "Grayscale 3": lambda T: T.Grayscale(3),
    "FiveCrop": lambda T: T.FiveCrop(9), "TenCrop": lambda T: T.TenCrop((9, 8), vertical_flip=True), "Lambda": lambda T: T.Lambda(lambda x: x),
    "Compose": lambda T: T.Compose([T.Resize(15), T.CenterCrop(12), T.Pad(1)]),
}


@pytest.mark.filterwarnings("ignore:Anti-alias option is always applied")
@pytest.mark.parametrize("name", [*RANDOM, *FIXED])
def test_transforms(name):
    make = {**RANDOM, **FIXED}[name]
    ours, theirs = make(OURS), make(T)
    if name != "Lambda":
        assert repr(ours) == repr(theirs)
    for seed in range(3):
        for kind, a, b in kinds(picture(seed=seed)):
            if kind == "float" and "Posterize" in name or kind != "float" and "Solarize" in name:
                continue
            same(seeded(ours, a, seed), seeded(theirs, b, seed), slack=1)
            if name == "Lambda":
                continue
            assert ndl.rand(1).item() == torch.rand(1).item(), "the same number of draws"


@pytest.mark.parametrize("name", ["Normalize", "RandomErasing", "RandomErasing random", "ConvertImageDtype"])
def test_transforms_of_tensors(name):
    make = {"Normalize": lambda T, L: T.Normalize((0.1, 0.2, 0.3), (0.5, 0.6, 0.7)), "RandomErasing": lambda T, L: T.RandomErasing(0.9, value=(1, 2, 3)),
            "RandomErasing random": lambda T, L: T.RandomErasing(1, value="random"),
            "ConvertImageDtype": lambda T, L: T.ConvertImageDtype(L.float64)}[name]
    for seed in range(4):
        _, a, b = list(kinds(picture(seed=seed)))[2]
        ours, theirs = make(OURS, ndl), make(T, torch)
        if name != "ConvertImageDtype":
            assert repr(ours) == repr(theirs)
        same(seeded(ours, a, seed), seeded(theirs, b, seed))


@pytest.mark.parametrize("image", [
    picture(), picture(channels=1), picture(channels=4), picture().astype(np.float32), picture(channels=1).astype(np.int16),
    picture(channels=1) > 100], ids=["RGB", "L", "RGBA", "float array", "int16 array", "bool array"])
def test_to_tensor(image):
    same(OURS.ToTensor()(image), T.ToTensor()(image))
    if image.dtype == np.uint8:
        pil = Image.fromarray(image)
        same(OURS.ToTensor()(pil), T.ToTensor()(pil))
        same(OURS.PILToTensor()(pil), T.PILToTensor()(pil))
        for mode in ("1", "I", "F", "RGB", "CMYK"):
            same(OURS.ToTensor()(pil.convert("L").convert(mode)), T.ToTensor()(pil.convert("L").convert(mode)))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_to_pil_image(channels):
    values = np.random.RandomState(0).uniform(-1, 2, (channels, 5, 6)).astype(np.float32)
    whole = (values * 50).astype(np.uint8)
    same(OURS.ToPILImage()(ndl.from_numpy(values)), T.ToPILImage()(torch.from_numpy(values)))
    same(OURS.ToPILImage()(ndl.from_numpy(whole)), T.ToPILImage()(torch.from_numpy(whole)))
    same(OURS.ToPILImage()(whole.transpose(1, 2, 0)), T.ToPILImage()(whole.transpose(1, 2, 0)))
    if channels == 3:
        same(OURS.ToPILImage("HSV")(ndl.from_numpy(whole)), T.ToPILImage("HSV")(torch.from_numpy(whole)))


FACTORS = {"adjust_brightness": [0, 0.5, 1.7], "adjust_contrast": [0, 0.5, 1.7], "adjust_saturation": [0, 0.4, 2.5],
           "adjust_hue": [-0.5, -0.1, 0.3], "adjust_gamma": [0.5, 2.2], "posterize": [2, 7], "solarize": [100], "rotate": [90, -33],
           "autocontrast": [], "invert": [], "hflip": [], "vflip": []}


@pytest.mark.parametrize("name", FACTORS)
def test_functions(name):
    for channels in (3, 1):
        for kind, a, b in kinds(picture(channels=channels)):
            if kind == "float" and name in ("posterize", "solarize"):
                continue
            for factor in FACTORS[name] or [None]:
                arguments = () if factor is None else (factor,)
                same(getattr(OURS.functional, name)(a, *arguments), getattr(T.functional, name)(b, *arguments), slack=1)


def test_crop_beyond_the_image():
    for _, a, b in kinds(picture()):
        for box in ((-3, -4, 10, 12), (15, 25, 10, 10), (2, 3, 5, 6), (-5, 3, 50, 4)):
            same(OURS.functional.crop(a, *box), T.functional.crop(b, *box))


@pytest.mark.parametrize("options", [{}, {"nrow": 3, "padding": 1, "pad_value": 0.5}, {"normalize": True},
                                     {"normalize": True, "scale_each": True}, {"normalize": True, "value_range": (0.0, 0.5)}])
@pytest.mark.parametrize("shape", [(7, 3, 4, 5), (5, 1, 4, 4), (1, 3, 4, 4), (3, 4, 4), (4, 4)])
def test_make_grid(shape, options):
    values = np.random.RandomState(0).uniform(-1, 2, shape).astype(np.float32)
    ours, theirs = vision.utils.make_grid(ndl.from_numpy(values), **options), torchvision.utils.make_grid(torch.from_numpy(values), **options)
    assert_close(ours, theirs)


def test_save_image(tmp_path):
    values = np.random.RandomState(0).uniform(-0.2, 1.2, (5, 3, 6, 7)).astype(np.float32)
    vision.utils.save_image(ndl.from_numpy(values), tmp_path / "a.png", nrow=2)
    torchvision.utils.save_image(torch.from_numpy(values), tmp_path / "b.png", nrow=2)
    same(Image.open(tmp_path / "a.png"), Image.open(tmp_path / "b.png"))


def test_fake_data():
    datasets = pytest.importorskip("torchvision.datasets.fakedata")
    ours, theirs = vision.datasets.FakeData(5, (3, 8, 9), 7), datasets.FakeData(5, (3, 8, 9), 7)
    for i in range(5):
        difference = np.abs(np.asarray(ours[i][0]).astype(int) - np.asarray(theirs[i][0]))
        assert np.minimum(difference, 256 - difference).max() <= 1 and ours[i][1] == theirs[i][1]
    with pytest.raises(IndexError):
        ours[5]
