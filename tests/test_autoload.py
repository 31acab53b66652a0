"""Loading the device: with `import torch`, by name, and when something is wrong."""

import importlib.metadata

import pytest
import torch
from processes import output_of, run_unprepared

import intel_extension_for_pytorch as ipex
from intel_extension_for_pytorch import _libraries

# Stands for an installed torch of another minor version.
OTHER_TORCH = """
import sys, types
version = types.ModuleType("torch.version")
version.__version__ = "2.12.1"
version.debug = False
version.cuda = version.hip = version.xpu = version.rocm = version.git_version = None
sys.modules["torch.version"] = version
import torch
"""


def test_import_torch_is_enough(tmp_path):
    code = """
import torch
x = torch.empty(3, device="xpu")
print(x.device, torch.accelerator.current_accelerator(), torch.xpu.is_available())
"""
    assert output_of(code, tmp_path) == "xpu:0 xpu True"


def test_import_torch_imports_no_more_than_the_device(tmp_path):
    code = """
import sys, torch
heavy = {"numpy", "rich", "torch._dynamo", "torch._inductor"}
print(sorted(heavy & set(sys.modules)), "intel_extension_for_pytorch.frontend" in sys.modules)
"""
    without = output_of(code, tmp_path, TORCH_DEVICE_BACKEND_AUTOLOAD="0")
    assert output_of(code, tmp_path) == without


def test_import_torch_starts_no_driver(tmp_path):
    code = """
import os, torch
print(any("intelocl" in line for line in open("/proc/self/maps")))
"""
    assert output_of(code, tmp_path) == "False"


def test_version_is_that_of_the_distribution():
    assert ipex.__version__ == importlib.metadata.version("intel_extension_for_pytorch")
    assert ipex.__version__.split(".")[:2] == torch.__version__.split(".")[:2]
    assert torch.version.xpu.isdigit() and len(torch.version.xpu) == 8


def test_import_by_name_when_autoload_is_off(tmp_path):
    code = """
import torch
before = torch.xpu.is_available()
torch.manual_seed(7)
import intel_extension_for_pytorch
print(before, torch.xpu.is_available(), torch.xpu.initial_seed())
"""
    assert output_of(code, tmp_path, TORCH_DEVICE_BACKEND_AUTOLOAD="0") == "False True 7"


def test_import_by_name_before_torch(tmp_path):
    code = """
import intel_extension_for_pytorch as ipex
import torch
print(ipex.__version__, torch.xpu.is_available(), ipex.xpu.is_available())
"""
    expected = f"{ipex.__version__} True True"
    assert output_of(code, tmp_path) == expected
    assert output_of(code, tmp_path, TORCH_DEVICE_BACKEND_AUTOLOAD="0") == expected


def test_import_after_torch_has_settled_that_there_is_no_device(tmp_path):
    code = """
import torch
assert torch.accelerator.current_accelerator() is None
import intel_extension_for_pytorch
"""
    result = run_unprepared(
        "-c", code, directory=tmp_path, variables={"TORCH_DEVICE_BACKEND_AUTOLOAD": "0"}
    )
    assert "ImportError" in result.stderr
    assert "Import intel_extension_for_pytorch directly after torch" in result.stderr


def test_no_device(tmp_path):
    code = """
import torch
torch.manual_seed(0)
print(torch.xpu.is_available(), torch.xpu.device_count(), torch.accelerator.is_available())
try:
    torch.empty(1, device="xpu")
except RuntimeError as error:
    print(error)
"""
    lines = output_of(code, tmp_path, ONEAPI_DEVICE_SELECTOR="level_zero:*").splitlines()
    assert lines[0] == "False 0 False"
    assert lines[1].startswith("No XPU devices are available")


def test_broken_driver(tmp_path):
    driver = tmp_path / "libdriver.so"
    driver.write_bytes(b"not a library")
    code = "import torch; print(torch.xpu.is_available(), torch.ones(2).sum().item())"
    assert output_of(code, tmp_path, OCL_ICD_FILENAMES=str(driver)) == "False 2.0"


def test_drivers_the_user_names_are_kept(tmp_path):
    driver = str(_libraries.CPU_DRIVER.find())
    code = "import os, torch; print(os.environ['OCL_ICD_FILENAMES'], torch.xpu.is_available())"
    named = f"{driver}:{driver}"
    assert output_of(code, tmp_path, OCL_ICD_FILENAMES=named) == f"{named} True"


