# Everything from a bare machine: system packages, a virtual environment in .venv, the wheel.
#   make PYTHON=/path/to/python3   chooses the interpreter
#   make SYSTEM=no                 leaves the system's packages alone
#   make test WORKERS=1            one test process at a time: two of Python's take up to 9 GB
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
WORKERS := 2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
STAMPS := $(VENV)/stamps
# What the wheel is made from.
SOURCES := CMakeLists.txt setup.py pyproject.toml $(wildcard README.md) LICENSE \
  $(shell find cmake csrc python engines/motion -type f -not -name '*.py[co]' -not -name '*.so' 2>/dev/null)
# Installs groups of pyproject.toml's requirements and says which.
requirements = echo "setup: installing $$($(BIN)/python deploy/requirements.py $(1) | sort -u | paste -sd ' ')"; \
  $(BIN)/python deploy/requirements.py $(1) | xargs -d '\n' $(PIP) install

.PHONY: help demo docs test install receipt lint format clean asan cpp-tests cuda system

help:
	@echo "make demo     render a video, explain it live, leave out/demo.mp4, .jsonl and .png"
	@echo "make test     all tests: C++, C++ under sanitisers, Python; compiles CUDA's kernels where nvcc is"
	@echo "make install  the virtual environment .venv with tubecam and its command"
	@echo "make lint     check the style of C++ and Python;  make format  put it right"
	@echo "make cuda     CUDA's kernels for every GPU that nvcc knows, with their registers and spills"
	@echo "make docs     the Python API's reference as HTML, in out/docs"
	@echo "make asan     the C++ tests under the address and undefined-behaviour sanitisers"
	@echo "make clean    remove what was built, .venv and out"

demo: install
	$(BIN)/tubecam demo

install: $(STAMPS)/wheel

# What is installed and built has to be there: a test that is skipped for want of it has failed.
test: export TUBECAM_REQUIRE_PACKAGES := 1
test: export TUBECAM_REQUIRE_BUILT := 1
ifneq ($(SYSTEM),no)
test: export TUBECAM_REQUIRE_PLUGIN := 1
endif
test: cpp-tests asan cuda
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

# The tests test the optional parts too, whose packages the demo does without.
TESTS := $(filter test cpp-tests asan,$(MAKECMDGOALS))
system:
ifneq ($(SYSTEM),no)
	@deploy/setup.sh $(if $(TESTS),--test)
endif

# Changes when an optional part can be built that could not before, or the other way round.
$(STAMPS)/optional: system
	@mkdir -p $(STAMPS)
	@deploy/setup.sh --optional | cmp -s - $@ || deploy/setup.sh --optional >$@

$(STAMPS)/venv: | system
	@python="$$(deploy/setup.sh --python)"; \
	echo "setup: making $(VENV) with $$python ($$("$$python" --version))"; \
	"$$python" -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: $(STAMPS)/venv pyproject.toml | system
	@$(call requirements,build run video cli)
	@touch $@

$(STAMPS)/wheel: $(STAMPS)/run $(STAMPS)/optional $(SOURCES)
	@echo "setup: building and installing tubecam, which takes a minute or two"
	@$(PIP) install --no-build-isolation --no-deps --force-reinstall .
	@touch $@

$(STAMPS)/test: $(STAMPS)/run
	@{ $(call requirements,export test docs); } || { echo "setup: the tests need these exact packages" \
	  "for $$($(BIN)/python --version); if one has no wheel for it: make clean, then" \
	  "make test PYTHON=/path/to/another/python3" >&2; exit 1; }
	@touch $@

$(STAMPS)/lint: $(STAMPS)/run
	@$(call requirements,lint)
	@touch $@

docs: $(STAMPS)/wheel $(STAMPS)/test
	@$(BIN)/python -m pdoc --docformat numpy --output-directory out/docs tubecam '!tubecam._core'
	@echo "docs: out/docs/tubecam.html"

# After a change of csrc/explain/receipt/receipt.h.
receipt: install
	$(BIN)/python deploy/write_receipt.py

# The wheel's own build folder, so that nothing is compiled twice.
cpp-tests: $(STAMPS)/wheel $(STAMPS)/test
	@folder="build/wheel-$$($(BIN)/python -c 'import sys; print(sys.implementation.cache_tag)')"; \
	cmake -S . -B "$$folder" -DTUBECAM_TESTS=ON >/dev/null; \
	cmake --build "$$folder" --parallel; \
	cd "$$folder" && ctest --output-on-failure --parallel $(WORKERS)

asan: $(STAMPS)/run
	@PATH="$$PWD/$(BIN):$$PATH" VIRTUAL_ENV="$$PWD/$(VENV)" cmake --preset asan >/dev/null
	@cmake --build --preset asan
	@ctest --preset asan --parallel $(WORKERS)

# CUDA's kernels for every GPU that the found nvcc compiles for; no GPU is needed.
NVCC := $(shell command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null)
cuda: $(STAMPS)/run
ifeq ($(NVCC),)
	@echo "cuda: skipped: there is no nvcc in PATH or /usr/local/cuda/bin"
else
	@echo "cuda: compiling the kernels with $(NVCC), which takes minutes the first time"
	@PATH="$$PWD/$(BIN):$$PATH" cmake -S . -B build/kernels -DCMAKE_BUILD_TYPE=Release -DTUBECAM_WERROR=ON \
	  -DTUBECAM_CUDA=ON -DCMAKE_CUDA_COMPILER=$(NVCC) -DTUBECAM_OPENVINO=OFF -DTUBECAM_PYTHON=OFF \
	  -DTUBECAM_GSTREAMER=OFF -DTUBECAM_TESTS=OFF >/dev/null
	@cmake --build build/kernels --parallel --target tubecam_cuda 2>&1 \
	  | $(BIN)/python tests/perf/registers.py --keep build/kernels/registers.json
endif

lint: $(STAMPS)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	find csrc tests/cpp deploy/cpp -name '*.h' -o -name '*.c' -o -name '*.c[cu]' -o -name '*.cuh' | xargs $(BIN)/clang-format --dry-run --Werror

format: $(STAMPS)/lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	find csrc tests/cpp deploy/cpp -name '*.h' -o -name '*.c' -o -name '*.c[cu]' -o -name '*.cuh' | xargs $(BIN)/clang-format -i

clean:
	rm -rf build $(VENV) out *.egg-info python/*.egg-info
