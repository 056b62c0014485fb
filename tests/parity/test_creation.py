"""Making tensors, line by line as on torch (see `expressions.py`), and over random ranges and sizes."""

import random

import numpy as np
import pytest

import minitorch_ndl as ndl
from tests.parity.expressions import agree, lines

torch = pytest.importorskip("torch")

CREATION = r"""
T.tensor([-1.],dtype=T.uint8)
T.tensor([-0.5],dtype=T.uint8)
T.tensor(-0.5,dtype=T.uint8)
T.tensor([-1.5,3],dtype=T.uint8)
T.full((2,),1e300)
T.full((2,),1e300,dtype=T.float16)
T.full((2,),-1.,dtype=T.uint8)
T.full((2,),-1,dtype=T.uint8)
T.full((2,),256,dtype=T.uint8)
T.full((2,),float('nan'),dtype=T.int64)
T.full((2,),1e30,dtype=T.int64)
T.full((2,),2**63)
T.full((2,),3,dtype=T.bool)
T.full((2,),T.tensor(3.))
T.full((2,),T.tensor(3))
T.full((2,),T.ones(2))
T.full((),3)
T.full([],3)
T.full((2,),'a')
T.full((2,),None)
T.full((2,),3,requires_grad=True)
T.full((2,),3.,requires_grad=True)
T.full((2,), fill_value=3)
T.full(size=(2,), fill_value=3)
T.full_like(T.ones(2), 3)
T.full_like(T.ones(2), fill_value=3.5, dtype=T.int64)
T.full_like(3, 3)
T.zeros(2,3)
T.zeros((2,3))
T.zeros([2,3])
T.zeros(T.Size([2,3]))
T.zeros(size=(2,))
T.zeros()
T.zeros(())
T.zeros([])
T.zeros(0)
T.zeros(-1)
T.zeros(2,-1)
T.zeros(2.)
T.zeros('a')
T.zeros(None)
T.zeros((2,'a'))
T.zeros((2,),(3,))
T.zeros(T.tensor(2))
T.zeros(T.tensor(2),T.tensor(3))
T.zeros(np.int64(2),3)
T.zeros(2, dtype=T.int64, requires_grad=True)
T.zeros(2, requires_grad=True)
T.zeros(2, dtype=float)
T.zeros(2, dtype=int).dtype
T.zeros(2, dtype=bool)
T.zeros(2, device='cpu')
T.zeros(2, device=T.device('cpu'))
T.zeros(2, device='foo')
T.zeros(2, foo=3)
x=T.ones(3); T.zeros(3,out=x); x
x=T.ones(3); y=T.zeros(3,out=x); y is x
x=T.ones(3).double(); T.zeros(3,out=x); x
x=T.ones(3).long(); T.zeros(3,out=x)
x=T.ones(3).long(); T.zeros(3,out=x,dtype=T.float32)
x=T.ones(0); T.zeros(3,out=x); x
x=T.ones(2); T.zeros(3,out=x); x
x=T.ones(2,3); T.rand(2,3,out=x).shape
x=T.ones(4).long(); T.arange(4,out=x); x
x=T.ones(4); T.arange(4,out=x); x
x=T.ones(4); T.linspace(0,1,4,out=x); x
x=T.ones(4).long(); T.randperm(4,out=x).sort()[0]
x=T.ones(2,2); T.eye(2,out=x); x
x=T.ones(2); T.full((2,),3,out=x); x
T.zeros_like(3)
T.zeros_like(T.ones(2).long())
T.zeros_like(T.ones(2,requires_grad=True)).requires_grad
T.zeros_like(T.ones(2), dtype=T.int8, requires_grad=False)
T.ones_like(T.ones(2), requires_grad=True)
T.ones_like(input=T.zeros(2))
T.empty_like(T.ones(2,3)).shape
T.zeros_like(T.ones(2,3).t()).stride()
T.zeros_like(T.ones(2,3).t(), memory_format=T.contiguous_format).stride()
T.zeros_like(T.ones(4,3).t()[::2]).stride()
T.zeros_like(T.ones(1,3).expand(4,3)).stride()
T.zeros_like(T.ones(2,3,4).permute(2,0,1)).stride()
T.arange(5)
T.arange(1,5)
T.arange(1,5,2)
T.arange(5.)
T.arange(0,1,.25)
T.arange(end=3)
T.arange(start=1,end=3)
T.arange(1,end=3)
T.arange(start=1,end=3,step=2)
T.arange(1,3,step=.5)
T.arange(5,1)
T.arange(5,1,-1)
T.arange(0,5,0)
T.arange(0)
T.arange(-3)
T.arange(True)
T.arange(3,dtype=T.float32)
T.arange(3,dtype=T.float16)
T.arange(3,dtype=T.bool)
T.arange(T.tensor(3))
T.arange(T.tensor(3.))
T.arange(np.int64(3)), T.arange(np.float64(3))
T.arange(3, requires_grad=True)
T.arange(3., requires_grad=True)
T.arange('a')
T.arange()
T.arange(float('inf'))
T.arange(float('nan'))
T.arange(2**63-2, 2**63-1)
T.arange(1,2,3,4)
T.linspace(0,1,5)
T.linspace(start=0,end=1,steps=3)
T.linspace(0,1)
T.linspace(0,1,-1)
T.linspace(0,1,2.5)
T.linspace(0,1,T.tensor(3))
T.linspace(T.tensor(0.),T.tensor(1.),3)
T.linspace(T.tensor([0.]),1,3)
T.linspace(0,10,5,dtype=T.int64)
T.linspace(-10,10,1)
T.linspace(3,5,0)
T.logspace(0,2,3)
T.logspace(start=-1,end=1,steps=5,base=2)
T.logspace(0,2,3,base=2)
T.eye(3)
T.eye(2,3)
T.eye(3,2,dtype=T.int64)
T.eye(-1)
T.eye(2,-1)
T.eye(n=2)
T.eye(0)
T.eye(2.5)
T.eye(2, dtype=T.bool)
T.scalar_tensor(3), T.scalar_tensor(3.5,dtype=T.float64), T.scalar_tensor(True)
T.asarray([1,2]), T.asarray(3.), T.asarray(np.ones(2)), T.asarray(T.ones(2))
T.asarray([1.,2],dtype=T.float64)
x=T.ones(2); T.asarray(x) is x
x=T.ones(2); y=T.asarray(x,copy=True); y[0]=4; x
a=np.ones(2); y=T.asarray(a); y[0]=4; a
a=np.ones(2); y=T.asarray(a,copy=True); y[0]=4; a
T.asarray([1,2],copy=False)
T.asarray(T.ones(2),dtype=T.int64,copy=False)
x=T.ones(2,requires_grad=True); T.asarray(x).requires_grad
x=T.ones(2,requires_grad=True); T.asarray(x,requires_grad=True).requires_grad
T.asarray(bytearray(b'abcd'),dtype=T.uint8)
T.asarray(range(3))
T.as_tensor([1,2]), T.as_tensor(3.), T.as_tensor(np.float32(3)), T.as_tensor(True)
x=T.ones(2); T.as_tensor(x) is x
x=T.ones(2); T.as_tensor(x,dtype=T.float32) is x
x=T.ones(2,requires_grad=True); T.as_tensor(x) is x
x=T.ones(2,requires_grad=True); T.as_tensor(x,dtype=T.float64)
T.as_tensor(np.ones(2),dtype=T.float32)
T.as_tensor([1,2],device='cpu')
T.as_tensor('a')
T.frombuffer(bytearray(b'abcd'),dtype=T.uint8)
T.frombuffer(bytearray(b'abcdefgh'),dtype=T.float32)
T.frombuffer(bytearray(b'abcdefgh'),dtype=T.int16,count=2,offset=2)
T.frombuffer(bytearray(b'abc'),dtype=T.int16)
T.frombuffer(bytearray(b'abc'),dtype=T.uint8,offset=5)
T.from_numpy(np.ones(2)), T.from_numpy(np.arange(3,dtype=np.int8)), T.from_numpy(np.array(3.))
T.from_numpy(np.array([True]))
T.from_numpy([1])
T.from_numpy(np.array(['a']))
T.from_numpy(np.ones(2)).requires_grad
T.from_numpy(np.arange(6).reshape(2,3).T).stride()
T.from_numpy(np.arange(6)[::2]).stride()
T.from_dlpack(np.ones(2))
x=T.ones(2); y=np.from_dlpack(x); y
T.tensor([[1,2],[3]])
T.tensor([[1,2],3])
T.tensor([1,[2,3]])
T.tensor('a')
T.tensor(['a'])
T.tensor(None)
T.tensor([None])
T.tensor({})
T.tensor()
T.tensor(1,2)
T.tensor([1],dtype='a')
T.tensor([1],foo=3)
T.tensor(2**63)
T.tensor([300],dtype=T.uint8)
T.tensor([1.5],dtype=T.int64)
T.tensor([float('nan')],dtype=T.int64)
T.tensor(range(3))
T.tensor([[],[]])
T.tensor([[[]]])
T.tensor((1,(2)))
T.tensor([[T.tensor(1),2],[3,4.]])
T.tensor([T.tensor([1.,2]), T.tensor([1.,2])])
T.tensor([np.float64(1)]), T.tensor([np.float32(1), 2]), T.tensor(np.int16(3))
T.tensor([np.array([1,2]), np.array([3,4])]).shape
T.tensor([1,2],requires_grad=True)
T.tensor([True, 2]), T.tensor([True, 2.]), T.tensor([1,2.])
T.tensor(T.ones(2))
T.tensor(np.ones(2), dtype=T.float32)
T.tensor([1,2], dtype=T.float16)
T.tensor([0,1,2],dtype=T.bool)
T.tensor(1e400), T.tensor(-1e400)
T.tensor(1e39), T.tensor(70000.,dtype=T.float16)
T.tensor(10**18), T.tensor(-10**18)
"""

