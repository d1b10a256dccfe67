# Needs only make and Python 3.11 to 3.13. The first target builds .venv, once.
.PHONY: demo test test-real lint docs release bench bench-all bench-quick clean environment
.DEFAULT_GOAL := demo
SHELL := /bin/sh

BIN := .venv/bin
READY := .venv/ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
SUITABLE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

demo: environment
	@$(BIN)/kakehashi demo

test: lint
	@$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

# Against real components, those of them that are here: SLURM, a Dask scheduler with TLS, servers. Some names: PARTS='slurm dask_tls'
test-real: environment
	@$(BIN)/python -m tests.real $(PARTS)

lint: environment
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# Strict: a broken link is an error. The pages are in build/docs/html.
DOCS := build/docs/venv
docs: environment $(DOCS)/ready
	@$(BIN)/python docs/site/pages.py build/docs/source
	@$(DOCS)/bin/python -m sphinx -n -W -q -E --keep-going -b html build/docs/source build/docs/html
	@echo "build/docs/html/README.html"

$(DOCS)/ready: docs/constraints-docs.txt | environment
	@rm -rf $(DOCS) && $(BIN)/python -m venv $(DOCS)
	@$(DOCS)/bin/python -m pip --disable-pip-version-check --no-input install -qq --require-hashes -r docs/constraints-docs.txt
	@touch $@

# sdist and wheel in dist/, built twice to the same bytes, tried in clean environments. ONLY_BUILD=1 leaves the trying out.
release: environment
	@$(BIN)/python .ci/release.py $(if $(ONLY_BUILD),--no-install)

# Under a minute each on two quiet cores; the others take longer.
SHORT := quick formulas descriptors descriptors_today score_today forests_pipeline forests pretrain_today check_ltc check_polymer_tables read_structures
LONG := pretrain transfer_ltc evaluate_ltc multitask screen_mp dask_scoring device ten_million hundred_million stream_repeat_units kill_resume repeat_unit_descriptors reactions language design_speed design_recovery zoo graph matbench small_data matbench_foundation pull_mp design_loop design_truth in_domain molecules_foundation routes target_size

# Ten ratios of processor time, in two minutes; an error where one has fallen by a fifth. WRITE=1 stores those of this run.
bench-quick: environment
	@$(BIN)/python benchmarks/quick.py $(if $(WRITE),--write)

bench: environment
	@set -e; for name in $(SHORT); do echo "== benchmarks/$$name.py"; $(BIN)/python benchmarks/$$name.py; done

bench-all: bench
	@set -e; for name in $(LONG); do echo "== benchmarks/$$name.py"; $(BIN)/python benchmarks/$$name.py; done

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

environment: $(READY)

# An interpreter counts only if it runs: a version manager's shim may be on the path and fail.
$(READY): constraints.txt pyproject.toml
	@set -e; \
	if ! $(BIN)/python -c '$(SUITABLE)' 2>/dev/null; then \
	  for python in $(PYTHON) python3 python3.12 python3.13 python3.11; do \
	    if "$$python" -c '$(SUITABLE)' 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "error: no Python 3.11, 3.12 or 3.13 with venv found: install one (Debian: apt-get install python3-venv)" >&2; \
	    echo "       or name it: make PYTHON=/path/to/python3.12" >&2; \
	    exit 1; \
	  fi; \
	  echo "making .venv with $$found ($$("$$found" -V))" >&2; \
	  rm -rf .venv; "$$found" -m venv .venv; \
	fi
	@echo "installing the pinned packages into .venv (some minutes the first time)" >&2
	@$(PIP) install -qq --require-hashes -r constraints.txt
	@$(PIP) install -qq --no-build-isolation --no-deps -e .
	@touch $@
