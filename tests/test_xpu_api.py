"""Every name of torch.xpu and torch.accelerator, stock's and ours."""

import contextlib
import ctypes.util
import gc
import inspect
import pickle
import re
import weakref
from pathlib import Path

import pytest
import torch
from processes import output_of

import intel_extension_for_pytorch as ipex
import intel_extension_for_pytorch.xpu as ipex_xpu

MIB = 2**20


def test_every_stock_name_is_there():
    assert set(torch.xpu.__all__) <= set(dir(torch.xpu))
    for name in torch.xpu.__all__:
        value = getattr(torch.xpu, name)
        assert not (inspect.isclass(value) and value.__name__ == "Dummy"), name


def test_every_name_stock_uses_is_in_torch_c():
    sources = Path(torch.__file__).parent
    files = [*sources.glob("xpu/*.py"), *sources.glob("_dynamo/device_interface.py")]
    pattern = re.compile(r"torch\._C\.(_xpu_\w+|_Xpu\w+|_XPU\w+)")
    names = {name for file in files for name in pattern.findall(file.read_text())}
    assert len(names) > 25
    placeholder = torch._utils._dummy_type("X").__init__.__code__
    for name in names:
        constructor = getattr(getattr(torch._C, name), "__init__", None)
        assert getattr(constructor, "__code__", None) is not placeholder, name


@pytest.mark.parametrize("name", ipex_xpu.__all__)
def test_every_name_added_by_us_is_in_torch_xpu(name):
    assert getattr(torch.xpu, name) is getattr(ipex_xpu, name)


# Devices


def test_current_device():
    assert torch.xpu.device_count() >= 1
    torch.xpu.set_device(0)
    torch.xpu.set_device(-1)
    assert torch.xpu.current_device() == 0
    with torch.xpu.device(0), torch.xpu.device(-1), torch.xpu.device("xpu:0"):
        assert torch.xpu.current_device() == 0
    with torch.xpu.device_of(torch.empty(1, device="xpu")):
        assert torch.xpu.current_device() == 0


@pytest.mark.parametrize(
    "use",
    [
        lambda: torch.xpu.set_device(99),
        lambda: torch.xpu.get_device_properties(99),
        lambda: torch.xpu.current_stream(99),
        lambda: torch.xpu.synchronize(99),
        lambda: torch.xpu.memory_stats(99),
        lambda: torch.xpu.mem_get_info(99),
        lambda: torch.xpu.reset_peak_memory_stats(99),
        lambda: torch.xpu.can_device_access_peer(0, 99),
        lambda: torch.empty(1, device="xpu:99"),
    ],
)
def test_device_out_of_range(use):
    torch.xpu.init()
    with pytest.raises(RuntimeError, match=r"out of range.*99"):
        use()


# The fields stock documents, then those of the original.
STOCK_PROPERTIES = {
    "name": str,
    "platform_name": str,
    "vendor": str,
    "device_id": int,
    "driver_version": str,
    "version": str,
    "max_compute_units": int,
    "gpu_eu_count": int,
    "max_work_group_size": int,
    "max_num_sub_groups": int,
    "memory_clock_rate": int,
    "memory_bus_width": int,
    "sub_group_sizes": list,
    "local_mem_size": int,
    "last_level_cache_size": int,
    "has_fp16": bool,
    "has_fp64": bool,
    "has_atomic64": bool,
    "has_bfloat16_conversions": bool,
    "has_subgroup_matrix_multiply_accumulate": bool,
    "has_subgroup_matrix_multiply_accumulate_tensor_float32": bool,
    "has_subgroup_2d_block_io": bool,
    "is_integrated_gpu": bool,
    "total_memory": int,
    "gpu_subslice_count": int,
    "architecture": int,
    "type": str,
}
ORIGINAL_PROPERTIES = {"dev_type": str, "support_fp64": bool}


@pytest.mark.parametrize(("name", "kind"), (STOCK_PROPERTIES | ORIGINAL_PROPERTIES).items())
def test_device_property(name, kind):
    properties = torch.xpu.get_device_properties()
    assert type(getattr(properties, name)) is kind
    assert f"{name}=" in repr(properties)


