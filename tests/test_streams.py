"""Streams and events."""

import threading

import pytest
import torch

MIB = 1 << 20


def test_default_stream() -> None:
    stream = torch.xpu.current_stream()
    assert stream.stream_id == 0
    assert stream.priority == 0
    assert stream.device == torch.device("xpu", torch.xpu.current_device())


def test_pool_is_handed_out_in_turn() -> None:
    streams = [torch.xpu.Stream() for _ in range(33)]
    assert len({s.stream_id for s in streams[:32]}) == 32
    assert streams[32] == streams[0]
    assert streams[0] != torch.xpu.current_stream()


@pytest.mark.parametrize(("asked", "given"), [(-5, -1), (-1, -1), (0, 0), (1, 1), (9, 1)])
def test_priority(asked: int, given: int) -> None:
    stream = torch.xpu.Stream(priority=asked)
    assert stream.priority == given
    stream.synchronize()
    assert stream.query()


def test_stream_survives_its_three_numbers() -> None:
    stream = torch.xpu.Stream(priority=-1)
    again = torch.xpu.Stream(
        stream_id=stream.stream_id, device_index=stream.device_index, device_type=stream.device_type
    )
    assert again == stream
    assert again.sycl_queue == stream.sycl_queue


def test_unknown_stream_id_is_refused() -> None:
    beyond_the_pool = 32 << 3 | 1
    stream = torch.xpu.Stream(
        stream_id=beyond_the_pool,
        device_index=0,
        device_type=torch.xpu.current_stream().device_type,
    )
    with pytest.raises(RuntimeError, match="stream id"):
        stream.synchronize()


def test_current_stream_belongs_to_the_thread() -> None:
    stream = torch.xpu.Stream()
    seen = []
    with torch.xpu.stream(stream):
        assert torch.xpu.current_stream() == stream
        thread = threading.Thread(target=lambda: seen.append(torch.xpu.current_stream()))
        thread.start()
        thread.join()
    assert seen == [torch.xpu.current_stream()]
    assert torch.xpu.current_stream() != stream


def test_external_queue() -> None:
    owner = torch.xpu.Stream()
    stream = torch.xpu.get_stream_from_external(owner.sycl_queue, torch.device("xpu:0"))
    assert stream.sycl_queue == owner.sycl_queue
    with torch.xpu.stream(stream):
        x = torch.arange(1000).to("xpu", non_blocking=True)
    torch.xpu.synchronize()
    assert x.cpu().tolist() == list(range(1000))


def slow_copy(target: torch.Tensor, source: torch.Tensor) -> None:
    for _ in range(4):
        target.copy_(source, non_blocking=True)


@pytest.fixture(scope="module")
def big_pair() -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.ones(64 * MIB, dtype=torch.uint8).pin_memory()
    return torch.empty(64 * MIB, dtype=torch.uint8, device="xpu"), source


def test_event_orders_streams(big_pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    target, source = big_pair
    first, second = torch.xpu.Stream(), torch.xpu.Stream()
    seen = torch.zeros(64 * MIB, dtype=torch.uint8).pin_memory()
    with torch.xpu.stream(first):
        slow_copy(target, source)
        event = first.record_event()
    second.wait_event(event)
    with torch.xpu.stream(second):
        seen.copy_(target, non_blocking=True)
    second.synchronize()
    assert event.query()
    assert bool(seen.all())


def test_wait_stream(big_pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    target, source = big_pair
    side = torch.xpu.Stream()
    side.wait_stream(torch.xpu.current_stream())
    with torch.xpu.stream(side):
        slow_copy(target, source)
    torch.xpu.current_stream().wait_stream(side)
    torch.xpu.current_stream().synchronize()
    assert side.query()


def test_synchronize_waits_for_every_stream(big_pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    target, source = big_pair
    streams = [torch.xpu.Stream(priority=p) for p in (-1, 0, 1)]
    for stream in streams:
        with torch.xpu.stream(stream):
            slow_copy(target, source)
    torch.xpu.synchronize()
    assert all(stream.query() for stream in streams)


def test_elapsed_time_covers_the_work(big_pair: tuple[torch.Tensor, torch.Tensor]) -> None:
    target, source = big_pair
    marks = [torch.xpu.Event(enable_timing=True) for _ in range(3)]
    marks[0].record()
    marks[1].record()
    slow_copy(target, source)
    marks[2].record()
    marks[2].synchronize()
    empty, work = marks[0].elapsed_time(marks[1]), marks[1].elapsed_time(marks[2])
    assert 0 <= empty < work


def test_unrecorded_event() -> None:
    event = torch.xpu.Event(enable_timing=True)
    assert event.query()
    event.synchronize()
    with pytest.raises(RuntimeError, match="recorded"):
        event.elapsed_time(event)


def test_generic_stream_and_event() -> None:
    stream = torch.Stream("xpu")
    event = torch.Event("xpu", enable_timing=True)
    event.record(stream)
    event.synchronize()
    assert event.query() and stream.query()
    assert torch.accelerator.current_stream().stream_id == torch.xpu.current_stream().stream_id
