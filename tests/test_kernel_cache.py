"""The disk cache of kernels: what is kept, found again, refused and made again."""

import os
import shutil
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import cpp_programs
import pytest
import torch
from kernel_process import SOURCE, Process

pytestmark = pytest.mark.skipif(not torch.xpu.is_available(), reason="no XPU device")

NOBODY = 65534
CACHE_SOURCES = ["cache", "counters", "debug", "digest"]


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """With an empty cache."""
    return Process(tmp_path)


@pytest.fixture(scope="module")
def cold_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Process, dict[str, int]]:
    process = Process(tmp_path_factory.mktemp("cold"))
    return process, process.run()


@pytest.fixture
def warm_process(cold_run: tuple[Process, dict[str, int]], tmp_path: Path) -> Process:
    """With all it needs in its cache."""
    shutil.copytree(cold_run[0].cache, tmp_path / "cache")
    return Process(tmp_path)


def test_cold_process_compiles_once(cold_run: tuple[Process, dict[str, int]]) -> None:
    assert cold_run[1]["compiles"] == 1
    assert cold_run[1]["cache_failures"] == 0


def test_warm_process_compiles_nothing(warm_process: Process) -> None:
    warm = warm_process.run()
    assert (warm["compiles"], warm["device_builds"], warm["cache_misses"]) == (0, 0, 0)
    assert warm["cache_hits"] >= 1


def test_machine_code_is_of_one_set_of_instructions(warm_process: Process) -> None:
    """Code of fewer instructions is neither taken nor thrown away by a process that has more."""
    if torch.xpu.get_device_properties().type != "cpu":
        pytest.skip("a variable of the driver for CPUs")
    fewer = warm_process.run(CL_CONFIG_CPU_TARGET_ARCH="core-avx2")
    assert fewer["compiles"] == 0 and fewer["device_builds"] >= 1 and fewer["cache_rejects"] == 0
    again = warm_process.run()
    assert (again["device_builds"], again["cache_rejects"]) == (0, 0)


def test_changed_source_is_another_kernel(warm_process: Process) -> None:
    warm_process.source.write_text(SOURCE + "\n// changed\n")
    assert warm_process.run()["compiles"] == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"X" + content[1:],
        lambda content: content + b"more",
    ],
    ids=["empty", "half", "one bit", "header", "longer"],
)
def test_damaged_files_are_made_again(
    warm_process: Process, damage: Callable[[bytes], bytes]
) -> None:
    intact = {path: path.read_bytes() for path in warm_process.files()}
    for path, content in intact.items():
        path.write_bytes(damage(content))
    counters = warm_process.run()
    assert counters["cache_rejects"] == len(intact)
    assert counters["compiles"] == 1
    for path, content in intact.items():
        if path.suffix == ".spirv":
            assert path.read_bytes() == content


def test_files_are_not_taken_for_one_another(warm_process: Process) -> None:
    spirv = [path for path in warm_process.files() if path.suffix == ".spirv"]
    binary = [path for path in warm_process.files() if path.suffix == ".binary"]
    assert spirv and binary
    for path in binary:
        path.write_bytes(spirv[0].read_bytes())
    assert warm_process.run()["cache_rejects"] == len(binary)


def test_machine_code_the_device_refuses_is_made_again(warm_process: Process) -> None:
    """A file that is intact but no program, as if the driver had changed."""
    for path in warm_process.files():
        if path.suffix == ".binary":
            rewrite_payload(path, b"no machine code")
    counters = warm_process.run()
    assert counters["cache_rejects"] >= 1
    assert counters["compiles"] == 0 and counters["device_builds"] >= 1


def rewrite_payload(path: Path, payload: bytes) -> None:
    """A file of the cache with another payload and a right header (see csrc/jit/cache.cpp)."""
    header = path.read_bytes()[:48]
    magic, key = header[:8], header[16:32]
    path.write_bytes(magic + struct.pack("Q", len(payload)) + key + digest(payload) + payload)


