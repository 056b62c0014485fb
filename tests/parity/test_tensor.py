"""What a Tensor is to the rest of Python, line by line as on torch: see `expressions.py`."""

import pytest

from tests.parity.expressions import agree, lines

torch = pytest.importorskip("torch")

ATTRIBUTES_AND_VALUES = r"""
T.tensor([1.5,2])
T.tensor([[1,2],[3,4]])
T.tensor(3.)
T.tensor(True)
T.tensor([1.],requires_grad=True)
T.tensor([1.],requires_grad=True)*2
T.tensor([1.5],dtype=T.float64)
T.ones(2,3).shape
T.ones(2,3).size()
T.ones(2,3).size(1)
T.ones(2,3).size(dim=-1)
T.ones(2,3).size(2)
T.ones(2,3).size('a')
T.ones(()).size(0)
T.ones(2,3).dim(), T.ones(2,3).ndim, T.ones(2,3).numel(), T.ones(2,3).nelement(), T.ones(2,3).ndimension()
T.ones(2,3).stride(), T.ones(2,3).stride(0), T.ones(2,3).stride(-1), T.ones(2,0).stride()
T.ones(()).stride(), T.ones(1,3).stride()
T.ones(2,3).stride(5)
T.ones(2,3).is_contiguous(), T.ones(2,3).storage_offset(), T.ones(2,3)[1].storage_offset()
T.ones(2).element_size(), T.ones(2).itemsize, T.ones(2).nbytes
T.ones(2).dtype, T.ones(2).device, str(T.ones(2).device), T.ones(2).layout
T.ones(2).is_cuda, T.ones(2).is_sparse, T.ones(2).is_leaf, T.ones(2).requires_grad, T.ones(2).grad
T.ones(2).grad_fn
T.tensor(3.5).item(), T.tensor(3).item(), T.tensor(True).item(), T.tensor([[2.]]).item()
T.ones(2).item()
T.ones(0).item()
T.tensor([1.5,2]).tolist(), T.tensor(3).tolist(), T.ones(2,0).tolist(), T.tensor([True]).tolist()
T.tensor([1.5,2]).numpy()
T.tensor([1.5,2],requires_grad=True).numpy()
T.tensor([1.5,2],requires_grad=True).numpy(force=True)
(T.tensor([1.5,2],requires_grad=True)*2).numpy()
np.array(T.tensor([1.5,2]))
np.asarray(T.tensor([1.5,2]))
np.array(T.tensor([1.5,2],requires_grad=True))
np.array([T.tensor(1.), T.tensor(2.)])
np.array([T.tensor([1.]), T.tensor([2.])])
np.array(T.tensor([1.5,2]), dtype=np.int64)
np.asarray(T.tensor([1.5,2]), dtype=np.float64)
x=T.ones(2); a=x.numpy(); a[0]=5; x
x=T.ones(2); a=np.asarray(x); a[0]=5; x
x=T.ones(2); a=np.array(x); a[0]=5; x
a=np.ones(2); x=T.from_numpy(a); x[0]=5; a
a=np.ones(2); x=T.from_numpy(a); a[0]=5; x
a=np.ones(2); x=T.as_tensor(a); a[0]=5; x
a=np.ones(2); x=T.tensor(a); a[0]=5; x
bool(T.tensor(3.)), bool(T.tensor([0])), bool(T.tensor([[True]]))
bool(T.ones(2))
bool(T.ones(0))
float(T.tensor(3)), int(T.tensor(3.7)), complex(T.tensor(2.))
float(T.ones(2))
int(T.ones(2))
[1,2,3][T.tensor(1)]
[1,2,3][T.tensor([1])]
[1,2,3][T.tensor(1.)]
[1,2,3][T.tensor([1,2])]
[1,2,3][T.tensor(True)]
list(range(T.tensor(3)))
chr(T.tensor(65))
len(T.ones(3,2)), len(T.ones(0))
len(T.tensor(1.))
list(T.tensor([1,2]))
[a for a in T.ones(2,2)]
list(T.tensor(1))
a,b = T.tensor([1,2]); a
1 in T.tensor([1,2]), 3 in T.tensor([1,2]), T.tensor(2) in T.tensor([1,2])
'a' in T.tensor([1,2])
[1] in T.tensor([1,2])
f"{T.tensor(3.14159):.2f}", "%.3f" % T.tensor(2.), "%d" % T.tensor(3), "{}".format(T.tensor(3))
f"{T.tensor(3.5)}", f"{T.tensor([1,2])}", str(T.tensor(2))
f"{T.tensor([3.14159]):.2f}"
f"{T.tensor([1.,2]):>10}"
"%s" % T.tensor(2.)
f"{T.tensor(3):5d}|{T.tensor(2.5):8.3f}|{T.tensor(2.5)!r}"
round(T.tensor(2.6))
round(T.tensor(2.66), 1)
math.sqrt(T.tensor(4.)), math.floor(T.tensor(2.5)), abs(T.tensor(-2.))
x=T.ones(1); {x: 3}[x]
x=T.ones(1); x is x, id(x)==id(x)
T.ones(2) == None
T.ones(2) != None
T.ones(2) == 'a'
T.ones(2) == [1,1]
T.ones(2) is None
x=T.ones(2); x.foo=3; x.foo
x=T.ones(2); x.foo
x=T.ones(2); x.requires_grad=True; x
x=T.ones(2).long(); x.requires_grad=True; x
x=T.ones(2).long(); x.requires_grad_()
x=T.ones(2,requires_grad=True); y=x*2; y.requires_grad=False
x=T.ones(2,requires_grad=True); y=x*2; y.requires_grad_(False)
x=T.ones(2,requires_grad=True); y=x*2; y.requires_grad_(True).requires_grad
x=T.ones(2,requires_grad=True); x.requires_grad_(False)
x=T.ones(2); x.requires_grad='a'; x
x=T.ones(2); x.requires_grad=1; x
x=T.ones(2); x.is_leaf=3
x=T.ones(2); x.dtype=T.int64
x=T.ones(2); x.shape=(3,)
x=T.ones(2); x.grad_fn=3
x=T.ones(2); x.device='cpu'
x=T.ones(2,requires_grad=True); x.grad=T.ones(2); x.grad
x=T.ones(2,requires_grad=True); x.grad=T.ones(3)
x=T.ones(2,requires_grad=True); x.grad=T.ones(2).double()
x=T.ones(2,requires_grad=True); x.grad=3
x=T.ones(2,requires_grad=True); x.grad=None; x.grad
x=T.ones(2,requires_grad=True); x.grad=x
x=T.ones(2); x.grad=T.ones(2); x.grad
x=T.ones(2,requires_grad=True); x.grad=T.ones(2); del x.grad; x.grad
x=T.ones(2,requires_grad=True); x.data=T.zeros(3); x
x=T.ones(2,requires_grad=True); x.data=T.zeros(3).long()
x=T.ones(2); x.data=T.zeros(3).long(); x
x=T.ones(2); x.data=3
x=T.ones(2); x.data=np.ones(2)
x=T.ones(2); y=x.data; y[0]=5; x
x=T.ones(2,requires_grad=True); x.data
x=T.ones(2,requires_grad=True); x.data.fill_(3); x
x=T.ones(2,requires_grad=True); x.data += 1; x
x=T.ones(2,requires_grad=True); y=x*2; y.data
x=T.ones(2,requires_grad=True); y=x*2; y.is_leaf, x.is_leaf, y.detach().is_leaf, y.detach().requires_grad
x=T.ones(2,requires_grad=True); y=x*2; y.grad
x=T.ones(2,requires_grad=True); y=(x*2); y.retain_grad(); y.sum().backward(); y.grad
T.ones(2).retain_grad()
x=T.ones(2,requires_grad=True); x.retain_grad(); x.retains_grad
x=T.ones(2,requires_grad=True); y=x*2; y.detach_()
x=T.ones(2,requires_grad=True)*2; y=x.view(2); y.detach_()
T.ones(2).backward()
copy.copy(T.ones(2))
x=T.ones(2); y=copy.copy(x); y[0]=4; x
x=T.ones(2); y=copy.deepcopy(x); y[0]=4; x
x=T.ones(2,requires_grad=True); x.grad=T.ones(2); y=copy.deepcopy(x); y, y.grad
x=T.ones(2,requires_grad=True); copy.deepcopy(x*2)
x=T.ones(2,3); y=copy.deepcopy([x, x[0], x.t()]); y[0][0,0]=7; y
x=T.ones(2); x.foo=[1]; copy.deepcopy(x).foo
pickle.loads(pickle.dumps(T.ones(2,3)))
pickle.loads(pickle.dumps(T.ones(2,requires_grad=True)))
pickle.loads(pickle.dumps(T.ones(2,requires_grad=True)*2))
x=T.ones(2,3); pickle.loads(pickle.dumps(x.t())).stride()
x=T.ones(2,3); y=pickle.loads(pickle.dumps([x, x[0]])); y[0][0,0]=7; y[1]
x=T.ones(2); x.foo=[1]; pickle.loads(pickle.dumps(x)).foo
x=T.ones(2,requires_grad=True); x.grad=T.ones(2); pickle.loads(pickle.dumps(x)).grad
T.ones(2) + np.ones(2)
T.ones(2) * np.float64(2)
T.ones(2) * np.float32(2)
T.ones(2) * np.int64(2)
np.float64(2) * T.ones(2)
np.float32(2) * T.ones(2)
np.int64(2) * T.ones(2)
T.arange(2) * np.float64(2.5)
np.float64(2.5) * T.arange(2)
T.ones(2) + np.ones(2,np.float32)
T.ones(2).to(T.float64) + np.ones(2)
np.sqrt(2.) * T.ones(2)
T.ones(2) / np.sqrt(4)
x=T.ones(2); x += np.float64(2); x
x=T.ones(2); x *= np.float32(2); x
T.ones(2) + [1,2]
T.ones(2) + 'a'
T.ones(2) + None
'a' + T.ones(2)
T.ones(2).T
T.ones(2,3).T.shape
T.ones(2,3,4).T.shape
T.Size([2,3]).numel(), T.Size([2,3])[0], T.Size([2,3])[:1], T.Size([2,3]) + (4,)
T.Size((2,3)) == (2,3), (4,) + T.Size([2])
T.Size([2,3])*2
T.Size([2.5])
T.Size()
a,b=T.ones(2,3).shape; (a,b)
list(T.ones(2,3).shape), tuple(T.ones(2,3).shape)
T.tensor([1,2]).type(), T.tensor(1.).type()
T.is_tensor(T.ones(1)), isinstance(T.ones(1), T.Tensor)
T.ones(2).new_tensor([1,2])
T.ones(2).long().new_tensor([1.5,2])
T.ones(2).new_zeros(3), T.ones(2).new_ones((2,)), T.ones(2).long().new_full((2,),3)
T.ones(2).new_empty(2).shape
T.ones(2).new_full((2,),3), T.ones(2).new_tensor(3)
T.ones(2).clone(), T.ones(2,requires_grad=True).clone().is_leaf
T.ones(2).output_nr, T.ones(2)._version
x=T.ones(2); x.add_(1); x._version
x=T.ones(2); x.data.add_(1); x._version
x=T.ones(2); x.detach().add_(1); x._version
T.ones(2).register_hook(lambda g: g)
T.tensor(2.5).__index__()
T.tensor([[1]]).__index__()
~T.tensor([True,False])
-T.tensor([1,2])
T.ones(2)[0].item()
T.ones(2).to(T.float16)
T.zeros(3)[0] == 0
if_ = T.tensor(1.) > 0; bool(if_)
sum(T.tensor([1,2,3]))
max(T.tensor([1,3,2]))
sorted(T.tensor([3,1,2]))
T.tensor(3.) < 4, 4 > T.tensor(3.)
T.tensor(7) // 2, T.tensor(7) % 2, 7 // T.tensor(2), 2 ** T.tensor(3), T.tensor(2) ** 3
T.ones(2).__array__().dtype
"""

