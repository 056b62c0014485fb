"""`load`: what it finds in a folder, what it says about one that is not right, what it does without MNIST."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

from minitorch_ndl import datasets
from minitorch_ndl.datasets import DataError, load
from minitorch_ndl.datasets.mnist import FILES

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = FILES


def assert_is_small(data, small):
    for array, name in zip(data, FILES):
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, small[name])
    assert (data.name, data.is_mnist, data.notice) == ("MNIST", True, "")


def test_reads_the_folder_given(small_folder, small):
    data = load(data_dir=small_folder)
    assert_is_small(data, small)
    assert str(small_folder) in data.source
    assert_is_small(load("mnist", str(small_folder)), small)


def test_folder_order_is_argument_environment_default(small_folder, small, monkeypatch, tmp_path):
    assert_is_small(load(default_dir=small_folder), small)
    monkeypatch.setenv("MINITORCH_NDL_DATA", str(small_folder))
    assert_is_small(load(default_dir=tmp_path / "empty"), small)
    monkeypatch.setenv("MINITORCH_NDL_DATA", str(tmp_path / "empty"))
    assert_is_small(load(data_dir=small_folder, default_dir=tmp_path / "empty"), small)
    assert not load(default_dir=small_folder).is_mnist  # the environment's empty folder came first


def test_default_folder_is_data_in_the_working_directory(small_folder, small, tmp_path):
    small_folder.rename(tmp_path / "data")
    assert_is_small(load(), small)


def test_the_other_naming_is_accepted(small_folder, small):
    for path in list(small_folder.iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert (small_folder / "t10k-images.idx3-ubyte.gz").exists()
    assert_is_small(load(data_dir=small_folder), small)


@pytest.mark.parametrize("dataset", ["auto", "mnist"])
@pytest.mark.parametrize("keep", [1, 2, 3])
def test_incomplete_folder_is_an_error_that_names_what_is_missing(small_folder, dataset, keep):
    files = sorted(small_folder.iterdir())
    for path in files[keep:]:
        path.unlink()
    with pytest.raises(DataError) as error:
        load(dataset, small_folder)
    missing, found = re.search("missing (.*); found (.*); all four", str(error.value)).groups()
    assert sorted(missing.split(", ")) == [path.name.removesuffix(".gz") for path in files[keep:]]
    assert sorted(found.split(", ")) == [path.name for path in files[:keep]]


def test_damaged_file_is_an_error_that_names_it(small_folder):
    path = small_folder / (TEST_IMAGES + ".gz")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=f"{path} is truncated.*Get the file again.*downloaded"):
        load(data_dir=small_folder)


def test_counts_that_differ(small_folder, small, write_idx):
    write_idx(small_folder / TRAIN_LABELS, small[TEST_LABELS])
    with pytest.raises(DataError, match=f"{TRAIN_IMAGES}.gz holds 160 images, .*{TRAIN_LABELS} 20 labels"):
        load(data_dir=small_folder)


def test_images_and_labels_swapped(small_folder, small, write_idx):
    write_idx(small_folder / TRAIN_LABELS, small[TRAIN_IMAGES])
    with pytest.raises(DataError, match=f"{TRAIN_LABELS} holds images, expected labels"):
        load(data_dir=small_folder)


def test_label_out_of_range(small_folder, small, write_idx):
    write_idx(small_folder / TEST_LABELS, np.append(small[TEST_LABELS][1:], np.uint8(10)))
    with pytest.raises(DataError, match=f"{TEST_LABELS} has label 10 at position 19"):
        load(data_dir=small_folder)


def test_images_of_another_shape(small_folder, write_idx):
    write_idx(small_folder / (TRAIN_IMAGES + ".gz"), np.zeros((160, 32, 32), np.uint8))
    with pytest.raises(DataError, match=re.escape("images of shape (160, 32, 32); expected (N, 28, 28)")):
        load(data_dir=small_folder)


def test_without_mnist_auto_draws_digits_and_says_so(tmp_path):
    folder = tmp_path / "not" / "there"
    data = load(data_dir=folder, seed=7)
    assert data.train_images.shape == (10_000, 28, 28) and data.train_images.dtype == np.uint8
    assert data.test_images.shape == (2_000, 28, 28) and data.test_labels.shape == (2_000,)
    assert data.name == "drawn digits" and not data.is_mnist
    assert "NOT MNIST" in data.source and "\n" not in data.source
    assert "NOT MNIST" in data.notice and str(folder) in data.notice and "MINITORCH_NDL_DATA" in data.notice
    assert "NOT MNIST" in repr(data) and len(repr(data)) < 500
    assert list(tmp_path.iterdir()) == []  # no empty folder stays behind


def test_without_mnist_mnist_raises_with_what_to_do(tmp_path):
    with pytest.raises(DataError) as error:
        load("mnist", tmp_path / "empty")
    for word in ("could not be downloaded", "MINITORCH_NDL_DATA", "dataset='digits'", *FILES):
        assert word in str(error.value)


def test_digits_do_not_look_at_folders_and_follow_the_seed(small_folder):
    one, again, other = (load("digits", small_folder, seed=seed) for seed in (1, 1, 2))
    assert not one.is_mnist and "NOT MNIST" in one.notice
    np.testing.assert_array_equal(one.train_images, again.train_images)
    assert (one.train_images != other.train_images).any()


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write to .*file .*Name a folder that can be written"):
        load(data_dir=tmp_path / "file")


def test_unknown_dataset():
    with pytest.raises(ValueError, match="unknown dataset 'cifar'; expected 'auto', 'mnist' or 'digits'"):
        load("cifar")


def test_importing_data_sets_loads_no_network_modules():
    import subprocess
    import sys

    check = "import sys, minitorch_ndl.datasets; print({'urllib.request', 'tqdm', 'ssl'} & set(sys.modules))"
    root = os.path.dirname(os.path.dirname(os.path.dirname(datasets.__file__)))
    done = subprocess.run([sys.executable, "-c", check], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