def test_device_properties_are_those_of_this_device():
    properties = torch.xpu.get_device_properties(0)
    assert isinstance(properties, torch.xpu._XpuDeviceProperties)
    assert properties.name == torch.xpu.get_device_name("xpu:0") != ""
    assert properties.type in ("gpu", "cpu", "accelerator")
    assert properties.support_fp64 == properties.has_fp64 == torch.xpu.has_fp64_dtype()
    assert properties.total_memory > 64 * MIB
    assert len(properties.uuid.bytes) == 16
    capability = torch.xpu.get_device_capability()
    assert capability["max_work_group_size"] == properties.max_work_group_size > 0
    assert capability["sub_group_sizes"] == properties.sub_group_sizes != []


def test_capabilities():
    properties = torch.xpu.get_device_properties()
    assert torch.xpu.is_bf16_supported()
    assert torch.xpu.is_bf16_supported(False) == properties.has_bfloat16_conversions
    xmx = properties.has_subgroup_matrix_multiply_accumulate
    assert torch.xpu.is_tf32_supported() == torch.xpu.has_xmx() == xmx
    assert torch.xpu.has_2d_block_array() == properties.has_subgroup_2d_block_io
    answers = ("has_onemkl", "has_xetla", "has_multi_context", "has_channels_last_1d")
    assert all(isinstance(getattr(torch.xpu, name)(), bool) for name in answers)
    assert torch.xpu.has_onemkl()
    assert torch.xpu.get_arch_list() == []
    assert torch.xpu.get_gencode_flags() == ""


def test_sycl_device_capsule():
    assert "torch.xpu.device.sycl_device" in repr(torch.xpu.device(0).sycl_device)


@pytest.mark.parametrize(
    "name",
    [
        "clock_rate",
        "temperature",
        "power_draw",
        "utilization",
        "memory_usage",
        "device_memory_used",
    ],
)
def test_telemetry_needs_pyzes(name):
    with pytest.raises(ImportError, match="pip install pyzes"):
        getattr(torch.xpu, name)()


def test_two_devices(tmp_path):
    code = """
import torch
torch.xpu.init()
print(torch.xpu.device_count(), len(torch.xpu.default_generators))
with torch.xpu.device(1):
    stream = torch.xpu.Stream()
    print(torch.empty(1, device="xpu").device, stream.device, torch.xpu.current_device())
print(torch.xpu.current_device(), torch.xpu.Stream(device=1).device)
before = torch.xpu.current_stream(1)
with torch.xpu.stream(stream):
    print(torch.xpu.current_device(), torch.xpu.current_stream() == stream)
print(torch.xpu.current_device(), torch.xpu.current_stream(1) == before)
tensor = torch.empty(1 << 20, dtype=torch.uint8, device="xpu:1")
print(torch.xpu.memory_allocated(0), torch.xpu.memory_allocated(1) >= 1 << 20)
torch.xpu.set_device(1)
print(torch.accelerator.current_device_index(), torch.accelerator.device_count())
event = torch.xpu.Event()
event.record(torch.xpu.current_stream(0))
try:
    event.record(torch.xpu.current_stream(1))
except RuntimeError as error:
    print("does not match" in str(error))
"""
    assert output_of(code, tmp_path, IPEX_XPU_CPU_DEVICES="2").splitlines() == [
        "2 2",
        "xpu:1 xpu:1 1",
        "0 xpu:1",
        "1 True",
        "0 True",
        "0 True",
        "1 2",
        "True",
    ]


# Streams


def test_stream_is_a_torch_stream():
    stream = torch.xpu.Stream()
    assert isinstance(stream, torch.Stream)
    assert stream.device == torch.device("xpu:0")
    assert stream.sycl_queue == stream.native_handle == stream._as_parameter_.value != 0
    assert f"{stream.sycl_queue:#x}" in repr(stream)
    assert stream == torch.xpu.Stream(
        stream_id=stream.stream_id, device_index=stream.device_index, device_type=stream.device_type
    )
    assert len({stream, torch.xpu.Stream(), torch.xpu.current_stream()}) == 3
    torch.empty(8, device="xpu").record_stream(stream)


