"""`why_alive` finds who keeps a graph in memory, whatever way it is kept, and says it in words."""

import gc
import re
import sys
import threading
import weakref

import pytest

import minitorch_ndl as ndl
from minitorch_ndl.autograd.graph import why_alive

HERE = re.escape("test_why_alive.py")
GRAPH = re.escape("SumBackward → ExpBackward, which saved 'out' (1000,), 4.0 kB")


def graph():
    """Something with a graph that holds 4 kB."""
    return ndl.ones(1000, requires_grad=True).exp().sum()


def only(answer):
    (chain,) = answer.chains
    assert answer.held == 4000
    assert str(answer) == f"This graph of 2 operations holds 4.0 kB for backward. It is kept by\n  {chain}\n" \
        "It goes when that reference goes: keep loss.item() or loss.detach() instead, or del the variable."
    return chain


def matches(chain, *links):
    pattern = " → ".join([*links, GRAPH])
    assert re.fullmatch(pattern, chain), f"{chain}\nis not\n{pattern}"


def test_a_variable():
    loss = graph()
    matches(only(why_alive(loss)), rf"'loss' in your function test_a_variable \({HERE}:\d+\)")


def test_a_list_of_losses():
    losses = [graph() for _ in range(3)]
    matches(only(why_alive(losses[1])), rf"'losses' in your function test_a_list_of_losses \({HERE}:\d+\)", "element 1 of a list")


def test_a_running_total():
    total = 0
    for _ in range(4):
        loss = graph()
        total = total + loss
    del loss

    def part(total):
        """The first loss, anew on its old graph."""
        edge = total._edge
        while edge.rule.name == "AddBackward":
            edge = edge.edges[0]
        twin = ndl.zeros(1)
        twin._edge = edge
        return twin

    chain = only(why_alive(part(total)))
    start = rf"'total' in your function test_a_running_total \({HERE}:\d+\)"
    assert re.fullmatch(rf"{start} → AddBackward → AddBackward → … 2 more … → {GRAPH}", chain), chain


def test_the_line_is_that_of_the_call():
    kept = graph()
    answer = why_alive(kept); line = sys._getframe().f_lineno  # noqa: E702
    assert f"test_why_alive.py:{line})" in answer.chains[0]


