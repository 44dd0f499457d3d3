# Every command a person needs, each safe to run twice. `make` alone explains them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Bytecode is part of the installation: without .pyc every process pays two to four times as much to start.
unexport PYTHONDONTWRITEBYTECODE
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help install demo dev sandbox test lint format bench soak lock clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

install: $(READY) ## Create .venv with the pinned dependencies

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
		{ echo "stocks_pipeline needs Python 3.11, 3.12 or 3.13; make PYTHON=python3.12 picks another one." >&2; exit 2; }
	@echo "Installing the pinned dependencies into $(VENV): a minute or two ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@# Some packages ship templates that are no Python, so compileall's own verdict says nothing.
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib stocks_pipeline > /dev/null || true
	@touch $(READY)

demo: $(READY) ## An ASX day, a morning of reports, a check of US prices, offline: REPLAY=dir DATE=2025-12-05 runs recorded data
	@$(BIN)/stocks demo $(if $(REPLAY),--replay $(REPLAY)) $(if $(DATE),--date $(DATE)) $(ARGS)

dev: $(READY) ## The Dagster UI on the same data, with the daemon: http://127.0.0.1:3000
	@$(BIN)/stocks dev $(if $(REPLAY),--replay $(REPLAY)) $(ARGS)

sandbox: $(READY) ## Only the offline upstreams: http://127.0.0.1:8900
	@$(BIN)/stocks sandbox $(ARGS)

test: $(READY) ## Every test but the soak
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not soak" $(ARGS)

soak: $(READY) ## The minutes-long fault tests
	$(BIN)/python -m pytest -m soak $(ARGS)

lint: $(READY) ## Formatting, lint rules, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY) ## Mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY) ## The headline figures, each as a ratio
	@for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

lock: $(READY) ## Pin anew what pyproject.toml allows
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --quiet --upgrade --no-header \
		--output-file requirements.lock

clean: ## Remove the environment and the caches, never your data (.stocks)
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
