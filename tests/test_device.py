"""Discovery, properties and the variables that shape them."""

import pytest
import torch
from processes import run

STOCK_PROPERTIES = [
    "name",
    "platform_name",
    "vendor",
    "device_id",
    "driver_version",
    "version",
    "max_compute_units",
    "gpu_eu_count",
    "max_work_group_size",
    "max_num_sub_groups",
    "memory_clock_rate",
    "memory_bus_width",
    "sub_group_sizes",
    "local_mem_size",
    "last_level_cache_size",
    "has_fp16",
    "has_fp64",
    "has_atomic64",
    "has_bfloat16_conversions",
    "has_subgroup_matrix_multiply_accumulate",
    "has_subgroup_matrix_multiply_accumulate_tensor_float32",
    "has_subgroup_2d_block_io",
    "is_integrated_gpu",
    "total_memory",
    "gpu_subslice_count",
    "architecture",
    "type",
    "uuid",
]
ORIGINAL_PROPERTIES = ["dev_type", "support_fp64"]


@pytest.mark.parametrize("name", STOCK_PROPERTIES + ORIGINAL_PROPERTIES)
def test_property(name: str) -> None:
    properties = torch.xpu.get_device_properties(0)
    assert f"{name}=" in repr(properties)
    getattr(properties, name)


def test_properties_are_plausible() -> None:
    properties = torch.xpu.get_device_properties(0)
    assert properties.type in ("gpu", "cpu")
    assert properties.total_memory >= properties.max_mem_alloc_size > 0
    assert properties.max_compute_units > 0
    assert set(properties.sub_group_sizes) & {8, 16, 32}
    assert len(properties.uuid.bytes) == 16
    free, total = torch.xpu.mem_get_info(0)
    assert 0 < free <= total == properties.total_memory


def test_index_out_of_range() -> None:
    beyond = torch.xpu.device_count()
    with pytest.raises(RuntimeError, match="device index is out of range"):
        torch.xpu.set_device(beyond)
    with pytest.raises(RuntimeError, match="device index is out of range"):
        torch.empty(1, device=f"xpu:{beyond}")


def test_import_starts_no_driver() -> None:
    out = run("""
        import torch
        def driver_is_loaded():
            with open("/proc/self/maps") as maps:
                return any("libintelocl" in line or "libze_intel" in line for line in maps)
        print(driver_is_loaded())
        torch.xpu.is_available()
        print(driver_is_loaded())
    """)
    assert out.split() == ["False", "True"]


def test_current_device_belongs_to_the_thread() -> None:
    out = run(
        """
        import threading, torch
        torch.xpu.set_device(2)
        seen = []
        thread = threading.Thread(target=lambda: seen.append(torch.xpu.current_device()))
        thread.start()
        thread.join()
        with torch.xpu.device(1):
            seen.append(torch.empty(1, device="xpu").device.index)
        print(torch.xpu.device_count(), torch.xpu.current_device(), *seen)
        """,
        ONEAPI_DEVICE_SELECTOR="*:cpu",
        IPEX_XPU_CPU_DEVICES="3",
    )
    assert out.split() == ["3", "2", "0", "1"]


def test_devices_have_memory_of_their_own() -> None:
    out = run(
        """
        import torch
        x = torch.empty(1000, device="xpu:1")
        print(torch.xpu.memory_allocated(0), torch.xpu.memory_allocated(1))
        print(torch.xpu.can_device_access_peer(0, 1), torch.xpu.can_device_access_peer(0, 0))
        """,
        ONEAPI_DEVICE_SELECTOR="*:cpu",
        IPEX_XPU_CPU_DEVICES="2",
    )
    assert out.split() == ["0", "4096", "True", "False"]


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        (
            {"ONEAPI_DEVICE_SELECTOR": "*:cpu", "IPEX_XPU_CPU_DEVICES": "0"},
            "IPEX_XPU_CPU_DEVICES=0 hides it",
        ),
        ({"IPEX_XPU_CPU_DEVICES": "many"}, "IPEX_XPU_CPU_DEVICES is 'many', expected a number"),
        ({"ONEAPI_DEVICE_SELECTOR": "nonsense"}, "ONEAPI_DEVICE_SELECTOR=nonsense"),
        ({"ONEAPI_DEVICE_SELECTOR": "native_cpu:*"}, "no driver lists a device"),
    ],
)
def test_no_device_says_why(variables: dict[str, str], reason: str) -> None:
    out = run(
        """
        import torch
        print(torch.xpu.is_available(), torch.xpu.device_count(), torch.accelerator.is_available())
        print(torch.ones(2).sum().item())
        try:
            torch.empty(1, device="xpu")
        except RuntimeError as error:
            print(error)
        """,
        **variables,
    )
    first, second, message = out.split("\n", 2)
    assert first == "False 0 False"
    assert second == "2.0"
    assert "No XPU devices are available" in message
    assert reason in message


def test_hidden_aspects() -> None:
    out = run(
        """
        import torch
        p = torch.xpu.get_device_properties(0)
        print(p.has_fp64, p.support_fp64, p.has_fp16)
        """,
        IPEX_XPU_DISABLE_ASPECTS="fp64,fp16",
    )
    assert out.split() == ["False"] * 3


@pytest.mark.parametrize("chosen", [None, "-cl-mad-enable"])
def test_options_of_libraries_built_for_gpus_are_left_out(chosen: str | None) -> None:
    """Their images ask the CPU's compiler for what it refuses; the user's own options stay."""
    if torch.xpu.get_device_properties(0).type != "cpu":
        pytest.skip("for a CPU as the device")
    code = """
    import ctypes, torch
    torch.xpu.init()
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    print(getenv(b"SYCL_PROGRAM_COMPILE_OPTIONS").decode())
    """
    variables = {} if chosen is None else {"SYCL_PROGRAM_COMPILE_OPTIONS": chosen}
    assert run(code, **variables).strip() == (chosen or "")
