"""The random number generator's state: seed and offset."""

import pytest
import torch

OFFSET = slice(8, 16)


def offset_of(generator: torch.Generator) -> int:
    return int.from_bytes(bytes(generator.get_state()[OFFSET].tolist()), "little")


def test_defaults() -> None:
    generator = torch.Generator("xpu")
    assert generator.device == torch.device("xpu", torch.xpu.current_device())
    assert generator.initial_seed() == torch.Generator("cpu").initial_seed()
    state = generator.get_state()
    assert state.dtype == torch.uint8 and state.device.type == "cpu" and state.shape == (16,)


def test_state_round_trip() -> None:
    generator = torch.Generator("xpu").manual_seed(123)
    generator.set_offset(40)
    state = generator.get_state()
    other = torch.Generator("xpu")
    other.set_state(state)
    assert (other.initial_seed(), other.get_offset()) == (123, 40)
    assert torch.equal(other.get_state(), state)


def test_seed_resets_the_offset() -> None:
    generator = torch.Generator("xpu").manual_seed(1)
    generator.set_offset(8)
    generator.manual_seed(1)
    assert generator.get_offset() == 0
    assert generator.seed() == generator.initial_seed()


def test_seed_alone_is_a_state() -> None:
    generator = torch.Generator("xpu")
    generator.set_state(torch.Generator("xpu").manual_seed(9).get_state()[:8].clone())
    assert (generator.initial_seed(), generator.get_offset()) == (9, 0)


@pytest.mark.parametrize(
    "state", [torch.zeros(15, dtype=torch.uint8), torch.zeros(5056, dtype=torch.uint8)]
)
def test_wrong_state_size(state: torch.Tensor) -> None:
    with pytest.raises(RuntimeError, match="RNG state is wrong size"):
        torch.Generator("xpu").set_state(state)


def test_wrong_state_type() -> None:
    with pytest.raises(TypeError, match=r"RNG state must be a torch\.ByteTensor"):
        torch.Generator("xpu").set_state(torch.zeros(16))


def test_offset_must_be_a_multiple_of_four() -> None:
    with pytest.raises(RuntimeError, match="multiple of 4"):
        torch.Generator("xpu").set_offset(6)


def test_clone_is_independent() -> None:
    generator = torch.Generator("xpu").manual_seed(5)
    copy = generator.clone_state()
    generator.manual_seed(6)
    assert copy.initial_seed() == 5


def test_graph_safe_state_is_shared() -> None:
    generator = torch.Generator("xpu").manual_seed(5)
    shared = generator.graphsafe_get_state()
    generator.manual_seed(6)
    assert shared.initial_seed() == 6


def test_default_generators() -> None:
    assert len(torch.xpu.default_generators) == torch.xpu.device_count()
    torch.xpu.manual_seed(77)
    assert torch.xpu.initial_seed() == 77
    torch.manual_seed(78)
    assert torch.xpu.initial_seed() == 78
    state = torch.xpu.get_rng_state()
    with torch.random.fork_rng(devices=[0], device_type="xpu"):
        torch.xpu.manual_seed(1)
    assert torch.equal(torch.xpu.get_rng_state(), state)