def test_stream_priorities():
    least, greatest = torch.xpu.Stream.priority_range()
    assert greatest < least
    for priority in range(greatest, least + 1):
        assert torch.xpu.Stream(priority=priority).priority == priority
    assert torch.xpu.Stream(priority=-99).priority == greatest
    assert torch.xpu.Stream(priority=99).priority == least


def test_current_stream():
    before = torch.xpu.current_stream()
    stream = torch.xpu.Stream()
    with torch.xpu.stream(stream):
        assert torch.xpu.current_stream() == stream
        assert torch.accelerator.current_stream().stream_id == stream.stream_id
        assert torch._C._xpu_getCurrentRawStream(0) == stream.sycl_queue
        with torch.xpu.stream(None):
            assert torch.xpu.current_stream() == stream
    assert torch.xpu.current_stream() == before
    torch.xpu.set_stream(stream)
    assert torch.xpu.current_stream() == stream
    torch.xpu.set_stream(before)
    with stream:
        assert torch.xpu.current_stream() == stream
    assert torch.xpu.current_stream() == before


def test_stream_waits():
    first, second = torch.xpu.Stream(), torch.xpu.Stream()
    source = torch.arange(MIB, dtype=torch.float32)
    with torch.xpu.stream(first):
        copied = source.to("xpu", non_blocking=True)
    second.wait_stream(first)
    second.wait_event(first.record_event())
    with torch.xpu.stream(second):
        again = copied.cpu()
    assert torch.equal(again, source)
    for stream in (first, second):
        stream.synchronize()
        assert stream.query()


def test_external_stream():
    queue = torch.xpu.Stream().sycl_queue
    external = torch.xpu.get_stream_from_external(queue)
    assert external.sycl_queue == queue
    with torch.xpu.stream(external):
        assert torch.empty(2, device="xpu").cpu().shape == (2,)
    with pytest.raises(RuntimeError, match="expected the address of a sycl::queue"):
        torch.xpu.get_stream_from_external(0)


@pytest.mark.parametrize("make", [torch.xpu.Stream, torch.xpu.Event])
def test_stream_and_event_are_freed(make):
    created = make()
    reference = weakref.ref(created)
    if isinstance(created, torch.Stream):
        with created:
            pass
    del created
    gc.collect()
    assert reference() is None


# Events


def test_event_measures_time():
    start, end = torch.xpu.Event(enable_timing=True), torch.xpu.Event(enable_timing=True)
    start.record()
    torch.ones(MIB).to("xpu")
    end.record()
    end.synchronize()
    assert start.query() and end.query()
    assert 0 < start.elapsed_time(end) < 60_000
    assert end.elapsed_time(start) == -start.elapsed_time(end)


def test_event_before_it_is_recorded():
    event = torch.xpu.Event()
    assert event.query() and event.device is None and event.sycl_event == 0
    assert repr(event) == "torch.xpu.Event(uninitialized)"
    event.wait()
    event.synchronize()
    event.record()
    assert event.device == torch.device("xpu:0")
    assert event._as_parameter_.value == event.sycl_event != 0


def test_event_errors():
    recorded, silent = torch.xpu.Event(enable_timing=True), torch.xpu.Event()
    recorded.record()
    with pytest.raises(RuntimeError, match="Both events must be recorded"):
        recorded.elapsed_time(silent)
    silent.record()
    torch.xpu.synchronize()
    with pytest.raises(RuntimeError, match="enable_timing=True"):
        recorded.elapsed_time(silent)
    with pytest.raises(TypeError, match=r"expected a torch.xpu.Event .* got int"):
        recorded.elapsed_time(1)


def test_event_and_torch_event_may_be_mixed():
    ours, generic = torch.xpu.Event(enable_timing=True), torch.Event("xpu", enable_timing=True)
    assert isinstance(ours, torch.Event)
    stream = torch.Stream("xpu")
    ours.record(stream)
    stream.wait_event(ours)
    stream.synchronize()
    generic.record(torch.xpu.current_stream())
    torch.xpu.synchronize()
    assert ours.elapsed_time(generic) > 0


# Random numbers


@pytest.fixture
def kept_rng_state():
    with torch.random.fork_rng(devices=[0], device_type="xpu"):
        yield