RANDOM = r"""
T.ones(2).new(T.Size([2,3])).shape
T.result_type(T.ones(2).long(), True), T.result_type(1, True), T.result_type(T.tensor(1), 2.5)
T.result_type(T.tensor(1.).half(), T.ones(2).int())
T.result_type('a', 1)
T.result_type(T.ones(2), None)
x=T.ones(2); x.to(T.float32) is x, x.to('cpu') is x, x.float() is x, x.cpu() is x
x=T.ones(2); x.contiguous() is x, x.to(x) is x
x=T.ones(2); x.to(T.float32,copy=True) is x
x=T.ones(2,requires_grad=True); x.double()
x=T.ones(2,requires_grad=True); x.double().sum().backward(); x.grad
x=T.ones(2,requires_grad=True); x.half()
x=T.ones(2,requires_grad=True); x.long()
x=T.ones(2,requires_grad=True); x.clone()
x=T.ones(2,3).t(); x.contiguous().stride(), x.clone().stride()
x=T.ones(2,3).t(); x.clone(memory_format=T.contiguous_format).stride(), x.double().stride()
x=T.ones(2,3,4,5); x.contiguous(memory_format=T.channels_last).stride()
x=T.ones(2,3,4,5); x.to(memory_format=T.channels_last).stride()
x=T.ones(2,3,4,5).contiguous(memory_format=T.channels_last); x.is_contiguous()
x=T.ones(2,3,4,5).contiguous(memory_format=T.channels_last); x.is_contiguous(memory_format=T.channels_last)
x=T.ones(2,3,4,5).contiguous(memory_format=T.channels_last); x.shape
T.ones(2).contiguous(memory_format=T.channels_last)
T.channels_last, T.contiguous_format, T.preserve_format, T.strided, type(T.strided).__name__
type(T.channels_last).__name__
x=T.arange(6.); x.resize_(2,3)
x=T.arange(6.); x.resize_(2,2)
x=T.arange(2.); x.resize_(3).shape
x=T.arange(6.); x.resize_((3,2)); x
x=T.arange(6.); x.resize_as_(T.ones(2,3)).shape
x=T.ones(2,requires_grad=True); x.resize_(1)
T.ones(6).resize(2,3)
x=T.ones(2); x.apply_(lambda v: v*3)
x=T.ones(2); x.map_(T.ones(2)*4, lambda a,b: a+b)
x=T.ones(2,requires_grad=True); x.apply_(lambda v: v*3)
T.ones(2).get_device(), T.ones(2).is_shared(), T.ones(2).is_pinned(), T.ones(2).is_cpu
x=T.ones(2); x.share_memory_() is x
x=T.ones(2,3); len(x.untyped_storage()), x[1].storage_offset()
x=T.ones(2,3); x.untyped_storage().data_ptr()==x[1].untyped_storage().data_ptr()
x=T.ones(2); x.set_(T.zeros(3)); x
x=T.ones(2); y=T.zeros(3); x.set_(y); y[0]=4; x
x=T.ones(2); x.set_(); x
x=T.ones(2); y=x.view(2); x.is_set_to(y), x.is_same_size(T.ones(3))
T.ones(2).fill_(T.ones(1))
x=T.ones(2,requires_grad=True); y=x*1; y.fill_(3); y.sum().backward(); x.grad
x=T.ones(2,requires_grad=True); y=x*1; y.zero_(); y.sum().backward(); x.grad
v=T.tensor(2.,requires_grad=True); y=T.zeros(2,3); y.fill_(v); y.sum().backward(); v.grad
v=T.tensor(2.,requires_grad=True); y=T.zeros(2,3).double(); y.fill_(v); y.sum().backward(); v.grad
x=T.ones(2,requires_grad=True); x.fill_(3)
x=T.ones(2,requires_grad=True); x.zero_()
x=T.ones(2,requires_grad=True); x.normal_()
x=T.ones(2,requires_grad=True); y=x*1; y.uniform_(); y.requires_grad
x=T.ones(2,requires_grad=True); T.bernoulli(x)
x=T.ones(2,requires_grad=True); T.normal(x,1.).requires_grad
x=T.ones(2,requires_grad=True); T.multinomial(x,1).requires_grad
T.manual_seed(3).initial_seed(), T.initial_seed()
T.manual_seed('a')
T.manual_seed(3.7).initial_seed()
T.manual_seed(-1).initial_seed()
T.manual_seed(2**64)
T.Generator().initial_seed()
T.Generator().device
g=T.Generator(); g.manual_seed(5); T.rand(2,generator=g)
T.Generator().get_state().dtype, T.Generator().get_state().shape
g=T.Generator(); s=g.get_state(); a=T.rand(2,generator=g); g.set_state(s); (T.rand(2,generator=g)==a).all()
T.get_rng_state().dtype, T.get_rng_state().shape
T.manual_seed(0); s=T.get_rng_state(); a=T.rand(3); T.set_rng_state(s); (T.rand(3)==a).all()
T.set_rng_state(T.ones(3))
T.set_rng_state(3)
T.default_generator.initial_seed() == T.initial_seed()
g=T.random.fork_rng; T.manual_seed(1); c=g(); c.__enter__(); T.rand(3); c.__exit__(None,None,None); T.rand(1)
T.random.manual_seed(0).initial_seed()
T.rand(2,3,dtype=T.int64)
T.randn(2,dtype=T.int64)
T.randint(3,(2,)).shape, T.randint(1,3,(2,)).dtype, T.randint(3,size=(2,)).shape
T.randint(low=1,high=3,size=(2,)).shape, T.randint(high=3,size=(2,)).shape
T.randint(3,1,(2,))
T.randint(0,(2,))
T.randint(3)
T.randint(3,2)
T.randint(0,300,(2,),dtype=T.uint8)
T.randint(-3,3,(2,),dtype=T.uint8)
T.randint(1.5,(2,))
T.randint(0,10,(2,),dtype=T.float32).dtype
T.randint_like(T.ones(2),3).dtype, T.randint_like(T.ones(2),1,3).shape
T.randint_like(T.ones(2),high=3,low=1).shape
T.randperm(-1)
T.randperm(2.5)
T.randperm(0)
T.randperm(3,dtype=T.float32).dtype, T.randperm(3,dtype=T.int32).dtype
T.randperm(300,dtype=T.uint8)
T.rand(-1)
T.rand(2,requires_grad=True).requires_grad
T.rand((2,3),generator=None).shape
T.rand(2,generator=3)
T.rand_like(T.ones(2).long())
T.rand_like(T.ones(2).long(),dtype=T.float32).shape
T.normal(0.,1.)
T.normal(0.,-1.,(2,))
T.normal(T.zeros(2),-1.)
T.normal(T.zeros(2),-T.ones(2))
T.normal(T.zeros(2),T.ones(3))
T.normal(T.zeros(2,3)).shape, T.normal(T.zeros(2),std=T.ones(2)).shape
T.normal(mean=T.zeros(2),std=2.).shape, T.normal(mean=0.,std=T.ones(4)).shape
T.normal(mean=0.,std=1.,size=(2,3)).shape, T.normal(0,1,size=(3,)).shape
T.normal(T.zeros(2).long(),1.)
T.bernoulli(T.tensor([2.]))
T.bernoulli(T.tensor([1]))
T.bernoulli(T.ones(2),2.)
T.ones(2).bernoulli(), T.ones(2).bernoulli(p=0.)
T.ones(2).long().bernoulli_(1.)
T.ones(2).bernoulli_(1.5)
T.ones(2).uniform_(3,1)
T.ones(2).long().uniform_()
T.ones(2).long().normal_()
T.ones(2).normal_(0,-1)
T.ones(2).exponential_(-1)
T.ones(2).geometric_(0)
T.ones(2).geometric_(1)
T.ones(2).cauchy_(0,-1)
T.ones(2).log_normal_(0,-1)
T.ones(2).random_(3,1)
T.ones(2).random_(0)
T.ones(2).bool().random_().dtype
T.ones(2).byte().random_(0,300)
T.ones(2).random_(to=5).shape
T.multinomial(T.ones(3),4)
T.multinomial(T.ones(3),0)
T.multinomial(T.zeros(3),1)
T.multinomial(-T.ones(3),1)
T.multinomial(T.ones(2,2,2),1)
T.multinomial(T.ones(3).long(),1)
T.multinomial(T.tensor([float('nan'),1]),1)
T.ones(3).multinomial(2).shape, T.ones(2,3).multinomial(2,True).shape
T.ones(3).multinomial(num_samples=2,replacement=True).dtype
T.poisson(-T.ones(2))
T.poisson(T.ones(2).long())
x=T.zeros(3); y=T.bernoulli(T.ones(3),out=x); x
x=T.zeros(2).long(); T.multinomial(T.ones(3),2,out=x).shape
T.randint(5,(2,),requires_grad=True)
T.rand()
T.randn(())[()].shape
"""


