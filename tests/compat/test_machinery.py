"""What scripts ask about a machine without a GPU; autocast, gradient scaling, profiling, processes."""

import json
import subprocess
import sys

import pytest

import minitorch_ndl as ndl
from minitorch_ndl import nn, optim, profiler


def test_nothing_is_claimed_that_is_not_there():
    assert not ndl.cuda.is_available() and ndl.cuda.device_count() == 0 and not ndl.backends.cudnn.is_available()
    assert not ndl.backends.mps.is_available() and not ndl.mps.is_available() and not ndl.xpu.is_available()
    assert not ndl.accelerator.is_available() and ndl.accelerator.current_accelerator() is None
    assert not ndl.distributed.is_available() and not ndl.distributed.is_initialized() and ndl.version.cuda is None
    for harmless in (ndl.cuda.empty_cache, lambda: ndl.cuda.manual_seed_all(0), ndl.cuda.reset_peak_memory_stats):
        assert harmless() is None
    assert ndl.cuda.memory_allocated() == 0 and not isinstance(ndl.ones(1), ndl.cuda.FloatTensor)
    for call in (ndl.cuda.synchronize, ndl.cuda.current_device, lambda: ndl.cuda.get_device_name(0),
                 lambda: ndl.cuda.FloatTensor(2), ndl.cuda.Event, ndl.distributed.init_process_group):
        with pytest.raises(RuntimeError, match="is_available"):
            call()
    with pytest.raises(ValueError, match="process group"):
        ndl.distributed.get_rank()


@pytest.mark.parametrize("path", ["backends.cudnn", "backends.cuda", "backends.mps", "cuda.amp", "cuda.random", "distributed", "amp",
                                  "multiprocessing", "profiler", "jit", "hub", "testing", "version"])
def test_paths_can_be_imported(path):
    code = (f"import importlib, minitorch_ndl as ndl\nmodule = importlib.import_module('minitorch_ndl.{path}')\n"
            f"assert ndl.{path} is module and not vars(module).get('absent')")
    subprocess.run([sys.executable, "-c", code], check=True)
    assert ndl.cuda.amp.GradScaler is ndl.amp.GradScaler and issubclass(ndl.cuda.amp.autocast, ndl.amp.autocast)


def test_settings_are_remembered_and_checked():
    threads = ndl.get_num_threads()
    assert threads >= 1
    ndl.set_num_threads(1)
    assert ndl.get_num_threads() == 1
    ndl.set_num_threads(threads)
    ndl.set_float32_matmul_precision("high")
    assert ndl.get_float32_matmul_precision() == "high"
    ndl.set_float32_matmul_precision("highest")
    ndl.use_deterministic_algorithms(True, warn_only=True)
    assert ndl.are_deterministic_algorithms_enabled() and ndl.is_deterministic_algorithms_warn_only_enabled()
    ndl.use_deterministic_algorithms(False)
    ndl.set_default_device("cpu")
    assert ndl.get_default_device() == ndl.device("cpu")
    for call, error in ((lambda: ndl.set_num_threads(0), RuntimeError), (lambda: ndl.set_num_threads(1.5), RuntimeError),
                        (lambda: ndl.set_float32_matmul_precision("low"), ValueError), (lambda: ndl.set_default_device("cuda"), RuntimeError)):
        with pytest.raises(error):
            call()


def test_compile_and_script_give_back_what_they_get():
    net = nn.Linear(2, 2)
    assert ndl.compile(net) is net and ndl.jit.script(net) is net and ndl.jit.trace(net, ndl.ones(1, 2)) is net

    @ndl.compile(mode="max-autotune")
    def f(x):
        return x + 1

    @ndl.jit.ignore(drop=True)
    def g(x):
        return x + 2

    assert f(1) == 2 and g(1) == 3 and not ndl.jit.is_scripting()
    with pytest.raises(RuntimeError, match="module or a function"):
        ndl.compile(3)


def test_autocast():
    with pytest.warns(UserWarning, match="CUDA is not available. Disabling"), ndl.autocast("cuda", dtype=ndl.float16):
        assert (ndl.ones(2, 2) @ ndl.ones(2, 2)).dtype is ndl.float32

    @ndl.autocast("cpu", enabled=False)
    def f(x):
        return x * 2

    assert f(2) == 4 and f.__name__ == "f"
    with pytest.raises(RuntimeError, match="nonsense"):
        ndl.autocast("nonsense")