@pytest.mark.usefixtures("kept_rng_state")
def test_rng_state():
    torch.xpu.manual_seed(11)
    assert torch.xpu.initial_seed() == 11
    state = torch.xpu.get_rng_state()
    torch.xpu.manual_seed_all(12)
    assert not torch.equal(torch.xpu.get_rng_state("xpu:0"), state)
    torch.xpu.set_rng_state(state)
    assert torch.equal(torch.xpu.get_rng_state(0), state)
    states = torch.xpu.get_rng_state_all()
    torch.xpu.seed_all()
    assert torch.xpu.initial_seed() != 11
    torch.xpu.set_rng_state_all(states)
    assert torch.xpu.initial_seed() == 11
    torch.xpu.seed()
    assert torch.xpu.initial_seed() != 11
    torch.manual_seed(13)
    assert torch.xpu.initial_seed() == 13


@pytest.mark.usefixtures("kept_rng_state")
def test_default_generators():
    assert len(torch.xpu.default_generators) == torch.xpu.device_count()
    generator = torch.xpu.default_generators[0]
    assert generator.device == torch.device("xpu:0")
    generator.manual_seed(5)
    assert torch.xpu.initial_seed() == 5
    torch.xpu._set_rng_state_offset(8)
    assert torch.xpu._get_rng_state_offset() == generator.get_offset() == 8
    with torch.random.fork_rng(devices=[0], device_type="xpu"):
        torch.xpu.manual_seed(6)
    assert torch.xpu.initial_seed() == 5


# Memory

STAT_ARRAYS = [
    "allocation",
    "segment",
    "active",
    "inactive_split",
    "allocated_bytes",
    "reserved_bytes",
    "active_bytes",
    "inactive_split_bytes",
    "requested_bytes",
]
STAT_NUMBERS = [
    "num_alloc_retries",
    "num_ooms",
    "num_sync_all_streams",
    "num_device_alloc",
    "num_device_free",
]


def test_memory_stats_have_every_key():
    torch.xpu.init()
    stats = torch.xpu.memory_stats()
    metrics = ("current", "peak", "allocated", "freed")
    for name in STAT_ARRAYS:
        for pool in ("all", "large_pool", "small_pool"):
            for metric in metrics:
                assert stats[f"{name}.{pool}.{metric}"] >= 0
    for name in ("oversize_allocations", "oversize_segments"):
        assert all(stats[f"{name}.{metric}"] >= 0 for metric in metrics)
    assert all(stats[name] >= 0 for name in STAT_NUMBERS)
    assert torch.xpu.memory_stats_as_nested_dict()["active"]["all"]["peak"] >= 0
    assert torch.accelerator.memory_stats() == stats


def test_memory_figures_follow_allocations():
    torch.xpu.empty_cache()
    torch.xpu.reset_peak_memory_stats()
    before = torch.xpu.memory_allocated()
    tensor = torch.empty(8 * MIB, dtype=torch.uint8, device="xpu")
    assert torch.xpu.memory_allocated() - before == 8 * MIB
    assert torch.xpu.memory_reserved() == torch.xpu.memory_cached() >= torch.xpu.memory_allocated()
    del tensor
    assert torch.xpu.memory_allocated() == before
    assert torch.xpu.max_memory_allocated() == before + 8 * MIB
    assert torch.xpu.max_memory_reserved() == torch.xpu.max_memory_cached() >= before + 8 * MIB
    reserved = torch.xpu.memory_reserved()
    torch.xpu.empty_cache()
    assert torch.xpu.memory_reserved() < reserved
    assert "Allocated memory" in torch.xpu.memory_summary()
    assert "large pool" not in torch.xpu.memory_summary(abbreviated=True)


@pytest.mark.parametrize(
    "reset",
    ["reset_max_memory_allocated", "reset_max_memory_reserved", "reset_max_memory_cached"],
)
def test_peaks_can_be_reset(reset):
    torch.empty(8 * MIB, dtype=torch.uint8, device="xpu")
    assert torch.xpu.max_memory_allocated() >= torch.xpu.memory_allocated() + 8 * MIB
    getattr(torch.xpu, reset)()
    assert torch.xpu.max_memory_allocated() == torch.xpu.memory_allocated()
    assert torch.xpu.max_memory_reserved() == torch.xpu.memory_reserved()


