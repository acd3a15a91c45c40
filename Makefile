# Every target sets up what it needs: a virtual environment in .venv with the pinned dependencies of uv.lock.
PYTHON ?= python3
STAGE  ?= dev
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.synced
CDK    := node_modules/.bin/cdk

.PHONY: demo test e2e lint bench synth deploy clean

demo: $(STAMP)                ## run the main job on one machine: make demo [TAPE=file-or-folder]
	@$(BIN)/holdfast demo $(if $(TAPE),--tape "$(TAPE)")

test: $(STAMP) $(if $(HOLDFAST_E2E),$(CDK)) ## run every test, and say which were skipped and why; HOLDFAST_E2E=1: e2e, too
	@$(BIN)/pytest -n 2 --dist loadgroup -rs

e2e: $(STAMP) $(CDK)          ## deploy the stacks to a stand-in for AWS here, and let them trade at local venues for minutes
	@$(BIN)/python -m local.e2e

lint: $(STAMP)                ## format, style and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: $(STAMP)               ## print the numbers of docs/benchmarks.md again
	@$(BIN)/python -m benchmarks

synth: $(STAMP) $(CDK)        ## write the CloudFormation templates to cdk.out: make synth [STAGE=dev]
	@$(CDK) synth --quiet --context stage=$(STAGE)

deploy: $(STAMP) $(CDK)       ## deploy to the AWS account of the environment's credentials: make deploy [STAGE=dev]
	@# No account parts from what it holds, and its record is there before its ticks come.
	@$(BIN)/holdfast accounts sync --check --stage $(STAGE)
	@$(CDK) deploy "*-data" --context stage=$(STAGE)
	@$(BIN)/holdfast switches sync --stage $(STAGE)
	@$(BIN)/holdfast accounts sync --stage $(STAGE)
	@$(CDK) deploy --all --context stage=$(STAGE)

$(CDK): package-lock.json package.json
	@npm ci --silent --no-audit --no-fund
	@touch $@

$(STAMP): uv.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	@UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --quiet --frozen --all-extras --all-groups
	@touch $@

clean:
	rm -rf $(VENV) node_modules cdk.out