def scaled(scaler, grad):
    """One step of SGD on a weight of 1 whose gradient is `grad`."""
    w = nn.Parameter(ndl.tensor([1.0]))
    optimizer = optim.SGD([w], lr=1.0)
    scaler.scale((w * grad).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    return w.item()


def test_grad_scaler():
    scaler = ndl.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    assert scaled(scaler, 0.5) == 0.5 and scaler.get_scale() == 8
    assert scaled(scaler, 0.25) == 0.75 and scaler.get_scale() == 16, "two good steps"
    assert scaled(scaler, float("inf")) == 1.0 and scaler.get_scale() == 8, "an overflow: no step"
    other = ndl.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict() and other.get_scale() == 8
    w = nn.Parameter(ndl.tensor([1.0]))
    optimizer = optim.SGD([w], lr=1.0)
    scaler.scale((w * 3).sum()).backward()
    scaler.unscale_(optimizer)
    assert w.grad.item() == 3
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.step(optimizer)
    with pytest.raises(AssertionError):
        ndl.amp.GradScaler("cpu").update()


def test_grad_scaler_without_a_gpu_is_out_of_the_way():
    with pytest.warns(UserWarning, match="CUDA is not available"):
        scaler = ndl.cuda.amp.GradScaler()
    assert not scaler.is_enabled() and scaler.get_scale() == 1 and scaler.state_dict() == {} and scaled(scaler, 0.5) == 0.5


def spin(seconds):
    import time

    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_profiler_measures(tmp_path):
    with profiler.profile(activities=[profiler.ProfilerActivity.CPU]) as profile:
        for _ in range(2):
            with profiler.record_function("outer"):
                spin(0.004)
                with profiler.record_function("inner"):
                    spin(0.006)
    with profiler.record_function("after"):
        pass
    rows = {row.key: row for row in profile.key_averages()}
    assert list(rows) == ["outer", "inner"] and rows["outer"].count == 2
    assert rows["outer"].cpu_time_total >= 20_000 and rows["inner"].cpu_time_total >= 12_000
    assert rows["outer"].self_cpu_time_total == pytest.approx(rows["outer"].cpu_time_total - rows["inner"].cpu_time_total)
    assert rows["outer"].cpu_time == rows["outer"].cpu_time_total / 2
    table = profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=1)
    first, second = sorted(rows, key=lambda name: -rows[name].self_cpu_time_total)
    assert first in table and second not in table and "# of Calls" in table
    profile.export_chrome_trace(tmp_path / "trace.json")
    assert len(json.loads((tmp_path / "trace.json").read_text())["traceEvents"]) == 4


def test_profiler_schedule(tmp_path):
    seen = []
    plan = profiler.schedule(skip_first=1, wait=1, warmup=1, active=2, repeat=2)
    with profiler.profile(schedule=plan, on_trace_ready=lambda p: seen.append([e.name for e in p.events()])) as profile:
        for step in range(12):
            with profiler.record_function(f"work {step}"):
                pass
            profile.step()
    assert seen == [["work 3", "ProfilerStep#3", "work 4", "ProfilerStep#4"], ["work 7", "ProfilerStep#7", "work 8", "ProfilerStep#8"]]
    with profiler.profile(on_trace_ready=profiler.tensorboard_trace_handler(str(tmp_path / "log"))), profiler.record_function("x"):
        pass
    assert len(list((tmp_path / "log").glob("*.pt.trace.json"))) == 1


def double(i, results, factor):
    if factor == 0:
        raise ZeroDivisionError("of process %d" % i)
    results.put((i, i * factor))


def test_processes():
    from minitorch_ndl import multiprocessing as mp

    assert mp.get_sharing_strategy() in mp.get_all_sharing_strategies() and mp.cpu_count() >= 1
    results = mp.get_context("fork").SimpleQueue()
    mp.spawn(double, (results, 10), nprocs=2, start_method="fork")
    assert {results.get(), results.get()} == {(0, 0), (1, 10)}
    with pytest.raises(mp.ProcessRaisedException, match="ZeroDivisionError"):
        mp.spawn(double, (results, 0), nprocs=2, start_method="fork")