@pytest.mark.parametrize("source", lines(CREATION))
def test_creation(source):
    agree(source, torch)


@pytest.mark.parametrize("source", lines(RANDOM))
def test_random_faces(source):
    torch.manual_seed(0)
    ndl.manual_seed(0)
    agree(source, torch)


# --- ranges of every kind -------------------------------------------------------------------------------------------

DTYPES = ("float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", None)


def number(rng):
    return rng.choice([rng.randrange(-9, 20), round(rng.uniform(-5, 9), rng.choice([0, 1, 3])), rng.uniform(-3, 3)])


def arange(rng, T, dtype):
    step = rng.choice([1, 2, -1, 3, -2] if dtype and "int" in dtype else [1, 2, -1, 0.5, 0.1, -0.3, 0.7])
    return T.arange(number(rng), number(rng), step, dtype=dtype and getattr(T, dtype))


def linspace(rng, T, dtype):
    start, end = number(rng), number(rng)
    if dtype == "uint8":
        start, end = abs(start), abs(end)
    return T.linspace(start, end, rng.choice([0, 1, 2, 3, 5, 10, 17, 100]), dtype=dtype and getattr(T, dtype))


def logspace(rng, T, dtype):
    steps, base = rng.choice([0, 1, 2, 3, 5, 10, 17]), rng.choice([10.0, 2, 3.3])
    return T.logspace(rng.uniform(0, 2), rng.uniform(0, 2), steps, base, dtype=dtype and getattr(T, dtype))


