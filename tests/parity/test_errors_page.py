"""What docs/errors.md says of PyTorch is what PyTorch says; the fixes work there too, and the exceptions are of one type."""

import pytest

from tests.test_errors_page import each_case, script

torch = pytest.importorskip("torch")


@each_case
def test_what_the_page_says_of_torch(case):
    assert script.kept(case["said"])[script.THEIRS] == script.happens(case["wrong"], script.THEIRS)


@each_case
def test_both_raise_the_same_type(case):
    (mine, ours), (others, theirs) = (script.run(case["wrong"], package) for package in (script.OURS, script.THEIRS))
    assert type(ours).__name__ == type(theirs).__name__
    assert [line.split(":")[0] for line in mine if "Warning" in line] == [
        line.split(":")[0] for line in others if "Warning" in line]


@each_case
def test_the_fix_works_on_torch(case):
    lines, error = script.run(case["fixed"], script.THEIRS)
    assert error is None, error
    assert not [line for line in lines if "Warning" in line]
