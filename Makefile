# What a newcomer types. Each target is safe to run again.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo test kafka jars kcat varnish feedparser-suite browser postgres chaos fleets fuzz lint lock bench press clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## .venv with the command .venv/bin/deltawire

$(STAMP): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "make install: deltawire needs Python 3.11 or newer; '$(PYTHON)' is not. Name one: make install PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "make install: '$(PYTHON)' has no venv module; on Debian: apt-get install python3-venv" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

demo: install ## the whole pipeline on three invented live blogs; prints the address of the page
	$(BIN)/deltawire demo

test: install browser postgres jars kcat varnish feedparser-suite ## every test, with the services they need
	$(BIN)/pytest -n 3 --dist loadfile

kafka: install ## a single-node Apache Kafka in the foreground, on KAFKA_PORT (9092), without Docker
	@PYTHONPATH=tests exec $(BIN)/python -m support.broker

press: install ## play random misbehaving blogs: SEEDS=2 FORMAT=rss MISBEHAVIOUR=window+noise SEED=7 BLOGS=1000
	@PYTHONPATH=tests $(BIN)/python -m press.harness $(if $(FORMAT),--format $(FORMAT)) $(if $(MISBEHAVIOUR),--misbehaviour $(MISBEHAVIOUR)) \
	  $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(BLOGS),--blogs $(BLOGS)) $(if $(FIRST),--first $(FIRST)) $(if $(STEPS),--steps $(STEPS))

bench: install ## figures, as ratios to a baseline of the same run
	@for file in bench/*_bench.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

lint: install ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fleets: install ## ten thousand feeds, and healthy ones beside hostile ones: half an hour on a machine that does nothing else
	$(BIN)/python bench/ten_thousand.py
	$(BIN)/python bench/hostile_neighbours.py --rounds 2
	$(BIN)/python bench/hostile_neighbours.py --rounds 2 --restless
	$(BIN)/python bench/ten_thousand.py --feeds 1000 --entries 50 --paragraphs 8 --seconds 60

chaos: install postgres jars ## the long versions of the fault tests: minutes, not seconds
	$(BIN)/pytest -m chaos

fuzz: install ## damaged documents through every reader for MINUTES=30, then FUZZ_EXAMPLES=10000 random blogs: hours
	@PYTHONPATH=tests $(BIN)/python -m hostile.fuzz --minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED))
	$(BIN)/pytest -m chaos tests/differ/test_machine.py

postgres:
	@PATH="$$PATH:$$(echo /usr/lib/postgresql/*/bin | tr ' ' ':')"; command -v initdb >/dev/null && exit 0; \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    echo "make test: installing PostgreSQL" && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null; \
	  else \
	    echo "make test: the tests of the store need PostgreSQL; on Debian: sudo apt-get install postgresql" >&2; exit 1; \
	  fi

# Before the tests, which have deadlines: the first time, Maven fetches for a while.
jars: install
	@if ! { command -v java && command -v mvn; } >/dev/null && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    echo "make test: installing Java and Maven" && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends default-jre-headless maven >/dev/null; \
	  fi
	@PYTHONPATH=tests $(BIN)/python -m support.broker --jars

# feedparser's own test documents, which only its source distribution has: by the version and the hash that are locked.
SUITE := var/feedparser
feedparser-suite: install
	@version=$$(sed -n 's/^feedparser==\([^ ]*\).*/\1/p' requirements-dev.txt); \
	  test -f $(SUITE)/feedparser-$$version.tar.gz && exit 0; \
	  mkdir -p $(SUITE) && sed -n '/^feedparser==/,/[^\\]$$/p' requirements-dev.txt > $(SUITE)/wanted.txt && \
	  $(BIN)/python -m pip download -q --disable-pip-version-check --no-deps --no-binary feedparser --require-hashes \
	    -d $(SUITE) -r $(SUITE)/wanted.txt || \
	  { echo "make test: the source distribution of feedparser could not be fetched from the package index; its documents are a test" >&2; exit 1; }

# Only one test needs each of them, and says so where it is skipped. Varnish is where only root looks for it.
kcat varnish:
	@PATH="$$PATH:/usr/sbin"; command -v $(if $(filter varnish,$@),varnishd,$@) >/dev/null && exit 0; \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    echo "make test: installing $@" && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $@ >/dev/null || true; \
	  fi

BROWSERS := chromium chromium-browser google-chrome
browser:
	@for name in $(BROWSERS); do command -v $$name >/dev/null && exit 0; done; \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    echo "make test: installing Chromium" && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	  else \
	    echo "make test: the tests of the web page need Chromium; on Debian: sudo apt-get install chromium" >&2; exit 1; \
	  fi

clean: ## forget everything that make made
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache .hypothesis

lock: install ## compile requirements*.txt again from pyproject.toml
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links -c requirements.txt --group dev pyproject.toml -o requirements-dev.txt
