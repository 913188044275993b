# make demo: a Dev Environment on this machine, and real ssh to it.
# make test: the tests, those that need a program that is not installed skipped.
# Both set up all they need in .venv; PYTHON names the interpreter to make it with.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READERS := tests/ssh/readers

.PHONY: demo test lint types format docs transcripts pictures bench fuzz soak dist clean help

# Print these verbs.
help:
	@awk '/^#/ {text = text substr($$0, 2)} \
	    /^[a-z]+:/ {name = $$1; sub(":.*", "", name); printf "make %-12s%s\n", name, text} \
	    !/^#/ {text = ""}' Makefile

# A target on this machine, and a real ssh to it.
demo: $(VENV)/.installed
	@$(BIN)/connector demo

# All tests. Tests that need a missing program are skipped.
test: $(VENV)/.installed $(READERS)/.installed
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# Check the style, the words and the workflows.
lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m manual.words
	$(BIN)/zizmor --offline --quiet .github/workflows

# Check the types.
types: $(VENV)/.installed
	$(BIN)/mypy

# Format the code.
format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Make the pages of docs that come from the program.
docs: $(VENV)/.installed
	@$(BIN)/python -m manual

# Print again what docs/examples.md shows of a terminal.
transcripts: $(VENV)/.installed
	@$(BIN)/python -m manual.transcripts

# Draw the README's picture of a terminal from a real run.
pictures: $(VENV)/.installed
	$(BIN)/python -m manual.picture

# Measure all figures in some seven minutes; then make the chart and the tables.
bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks --json benchmarks/results.json
	$(BIN)/python -m benchmarks.chart

# Coverage-guided, 60 s for each target or SECONDS; atheris knows CPython 3.11 to 3.13.
SECONDS ?= 60
# Search for inputs that break the data channel, for SECONDS (60) each.
fuzz: $(VENV)/.installed
	@$(BIN)/python -m pip install --quiet --group fuzz
	$(BIN)/python -m fuzz --seconds $(SECONDS)

# Run sessions with faults for half an hour or more; docs/ keeps the table.
soak: $(VENV)/.installed
	$(BIN)/python -m benchmarks.soak --output docs/soak-$$(date +%F).md

# Build the sdist and the wheel with its SBOM in dist/.
dist: $(VENV)/.installed
	rm -rf dist build
	$(PYTHON) -m venv build/runtime
	build/runtime/bin/python -m pip install --quiet .
	$(BIN)/python -m pip install --quiet --group dist
	$(BIN)/cyclonedx-py environment --output-file build/devenv-connector.cdx.json build/runtime
	$(BIN)/python -m build --sdist --wheel

# pip from 25.1 on knows dependency groups; a system's may be older.
$(VENV)/.installed: pyproject.toml
	@echo "Setting up $(VENV), which takes half a minute …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable '.[emulator]' --group test --group lint
	@touch $@

# Parsers of ssh_config from npm; without it, or without a network, their tests are skipped.
$(READERS)/.installed: $(READERS)/package.json
	@if npm --version >/dev/null 2>&1; then \
	    cd $(READERS) && npm install --silent --no-audit --no-fund --no-package-lock && \
	    touch .installed || echo "npm has not installed what $(READERS) needs" >&2; \
	fi

# Remove all that was made.
clean:
	rm -rf $(READERS)/node_modules $(READERS)/.installed
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
