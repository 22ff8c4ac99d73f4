# `make` lists the tasks. Everything is installed below this folder, from locked and hashed requirements.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
UV := .tools/uv/bin/uv
RUN := .venv/bin/python
PORT ?= 8400
# Nothing of the user's AWS settings.
AWAY := env -u AWS_PROFILE -u AWS_DEFAULT_PROFILE AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null \
  AWS_DEFAULT_REGION=us-east-1
export SAM_CLI_TELEMETRY := 0
export PYTHONPATH := layers/core:client:.
# Images of containers often set it: every start of SAM CLI, of the AWS CLI and of pytest would compile all that it reads.
unexport PYTHONDONTWRITEBYTECODE

help: ## List the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "%-11s %s\n", $$1, $$2 }'

demo: setup ## Deploy the service on this machine, play a few cancellations, show what happened, clean up
	@$(RUN) -m local.demo

local: setup ## Deploy the service on this machine and keep it running until Ctrl-C
	@$(RUN) -m local.up

simulator: setup ## Run the simulator of feee.io alone until Ctrl-C, for writing a client (docs/simulator.md)
	@$(RUN) -m local.simulator --port $(PORT)

docs: setup ## The API's reference as a page, beside the local stack; each call can be tried there
	@$(RUN) -m local.reference

sam-local: setup ## Send EVENT (events/api-request.json) to its function in Lambda's image, through sam local invoke
	@$(RUN) -m local.sam $(EVENT)

sam-api: setup ## Run the API in Lambda's image, through sam local start-api, until Ctrl-C
	@$(RUN) -m local.sam_api

image: setup ## Pull Lambda's image, or build a stand-in for it if it can't be pulled
	@$(RUN) -m local.image

check: lint ## Before each commit: linters, types, contract, and the tests that need no stack (a minute)
	@$(RUN) -m pytest tests/unit tests/simulator -m "not long and not thorough" -q -n 2 --dist loadfile

test: lint build .tools/operator/ready .tools/sbom/ready ## Linters, types, contract, and every test that doesn't have to wait long
	@$(RUN) -m pytest -m "not long" -n 3 --dist loadfile --no-loadscope-reorder --cov --cov-report=term-missing:skip-covered

test-long: build .tools/operator/ready .tools/sbom/ready ## The tests that watch the clock for minutes (drain, crashes, a wrong key), and all generated cases
	@HYPOTHESIS_PROFILE=thorough $(RUN) -m pytest -m "long or thorough" -n 3 --dist loadfile --no-loadscope-reorder -rP

pythons: setup ## The same tests as check, on every other Python from 3.11 on that this machine has
	@$(RUN) -m local.pythons

bench: setup ## Measure cold starts, warm calls, the drain and the bill against a floor (6 minutes)
	@$(RUN) -m benchmarks

bench-json: setup ## The same figures as JSON
	@$(RUN) -m benchmarks --json

memory: setup ## Measure latency and price of each function at several sizes of memory (5 minutes)
	@$(RUN) -m benchmarks.memory

profile: setup ## Show where the cold start of FUNCTION (api) goes
	@$(RUN) -m benchmarks.profile $(FUNCTION)

imports: setup ## Renew the list of what each function imports, which a test holds them to
	@$(RUN) -m benchmarks.imports

lint: setup ## Style, types, layering, template and API contract
	@$(MAKE) --no-print-directory -j 2 lint-types lint-policies lint-style lint-template

.PHONY: lint-style lint-types lint-template lint-policies
lint-style:
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/lint-imports
	@.venv/bin/openapi-spec-validator openapi.yaml

lint-types:
	@.venv/bin/mypy

lint-template:
	@.venv/bin/cfn-lint
	@$(AWAY) .tools/sam/bin/sam validate --lint

lint-policies:
	@.tools/checkov/bin/checkov --config-file .checkov.yaml

dashboard: setup ## Draw docs/dashboard.png: the stack's dashboard with the metrics of a local run (5 minutes)
	@$(RUN) -m local.dashboard

format: setup ## Put the code in the house's format
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

build: setup ## Build what would be deployed, into a folder of .local/builds
	@$(RUN) -m local.build

lock: $(UV) ## Resolve every requirement again and write the lock files
	@for name in layers/dependencies/requirements requirements/uv requirements/sam requirements/emulator requirements/stand-in requirements/checkov requirements/aws requirements/operator requirements/sbom requirements/dev; do \
	  $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-header --output-file "$$name.txt" "$$name.in" || exit 1; \
	done

deploy: .tools/sam/ready .tools/operator/ready ## From here to a stack that cancels (STACK=, REGION=, PROFILE=, PARAMETERS=); again: update
	@.tools/operator/bin/python -m deploy

.PHONY: package
package: .tools/sam/ready .tools/operator/ready .tools/sbom/ready ## A folder that installs the service without this repository: artifacts, checksums, SBOM, notices
	@.tools/operator/bin/python -m deploy.package

undeploy: .tools/operator/ready ## Say what stays and what it costs, ask, and remove the rest of the stack
	@.tools/operator/bin/python -m deploy.undeploy

setup: .venv/ready .tools/sam/ready .tools/emulator/ready .tools/checkov/ready .tools/aws/ready ## Install what the tasks need, below this folder

.venv/ready: requirements/dev.txt layers/dependencies/requirements.txt
.tools/sam/ready: requirements/sam.txt
.tools/emulator/ready: requirements/emulator.txt
.tools/checkov/ready: requirements/checkov.txt
.tools/aws/ready: requirements/aws.txt
.tools/operator/ready: requirements/operator.txt
.tools/sbom/ready: requirements/sbom.txt

# What another make in this folder has made meanwhile isn't made again.
ONCE = $(PYTHON) -I local/lock.py $@ $^ -- $(SHELL) $(.SHELLFLAGS)

# One environment for each lock file, named as it is: SAM CLI, the emulator and checkov pin libraries that the project
# also uses. The AWS CLI is what the tests run the documents' commands with.
.venv/ready .tools/sam/ready .tools/emulator/ready .tools/checkov/ready .tools/aws/ready .tools/operator/ready .tools/sbom/ready: | $(UV)
	@$(ONCE) 'echo "Installing $< (once) ..."; \
	  $(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" $(@D); \
	  $(UV) pip install --quiet --python $(@D) --require-hashes --requirement $<; \
	  touch $@'

$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "This needs Python 3.11 or later: make PYTHON=python3.13 ..." >&2; exit 1; }
	@$(ONCE) '$(PYTHON) -m venv --clear .tools/uv \
	    || { echo "The venv module of Python is missing (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }; \
	  .tools/uv/bin/python -m pip install --quiet --require-hashes --requirement $<; \
	  touch $@'

clean: ## Remove everything that was built or installed here
	rm -rf .venv .tools .aws-sam dist .local .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage

.PHONY: help memory dashboard demo local simulator docs sam-local sam-api image check test test-long pythons bench bench-json profile imports lint format build lock deploy undeploy setup clean