def test_an_attribute_of_a_model():
    class Net(ndl.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = ndl.nn.Linear(2, 2)

    net = Net()
    net.last = graph()
    where = rf"'net' in your function test_an_attribute_of_a_model \({HERE}:\d+\)"
    matches(only(why_alive(net.last)), where, "attribute 'last' of a Net")
    net.inner.hidden, net.last = net.last, None
    matches(only(why_alive(net.inner.hidden)), where, "part 'inner' of a Net", "attribute 'hidden' of a Linear")


def test_a_dict_in_an_object():
    class Logger:
        def __init__(self):
            self.history = {"loss": [graph()]}

    logger = Logger()
    matches(only(why_alive(logger.history["loss"][0])), rf"'logger' in your function test_a_dict_in_an_object \({HERE}:\d+\)",
            "attribute 'history' of a Logger", "key 'loss' of a dict", "element 0 of a list")


def test_an_object_with_slots_and_a_class():
    class Slotted:
        __slots__ = ("loss",)
        best = None

    thing = Slotted()
    thing.loss = graph()
    matches(only(why_alive(thing.loss)), r"'thing' in .*", "attribute 'loss' of a Slotted")
    Slotted.best, thing.loss = thing.loss, None
    chain = only(why_alive(Slotted.best))
    assert chain.startswith("attribute 'best' of the class test_an_object_with_slots_and_a_class.<locals>.Slotted → SumBackward")


def test_a_closure():
    def make():
        loss = graph()
        return lambda: loss

    report = make()
    matches(only(why_alive(report())), rf"'report' in your function test_a_closure \({HERE}:\d+\)",
            rf"variable 'loss' in the closure of function <lambda> \({HERE}:\d+\)")


def test_a_hook_on_a_tensor_on_a_module_and_on_a_node():
    w, net = ndl.ones(3, requires_grad=True), ndl.nn.Sequential(ndl.nn.Linear(1, 1))

    def on_tensor():
        loss = graph()
        w.register_hook(lambda grad: grad * loss)
        return loss

    def on_module():
        loss = graph()
        net[0].register_forward_hook(lambda module, args, out: out * loss)
        return loss

    y = w * 2

    def on_node():
        loss = graph()
        y.grad_fn.register_hook(lambda *grads: print(loss))
        return loss

    closure = rf"variable 'loss' in the closure of function <lambda> \({HERE}:\d+\)"
    matches(only(why_alive(on_tensor())), r"'w' in .*", r"a hook on a tensor \(3,\)", closure)
    matches(only(why_alive(on_module())), r"'net' in .*", "part '0' of a Sequential", "a hook of a Linear", closure)
    matches(only(why_alive(on_node())), r"'y' in .*", "a hook on MulBackward", closure)


def test_a_gradient_with_a_graph():
    w = ndl.ones(1000, requires_grad=True)
    (w ** 3).sum().backward(create_graph=True)
    (chain,) = why_alive(w.grad).chains
    assert re.match(rf"'w' in your function test_a_gradient_with_a_graph \({HERE}:\d+\) → the .grad of a tensor \(1000,\) → ", chain)
    w.grad = None


def test_a_generator_and_another_thread():
    def steps():
        loss = graph()
        yield loss
        yield loss

    waiting = steps()
    chain = only(why_alive(next(waiting)))
    matches(chain, r"'waiting' in .*", rf"'loss' in your function steps \({HERE}:\d+\), which waits")
    ready, go, box = threading.Event(), threading.Event(), []

    def elsewhere():
        mine = graph()
        box.append(weakref.ref(mine))
        ready.set()
        go.wait()
        assert mine is not None

    thread = threading.Thread(target=elsewhere)
    thread.start()
    ready.wait()
    matches(only(why_alive(box[0]())), rf"'mine' in your function elsewhere \({HERE}:\d+\)")
    go.set()
    thread.join()


def test_a_traceback():
    def fail():
        loss = graph()
        raise ValueError(weakref.ref(loss))

    try:
        fail()
    except ValueError as error:
        kept = error
    chain = only(why_alive(kept.args[0]()))
    matches(chain, r"'kept' in .*", "a ValueError", "a traceback", rf"'loss' in your function fail \({HERE}:\d+\)")


KEPT = []


def test_globals():
    KEPT.append(graph())
    matches(only(why_alive(KEPT[0])), "'KEPT' at the top of test_why_alive.py", "element 0 of a list")
    KEPT.clear()


def test_several_and_more_than_are_shown():
    loss, kept = graph(), {}
    kept["again"] = loss
    answer = why_alive(loss)
    assert [chain.split(" in ")[0] for chain in answer.chains] == ["'loss'", "'kept'"], "the shortest first"
    assert str(answer).endswith("It goes when all of these have gone: keep loss.item() or loss.detach() instead, or del the variables.")
    a = b = c = d = e = f = loss
    assert all(x is loss for x in (a, b, c, d, e, f))
    assert str(why_alive(loss)).splitlines()[-2] == "  and 3 more"


def test_data_that_a_graph_has_saved():
    w = ndl.ones(3, 4, requires_grad=True)
    x = ndl.ones(100, 3)
    y = x @ w
    answer = why_alive(x)
    assert str(answer).startswith("This tensor, of 1.2 kB, was saved for backward by MatmulBackward. It is kept by\n  'y' in your")
    assert answer.chains[0].endswith("→ MatmulBackward, which saved it as 'input'")
    del y
    assert str(why_alive(x)).startswith("Nothing to keep: the tensor, of 1.2 kB, has no graph")


def test_inputs_of_fused_operations_and_functions():
    class Square(ndl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    x = ndl.ones(1000, requires_grad=True)
    y = Square.apply(x)
    assert why_alive(y).chains[0].endswith("→ SquareBackward, which saved 'saved_tensors[0]' (1000,), 4.0 kB")
    z = ndl.nn.functional.log_softmax(x * 2, 0)
    assert why_alive(z).chains[0].endswith("→ LogSoftmaxBackward, which saved 'input' (1000,), 4.0 kB")
    normal = ndl.nn.LayerNorm(1000)(x)
    assert re.search(r"→ StandardizeBackward, which saved .* \(1000,\), 4.0 kB$", why_alive(normal).chains[0])


def test_nothing_keeps_it():
    assert str(why_alive(graph())).startswith("This graph of 2 operations holds 4.0 kB for backward. It is kept by nothing but this call")
    assert why_alive(graph()).chains == []
    loss = graph()
    loss.backward()
    assert str(why_alive(loss)) == "This graph of 2 operations holds no memory: backward has used what it saved, and let it go."
    plain = ndl.ones(3, requires_grad=True) + 1
    assert str(why_alive(plain)) == "This graph of 1 operation holds no memory: its operations need nothing for backward."
    assert why_alive(ndl.ones(3)).chains == [] and why_alive(loss).held == 0
    with pytest.raises(TypeError, match="'tensor' must be a Tensor; got float"):
        why_alive(1.5)


def test_it_keeps_nothing_alive_itself():
    loss = graph()
    weak = weakref.ref(loss)
    answer = why_alive(loss)
    answer_again = why_alive(loss)
    del loss
    gc.collect()
    assert weak() is None, "neither in a frame's dict of variables nor elsewhere"
    assert len(answer.chains) == len(answer_again.chains) == 1


def test_a_dict_of_locals_that_somebody_keeps_is_not_emptied():
    loss = graph()
    mine = locals()
    chains = why_alive(loss).chains
    assert mine["loss"] is loss and chains


def test_long_chains():
    total = first = graph()
    for _ in range(20_000):
        total = total + 1
    last, *_ = (c for c in why_alive(total).chains)
    assert re.fullmatch(rf"'total' in .* → AddBackward → AddBackward → … 19998 more … → {GRAPH}", last)
    chains = why_alive(first).chains
    assert re.fullmatch(rf"'first' in .* → {GRAPH}", chains[0]) and len(chains) == 2
    assert re.fullmatch(rf"'total' in .* → AddBackward → AddBackward → … 19998 more … → {GRAPH}", chains[1])
    middle = ndl.ones(500, requires_grad=True).exp()
    end = (middle * 2).sin().neg().abs().sum() + middle.sum()
    assert why_alive(end).chains[0].partition(" → ")[2] == "AddBackward → SumBackward → AbsBackward, which saved 'input' (500,), 2.0 kB"
    deep = (middle * 2).tanh().neg().neg().neg().neg().sum()
    assert " → SumBackward → NegBackward → … 2 more … → NegBackward → TanhBackward, which saved 'out'" in why_alive(deep).chains[0]
