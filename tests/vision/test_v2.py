"""The newer names of the transforms."""

import numpy as np

import minitorch_ndl as ndl
from minitorch_ndl.vision import transforms
from minitorch_ndl.vision.transforms import v2


def test_the_usual_chain_gives_what_the_older_one_gives():
    image = np.arange(8 * 9 * 3, dtype=np.uint8).reshape(8, 9, 3)
    new = v2.Compose([v2.ToImage(), v2.RandomCrop(5), v2.ToDtype(ndl.float32, scale=True), v2.Normalize([0.5] * 3, [0.25] * 3)])
    old = transforms.Compose([transforms.RandomCrop(5), transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.25] * 3)])
    results = []
    for chain in (new, old):
        ndl.manual_seed(3)
        results.append(chain(image))
    assert results[0].shape == (3, 5, 5) and results[0].allclose(results[1])
    assert v2.ToImage()(image).dtype is ndl.uint8 and v2.ToDtype(ndl.float32)(v2.ToImage()(image)).max() > 1
    grey = v2.RGB()(v2.ToImage()(image[:, :, :1]))
    assert grey.shape == (3, 8, 9) and grey[0].equal(grey[2])
