# Three verbs: `make run`, `make test`, `make check`. Each sets up what it needs in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: run test check format clean

run: $(VENV)/installed
	$(BIN)/studio serve --browser $(ARGS)

test: $(VENV)/installed-for-tests
	$(BIN)/python -m tests.chromium
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not gpu" $(ARGS)

check: $(VENV)/installed-for-tests
	$(BIN)/ruff format --check studio tests
	$(BIN)/ruff check studio tests
	$(BIN)/mypy
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -q tests/test_layers.py

format: $(VENV)/installed-for-tests
	$(BIN)/ruff format studio tests
	$(BIN)/ruff check --fix studio tests

$(VENV)/created:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/installed: $(VENV)/created pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e .
	touch $@

$(VENV)/installed-for-tests: $(VENV)/installed
	$(PIP) install -c constraints.txt -e '.[test,check,training]'
	touch $@

clean:
	rm -rf $(VENV) build dist
