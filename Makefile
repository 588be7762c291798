# Three commands do all on a fresh machine: `make demo`, `make serve` and `make test`.

PYTHON ?= python3.11
PATIENTS ?= 60
SEED ?= 2026
PORT ?= 8000
JOBS ?= 2
BIN := .venv/bin
MANAGE := $(BIN)/python manage.py

.PHONY: help demo serve install test check lock messages bench clean

help:  ## Say what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: install  ## Make the synthetic cohort, run the pipeline, serve the site (PATIENTS=60 SEED=2026 PORT=8000)
	@$(MANAGE) demo --patients $(PATIENTS) --seed $(SEED) --port $(PORT)

serve: install  ## Serve the site for your own data, with broker, workers and beat, until Ctrl-C (PORT=8000)
	@$(MANAGE) serve --port $(PORT)

install: .venv/kernels node_modules/installed  ## Prepare .venv, the compiled kernels and the browser libraries

# pyradiomics has no wheel and imports numpy while it is built, so numpy comes first and isolation is off;
# a wheel from pip's cache may be built for another numpy, so the cache is off, too.
.venv/installed: requirements-build.txt requirements.txt requirements-dev.txt
	@command -v $(PYTHON) >/dev/null || { echo "Ecotone needs Python 3.11 ($(PYTHON) was not found). Name yours: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-cache-dir --no-build-isolation --require-hashes -r requirements-dev.txt
	@touch $@

# Loops over voxels are compiled once and kept beside their modules.
.venv/kernels: .venv/installed $(wildcard imaging/core/*.py imaging/core/engine/*.py)
	$(BIN)/python -m imaging.core.warm_up
	@touch $@

node_modules/installed: package-lock.json .venv/installed
	@command -v npm >/dev/null || $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-node.txt
	PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --no-fund --no-audit --no-update-notifier --loglevel=error
	@touch $@

test: install  ## Run the suite (all of it, or TESTS=FOLDERS); tests that start real processes take turns, the others share JOBS=2 cores
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m "not processes" $(TESTS)
	$(BIN)/python -m pytest -m processes $(TESTS)

check: install  ## Lint, types, import rules, migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy config cohorts imaging modeling
	$(BIN)/lint-imports
	$(MANAGE) makemigrations --check --dry-run
	$(MANAGE) check

bench: install  ## Measure jobs here and at named peers on the same files
	$(BIN)/python -m bench

lock:  ## Resolve requirements*.in again (needs uv)
	uv pip compile -q --python-version 3.11 --generate-hashes --universal --no-header --no-emit-index-url requirements.in -o requirements.txt
	uv pip compile -q --python-version 3.11 --generate-hashes --universal --no-header --no-emit-index-url -c requirements.txt requirements-dev.in -o requirements-dev.txt
	uv pip compile -q --python-version 3.11 --generate-hashes --universal --no-header --no-emit-index-url -c requirements.txt requirements-build.in -o requirements-build.txt
	uv pip compile -q --python-version 3.11 --generate-hashes --universal --no-header --no-emit-index-url requirements-node.in -o requirements-node.txt

messages:  ## Gather texts for translators and compile what they translated (needs gettext)
	for app in cohorts imaging modeling; do \
	  (cd $$app && for domain in django djangojs; do ../$(BIN)/python ../manage.py makemessages -l zh_Hans -d $$domain --no-location --no-wrap; done); \
	done
	$(MANAGE) compilemessages --ignore=.venv

clean:  ## Remove what was installed; data in var/ stay
	rm -rf .venv node_modules