def test_accumulated_stats_can_be_reset():
    torch.empty(MIB, dtype=torch.uint8, device="xpu")
    assert torch.xpu.memory_stats()["allocation.all.freed"] > 0
    torch.xpu.reset_accumulated_memory_stats()
    assert torch.xpu.memory_stats()["allocation.all.freed"] == 0


def test_memory_information():
    free, total = torch.xpu.mem_get_info()
    assert 0 < free <= total == torch.xpu.get_device_properties().total_memory
    assert torch.accelerator.get_memory_info()[1] == total


def test_memory_fraction():
    assert torch.xpu.get_per_process_memory_fraction() == 1.0
    total = torch.xpu.mem_get_info()[1]
    torch.xpu.empty_cache()
    limit = (torch.xpu.memory_reserved() + 64 * MIB) / total
    torch.xpu.set_per_process_memory_fraction(limit)
    try:
        assert torch.xpu.get_per_process_memory_fraction() == pytest.approx(limit)
        with pytest.raises(torch.OutOfMemoryError):
            torch.empty(128 * MIB, dtype=torch.uint8, device="xpu")
    finally:
        torch.xpu.set_per_process_memory_fraction(1.0)
    assert torch.empty(128 * MIB, dtype=torch.uint8, device="xpu").numel() == 128 * MIB
    with pytest.raises(TypeError, match="must be `float`"):
        torch.xpu.set_per_process_memory_fraction(1)
    with pytest.raises((RuntimeError, ValueError)):
        torch.xpu.set_per_process_memory_fraction(1.5)


def test_out_of_memory_leaves_the_process_alive():
    before = torch.xpu.memory_stats()["num_ooms"]
    with pytest.raises(torch.OutOfMemoryError, match="Tried to allocate"):
        torch.empty(2**50, dtype=torch.uint8, device="xpu")
    assert torch.xpu.memory_stats()["num_ooms"] == before + 1
    assert torch.empty(4, device="xpu").cpu().shape == (4,)


@contextlib.contextmanager
def recorded_history(**choices):
    torch.xpu.memory._record_memory_history(**choices)
    try:
        yield
    finally:
        torch.xpu.memory._record_memory_history(enabled=None)


def test_memory_snapshot_knows_who_allocated(tmp_path):
    with recorded_history():
        tensor = torch.empty(3 * MIB, dtype=torch.uint8, device="xpu")
        snapshot = torch.xpu.memory._snapshot()
        path = tmp_path / "snapshot.pickle"
        torch.xpu.memory._dump_snapshot(str(path))
    blocks = {
        block["address"]: block for segment in snapshot["segments"] for block in segment["blocks"]
    }
    block = blocks[tensor.data_ptr()]
    assert block["state"] == "active_allocated"
    assert block["requested_size"] == 3 * MIB <= block["size"]
    names = {frame["name"] for frame in block["frames"]}
    assert test_memory_snapshot_knows_who_allocated.__name__ in names
    actions = [entry["action"] for entry in snapshot["device_traces"][0]]
    assert "alloc" in actions
    assert torch.xpu.memory_snapshot() != []
    assert pickle.loads(path.read_bytes()).keys() == snapshot.keys()


@pytest.mark.parametrize("choice", [{"enabled": "x"}, {"context": "x"}, {"stacks": "x"}])
def test_memory_history_refuses_unknown_choices(choice):
    name = next(iter(choice))
    with pytest.raises(RuntimeError, match=f"expected {name} to be .* got 'x'"):
        torch.xpu.memory._record_memory_history(**choice)


# What is not there yet


@pytest.mark.parametrize(
    "use",
    [
        torch.xpu.XPUGraph,
        torch.xpu.graph_pool_handle,
        lambda: torch.xpu.make_graphed_callables(torch.nn.ReLU(), (torch.empty(1, device="xpu"),)),
        torch.xpu.MemPool,
        torch.xpu.memory._get_current_allocator,
        lambda: torch.xpu.XPUPluggableAllocator(ctypes.util.find_library("c"), "malloc", "free"),
        lambda: torch._C._xpu_beginAllocateToPool(0, (0, 1)),
    ],
)
def test_not_implemented_names_say_so(use):
    with pytest.raises(NotImplementedError, match=r"not available on this XPU device yet\. \w+"):
        use()


