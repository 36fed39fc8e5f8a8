# Every target builds what it needs in .venv; a bare machine needs Python 3.11 or newer and make.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint docs bench clean

demo: .venv/.demo
	$(BIN)/python examples/plot_quickstart.py

test: .venv/.test
	$(BIN)/python -m pytest

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/.docs
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

BENCHMARKS := compare_esc50 compare_audioset esc50 speed_bilinear audioset_zero_shot audioset_tagging semanticac soundscapes search \
	speed_ridge speed_metrics speed_ranking_loss speed_nets speed_contrastive memory
bench: .venv/.bench
	set -e; for name in $(BENCHMARKS); do $(BIN)/python benchmarks/$$name.py; done
	$(BIN)/python benchmarks/tables.py

.venv/.python:
	$(PYTHON) -m venv .venv
	touch $@

.venv/.demo: .venv/.python pyproject.toml constraints.txt
	$(INSTALL) -e ".[minilm,plot]"
	touch $@

.venv/.test: .venv/.python pyproject.toml constraints.txt
	$(INSTALL) -e ".[test]"
	touch $@

.venv/.docs: .venv/.python pyproject.toml constraints.txt
	$(INSTALL) -e ".[docs]"
	touch $@

.venv/.bench: .venv/.python pyproject.toml constraints.txt
	$(INSTALL) -e ".[bench]"
	touch $@

clean:
	rm -rf .venv docs/_build docs/gallery docs/generated
