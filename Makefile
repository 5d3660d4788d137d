# make demo      two emulated cameras, the page and RTSP, until Ctrl-C
# make test      all tests, under trial and under pytest
# make lint      ruff and mypy
# make bench     what receiving, live video and serving cost; nine minutes
# make soak      cameras, power cuts and viewers: does it go on as it began?
# make screenshot   the page's picture in the README anew (needs Chromium)
# make machines  the state machines' tables and pictures in docs/ (needs graphviz)
# make clean     remove all of the above, .venv included
#
# Needs make and Python 3.11 or newer; the rest is installed in .venv.
# Another Python: make PYTHON=python3.13 ...
# Longer: make soak HOURS=24, make bench MINUTES=10

PYTHON ?= python3
HOURS ?= 1
MINUTES ?= 1
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: help demo test lint bench soak screenshot machines clean

help:
	@sed -n 's/^# \{0,1\}//p; /^$$/q' Makefile

# Twisted keeps what it knows of plugins in a cache, and may believe an old one.
forget := rm -f twisted/plugins/dropin.cache

# Ctrl-C reaches make as well; the trap lets the demo end in its own time, and 130
# is how a program says that Ctrl-C ended it.
demo: $(VENV)/plain.stamp
	@$(forget)
	@echo "Two emulated cameras, and what serves them, on loopback. Ctrl-C ends it."
	@trap : INT; $(BIN)/twistd -n --pidfile= camclient --demo || test $$? = 130

test: $(VENV)/test.stamp
	@$(forget)
	@failed=; \
	$(BIN)/trial tests || failed=1; \
	$(BIN)/python -m pytest tests || failed=1; \
	test -z "$$failed"

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# aiopppp is there for comparison only.
bench: $(VENV)/plain.stamp
	@$(BIN)/python -c 'import aiopppp' 2>/dev/null \
	    || $(PIP) install --retries 1 aiopppp 2>/dev/null \
	    || echo "aiopppp cannot be installed; there is a benchmark without it, too."
	@$(BIN)/python benchmarks/receive.py
	@$(BIN)/python benchmarks/media.py
	@$(BIN)/python benchmarks/hundred.py --minutes $(MINUTES)
	@$(BIN)/python benchmarks/serving.py

# Without matplotlib there is no picture.
soak: $(VENV)/plain.stamp
	@$(forget)
	@$(BIN)/python -c 'import matplotlib' 2>/dev/null \
	    || $(PIP) install --retries 1 -e '.[soak]' \
	    || echo "matplotlib cannot be installed; there will be no picture."
	@echo "Its numbers, its log and a picture go to build/soak. Ctrl-C ends it."
	@trap : INT; $(BIN)/python benchmarks/soak.py --hours $(HOURS)

screenshot: $(VENV)/dev.stamp
	@$(forget)
	$(BIN)/python tools/screenshot.py

machines: $(VENV)/dev.stamp
	$(if $(shell command -v dot),,$(error This draws with dot: install graphviz))
	$(BIN)/python tools/machines.py --draw

clean:
	rm -rf $(VENV) build dist _trial_temp* .hypothesis .coverage
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	$(forget)

# The three installs; a larger one makes up for the smaller ones.
INSTALLS := pyproject.toml $(BIN)/python

$(VENV)/plain.stamp: $(INSTALLS)
	@echo "Installing in $(VENV) ..."
	@$(PIP) install -e .
	@touch $@

$(VENV)/test.stamp: $(INSTALLS)
	@echo "Installing in $(VENV), with what the tests need ..."
	@$(PIP) install -e '.[test]'
	@touch $(VENV)/plain.stamp $@

$(VENV)/dev.stamp: $(INSTALLS)
	@echo "Installing in $(VENV), with what developers need ..."
	@$(PIP) install -e '.[dev]'
	@touch $(VENV)/plain.stamp $(VENV)/test.stamp $@

# $(call python,code): is it true in that Python?
python = $(shell $(PYTHON) -c 'import sys; $(1)' >/dev/null 2>&1 && echo yes)

$(BIN)/python:
	$(if $(call python,),,$(error There is no $(PYTHON): install Python 3.11 or newer))
	$(if $(call python,sys.exit(sys.version_info < (3, 11))),,$(error \
	    $(PYTHON) is too old: install Python 3.11 or newer and say PYTHON=python3.x))
	$(if $(call python,import venv; import ensurepip),,$(error \
	    $(PYTHON) comes without venv: install it (Debian: apt install python3-venv)))
	@$(PYTHON) -m venv --clear $(VENV)
