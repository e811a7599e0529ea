# Python is all that must be there: every target sets up what it needs first (nothing, when nothing changed).
# Without make (Windows): python scripts/bootstrap.py --browser, then what the recipes say with .venv\Scripts.

PYTHON ?= python3
ARGS ?=
BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)
TYPED := hot_folder studio_pipeline

.DEFAULT_GOAL := help
.PHONY: help setup browser demo test check format bench lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## make .venv with everything at its locked version, and build the review page
	@$(PYTHON) scripts/bootstrap.py

browser:  ## the same, and a Chromium for the browser tests
	@$(PYTHON) scripts/bootstrap.py --browser

demo: setup  ## render a shoot, tether it in, propose, review (ARGS=--headless for no page)
	@$(BIN)/studio demo $(ARGS)

test: browser  ## run the whole suite, browser tests included (ARGS passes to pytest)
	@$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup  ## lint, formatting, types, import rules, and the lock against pyproject.toml
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(TYPED)
	$(BIN)/lint-imports
	$(BIN)/python scripts/lock.py check

format: setup  ## format the code and mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup  ## time the pipeline beside named peers (ARGS passes on)
	@$(BIN)/python -m benchmarks $(ARGS)

lock: setup  ## resolve pyproject.toml anew into the lock files (ARGS=--upgrade for newer versions)
	$(BIN)/python scripts/lock.py update $(ARGS)

clean:  ## remove all that set-up and the tools made
	rm -rf .venv dist build studio_pipeline/review/static studio_pipeline/review/web/node_modules
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