def test_nothing_is_being_captured():
    assert torch.xpu.is_current_stream_capturing() is False


# torch.accelerator


def test_accelerator():
    assert torch.accelerator.is_available()
    assert torch.accelerator.current_accelerator() == torch.device("xpu")
    assert torch.accelerator.device_count() == torch.xpu.device_count()
    torch.accelerator.set_device_index(0)
    assert torch.accelerator.current_device_index() == 0
    with torch.accelerator.device_index(0):
        assert torch.accelerator.current_device_index() == 0
    stream = torch.Stream("xpu")
    before = torch.accelerator.current_stream()
    torch.accelerator.set_stream(stream)
    assert torch.accelerator.current_stream() == stream
    torch.accelerator.set_stream(before)
    torch.accelerator.synchronize()
    assert torch.float32 in torch.accelerator.get_device_capability()["supported_dtypes"]


def test_accelerator_memory():
    torch.accelerator.empty_cache()
    torch.accelerator.empty_host_cache()
    tensor = torch.empty(MIB, dtype=torch.uint8, device=torch.accelerator.current_accelerator())
    assert torch.accelerator.memory_allocated() == torch.xpu.memory_allocated() >= tensor.numel()
    assert torch.accelerator.memory_reserved() == torch.xpu.memory_reserved()
    torch.accelerator.reset_peak_memory_stats()
    torch.accelerator.reset_accumulated_memory_stats()
    assert torch.accelerator.max_memory_allocated() == torch.xpu.max_memory_allocated()
    assert torch.accelerator.max_memory_reserved() == torch.xpu.max_memory_reserved()


def test_device_module():
    assert torch.get_device_module("xpu") is torch.xpu
    assert torch.empty(2).xpu().is_xpu
    assert next(torch.nn.Linear(2, 2).xpu().parameters()).device == torch.device("xpu:0")


# Additions


def test_lazy_init():
    torch.xpu.lazy_init()
    assert torch.xpu.is_initialized()


TENSOR_TYPES = {
    "BFloat16Tensor": torch.bfloat16,
    "BoolTensor": torch.bool,
    "ByteTensor": torch.uint8,
    "CharTensor": torch.int8,
    "DoubleTensor": torch.float64,
    "FloatTensor": torch.float32,
    "HalfTensor": torch.float16,
    "IntTensor": torch.int32,
    "LongTensor": torch.int64,
    "ShortTensor": torch.int16,
}


@pytest.mark.parametrize(("name", "dtype"), TENSOR_TYPES.items())
def test_typed_tensor(name, dtype):
    kind = getattr(torch.xpu, name)
    tensor = kind([[1, 0], [1, 1]])
    assert isinstance(tensor, kind) and tensor.type() == f"torch.xpu.{name}"
    assert tensor.dtype == kind.dtype == dtype and tensor.device == torch.device("xpu:0")
    assert torch.equal(tensor.cpu(), torch.tensor([[1, 0], [1, 1]], dtype=dtype))
    assert (
        kind(2, 3).shape == (2, 3) and kind(torch.Size([4])).shape == (4,) and kind().numel() == 0
    )
    assert not isinstance(tensor.cpu(), kind)
    kinds = [other for other in TENSOR_TYPES if isinstance(tensor, getattr(torch.xpu, other))]
    assert kinds == [name]
    parameter = torch.nn.Parameter(tensor, requires_grad=False)
    assert isinstance(parameter, kind)
    assert torch.empty(2).type(kind).dtype == dtype
    assert torch.empty(2).type(f"torch.xpu.{name}").is_xpu
    assert repr(kind) == f"<class 'torch.xpu.{name}'>"


def test_channels_last_1d():
    tensor = torch.empty(2, 3, 4, device="xpu")
    laid_out = torch.xpu.to_channels_last_1d(tensor)
    assert laid_out.shape == tensor.shape and laid_out.stride() == (12, 1, 3)
    assert torch.xpu.is_contiguous_channels_last_1d(laid_out)
    assert not torch.xpu.is_contiguous_channels_last_1d(tensor)
    module = torch.xpu.to_channels_last_1d(torch.nn.Conv1d(3, 4, 3).xpu())
    assert torch.xpu.is_contiguous_channels_last_1d(module.weight)
    assert module.bias.shape == (4,)


