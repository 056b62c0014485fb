"""no_grad, enable_grad, set_grad_enabled, inference_mode: as contexts, as decorators, in generators and threads."""

import threading

import pytest

import minitorch_ndl as ndl
from minitorch_ndl import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled

MODES = {
    "no_grad": (no_grad, False), "enable_grad": (enable_grad, True), "inference_mode": (inference_mode, False),
    "set_grad_enabled(False)": (lambda: set_grad_enabled(False), False),
    "set_grad_enabled(True)": (lambda: set_grad_enabled(True), True),
    "inference_mode(False)": (lambda: inference_mode(False), True),
}
EACH = pytest.mark.parametrize("mode, inside", MODES.values(), ids=MODES)
OUTSIDE = pytest.mark.parametrize("outside", [True, False])


def test_results_and_what_they_came_from():
    x = ndl.ones(2, requires_grad=True)
    with no_grad():
        y = x * 2
        assert not y.requires_grad and y.grad_fn is None and x.requires_grad
        assert ndl.ones(2, requires_grad=True).requires_grad, "who asks for it gets it"
        z = x.view(2)
    assert (x * 2).requires_grad and not (y * 2).requires_grad
    (x + y + z.detach()).sum().backward()
    assert x.grad.tolist() == [1, 1]


@EACH
@OUTSIDE
def test_as_contexts_and_decorators(mode, inside, outside):
    if mode is inference_mode and outside is False:
        return
    with set_grad_enabled(outside):
        with mode():
            assert is_grad_enabled() is inside
        assert is_grad_enabled() is outside

        @mode()
        def function(a, *, b=1):
            """About it."""
            return is_grad_enabled(), a + b

        assert function(1, b=2) == (inside, 3) and is_grad_enabled() is outside
        assert function.__name__ == "function" and function.__doc__ == "About it."

        def recursive(n):
            return [is_grad_enabled()] + (wrapped(n - 1) if n else [])

        wrapped = mode()(recursive)
        assert wrapped(3) == [inside] * 4 and is_grad_enabled() is outside


@pytest.mark.parametrize("mode", [no_grad, enable_grad, inference_mode])
def test_decorators_without_parentheses(mode):
    @mode
    def function():
        return is_grad_enabled()

    with set_grad_enabled(mode is not enable_grad):
        assert function() is (mode is enable_grad)


@EACH
def test_exceptions_put_the_mode_back(mode, inside):
    before = is_grad_enabled()
    with pytest.raises(ZeroDivisionError):
        with mode():
            raise ZeroDivisionError
    assert is_grad_enabled() is before
    with pytest.raises(ZeroDivisionError):
        mode()(lambda: 1 / 0)()
    assert is_grad_enabled() is before


@EACH
def test_generators_have_the_mode_while_they_run(mode, inside):
    log = []

    @mode()
    def steps():
        try:
            got = yield is_grad_enabled()
            log.append(got)
            try:
                yield is_grad_enabled()
            except ValueError as error:
                log.append(str(error))
            yield is_grad_enabled()
            return "the end"
        finally:
            log.append(is_grad_enabled())

    with set_grad_enabled(not inside):
        g = steps()
        assert next(g) is inside and is_grad_enabled() is not inside
        assert g.send("sent") is inside and is_grad_enabled() is not inside
        assert g.throw(ValueError("thrown")) is inside and is_grad_enabled() is not inside
        with pytest.raises(StopIteration) as end:
            next(g)
        assert end.value.value == "the end" and log == ["sent", "thrown", inside]
        g = steps()
        next(g)
        g.close()
        assert log[-1] is inside and is_grad_enabled() is not inside


def test_nested_and_reused():
    switch = no_grad()
    with switch:
        with enable_grad():
            assert is_grad_enabled()
            with switch:
                assert not is_grad_enabled()
            assert is_grad_enabled()
        assert not is_grad_enabled()
    assert is_grad_enabled()


def test_set_grad_enabled_acts_at_once():
    switch = set_grad_enabled(False)
    assert not is_grad_enabled()
    with switch:
        assert not is_grad_enabled()
    assert is_grad_enabled(), "the block goes back to what was before the call"

    def function():
        return is_grad_enabled()

    wrapped = set_grad_enabled(False)(function)
    assert is_grad_enabled(), "decorating switches nothing"
    assert wrapped() is False and is_grad_enabled()


def test_inference_mode():
    assert not ndl.is_inference_mode_enabled()
    with inference_mode():
        assert ndl.is_inference_mode_enabled() and not is_grad_enabled()
        with inference_mode(False):
            assert not ndl.is_inference_mode_enabled() and is_grad_enabled()
        with inference_mode(mode=True):
            assert ndl.is_inference_mode_enabled()
    assert not ndl.is_inference_mode_enabled()


def test_classes_are_not_decorated():
    with pytest.raises(TypeError, match="decorate its methods"):
        no_grad()(type("Some", (), {}))


def test_methods_are():
    class Some:
        @no_grad()
        def method(self):
            return self, is_grad_enabled()

    some = Some()
    assert some.method() == (some, False)


def test_each_thread_has_its_own():
    inside, checked, seen = threading.Event(), threading.Event(), []

    def other():
        with no_grad():
            inside.set()
            checked.wait(10)
            seen.append(is_grad_enabled())
        seen.append(is_grad_enabled())

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(10)
    assert is_grad_enabled() and (ndl.ones(1, requires_grad=True) * 2).requires_grad
    checked.set()
    thread.join()
    assert seen == [False, True]


def test_backward_works_without_recording():
    x = ndl.ones(2, requires_grad=True)
    y = (x * x).sum()
    with no_grad():
        y.backward()
    assert x.grad.tolist() == [2, 2] and not x.grad.requires_grad


def test_backward_leaves_the_mode_alone():
    x = ndl.ones(1, requires_grad=True)
    for create_graph in (False, True):
        for mode in (False, True):
            y = (x * x).sum()
            with set_grad_enabled(mode):
                ndl.autograd.grad(y, x, create_graph=create_graph)
                assert is_grad_enabled() is mode
                with pytest.raises(RuntimeError):
                    ndl.autograd.grad(ndl.ones(1), x)
                assert is_grad_enabled() is mode
