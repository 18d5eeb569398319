# The commands. The first of them builds .venv from requirements.lock.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PEERS := .venv-peers/bin
AUDIT := .venv-audit/bin
RELEASE := .venv-release/bin
FUZZ := .venv-fuzz/bin
TARGET ?= csv
SECONDS ?= 60
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
export DO_NOT_TRACK := 1
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install run test test-system fuzz cover check docs bench bench-archive bench-peers lock sbom audit releasable release
install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: expected Python 3.11 to 3.13 with venv and ensurepip on the PATH, found none; install it (Debian: python3-venv)" >&2; exit 2; }
	$(PYTHON) -m venv $(if $(wildcard $@),,--clear) .venv
	@rm -f $@
	@echo "downloading about 670 MB of packages, once per machine"
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip check --quiet --disable-pip-version-check
	@echo "compiling the LSTM kernel, once per machine"
	@$(BIN)/python -c "from seqclass.networks.kernel import compile_kernel; compile_kernel()"
	@echo "preparing Prefect's database, once per machine"
	-@$(BIN)/python -c "from seqclass.flows.service.ephemeral_server import prepare; prepare()"
	@touch $@

run: install
	$(BIN)/seqclass run

test: install
	$(BIN)/python -m pytest -m "not system" --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations=15

test-system: install
	$(BIN)/python -m pytest -m system -rs --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations=15

fuzz: install .venv-fuzz/installed
	PYTHONPATH=$(CURDIR):$(wildcard $(CURDIR)/.venv/lib/python*/site-packages) $(FUZZ)/python -m tests.support.fuzz $(TARGET) $(SECONDS) .fuzz/$(TARGET)

.venv-fuzz/installed:
	$(PYTHON) -m venv .venv-fuzz
	$(FUZZ)/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0
	@touch $@

cover: install
	rm -f .coverage .coverage.*
	$(BIN)/python -m coverage run -m pytest -m "not system" --numprocesses 2 --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

check: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: install
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --fresh-env --quiet -c docs . site
	@echo "open site/docs/index.html"

bench: install
	$(BIN)/python -m benchmarks

bench-archive: install
	$(BIN)/python -m benchmarks.archive

bench-peers: install .venv-peers/installed
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(PEERS)/python benchmarks/peer_classifiers.py
	$(BIN)/python -m benchmarks.peers

.venv-peers/installed:
	$(PYTHON) -m venv .venv-peers
	$(PEERS)/python -m pip install --quiet --disable-pip-version-check aeon==1.6.0 'torch>=2.6'
	@touch $@

.venv-cleanlab/installed:
	$(PYTHON) -m venv .venv-cleanlab
	.venv-cleanlab/bin/python -m pip install --quiet --disable-pip-version-check cleanlab==2.9.0
	@touch $@

lock: install
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --generate-hashes --extra s3 --extra excel --extra audio --extra dev pyproject.toml --output-file requirements.lock

sbom: install
	$(BIN)/python .ci/sbom.py > sbom.cdx.json

audit: .venv-audit/installed
	@$(AUDIT)/pip-audit --strict --disable-pip --requirement requirements.lock || { echo "make: expected an audit that finds nothing, it found a weakness or could not look one up (see above); mend it, or run 'make audit' where the package index can be asked" >&2; exit 1; }

.venv-audit/installed:
	$(PYTHON) -m venv .venv-audit
	$(AUDIT)/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	@touch $@

# Tries the wheel of the last commit and tags this commit; nothing leaves the machine.
release: releasable install sbom .venv-release/installed
	rm -rf dist
	mkdir -p dist/source
	git archive HEAD | tar --extract --directory dist/source
	cd dist/source && $(CURDIR)/$(BIN)/python -c "from setuptools import build_meta; build_meta.build_sdist('..')" >/dev/null
	rm -r dist/source
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-index --no-build-isolation --wheel-dir dist dist/*.tar.gz
	$(RELEASE)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall dist/*.whl
	SEQCLASS_BIN=$(CURDIR)/$(RELEASE) $(BIN)/python -m pytest tests/journeys/test_installed.py
	cp sbom.cdx.json dist
	git tag --annotate --message "Version $(VERSION)" v$(VERSION)
	@echo "tagged v$(VERSION); dist/ has what to publish"

releasable:
	@test -z "$$(git status --porcelain)" || { echo "make: expected a clean tree, got changes; commit them, or remove them (git status)" >&2; exit 2; }
	@grep -qE '^## $(VERSION)(,|$$)' CHANGELOG.md || { echo "make: CHANGELOG.md: expected a section '## $(VERSION)', found none; write it" >&2; exit 2; }
	@! git rev-parse --quiet --verify refs/tags/v$(VERSION) >/dev/null || { echo "make: expected a new version, got $(VERSION), which is tagged; raise it in pyproject.toml" >&2; exit 2; }

.venv-release/installed: requirements.lock
	$(PYTHON) -m venv --clear .venv-release
	$(RELEASE)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.lock
	@touch $@