# Mixed precision


def test_autocast():
    with torch.xpu.amp.autocast():
        assert torch.xpu.is_autocast_xpu_enabled()
        assert torch.xpu.get_autocast_xpu_dtype() == torch.bfloat16
        with torch.xpu.amp.autocast(enabled=False):
            assert not torch.xpu.is_autocast_xpu_enabled()
    assert not torch.xpu.is_autocast_xpu_enabled()
    with torch.xpu.amp.autocast(True, torch.float16, cache_enabled=False):
        assert torch.get_autocast_dtype("xpu") == torch.float16
        assert not torch.is_autocast_cache_enabled()

    @torch.xpu.amp.autocast()
    def decorated():
        return torch.is_autocast_enabled("xpu")

    assert decorated()


def test_autocast_state_can_be_set():
    dtype = torch.xpu.get_autocast_xpu_dtype()
    torch.xpu.set_autocast_xpu_enabled(True)
    torch.xpu.set_autocast_xpu_dtype(torch.float16)
    try:
        assert torch.is_autocast_enabled("xpu")
        assert torch.get_autocast_dtype("xpu") == torch.float16
    finally:
        torch.xpu.set_autocast_xpu_enabled(False)
        torch.xpu.set_autocast_xpu_dtype(dtype)


def test_amp_can_be_imported_from():
    from torch.xpu.amp import GradScaler, autocast, custom_bwd, custom_fwd

    assert GradScaler()._device == "xpu"
    assert issubclass(autocast, torch.autocast)
    assert custom_fwd.keywords == custom_bwd.keywords == {"device_type": "xpu"}


# The float32 math mode


@pytest.fixture
def kept_math_mode():
    mode = torch.xpu.get_fp32_math_mode()
    precision = torch.backends.mkldnn.fp32_precision
    yield
    torch.xpu.set_fp32_math_mode(mode)
    torch.backends.mkldnn.fp32_precision = precision


@pytest.mark.usefixtures("kept_math_mode")
@pytest.mark.parametrize("mode", list(ipex.FP32MathMode))
def test_fp32_math_mode(mode):
    assert torch.xpu.FP32MathMode is ipex.FP32MathMode
    for given in (mode, int(mode), str(int(mode))):
        torch.xpu.set_fp32_math_mode(ipex.FP32MathMode.FP32)
        with torch.xpu.fp32_math_mode(given):
            assert torch.xpu.get_fp32_math_mode() == mode
        assert torch.xpu.get_fp32_math_mode() == ipex.FP32MathMode.FP32
        ipex.set_fp32_math_mode(given, device="xpu")
        assert ipex.get_fp32_math_mode("xpu") == mode


@pytest.mark.usefixtures("kept_math_mode")
def test_fp32_math_mode_of_the_cpu():
    ipex.set_fp32_math_mode(ipex.FP32MathMode.BF32)
    assert ipex.get_fp32_math_mode() == ipex.FP32MathMode.BF32
    assert torch.backends.mkldnn.fp32_precision == "bf16"
    with pytest.warns(UserWarning, match="no TF32"):
        ipex.set_fp32_math_mode(ipex.FP32MathMode.TF32, device="cpu")
    assert ipex.get_fp32_math_mode() == ipex.FP32MathMode.BF32
    ipex.set_fp32_math_mode()
    assert ipex.get_fp32_math_mode("cpu") == ipex.FP32MathMode.FP32


def test_fp32_math_mode_errors():
    with pytest.raises(RuntimeError, match=r"unknown FP32MathMode 7; expected one of FP32 \(0\)"):
        torch.xpu.set_fp32_math_mode(7)
    with pytest.raises(RuntimeError, match="unknown FP32MathMode 'fast'"):
        torch.xpu.set_fp32_math_mode("fast")
    with pytest.raises(RuntimeError, match="expected device cpu or xpu, got cuda"):
        ipex.set_fp32_math_mode(device="cuda")


def test_fp32_math_mode_of_the_environment(tmp_path):
    code = "import torch; print(torch.xpu.get_fp32_math_mode().name)"
    assert output_of(code, tmp_path, IPEX_FP32_MATH_MODE="BF32") == "BF32"
