"""Pruning against torch. Each piece of code runs on both."""

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torch.nn.utils.prune")  # torch does not import it by itself

import numpy as np

from tests.parity.both import BOTH, agree
from tests.parity.same import array, check, flat, same_error

RNG = np.random.default_rng(0)
SCORES = array(RNG, (4, 6), "float32")


def told(m, layer, x):
    """All that can be seen of a layer, before and after a step of training."""
    seen = [repr(layer), list(layer.state_dict()), [n for n, _ in layer.named_parameters()], layer.weight.detach()]
    seen += [b for _, b in layer.named_buffers()]
    optimizer = m.optim.SGD(layer.parameters(), lr=0.1)
    layer(x).square().sum().backward()
    optimizer.step()
    return seen + [layer(x).detach(), layer.weight.detach(), *(p.grad for p in layer.parameters())]


def compare(code):
    theirs, ours = (code(m) for m in BOTH)
    for i, (a, e) in enumerate(zip(ours, theirs, strict=True)):
        if flat(e):
            check(a, e, f"item {i}")
        else:
            assert a == e, i


WAYS = [
    lambda m, p, x: p.identity(x, "weight"),
    lambda m, p, x: p.random_unstructured(x, "weight", 0.3),
    lambda m, p, x: p.random_unstructured(x, "weight", 5),
    lambda m, p, x: p.l1_unstructured(x, "weight", amount=0.4),
    lambda m, p, x: p.l1_unstructured(x, "weight", amount=0),
    lambda m, p, x: p.l1_unstructured(x, "weight", 7, importance_scores=m.from_numpy(SCORES)),
    lambda m, p, x: p.random_structured(x, "weight", 2, dim=0),
    lambda m, p, x: p.random_structured(x, "weight", 0.5, dim=-1),
    lambda m, p, x: p.ln_structured(x, "weight", 0.5, n=2, dim=0),
    lambda m, p, x: p.ln_structured(x, "weight", 2, n=float("inf"), dim=1),
    lambda m, p, x: p.custom_from_mask(x, "weight", m.from_numpy((SCORES > 0).astype("float32"))),
]


@pytest.mark.parametrize("first", range(len(WAYS)))
def test_pruning_once_and_twice(first):
    for second in (None, *range(len(WAYS))):
        def story(m):
            m.manual_seed(0)
            layer, p = m.nn.Linear(6, 4), m.nn.utils.prune
            x = m.from_numpy(array(np.random.default_rng(1), (3, 6), "float32"))
            WAYS[first](m, p, layer)
            if second is not None:
                # scores of one's own would be taken for the part that is left
                WAYS[second](m, p, layer)
            seen = [p.is_pruned(layer), *told(m, layer, x)]
            twin = copy.deepcopy(layer.state_dict())
            p.remove(layer, "weight")
            return [*seen, p.is_pruned(layer), repr(layer), layer.weight.detach(), list(twin), list(layer.state_dict()),
                    isinstance(layer.weight, m.nn.Parameter)]

        compare(story)


def test_pruning_several_layers_together():
    def story(m):
        m.manual_seed(0)
        p = m.nn.utils.prune
        model = m.nn.Sequential(m.nn.Linear(6, 4), m.nn.Linear(4, 3), m.nn.ReLU())
        places = [(model[0], "weight"), (model[1], "weight"), (model[1], "bias")]
        p.global_unstructured(places, pruning_method=p.L1Unstructured, amount=0.3)
        seen = [model[0].weight.detach(), model[1].weight.detach(), model[1].bias.detach(), p.is_pruned(model)]
        p.global_unstructured(places, p.RandomUnstructured, amount=5)
        seen += [model[0].weight.detach(), model[1].weight.detach(), p.is_pruned(model[2])]
        p.global_unstructured(places, p.L1Unstructured, {(model[0], "weight"): m.from_numpy(SCORES)}, amount=3)
        return [*seen, model[0].weight.detach(), list(model.state_dict())]

    compare(story)


def test_pruning_by_a_method_of_ones_own():
    def story(m):
        class EveryOther(m.nn.utils.prune.BasePruningMethod):
            PRUNING_TYPE = "unstructured"

            def compute_mask(self, t, default_mask):
                mask = default_mask.clone()
                mask.view(-1)[::2] = 0
                return mask

        m.manual_seed(0)
        layer = m.nn.Linear(6, 4)
        EveryOther.apply(layer, "bias")
        return [layer.bias_mask, layer.bias.detach(), EveryOther().prune(m.arange(5.0)),
                m.nn.utils.prune.L1Unstructured(2).prune(m.tensor([3.0, -1.0, 0.5, -2.0]))]

    compare(story)


@pytest.mark.parametrize("wrong", [
    lambda m, p, x: p.l1_unstructured(x, "weight", "half"),
    lambda m, p, x: p.l1_unstructured(x, "weight", 1.5),
    lambda m, p, x: p.l1_unstructured(x, "weight", -1),
    lambda m, p, x: p.l1_unstructured(x, "weight", 100),
    lambda m, p, x: p.ln_structured(x, "bias", 1, 2, 0),
    lambda m, p, x: p.ln_structured(x, "weight", 1, 2, 2),
    lambda m, p, x: p.remove(x, "weight"),
    lambda m, p, x: p.global_unstructured(5, p.L1Unstructured),
    lambda m, p, x: p.global_unstructured([(x, "weight")], p.L1Unstructured, 5, amount=1),
    lambda m, p, x: p.global_unstructured([(x, "weight")], p.LnStructured, amount=1, n=2),
])
def test_pruning_refuses_what_torch_refuses(wrong):
    same_error(lambda m: wrong(m, m.nn.utils.prune, m.nn.Linear(6, 4)))


def test_data_parallel():
    agree(lambda m: repr(m.nn.DataParallel(m.nn.Linear(2, 3))))
    agree(lambda m: list(m.nn.parallel.DataParallel(m.nn.Linear(2, 3)).state_dict()))
    compare(lambda m: [m.nn.DataParallel(m.nn.Flatten())(m.ones(2, 3, 4))])
    same_error(lambda m: m.nn.parallel.DistributedDataParallel(m.nn.Linear(2, 3)))
