"""Containers against torch."""

from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.parity.both import agree, keyed
from tests.parity.same import same_error

RNG = np.random.default_rng(0)


def test_sequential():
    def story(m):
        nn, told = m.nn, []
        make = lambda: nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 3), nn.Tanh())
        s = make()
        told += [
            repr(s[1]),
            repr(s[-1]),
            repr(s[1:3]),
            repr(s[::2]),
            len(s),
            [repr(x) for x in s],
            type(s[:2]).__name__,
        ]
        s[1] = nn.Sigmoid()
        told.append(repr(s))
        del s[0]
        told.append(repr(s))
        del s[1:]
        told.append(repr(s))
        s = make()
        told += [
            repr(s.append(nn.GELU())),
            repr(s.extend([nn.ELU(), nn.SELU()])),
            repr(s.insert(1, nn.Dropout())),
            repr(s.insert(-1, nn.Mish())),
            repr(s.pop(2)),
            repr(s.pop(-1)),
            repr(s),
        ]
        told += [repr(make() + nn.Sequential(nn.ELU())), repr(make() * 2), repr(2 * make())]
        s += nn.Sequential(nn.CELU())
        s *= 2
        told += [repr(s), s[0] is s[len(s) // 2]]
        named = nn.Sequential(OrderedDict([("a", nn.Linear(1, 2)), ("b", nn.Tanh())]))
        named.add_module("c", nn.ReLU())
        told += [repr(named[1:]), repr(named.a), [n for n, _ in named.named_children()]]
        named[0] = nn.ELU()
        told.append(repr(named))
        return told

    agree(story)
    for call in (
        lambda m: m.nn.Sequential(m.nn.Tanh())[1],
        lambda m: m.nn.Sequential(m.nn.Tanh())[-2],
        lambda m: m.nn.Sequential(3),
        lambda m: m.nn.Sequential(m.nn.Tanh()) + 3,
        lambda m: m.nn.Sequential(m.nn.Tanh()) * 0,
        lambda m: m.nn.Sequential(m.nn.Tanh()) * 1.5,
        lambda m: m.nn.Sequential(m.nn.Tanh()).insert(5, m.nn.Tanh()),
        lambda m: m.nn.Sequential([m.nn.Tanh()]),
    ):
        same_error(call)


def test_lists_and_dicts_of_modules():
    def lists(m):
        nn = m.nn
        told = []
        s = nn.ModuleList([nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 3)])
        told += [repr(s[1]), repr(s[-1]), repr(s[1:]), len(s), repr(s + [nn.Tanh()])]
        s += [nn.ELU()]
        s[0] = nn.Sigmoid()
        told.append(repr(s))
        del s[1:3]
        s.insert(0, nn.GELU())
        s.append(nn.CELU()).extend(nn.ModuleList([nn.Mish()]))
        told += [repr(s), repr(s.pop(1)), repr(s), [n for n, _ in s.named_children()], "0" in dir(s)]
        return told

    agree(lists)
    same_error(lambda m: m.nn.ModuleList([m.nn.Tanh()])[3])
    same_error(lambda m: m.nn.ModuleList(3))
    same_error(lambda m: m.nn.ModuleList([3]))
    same_error(lambda m: m.nn.ModuleList([m.nn.Tanh()])(3))

    def dicts(m):
        nn = m.nn
        told = []
        d = nn.ModuleDict([("b", nn.Linear(1, 2)), ("a", nn.Tanh())])
        d["c"] = nn.ReLU()
        d.update({"d": nn.ELU()})
        d.update(nn.ModuleDict({"e": nn.CELU()}))
        told += [
            list(d),
            list(d.keys()),
            [repr(v) for v in d.values()],
            [k for k, _ in d.items()],
            len(d),
            "a" in d,
            "x" in d,
        ]
        del d["a"]
        told += [repr(d.pop("b")), repr(d), repr(d.c)]
        d.clear()
        return [*told, len(d)]

    agree(dicts)
    same_error(lambda m: keyed(lambda: m.nn.ModuleDict({})["x"]))
    same_error(lambda m: keyed(lambda: m.nn.ModuleDict({"keys": m.nn.Tanh()})))
    same_error(lambda m: m.nn.ModuleDict({"a": 3}))
    same_error(lambda m: m.nn.ModuleDict([("a",)]))
    same_error(lambda m: m.nn.ModuleDict(3))


def test_lists_and_dicts_of_parameters():
    def lists(m):
        nn = m.nn
        p = nn.ParameterList([m.ones(1), nn.Parameter(m.ones(2)), 3])
        p.append(m.ones(4))
        p += [m.ones(5)]
        p.extend([m.ones(6)])
        p[0] = m.ones(7)
        return [
            len(p),
            [n for n, _ in p.named_parameters()],
            [tuple(x.shape) for x in p.parameters()],
            p[2],
            repr(p[1:3]),
            tuple(p[-1].shape),
            type(p[0]) is nn.Parameter,
        ]

    agree(lists)
    same_error(lambda m: m.nn.ParameterList([1])[3])
    same_error(lambda m: m.nn.ParameterList(m.ones(3)))
    same_error(lambda m: m.nn.ParameterList([])(3))

    def dicts(m):
        nn = m.nn
        d = nn.ParameterDict({"b": m.ones(1), "a": nn.Parameter(m.ones(2)), "n": 3})
        told = [list(d), len(d), [n for n, _ in d.named_parameters()], tuple(d["b"].shape), tuple(d.b.shape), d["n"]]
        d["z"] = m.ones(3)
        told += [repr(d.pop("a")), list(d), d.popitem()[0], d.get("nope", 7), "b" in d, list(reversed(d))]
        d.setdefault("k", m.ones(1))
        d.update([("u", m.ones(1))])
        told += [
            list(d),
            list(d | nn.ParameterDict({"w": m.ones(1)})),
            list(d.copy()),
            list(d.fromkeys(["x", "y"], 1)),
            [k for k, _ in d.items()],
            len(list(d.values())),
        ]
        d |= nn.ParameterDict({"v": m.ones(1)})
        del d["u"]
        told.append(list(d.keys()))
        d.clear()
        return [*told, len(d), list(d.named_parameters())]

    agree(dicts)
    same_error(lambda m: m.nn.ParameterDict({3: m.ones(1)}))
    same_error(lambda m: m.nn.ParameterDict(3))
    same_error(lambda m: m.nn.ParameterDict([("a",)]))
    same_error(lambda m: m.nn.ParameterDict({})(3))
