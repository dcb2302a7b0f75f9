# `make demo` and `make test` need Python 3.11+ and make, and nothing else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DATA   ?=

.PHONY: help demo test test-all check format docs clean
help:
	@echo "make demo        the whole story on real images, with a report (demo-report/report.html)"
	@echo "make test        the tests that take seconds; TESTS=tests/core for some of them"
	@echo "make test-all    all tests, those of tests/slow.txt too"
	@echo "make check       format, lint, types, import order, docs"
	@echo "make docs        build the documentation into site/"
	@echo "make bench-NAME  a benchmark of bench/NAME.py; some take DATA=folder"

# pip, not uv: it takes the torch that is there already
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("regard needs Python 3.11 or newer: make PYTHON=python3.11 ..." if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,docs]'
	touch $@

demo: $(STAMP)
	$(BIN)/regard demo --out demo-report

# the same code is read by many processes: compiled once, whatever is set outside
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test: $(STAMP)
	$(PYTEST) -m "not slow" $(TESTS)

test-all: $(STAMP)
	$(PYTEST) $(TESTS)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=tests $(BIN)/lint-imports
	$(BIN)/python docs/check.py

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP)
	$(BIN)/mkdocs build --strict

bench-%: $(STAMP)
	$(BIN)/python bench/$(subst -,_,$*).py $(if $(DATA),--data $(DATA))

clean:
	rm -rf $(VENV) site demo-report .pytest_cache .mypy_cache .ruff_cache .hypothesis
