"""Where headers, libraries and CMake files of the package are, installed or in a source tree."""

from __future__ import annotations

from pathlib import Path

from . import _libraries

PACKAGE = Path(__file__).parent
SYCL_HEADER = Path("include", "sycl", "sycl.hpp")


def _installed_or_source(installed: str, source: str) -> Path:
    folder = PACKAGE / installed
    return folder if folder.exists() else PACKAGE.parent / source


def include_folders() -> list[Path]:
    """Folders of the headers of this package and of SYCL, for C++ on the host."""
    return [_installed_or_source("include", "csrc/include"), _sycl_prefix() / "include"]


def library_folders() -> list[Path]:
    """Folders of the libraries that extensions are linked with."""
    return [PACKAGE / "lib", _sycl_prefix() / "lib"]


def cmake_folder() -> Path:
    """What CMAKE_PREFIX_PATH needs for `find_package(IPEX)`."""
    return _installed_or_source("share/cmake", "cmake/package")


def _sycl_prefix() -> Path:
    folders = [path.parent for path in _libraries.library_directories("intel-sycl-rt")]
    for folder in folders:
        if (folder / SYCL_HEADER).exists():
            return folder
    raise FileNotFoundError(
        f"{SYCL_HEADER} is in none of {', '.join(map(str, folders))}. "
        f"Install it again: {_libraries.install_command(['intel-sycl-rt'])}"
    )
