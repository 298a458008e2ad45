# Every target sets itself up: system packages through apt-get where they are missing, Python packages
# in .venv as requirements.lock says. Root (or sudo without a password) gives the full lab.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
LAB := $(BIN)/python -m tests.lab
SHELL_FILES = $(shell git ls-files '*.sh') tests/apps/shop/appctl
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check lab bench soak clean lock setup-lab setup-tests setup-bench

help: ## Show these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(READY) setup-lab ## Watch a native leak being found on three real hosts, and every trace removed
	@$(LAB) run --hosts shop-1,shop-2,shop-3 -- $(BIN)/python -m tests.lab.demo $(ARGS)

test: $(READY) setup-tests ## Run every test, those with real hosts too (ARGS="-k name tests/...")
	@$(LAB) run -- $(BIN)/python -m pytest -m "not soak" -n 2 $(ARGS)

check: $(READY) ## Format, lint, types, layers, shell scripts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/shellcheck $(SHELL_FILES)
	$(BIN)/shellcheck .ci/run

lab: $(READY) setup-lab ## A shell with the lab's hosts up; they are gone when it ends
	@$(LAB) shell

bench: $(READY) setup-bench ## Measure memops against OpenSSH and tar on the lab's hosts
	@$(LAB) run --hosts "" -- $(BIN)/python -m benchmarks $(ARGS)

soak: $(READY) setup-tests ## Run the tests that take long
	@$(LAB) run -- $(BIN)/python -m pytest -m soak --timeout 0 $(ARGS)

clean: ## Remove .venv, build products and the lab's cached roots
	@if [ -x $(BIN)/python ]; then $(LAB) clean; fi
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

lock: $(READY) ## Write requirements.lock from .venv
	@{ sed -n '/^#/p' requirements.lock; $(BIN)/pip freeze --exclude-editable; } > requirements.new
	@mv requirements.new requirements.lock

setup-lab:
	@sh tests/lab/setup.sh lab

setup-tests:
	@sh tests/lab/setup.sh lab tests jdk

setup-bench:
	@sh tests/lab/setup.sh lab bench

$(READY): requirements.lock pyproject.toml
	@sh tests/lab/setup.sh python
	@echo "setup: .venv with the packages of requirements.lock (under a minute)" >&2
	@[ -x $(BIN)/pip ] || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