@pytest.fixture
def other_sycl_wheel(tmp_path):
    """A `--target` folder with another intel-sycl-rt; its library is for the test to write."""
    folder = tmp_path / "target"
    information = folder / "intel_sycl_rt-2026.2.0.dist-info"
    information.mkdir(parents=True)
    information.joinpath("METADATA").write_text("Name: intel-sycl-rt\nVersion: 2026.2.0\n")
    library = folder / "lib" / "libsycl.so.9"
    library.parent.mkdir()
    return library


def test_library_of_a_target_folder_is_used(tmp_path, other_sycl_wheel):
    real = next(library for library in _libraries.PRELOADED if library.name == "libsycl.so.9")
    other_sycl_wheel.symlink_to(real.find())
    code = """
import torch
from intel_extension_for_pytorch import _libraries
print(_libraries.library_directories("intel-sycl-rt")[1], torch.xpu._is_compiled())
"""
    target = other_sycl_wheel.parents[1]
    assert output_of(code, tmp_path, PYTHONPATH=str(target)) == f"{target / 'lib'} True"


def test_broken_library(tmp_path, other_sycl_wheel):
    other_sycl_wheel.write_bytes(b"not a library")
    variables = {"PYTHONPATH": str(other_sycl_wheel.parents[1])}
    code = "import torch; print(torch.xpu.is_available(), torch.ones(2).sum().item())"
    assert output_of(code, tmp_path, **variables) == "False 2.0"
    code = "import intel_extension_for_pytorch"
    result = run_unprepared("-c", code, directory=tmp_path, variables=variables)
    assert "ImportError" in result.stderr
    assert str(other_sycl_wheel) in result.stderr
    assert "pip install" in result.stderr


def test_missing_library_message_names_the_wheel_and_the_command():
    message = _libraries.describe_missing([_libraries.Library("libnothing.so", "no-such-wheel")])
    assert "libnothing.so (of no-such-wheel) not found in" in message
    assert "pip install --force-reinstall --no-deps no-such-wheel" in message


def test_command_for_a_target_folder_adds_what_pip_left_out(tmp_path, other_sycl_wheel):
    folder = other_sycl_wheel.parents[1]
    code = """
from intel_extension_for_pytorch import _libraries
print(_libraries.install_command(["intel-sycl-rt"]))
"""
    other_sycl_wheel.symlink_to(_libraries.PRELOADED[5].find())
    command = output_of(code, tmp_path, PYTHONPATH=str(folder))
    assert f"--prefix {folder} --ignore-installed --no-deps intel-sycl-rt==2026.2.0" in command


def test_torch_of_another_version_still_works(tmp_path):
    code = OTHER_TORCH + "print(torch.__version__, torch.xpu.is_available(), torch.ones(2).sum())"
    assert output_of(code, tmp_path) == "2.12.1 False tensor(2.)"


@pytest.mark.parametrize("autoload", ["0", "1"])
def test_import_by_name_with_torch_of_another_version(tmp_path, autoload):
    code = (
        OTHER_TORCH
        + """
for attempt in range(2):
    try:
        import intel_extension_for_pytorch
    except ImportError as error:
        print(error)
"""
    )
    lines = output_of(code, tmp_path, TORCH_DEVICE_BACKEND_AUTOLOAD=autoload).splitlines()
    assert len(lines) == 2
    for line in lines:
        assert ipex.__version__ in line and "2.12.1" in line
        assert "pip install torch==2.13.0" in line


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="no_such_name"):
        ipex.no_such_name  # noqa: B018


def test_child_after_fork_is_told_to_spawn(tmp_path):
    code = """
import os, torch
torch.xpu.init()
child = os.fork()
if child == 0:
    try:
        torch.empty(1, device="xpu")
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(torch.empty(1, device="xpu").device)
"""
    lines = output_of(code, tmp_path).splitlines()
    assert lines[0].startswith("Cannot re-initialize XPU in forked subprocess")
    assert lines[1] == "xpu:0"


def test_child_forked_before_the_first_use_may_use_the_device(tmp_path):
    code = """
import os, torch
child = os.fork()
if child == 0:
    print(torch.empty(1, device="xpu").device, flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""
    assert output_of(code, tmp_path).splitlines() == ["xpu:0", "0"]


@pytest.mark.parametrize("attempt", range(4))
def test_a_script_may_end_right_after_backward(tmp_path, attempt):
    # The main thread keeps the interpreter's lock from backward to the end: the autograd thread
    # then frees its graph while the interpreter shuts down, in two runs of five.
    code = """
import sys, torch
x = torch.randn(1000, device="xpu", requires_grad=True)
x.mul(2).sum().backward()
sys.setswitchinterval(1000)
x.mul(2).sum().backward()
"""
    output_of(code, tmp_path)
