# make demo: the main job, in a cloud on this machine. make test: everything that proves it. make check: the quick half.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CHECKOV := .venv-checkov
VALIDATORS := .venv-validators
unexport PYTHONDONTWRITEBYTECODE # else each process compiles the tests and the tool anew
SUDO   := $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: demo test check lint types unit laws lab-test nightly bench docs setup checkov validators auditors browser lock clean help
.DEFAULT_GOAL := help

help:
	@echo "make demo    deploy the demonstration stack into the embedded cloud, prove it with real calls, write its dossier"
	@echo "make test    every test; brings the embedded cloud up"
	@echo "make check   lint, types, unit tests and laws: no root, no cloud; how long: docs/ci-minutes.md"
	@echo "make bench   measured times, as a table"
	@echo "make docs    the pages that are written from the code"
	@echo "make nightly the longer proofs: all tests, and the demonstration from a bare machine"

# --- what everything needs -------------------------------------------------------------------------------------------

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q --no-install-recommends python3-venv; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

# A browser for the calls; where it cannot be had, `socle verify` uses its native client.
browser:
	@missing=; command -v chromium >/dev/null || missing="chromium"; command -v certutil >/dev/null || missing="$$missing libnss3-tools"; \
	  command -v npm >/dev/null || missing="$$missing npm"; \
	  if [ -n "$$missing" ]; then { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q --no-install-recommends $$missing; } || \
	  echo "no browser: calls are made by the native client" >&2; fi

# What looks at TLS from outside, as a reviewer's own tool does.
auditors:
	@command -v testssl >/dev/null || \
	  { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q --no-install-recommends testssl.sh; }

# checkov, for `socle check --second-opinion`: it clashes with Pulumi's packages.
checkov: $(CHECKOV)/.ready

# What says whether the files for auditors are what they claim to be: trestle for OSCAL, Microsoft's Multitool for SARIF.
validators: $(VALIDATORS)/.ready
	@command -v npm >/dev/null || { $(SUDO) apt-get update -q && $(SUDO) apt-get install -y -q --no-install-recommends npm; }
	@test -e $(VALIDATORS)/node_modules || npm install --silent --no-save --prefix $(VALIDATORS) @microsoft/sarif-multitool@5.7.0

# An environment of its own.
.venv-%/.ready: requirements-%.lock
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --require-hashes -r $<
	@touch $@

# --- the main job ----------------------------------------------------------------------------------------------------

demo: setup browser
	@$(BIN)/python -m socle.engine.build & engine=$$!; $(BIN)/socle lab up --for demo && wait $$engine
	$(BIN)/socle up demo --yes
	$(BIN)/socle verify demo
	$(BIN)/socle report demo --out dossier
	@$(BIN)/socle lab status

# --- proofs ----------------------------------------------------------------------------------------------------------

test: check lab-test

# Two at a time, begun fast to slow: the tests begin when a core is free.
check: setup
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint types unit

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	cd playbooks && PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_HOME="$${TMPDIR:-/tmp}/socle-ansible-lint" ansible-lint --offline --profile production -q

types: setup
	$(BIN)/mypy

unit: setup
	$(BIN)/pytest -q -n 3 --dist loadgroup tests/unit tests/laws

lab-test: setup browser
	@$(BIN)/python -m socle.engine.build & engine=$$!; $(BIN)/socle lab up --for demo && wait $$engine
	SOCLE_REQUIRE_LAB=1 $(BIN)/pytest -q -m "not nightly" tests/lab

nightly: test auditors validators
	HYPOTHESIS_PROFILE=nightly $(BIN)/pytest -q -n 2 tests/laws/test_generated_files.py tests/laws/test_sizing.py
	SOCLE_REQUIRE_LAB=1 $(BIN)/pytest -q -m nightly tests/lab
	$(BIN)/pytest -q tests/integration
	$(BIN)/socle lab down
	$(BIN)/python -m benchmarks --bare

bench: setup checkov
	SOCLE_CHECKOV=$(CHECKOV)/bin/checkov $(BIN)/python -m benchmarks

docs: setup
	$(BIN)/python -m socle.topology.sizing.page

clean:
	rm -rf $(VENV) $(CHECKOV) $(VALIDATORS) dist build dossier

# After a change of dependencies. The lock names no package index: each machine uses its own.
lock: setup
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' pyproject.toml -o requirements.lock
	for group in checkov validators; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --group $$group --generate-hashes \
	    --no-emit-index-url --custom-compile-command 'make lock' -o requirements-$$group.lock; done