def full(rng, T, dtype):
    value = rng.choice([number(rng), True, 300, -5, float("inf"), float("nan")])
    return T.full((2, 3), value, dtype=dtype and getattr(T, dtype))


def like(rng, T, dtype):
    x = T.zeros(2, 3, 4)
    x = rng.choice([x, x.transpose(0, 2), x.permute(2, 0, 1), x[0].t(), x[:1].expand(5, 3, 4)])
    return rng.choice([T.zeros_like, T.ones_like, lambda y, **how: T.full_like(y, 3, **how)])(
        x, dtype=dtype and getattr(T, dtype))


def attempt(make, seed, T, dtype):
    try:
        return make(random.Random(seed), T, dtype)
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("make", [arange, linspace, logspace, full, like])
def test_random_ranges(make):
    for seed in range(600):
        dtype = DTYPES[seed % len(DTYPES)]
        theirs, ours = attempt(make, seed, torch, dtype), attempt(make, seed, ndl, dtype)
        where = f"{make.__name__} {dtype} {seed}"
        if isinstance(theirs, type):
            assert ours is theirs, where
            continue
        assert ours.dtype.name == str(theirs.dtype)[6:] and ours.stride() == theirs.stride(), where
        theirs, ours = theirs.numpy(), ours.numpy()
        few_ulps = 4 * np.finfo(theirs.dtype).eps if theirs.dtype.kind == "f" else 0
        close = few_ulps * float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0)) if few_ulps else 0
        if make is linspace and not few_ulps:
            close = 1  # which side of a whole number a step falls on is a matter of rounding
        np.testing.assert_allclose(ours, theirs, rtol=few_ulps, atol=close, err_msg=where)


