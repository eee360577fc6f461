# The commands for developers and for CI. Only make and Python 3.11 or newer must be installed.

PYTHON ?= $(shell for python in python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
RUN := .venv/bin/python
LOCK := $(RUN) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command 'make lock'

.PHONY: help up test test-slow test-fast properties year attack bench chaos guards model screenshots messages docs lint advisories format lock \
	dist image release upgrade-check

help:  ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile

up: .venv/.installed  ## Run everything, with its own database, until Ctrl-C
	@$(RUN) manage.py up

# Let Python write .pyc files. Without them, hundreds of processes would each compile the project.
test test-slow test-fast: export PYTHONDONTWRITEBYTECODE =

PYTEST = $(RUN) -m pytest -n $(or $(JOBS),3) --dist loadfile

test: .venv/.installed-dev  ## Run the tests, without the slow ones; ARGS="-k lock" for some, JOBS=n for n processes
	$(PYTEST) -m 'not long and not slow' $(ARGS)

test-slow: .venv/.installed-dev  ## Run the slow tests: running systems, browsers, attacks; ARGS and JOBS as for test
	$(PYTEST) -m 'slow and not long' $(ARGS)

test-fast: .venv/.installed-dev  ## Run the tests of the engine, for use while you work; ARGS and JOBS as for test
	$(PYTEST) -m 'not long and not slow' $(addprefix --ignore=tests/,admin commands docs players settings) $(ARGS)

properties: .venv/.installed-dev  ## Check the properties on many random histories and answers; EXAMPLES=5000 for more
	PROPERTY_EXAMPLES=$(or $(EXAMPLES),500) $(RUN) -m pytest tests/properties $(ARGS)

year: .venv/.installed-dev  ## Simulate a year of codes, members and feeds in a few minutes
	$(RUN) -m pytest -m long tests/year $(ARGS)

attack: .venv/.installed-dev  ## Attack every page and a running system; REQUESTS=n SEED=n for the random requests
	FUZZ_REQUESTS=$(or $(REQUESTS),10000) FUZZ_SEED=$(or $(SEED),0) HOLD_SECONDS=60 $(RUN) -m pytest -m '' tests/security $(ARGS)

bench: .venv/.installed-dev  ## Measure on throw-away servers; prints each figure beside its limit; ARGS=--record for the page Performance
	$(RUN) -m pytest -q --no-header --capture=no -o python_files='bench_*.py' -o python_functions='bench_*' benchmarks $(ARGS)

chaos: .venv/.installed-dev  ## Kill, stop and cut off each part of a running system; SCENARIO=name,name ROUNDS=n SEED=n
	@$(RUN) -m chaos

guards: .venv/.installed-dev  ## Remove each guard from a copy of the code, and check that its test fails; GUARD=name
	@$(RUN) -m chaos.guards

model: .venv/.installed-dev  ## Check the model of the lock in every order of its steps; needs spin and gcc; GUARD=name or FAULTS=n
	@$(RUN) -m model.check

screenshots: .venv/.installed-dev  ## Create docs/screenshots again, with the installed Chromium
	$(RUN) -m pytest -q --no-header -o python_files='screenshots.py' -o python_functions='shoot_*' \
		tests/discord_bot tests/browser $(ARGS)

messages: .venv/.installed-dev  ## Update the catalogues of all languages, and compile them; needs GNU gettext
	@$(RUN) .ci/messages.py

docs: .venv/.installed-dev  ## Build the documentation strictly into site/; ARGS=serve to read it while you write
	@NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs $(if $(ARGS),$(ARGS) --dev-addr 127.0.0.1:8001,build --strict --quiet)
	@$(if $(ARGS),,echo 'The documentation is in site/; `make docs ARGS=serve` shows it.')

lint: .venv/.installed-dev  ## Check style, types, imports and migrations
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	.venv/bin/lint-imports
	@# Without a database, makemigrations only compares the models with the migration files.
	DATABASE_URL= $(RUN) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

advisories: .venv/.installed-dev  ## Check the pinned packages for known vulnerabilities; needs the network
	@$(RUN) .ci/advisories.py requirements.txt requirements-dev.txt

format: .venv/.installed-dev  ## Format the code, and fix what ruff can fix
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

lock: .venv/.installed-dev  ## Pin the requirements again; UPGRADE=--upgrade for newer versions
	$(LOCK) $(UPGRADE) -o requirements.txt requirements.in
	$(LOCK) $(UPGRADE) -o requirements-dev.txt requirements-dev.in

dist: .venv/.installed-dev  ## Build the wheel, the source and the list of packages of the last commit into dist/
	@$(RUN) .ci/dist.py

# The labels of the image (https://specs.opencontainers.org/image-spec/annotations/).
VERSION = $(shell $(RUN) -c 'import giftcodes; print(giftcodes.__version__)')
image: .venv/.installed  ## Build the image redeemer:<version> with Docker
	docker build --tag redeemer:$(VERSION) --build-arg VERSION=$(VERSION) \
		--build-arg REVISION=$(shell git rev-parse HEAD) \
		--build-arg SOURCE_DATE_EPOCH=$(shell git log -1 --format=%ct) \
		--build-arg CREATED=$(shell TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ) .

release: .venv/.installed-dev  ## Check everything that a release needs, and say what to do next
	@$(RUN) .ci/release.py

upgrade-check: .venv/.installed-dev  ## Upgrade a running system of an earlier release; FROM=tag-or-commit MEMBERS=n BESIDE=1
	@$(RUN) -m chaos.upgrade

.venv/.installed: requirements.txt
	@$(INSTALL) $@ $^

.venv/.installed-dev: requirements.txt requirements-dev.txt
	@$(INSTALL) $@ $^

INSTALL = $(if $(PYTHON),,echo 'Python 3.11 or newer is needed: install it, or set its path: make PYTHON=/path/to/python3.11' >&2; exit 1;) \
	$(PYTHON) .ci/install.py