def digest(data: bytes) -> bytes:
    """The same digest as csrc/jit/digest.cpp."""
    mask = (1 << 64) - 1
    low, high = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F

    def fold(a: int, b: int) -> int:
        product = a * b
        return (product ^ (product >> 64)) & mask

    padded = data + bytes(-len(data) % 8)
    words = struct.unpack(f"{len(padded) // 8}Q", padded)
    for word in (len(data), *words):
        low = (fold(low ^ word, 0xD6E8FEB86659FD93) + high) & mask
        high = (fold(high ^ word ^ 0xA0761D6478BD642F, 0xE7037ED1A0B428DB) + low) & mask
    return struct.pack("QQ", low, high)


@pytest.mark.parametrize("cache", ["/proc/no_such_folder", "/dev/null/cache"])
def test_cache_folder_that_cannot_be_written(tmp_path: Path, cache: str) -> None:
    counters = Process(tmp_path, Path(cache)).run()
    assert counters["compiles"] == 1
    assert counters["cache_failures"] >= 1


def test_read_only_cache_folder(process: Process) -> None:
    process.cache.mkdir()
    process.cache.chmod(0o500)
    counters = process.run("import os; os.geteuid() == 0 and os.seteuid(65534)", HOME="/")
    assert counters["compiles"] == 1
    assert counters["cache_failures"] >= 1
    assert process.files() == []


def test_full_disk(process: Process) -> None:
    """A limit on the size of files makes writes fail half-way, as a full disk does."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))"
    counters = process.run(limit)
    assert counters["compiles"] == 1
    assert counters["cache_failures"] >= 1
    assert process.files() == []


def test_cache_folders(tmp_path: Path) -> None:
    """IPEX_XPU_CACHE_DIR, else XDG_CACHE_HOME, else ~/.cache."""
    process = Process(tmp_path)
    xdg, home = tmp_path / "xdg", tmp_path / "home"
    process.run(IPEX_XPU_CACHE_DIR="", XDG_CACHE_HOME=str(xdg), HOME=str(home))
    assert list((xdg / "intel_extension_for_pytorch").rglob("*.binary"))
    process.run(IPEX_XPU_CACHE_DIR="", XDG_CACHE_HOME="", HOME=str(home))
    assert list((home / ".cache" / "intel_extension_for_pytorch").rglob("*.binary"))


# --- what others could have written is not run ---


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that tries the cache's rules, each with folders and files that break it."""
    sources = [cpp_programs.ROOT / f"csrc/jit/{name}.cpp" for name in CACHE_SOURCES]
    folder = tmp_path_factory.mktemp("rules")
    return cpp_programs.build("kernel_cache_test", folder, *map(str, sources))


@pytest.mark.parametrize("user", ["root", "ordinary user"])
def test_only_what_this_user_and_root_may_write_is_used(
    rules: Path, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    if user == "root" and os.geteuid() != 0:
        pytest.skip("the tests run as an ordinary user")
    drop = [str(NOBODY)] if user != "root" and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to other users
        Path(folder).chmod(0o777)
        monkeypatch.setenv("IPEX_XPU_CACHE_DIR", f"{folder}/cache/")
        assert cpp_programs.run(rules, *drop) == "all passed\n"


@pytest.mark.parametrize("named", [True, False])
def test_refusal_is_told(process: Process, named: bool) -> None:
    """As a warning, once, where the user chose the folder; else in the log."""
    folder = process.cache if named else process.cache / "intel_extension_for_pytorch"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    default = {"IPEX_XPU_CACHE_DIR": "", "XDG_CACHE_HOME": str(process.cache)}
    variables = {} if named else default | {"IPEX_XPU_DEBUG": "3"}
    assert process.run(**variables)["compiles"] == 1
    assert process.files() == []
    told = [line for line in process.stderr.splitlines() if "others can write to it" in line]
    if named:
        (warning,) = told
        assert warning.startswith("[xpu] warning: the kernel cache named by IPEX_XPU_CACHE_DIR")
    else:
        assert f"[xpu] cache refused {folder}: others can write to it" in told
