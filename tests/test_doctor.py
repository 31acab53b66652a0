"""`python -m intel_extension_for_pytorch`, on machines that are well and that are not."""

import pytest
from processes import run_unprepared
from test_autoload import OTHER_TORCH

DOCTOR = ("-m", "intel_extension_for_pytorch")


def test_all_is_well(tmp_path):
    result = run_unprepared(*DOCTOR, directory=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert "All is well" in result.stdout
    for title in (
        "Versions",
        "Libraries",
        "Intel GPUs",
        "Devices",
        "oneMKL",
        "Kernels",
        "Environment",
    ):
        assert f"\n{title}\n" in result.stdout
    assert "xpu:0" in result.stdout
    assert "libsycl.so.9" in result.stdout
    assert "onemkl-sycl-lapack" in result.stdout


@pytest.mark.parametrize(
    ("variables", "problem", "remedy"),
    [
        (
            {"ONEAPI_DEVICE_SELECTOR": "level_zero:*"},
            "usable devices: none",
            "ONEAPI_DEVICE_SELECTOR",
        ),
        (
            {"OCL_ICD_FILENAMES": "/nowhere/lib.so"},
            "usable devices: none",
            "unset OCL_ICD_FILENAMES",
        ),
        ({"IPEX_XPU_CACHE_DIR": "/dev/null/x"}, "cannot be written", "IPEX_XPU_CACHE_DIR"),
        ({"IPEX_FP32_MATH_MODE": "FP33"}, "IPEX_FP32_MATH_MODE", "FP32, TF32 or BF32"),
    ],
)
def test_problem_is_named_with_its_remedy(tmp_path, variables, problem, remedy):
    result = run_unprepared(*DOCTOR, directory=tmp_path, variables=variables)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    problems = result.stdout[result.stdout.index("\nProblem") :]
    assert problem in problems
    assert remedy in problems


def test_torch_of_another_version(tmp_path):
    tmp_path.joinpath("sitecustomize.py").write_text(OTHER_TORCH.replace("import torch\n", ""))
    result = run_unprepared(*DOCTOR, directory=tmp_path, variables={"PYTHONPATH": str(tmp_path)})
    assert result.returncode == 1, result.stdout + result.stderr
    assert "2.12.1" in result.stdout
    assert "-m pip install torch==2.13.0" in result.stdout


def test_unknown_variable_is_pointed_out(tmp_path):
    result = run_unprepared(*DOCTOR, directory=tmp_path, variables={"IPEX_XPU_FALBACK": "error"})
    assert "IPEX_XPU_FALBACK" in result.stdout
    assert "not a variable of this version" in result.stdout
