"""Every operation of the two target lists on torch's own sample inputs (tests/parity/opinfo.py says what is compared).

A few samples for each operation, dtype and face; `python -m tests.parity.opinfo` runs all of them and reports.
"""

import warnings

import pytest

pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    # Needs what torch is tested with, expecttest for one.
    pytest.importorskip("torch.testing._internal.common_methods_invocations", exc_type=ImportError)

from tests.parity import opinfo

CAP = 4  # samples for each operation, dtype and face
INFOS = opinfo.infos()


@pytest.mark.parametrize("info", INFOS, ids=opinfo.full_name)
def test_samples(info):
    failures = [f"{what}\n    {outcome}" for dtype in opinfo.DTYPES
                for what, outcome in opinfo.checks(info, dtype, CAP)
                if outcome not in ("ok", "skip") and not opinfo.known(info, what, outcome)]
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("info", [i for i in INFOS if i.error_inputs_func], ids=opinfo.full_name)
def test_errors(info):
    failures = [f"{what}\n    {outcome}" for what, outcome in opinfo.error_checks(info)
                if outcome not in ("ok", "skip") and not outcome.startswith("words")
                and not opinfo.known(info, what, outcome)]
    assert not failures, "\n".join(failures)


def test_the_lists_are_whole():
    found = {i.name for i in INFOS} | {opinfo.full_name(i) for i in INFOS}
    assert not set(opinfo.CORE + opinfo.COMMON) - found
