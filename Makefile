# make demo   watch white cells being outlined on a simulated smear (runtime libraries only)
# make test   the test-suite (development, training and export libraries too)
# make plugin compile the TensorRT plugin (CMake and CUDA's nvcc needed)
# make clean  remove the virtual environment
#
# Both make the virtual environment .venv on their first call. Needed: Python 3.10 to 3.13, a C++ compiler, make.
#
#   make demo PYTHON=/opt/python3.12/bin/python3 DEMO_ARGS="--frames 40 --headless"
#   make test TEST_ARGS="tests/edge -q"

SHELL := /bin/bash
VENV := .venv
# 3.11 first, on which the pinned versions were tested; then the newest.
CANDIDATES := python3.11 python3.13 python3.12 python3.10 python3
DEMO_ARGS ?=
TEST_ARGS ?=

define FIND_PYTHON
found=; \
for python in $(or $(PYTHON),$(CANDIDATES)); do \
  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
  then found=$$python; break; fi; \
done; \
if [ -z "$$found" ]; then \
  echo "make: $(if $(PYTHON),PYTHON=$(PYTHON) is no,no) Python 3.10 to 3.13 with its venv module$(if $(PYTHON),, was found); install one (on Debian and Ubuntu: apt install python3-venv) or name one with PYTHON=/path/to/python3" >&2; \
  exit 1; \
fi
endef

# A stamp is written only after its installation went through, so that an interrupted one is done again.
INSTALL = "$(VENV)/bin/python" -m pip install -qq --disable-pip-version-check -c constraints.txt

.PHONY: demo test plugin clean
.DELETE_ON_ERROR:

demo: $(VENV)/runtime.stamp
	@$(VENV)/bin/python -m edge.demo $(DEMO_ARGS)

test: $(VENV)/test.stamp
	@$(VENV)/bin/python -m pytest $(TEST_ARGS)

# The plugin library of TensorRT engines. The headers are those of TENSORRT_ROOT or of an installed TensorRT; only where
# there is neither are those of PyPI's kernel-lens put into the virtual environment.
#
#   make plugin CMAKE_ARGS=-DLEUKOEDGE_CUDA_ARCHITECTURES=87
CMAKE_ARGS ?=
HEADERS = $(or $(TENSORRT_ROOT),$(wildcard /usr/include/NvInferRuntime.h /usr/include/*-linux-gnu/NvInferRuntime.h))

plugin: $(if $(HEADERS),,$(VENV)/plugin.stamp)
	@cmake -S . -B build/plugin -DCMAKE_BUILD_TYPE=Release -DPython3_EXECUTABLE="$(abspath $(VENV)/bin/python)" $(CMAKE_ARGS)
	@cmake --build build/plugin --target leukoedge_plugin -j2
	@ls build/plugin/export/plugin/libleukoedge_plugin.so

$(VENV)/plugin.stamp: | $(VENV)/created.stamp
	@$(INSTALL) --no-deps kernel-lens
	@touch $@

clean:
	rm -rf $(VENV)

$(VENV)/created.stamp:
	@$(FIND_PYTHON); \
	echo "making the virtual environment $(VENV) with $$("$$found" --version)"; \
	rm -rf $(VENV) && "$$found" -m venv $(VENV) && touch $@

$(VENV)/runtime.stamp: pyproject.toml constraints.txt | $(VENV)/created.stamp
	@echo "installing the runtime's libraries into $(VENV)"
	@$(INSTALL) -e .
	@touch $@

$(VENV)/test.stamp: $(VENV)/runtime.stamp
	@echo "installing the libraries for development, training and export into $(VENV) (PyTorch among them: minutes)"
	@$(INSTALL) -e '.[dev,train,export,calib,openvino,rtx]'
	@$(INSTALL) --no-deps kernel-lens  # TensorRT's headers; what it depends on is not needed
	@touch $@
