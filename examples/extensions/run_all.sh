#!/bin/bash
# Builds and runs the examples with the `python` on PATH, which has intel_extension_for_pytorch.
set -euo pipefail
cd "$(dirname "$0")"

echo "== compile_kernel"
python compile_kernel/affine_clamp.py

echo "== elementwise: setuptools"
(cd elementwise && python -m pip install --no-build-isolation --no-deps --quiet . && python use.py)

echo "== cross_entropy: CMake"
prefix=$(python -m intel_extension_for_pytorch.compile --paths cmake)
cmake -S cross_entropy -B cross_entropy/build -DCMAKE_PREFIX_PATH="$prefix" \
  -DPython_EXECUTABLE="$(command -v python)" >cross_entropy/configure.log ||
  { cat cross_entropy/configure.log; exit 1; }
cmake --build cross_entropy/build
python cross_entropy/use.py cross_entropy/build/libcross_entropy.so
