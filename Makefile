# Anywhere with Python 3.11 or newer, make and git: `make run` sets up what it needs and runs a study, `make test` checks all.

# the first that is new enough; to take another: make run PYTHON=/path/to/python3.13
PYTHON ?= $(shell .ci/ensure python)
PIP = .venv/bin/python -m pip --quiet --disable-pip-version-check --no-input

.NOTPARALLEL:
.PHONY: help run test test-long test-package package docs keys clean ngspice ngspice-command

help:
	@echo 'make run        set up, run studies/xor.toml and tell where its report is'
	@echo 'make test       set up for development; ruff, mypy and the tests'
	@echo 'make test-long  the tests that take minutes'
	@echo 'make test-package  wheel and sdist into fresh environments, Python 3.11, 3.12 and 3.13 where they are here'
	@echo 'make package    wheel and sdist in dist/'
	@echo 'make docs       the API pages, from the docstrings, in build/api/'
	@echo 'make keys       docs/keys.md, from where the keys of a study are declared'
	@echo 'make clean      remove what these made, except runs/'

run: .venv/for-run ngspice
	.venv/bin/hge-spice run xor

test: .venv/for-test ngspice-command
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	OPENBLAS_NUM_THREADS=1 .venv/bin/pytest -n auto --maxprocesses 8

test-long: .venv/for-test ngspice-command
	OPENBLAS_NUM_THREADS=1 .venv/bin/pytest -m long

test-package: .venv/for-test ngspice
	.venv/bin/pytest -m long tests/test_package.py

package: .venv/for-test
	.venv/bin/python -m hatchling build

keys: .venv/for-test
	.venv/bin/python docs/api/keys.py docs/keys.md

docs: .venv/for-test
	.venv/bin/python docs/api/build.py build/api
	@echo the API pages are in build/api/index.html

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# stamps: an install is repeated when pyproject.toml is newer; one for tests is one for running too
.venv/for-run: pyproject.toml
	@.ci/ensure venv '$(PYTHON)'
	@echo 'installing hge_spice and what it needs into .venv, about a minute'
	@$(PIP) install -e .
	@touch $@

.venv/for-test: pyproject.toml
	@.ci/ensure venv '$(PYTHON)'
	@echo 'installing hge_spice, what it needs and the tools for development into .venv, a minute or two'
	@$(PIP) install -e '.[dev]'
	@touch $@ .venv/for-run

# the library runs studies; the tests compare with the command too
ngspice ngspice-command:
	@.ci/ensure $@