# --- one draw after another ------------------------------------------------------------------------------------------

IN_PLACE = [("uniform_", "low", "high"), ("normal_", "low", "scale"), ("exponential_", "scale"), ("bernoulli_", "p"),
            ("geometric_", "p"), ("log_normal_", "low", "scale"), ("cauchy_", "low", "scale"), ("random_",),
            ("random_", "most"), ("random_", "least", "most")]
EXACT = ("rand", "rand_like", "random_", "bernoulli", "bernoulli_", "multinomial", "randint", "randperm")


def array(rng, shape, low=0.0, high=1.0):
    values = np.random.default_rng(rng.randrange(2**32)).uniform(low, high, shape)
    return np.asarray(values).astype(rng.choice(["float32", "float64"]))


def draw(rng, T):
    """One random draw: the name of its function and its result."""
    shape = tuple(rng.choice([0, 1, 2, 3, 5, 17]) for _ in range(rng.choice([0, 1, 1, 2, 2, 3])))
    floating = getattr(T, rng.choice(["float32", "float64", "float16"]))
    integer = getattr(T, rng.choice(["int64", "int32", "int16", "int8"]))
    how = {"low": rng.uniform(-2, 2), "scale": rng.uniform(0.1, 3), "p": rng.uniform(0.05, 0.95),
           "least": rng.randrange(-100, 0), "most": rng.randrange(1, 100), "high": rng.uniform(2, 4)}
    probabilities, n = T.from_numpy(array(rng, shape)), rng.choice([0, 1, 10, 3000])
    weights = T.from_numpy(array(rng, rng.choice([(5,), (50,), (1, 5), (9, 5)]), 0.01))
    means, scales = T.from_numpy(array(rng, shape, -2, 2)), T.from_numpy(array(rng, shape))
    layout = rng.choice([lambda x: x, lambda x: x.transpose(0, -1) if x.ndim else x, lambda x: x[::2] if x.ndim else x])
    name, *arguments = rng.choice(IN_PLACE)
    dtype = integer if name in ("random_", "geometric_") and rng.random() < 0.5 else floating
    return rng.choice([
        lambda: ("rand", T.rand(shape, dtype=floating)),
        lambda: ("randn", T.randn(shape, dtype=floating)),
        lambda: ("randint", T.randint(how["least"], how["most"], shape, dtype=integer)),
        lambda: ("randint", T.randint(how["most"], shape)),
        lambda: ("randint", T.randint_like(T.zeros(shape, dtype=floating), how["most"])),
        lambda: ("randperm", T.randperm(n)),
        lambda: ("rand_like", T.rand_like(layout(T.zeros(shape, dtype=floating)))),
        lambda: ("randn_like", T.randn_like(layout(T.zeros(shape, dtype=floating)))),
        lambda: ("normal", T.normal(how["low"], how["scale"], shape)),
        lambda: ("normal", T.normal(means, how["scale"])),
        lambda: ("normal", T.normal(how["low"], scales)),
        lambda: ("normal", T.normal(means, scales)),
        lambda: ("bernoulli", T.bernoulli(probabilities)),
        lambda: ("bernoulli", probabilities.bernoulli(how["p"])),
        lambda: ("bernoulli_", T.zeros(shape).bernoulli_(probabilities)),
        lambda: ("multinomial", T.multinomial(weights, 1 + n % 3, replacement=rng.random() < 0.5)),
        lambda: ("poisson", T.poisson(probabilities * 20)),
        *[lambda: (name, getattr(layout(T.zeros(shape, dtype=dtype)), name)(*(how[a] for a in arguments)))] * 10,
    ])()