CONVERSIONS = r"""
T.ones(2).type()
T.ones(2).bool().type(), T.ones(2).byte().type(), T.ones(2).half().type(), T.ones(2).char().type()
T.ones(2).short().type(), T.ones(2).int().type(), T.ones(2).double().type()
T.ones(2).type('torch.DoubleTensor')
T.ones(2).type(T.DoubleTensor)
T.ones(2).type(T.float64)
T.ones(2).type('foo')
T.ones(2).type(T.Tensor)
T.ones(2).type(None)
T.ones(2).type(dtype=T.int8)
T.FloatTensor.__name__, T.FloatTensor.dtype
type(T.FloatTensor).__name__
T.FloatTensor([1,2])
T.FloatTensor(2,3).shape
T.FloatTensor()
T.LongTensor([1,2])
T.LongTensor([1.5,2])
T.LongTensor(3).shape
T.LongTensor(np.array([1,2]))
T.LongTensor(np.array([1,2],np.int32))
T.FloatTensor(np.array([1,2]))
T.FloatTensor(np.array([1.,2]))
T.FloatTensor(T.ones(2))
T.FloatTensor(T.ones(2).double())
T.FloatTensor(T.Size([2,3])).shape
T.FloatTensor((2,3))
T.FloatTensor(2.5)
T.FloatTensor(np.int64(2)).shape
T.Tensor(T.tensor(2)).shape
T.Tensor(T.tensor(2.))
T.Tensor(2.5)
T.Tensor('a')
T.Tensor(None)
T.Tensor([[1,2],[3]])
T.Tensor(3,4).shape
T.Tensor([3,4])
T.Tensor((3,4))
T.Tensor()
T.Tensor(range(3))
T.Tensor(np.float32(3)).shape
T.Tensor(np.ones(3))
T.Tensor(np.arange(3))
T.Tensor(-1)
T.Tensor(3, '4')
T.Tensor(data=[1])
T.Tensor([1],device='cpu')
T.Tensor([1],dtype=T.int64)
T.Tensor([[1,2],[3,4]])
T.Tensor(T.ones(2,requires_grad=True)).requires_grad
T.Tensor(T.arange(3))
x=T.ones(3); y=T.Tensor(x); y[0]=4; x
T.ByteTensor([1,0])
T.BoolTensor([1,0])
T.IntTensor([1])
T.ShortTensor([1]).dtype, T.CharTensor([1]).dtype, T.HalfTensor([1]).dtype
T.DoubleTensor([1])
isinstance(T.ones(2), T.FloatTensor), isinstance(T.ones(2).double(), T.FloatTensor)
isinstance(T.ones(2), T.DoubleTensor), isinstance(3, T.FloatTensor)
issubclass(T.FloatTensor, T.Tensor)
T.is_tensor(T.ones(1)), T.is_tensor(1)
T.is_floating_point(T.ones(1)), T.is_floating_point(T.ones(1).long())
T.is_complex(T.ones(1)), T.numel(T.ones(2,3)), T.is_nonzero(T.tensor([1]))
T.is_nonzero(T.ones(2))
T.numel(3)
T.is_floating_point(3)
T.ones(2).new(3,4).shape
T.ones(2).new([3,4])
T.ones(2).long().new([3,4])
T.ones(2).new()
T.ones(2).new(T.ones(3))
T.ones(2).fill_(3)
T.ones(2).fill_(T.tensor(3))
T.ones(2).fill_(T.tensor([3]))
T.ones(2).fill_([3])
T.ones(2).long().fill_(3.7)
T.ones(2).bool().fill_(3.7)
T.ones(2).byte().fill_(-1)
T.fill(T.ones(2),3)
T.fill_(T.ones(2),3)
T.zero_(T.ones(2))
T.ones(2).fill_(float('inf'))
T.ones(2).to('foo')
T.ones(2).to()
T.ones(2).to(None)
T.ones(2).to(T.float64, True)
T.ones(2).to('cpu', T.float64, True, True)
T.ones(2).to(T.ones(3).long())
T.ones(2).to(device='cpu', dtype=T.int8)
T.ones(2).to(dtype=T.int8, foo=1)
T.ones(2).to(float)
T.ones(2).to(np.float32)
T.ones(2).to("float32")
T.set_default_tensor_type(T.LongTensor)
T.result_type(T.ones(2).int(), 2.5)
T.result_type(2, 2.5)
T.result_type(True, T.tensor(1))
T.result_type(T.ones(2).half(), T.tensor(1.).double())
T.can_cast(T.float32, T.int64), T.can_cast(T.int64, T.float16), T.can_cast(T.bool, T.uint8)
T.can_cast(T.uint8,T.bool)
T.can_cast(T.ones(2),T.int64)
T.promote_types(T.uint8, T.int8)
T.promote_types(1, T.int8)
"""


@pytest.mark.parametrize("source", lines(ATTRIBUTES_AND_VALUES))
def test_attributes_and_values(source):
    agree(source, torch)


@pytest.mark.parametrize("source", lines(CONVERSIONS))
def test_conversions(source):
    agree(source, torch)
