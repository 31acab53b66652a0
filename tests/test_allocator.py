"""The caching allocator of a device, through torch.xpu."""

import gc

import pytest
import torch
from processes import run

KIB, MIB = 1 << 10, 1 << 20

QUANTITIES = [
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
GROUPS = [
    f"{name}.{pool}.{figure}"
    for name in QUANTITIES
    for pool in ("all", "small_pool", "large_pool")
    for figure in ("current", "peak", "allocated", "freed")
]
COUNTERS = ["num_alloc_retries", "num_ooms", "num_device_alloc", "num_device_free"]


@pytest.fixture(autouse=True)
def clean_cache() -> None:
    gc.collect()
    torch.xpu.synchronize()
    torch.xpu.empty_cache()
    torch.xpu.reset_peak_memory_stats()
    torch.xpu.reset_accumulated_memory_stats()


def buffer(size: int, device: str = "xpu") -> torch.Tensor:
    return torch.empty(size, dtype=torch.uint8, device=device)


def bytes_in(name: str, pool: str = "all", figure: str = "current") -> int:
    return torch.xpu.memory_stats()[f"{name}.{pool}.{figure}"]


@pytest.mark.parametrize("key", GROUPS + COUNTERS)
def test_statistics_have_key(key: str) -> None:
    assert isinstance(torch.xpu.memory_stats()[key], int)


@pytest.mark.parametrize(
    ("size", "rounded", "segment", "pool"),
    [
        (1, 512, 2 * MIB, "small_pool"),
        (513, 1024, 2 * MIB, "small_pool"),
        (MIB, MIB, 2 * MIB, "small_pool"),
        (MIB + 1, MIB + 512, 20 * MIB, "large_pool"),
        (11 * MIB, 12 * MIB, 12 * MIB, "large_pool"),  # a rest of 1 MiB is not split off
    ],
)
def test_rounding(size: int, rounded: int, segment: int, pool: str) -> None:
    before = {
        name: bytes_in(name, pool)
        for name in ("allocated_bytes", "reserved_bytes", "requested_bytes")
    }
    held = buffer(size)
    assert bytes_in("allocated_bytes", pool) - before["allocated_bytes"] == rounded
    assert bytes_in("requested_bytes", pool) - before["requested_bytes"] == size
    assert bytes_in("reserved_bytes", pool) - before["reserved_bytes"] in (0, segment)
    del held
    assert bytes_in("allocated_bytes", pool) == before["allocated_bytes"]


def test_empty_tensor_has_no_memory() -> None:
    before = torch.xpu.memory_allocated()
    assert buffer(0).data_ptr() == 0
    assert torch.xpu.memory_allocated() == before


def test_steady_state_asks_the_driver_for_nothing() -> None:
    def work() -> None:
        a, b = buffer(3 * MIB), buffer(700)
        c = buffer(100 * KIB)
        del a, b, c

    work()
    before = torch.xpu.memory_stats()["num_device_alloc"]
    for _ in range(100):
        work()
    assert torch.xpu.memory_stats()["num_device_alloc"] == before


def test_peaks_and_their_reset() -> None:
    base = torch.xpu.memory_allocated()
    held = buffer(5 * MIB)
    del held
    assert torch.xpu.max_memory_allocated() == base + 5 * MIB
    torch.xpu.reset_peak_memory_stats()
    assert torch.xpu.max_memory_allocated() == base
    assert torch.xpu.max_memory_reserved() == torch.xpu.memory_reserved()


def test_empty_cache_gives_memory_back() -> None:
    base = torch.xpu.memory_reserved()
    held = buffer(64 * MIB)
    del held
    assert torch.xpu.memory_reserved() == base + 64 * MIB
    torch.xpu.empty_cache()
    assert torch.xpu.memory_reserved() == base


def test_blocks_stay_with_their_stream() -> None:
    held = buffer(4 * MIB)
    address = held.data_ptr()
    del held
    with torch.xpu.stream(torch.xpu.Stream()):
        assert buffer(4 * MIB).data_ptr() != address
    assert buffer(4 * MIB).data_ptr() == address


def test_record_stream_delays_reuse() -> None:
    side = torch.xpu.Stream()
    pinned = torch.empty(256 * MIB, dtype=torch.uint8, pin_memory=True)
    target = buffer(256 * MIB)
    held = buffer(4 * MIB)
    address = held.data_ptr()
    with torch.xpu.stream(side):
        target.copy_(pinned, non_blocking=True)
        after_copy = torch.xpu.Event()
        after_copy.record()
        held.record_stream(side)
    del held
    second = buffer(4 * MIB)
    if not after_copy.query():  # the allocation came while the side stream was at work
        assert second.data_ptr() != address
    side.synchronize()
    del second
    third, fourth = buffer(4 * MIB), buffer(4 * MIB)
    assert address in (third.data_ptr(), fourth.data_ptr())


def test_record_stream_of_foreign_memory_is_ignored() -> None:
    held = buffer(100)
    alias = torch.from_dlpack(held)
    alias.record_stream(torch.xpu.Stream())
    assert alias.data_ptr() == held.data_ptr()


def test_out_of_memory_names_the_figures_and_goes_on() -> None:
    total = torch.xpu.get_device_properties(0).total_memory
    before = torch.xpu.memory_stats()["num_ooms"]
    with pytest.raises(torch.OutOfMemoryError) as caught:
        buffer(2 * total)
    message = str(caught.value)
    for words in (
        "XPU out of memory. Tried to allocate",
        "total capacity",
        "is free",
        "reserved",
        "allocated by",
    ):
        assert words in message
    assert torch.xpu.memory_stats()["num_ooms"] == before + 1
    assert buffer(10).numel() == 10


def test_cache_is_given_up_before_memory_runs_out() -> None:
    torch.xpu.set_per_process_memory_fraction(1.0)
    total = torch.xpu.get_device_properties(0).total_memory
    reserved = torch.xpu.memory_reserved()
    torch.xpu.set_per_process_memory_fraction((reserved + 100 * MIB) / total)
    try:
        held = buffer(60 * MIB)
        del held
        held = buffer(80 * MIB)
        assert held.numel() == 80 * MIB
        assert torch.xpu.memory_stats()["num_alloc_retries"] == 1
        with pytest.raises(torch.OutOfMemoryError, match="limit set for this process"):
            buffer(30 * MIB)
    finally:
        torch.xpu.set_per_process_memory_fraction(1.0)
    assert buffer(30 * MIB).numel() == 30 * MIB


def test_memory_fraction() -> None:
    assert torch.xpu.get_per_process_memory_fraction() == pytest.approx(1.0)
    torch.xpu.set_per_process_memory_fraction(0.25)
    try:
        assert torch.xpu.get_per_process_memory_fraction() == pytest.approx(0.25)
    finally:
        torch.xpu.set_per_process_memory_fraction(1.0)
    with pytest.raises(ValueError):
        torch.xpu.set_per_process_memory_fraction(1.5)


def test_snapshot_lists_the_block() -> None:
    held = buffer(3 * MIB)
    segments = torch.xpu.memory.memory_snapshot()
    owners = [
        s for s in segments if s["address"] <= held.data_ptr() < s["address"] + s["total_size"]
    ]
    assert len(owners) == 1
    blocks = [b for b in owners[0]["blocks"] if b["state"] == "active_allocated"]
    assert 3 * MIB in [block["size"] for block in blocks]
    assert sum(s["total_size"] for s in segments if s["device"] == 0) == torch.xpu.memory_reserved()


def test_history_records_allocations_with_their_stack() -> None:
    torch.xpu.memory._record_memory_history(max_entries=100)
    try:
        held = buffer(3 * MIB + 512)
        del held
        trace = torch.xpu.memory._snapshot()["device_traces"][torch.xpu.current_device()]
    finally:
        torch.xpu.memory._record_memory_history(enabled=None)
    mine = [entry for entry in trace if entry["size"] == 3 * MIB + 512]
    assert [entry["action"] for entry in mine] == ["alloc", "free_requested", "free_completed"]
    assert any(frame["name"] == "buffer" for frame in mine[0]["frames"])


def test_settings_are_read() -> None:
    out = run(
        """
        import torch
        def buffer(size):
            return torch.empty(size, dtype=torch.uint8, device="xpu")
        held = buffer(5 << 20)
        print(torch.xpu.memory_allocated(), torch.xpu.memory_reserved())
        big = buffer(64 << 20)
        del big
        small = buffer(2 << 20)
        print(torch.xpu.memory_reserved() >> 20)
        """,
        PYTORCH_ALLOC_CONF="roundup_power2_divisions:4,max_split_size_mb:32",
    )
    assert out.split() == [str(5 << 20), str(20 << 20), "84"]


@pytest.mark.skipif(
    torch.xpu.get_device_properties().type != "cpu", reason="only CPU devices are guarded"
)
def test_guard_ends_what_reads_behind_a_tensor() -> None:
    code = """
        import ctypes, torch
        x = torch.ones(3, 7, device="xpu")
        assert (x + x).sum().item() == 42 and torch.xpu.memory_allocated() == x.nbytes
        ctypes.string_at(x.data_ptr() + x.nbytes - {}, 1)
    """
    run(code.format(1), IPEX_XPU_GUARD="1")
    with pytest.raises(AssertionError):
        run(code.format(0), IPEX_XPU_GUARD="1")
