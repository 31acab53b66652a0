"""Prints, separated by semicolons, the directories CMake needs: torch; SYCL's headers and
libraries; oneDNN's, oneMKL's and TBB's. All come from installed Python packages."""

import importlib.metadata
import importlib.util
import pathlib
import sys


def directory_of(package: str, ending: str) -> pathlib.Path:
    """The directory that makes `ending` an installed file of `package`."""
    for file in importlib.metadata.files(package) or []:
        if str(file).endswith(ending):
            located = pathlib.Path(str(file.locate())).resolve()
            return pathlib.Path(str(located)[: -len(ending)])
    sys.exit(f"{package} is installed but has no {ending}; reinstall it with pip")


def main() -> None:
    torch = importlib.util.find_spec("torch")
    if torch is None or torch.origin is None:
        sys.exit("torch is not installed: pip install torch==2.13.0")
    directories = [
        pathlib.Path(torch.origin).parent,
        directory_of("intel-sycl-rt", "sycl/sycl.hpp"),
        directory_of("intel-sycl-rt", "libsycl.so"),
        directory_of("onednn-devel", "oneapi/dnnl/dnnl.hpp"),
        directory_of("onednn", "libdnnl.so"),
        directory_of("onemkl-sycl-include", "oneapi/mkl/lapack.hpp"),
        directory_of("onemkl-sycl-lapack", "libmkl_sycl_lapack.so.6"),
        directory_of("tbb-devel", "oneapi/tbb/global_control.h"),
        directory_of("tbb", "libtbb.so.12"),
    ]
    print(";".join(str(directory) for directory in directories))


if __name__ == "__main__":
    main()