@pytest.mark.parametrize("start", range(10))
def test_mixed_sequences(start):
    for run in range(start * 25, start * 25 + 25):
        rng, twin = random.Random(run), random.Random(run)
        seed = rng.choice([0, 42, run, -1, 2**40 + run])
        assert twin.choice([0, 42, run, -1, 2**40 + run]) == seed
        torch.manual_seed(seed)
        ndl.manual_seed(seed)
        for k in range(12):
            name, theirs = draw(rng, torch)
            same, ours = draw(twin, ndl)
            where = f"draw {k} of run {run}: {name} {tuple(theirs.shape)} {theirs.dtype}"
            assert same == name and ours.dtype.name == str(theirs.dtype)[6:], where
            # What is not exact is off by NumPy's rounding of log, cos or tan; of a half, by one of its own steps.
            rtol = 0 if name in EXACT or not theirs.is_floating_point() else 2e-3 if theirs.itemsize == 2 else 3e-6
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=rtol, atol=rtol, err_msg=where)
        np.testing.assert_array_equal(ndl.get_rng_state().numpy(), torch.get_rng_state().numpy())


@pytest.mark.parametrize("source", lines("""
T.rand(2, generator=g)
T.randn(2, generator=g)
T.randint(0, 9, (3,), generator=g)
T.randperm(4, generator=g)
T.bernoulli(T.full((4,), 0.5), generator=g)
T.multinomial(T.tensor([0.2, 0.8]), 3, replacement=True, generator=g)
T.normal(0.0, 1.0, (2,), generator=g)
T.normal(T.zeros(2), T.ones(2), generator=g)
T.poisson(T.ones(3), generator=g)
T.zeros(3).uniform_(generator=g)
T.zeros(3).random_(0, 5, generator=g)
T.zeros(3).exponential_(generator=g)
T.zeros(2).normal_(0, 1, generator=g)
T.zeros(3).geometric_(0.5, generator=g)
T.zeros(2).cauchy_(generator=g)
T.zeros(2).log_normal_(generator=g)
T.zeros(3).bernoulli_(0.5, generator=g)
"""))
def test_every_draw_takes_a_generator(source):
    agree(f"g = T.Generator().manual_seed(5); ({source}, {source}, g.get_state())", torch)
    before = ndl.get_rng_state()
    eval(source, {"T": ndl, "g": ndl.Generator()})
    assert (ndl.get_rng_state() == before).all()


def test_generators_share_nothing():
    """Draws from one generator leave the others alone, and its numbers are torch's."""
    ndl.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = ndl.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    for _ in range(3):
        np.testing.assert_array_equal(ndl.rand(3, generator=ours).numpy(), torch.rand(3, generator=theirs).numpy())
        np.testing.assert_array_equal(ndl.rand(3).numpy(), torch.rand(3).numpy())
