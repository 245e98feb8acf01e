# Two commands do everything on a fresh Debian machine with Python >= 3.11, pip and make:
#
#   make demo      installs what is needed and asks for a recommendation among 10,000 users
#   make test      installs the test tools and runs every check
#
# pip is all it takes; where uv is on the PATH it does the same, faster. Both install exactly the
# versions of constraints.txt. Other interpreters: `make PYTHON=python3.12 demo`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
UV := $(shell command -v uv 2>/dev/null)

# Test processes side by side: one per core. `make test WORKERS=0` runs them in one process.
WORKERS ?= auto
# Further words for pytest: `make test PYTEST="-k field"`.
PYTEST ?=
# And for the mutation script: `make mutation MUTATION="--only checks.py"`.
MUTATION ?=
NOTEBOOKS := notebooks
PICTURE ?= demo.png

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The virtual environment decides what is imported, nothing from outside does.
unexport PYTHONPATH PYTHONHOME

# $(call install,EXTRAS): install the package (editable) with these extras, at the pinned versions.
ifeq ($(UV),)
install = $(BIN)/python -m pip install --quiet -c constraints.txt -e '.[$(1)]'
else
install = $(UV) pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[$(1)]'
endif

.PHONY: help demo test lint types unit notebooks student site e2e fuzz mutation lab bench constraints clean

help: ## say what there is to make (what plain `make` does)
	@echo "mpclab: a workbench for secure multi-party computation"; echo
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|' 2>/dev/null \
	  || sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1: \2/p' Makefile

demo: $(STAMPS)/plot ## install, and recommend for 10,000 users: result, timing and a picture
	$(BIN)/mpclab recommend --picture $(PICTURE)

test: lint types unit notebooks ## install the test tools, then run lint, types, unit and notebooks

lint: $(STAMPS)/test ## check the style of the code and of the notebooks (ruff)
	$(BIN)/ruff check .

types: $(STAMPS)/test ## check the types (mypy, strict)
	$(BIN)/mypy

unit: $(STAMPS)/test ## run the tests and the examples in the documentation of the code (pytest)
	$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST)

notebooks: $(STAMPS)/test ## run every notebook and compare its outputs with the stored ones (nbval)
	@compgen -G '$(NOTEBOOKS)/*.ipynb' >/dev/null \
	  || { echo "There is no notebook in $(NOTEBOOKS)/, so there is nothing to compare."; exit 1; }
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -W default \
	  --nbval --nbval-current-env --nbval-cell-timeout 300 \
	  --nbval-sanitize-with tests/nbval_sanitize.cfg $(NOTEBOOKS)/*.ipynb

student: $(STAMPS)/site ## write the students' notebooks anew from the solved ones
	$(BIN)/python -m docs.student

site: $(STAMPS)/site ## write course, specification and reference as pages to read offline
	$(BIN)/python -m docs.site

mutation: $(STAMPS)/test ## spoil every line that security rests on: does a test fail? (long)
	$(BIN)/python -m tests.mutation $(MUTATION)

e2e: $(STAMPS)/e2e ## open every notebook in a real browser and move its controls (needs Chromium)
	$(BIN)/python -m pytest -m e2e tests/e2e
	$(BIN)/python -m pytest -m e2e tests/test_messages.py  # a browser each: apart from the above

# Further words: `make fuzz FUZZ="--only wire.decode --seed 7"`; --help tells them.
FUZZ ?= --inputs 1000000
fuzz: $(STAMPS)/test ## feed a million damaged inputs to everything that reads messages and files
	$(BIN)/python -m tests.fuzz $(FUZZ)

lab: $(STAMPS)/lab ## open the course in JupyterLab
	$(BIN)/jupyter lab $(NOTEBOOKS)

# Further words: `make bench BENCH=--quick`; `make bench BENCH=--help` tells them.
BENCH ?=
bench: $(STAMPS)/bench ## measure everything, about ten minutes; BENCH=--quick takes one
	$(BIN)/python -m benchmarks $(BENCH)

# Only this target chooses versions. Run it with the oldest Python that is promised, Debian 12's
# 3.11.2 (a package may ask for a later 3.11): make PYTHON=/usr/bin/python3.11 constraints. Look at
# the difference, run `make test` and `make e2e`, and commit constraints.txt.
constraints: ## resolve everything anew and write constraints.txt
	rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet --upgrade '.[all]'
	build/constraints/bin/python -c 'import platform as p; print("# Every package that the extra [all] brings, as resolved on Python", \
	  ".".join(p.python_version_tuple()[:2]) + ".", "Written by `make constraints`.")' > build/constraints.txt
	build/constraints/bin/python -m pip freeze --exclude mpclab | LC_ALL=C sort -f >> build/constraints.txt
	mv build/constraints.txt constraints.txt
	rm -rf build/constraints

clean: ## remove the environment, the caches and what the targets above left behind
	rm -rf $(VENV) build dist $(PICTURE) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# A stamp says that the environment holds the extras of its name. It is renewed when the
# dependencies or their versions change, so that a second `make demo` installs nothing.
$(STAMPS)/%: pyproject.toml constraints.txt | $(STAMPS)/venv
	@echo "Installing mpclab[$*] into $(VENV) with $(if $(UV),uv,pip) (once; a few minutes at most) ..."
	@$(call install,$*)
	@touch $@

$(STAMPS)/venv:
	@command -v $(PYTHON) >/dev/null || { echo "There is no '$(PYTHON)' here. Install Python 3.11 or newer" \
	  "(Debian: apt-get install python3 python3-venv), or name yours: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mpclab needs Python 3.11 or" \
	  "newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.11"; exit 1; }
	@if [ -x $(BIN)/python ] && $(BIN)/python -m pip --version >/dev/null 2>&1; then :; \
	elif [ -n "$(UV)" ]; then $(UV) venv --quiet --clear --seed --python "$$(command -v $(PYTHON))" $(VENV); \
	elif $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then $(PYTHON) -m venv --clear $(VENV); \
	else echo "'$(PYTHON)' cannot make a virtual environment: its module ensurepip is missing." \
	  "On Debian: apt-get install python3-venv, then the same command again."; exit 1; fi
	@mkdir -p $(STAMPS) && touch $@
