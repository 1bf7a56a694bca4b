# The commands that the README and CI run. `make demo` is where a newcomer starts.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
BIN := .venv/bin
READY := .venv/.ready

SET ?= psb
MINUTES ?= 30

# Tests side by side: a file's tests share what they make, so a file stays in one process.
PYTEST := pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: ablation bench coverage demo image licences lint lock plan reproduce results sbom settings setup soak test test-all

demo: plan setup ## make the environment, run the embedded demo set, print its metrics and what to do next
	@$(BIN)/ucmgcn run

plan:
	@test -e $(READY) || echo "installing the pinned packages into .venv, 2 GB in about 4 minutes; then the demo set, 3 minutes on two cores"

test: setup lint ## lint, types and the tests that take minutes
	$(BIN)/python -m $(PYTEST) -m "not slow and not slurm and not benchmark_data"

test-all: setup lint ## the whole test suite, as CI runs it
	$(BIN)/python -m $(PYTEST)

coverage: setup ## which lines and branches the whole suite reaches, processes that it starts included
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m $(PYTEST)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

lint: setup ## ruff, snakefmt, snakemake --lint, mypy, bandit, known vulnerabilities, licences
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/bandit -q -c pyproject.toml -r workflow/scripts
	$(BIN)/python envs/audit.py
	$(BIN)/python envs/licences.py

setup: $(READY)
	@bash envs/system.sh $(BIN)/python

$(READY): requirements.lock pyproject.toml
	bash envs/venv.sh .venv
	touch $@

image: ## the container image, with podman, docker or buildah
	bash envs/image.sh

lock: ## pin what is installed now, without any index's address
	$(BIN)/pip freeze --exclude-editable | sed -E 's/\+[a-z0-9.]+$$//' | grep -vE '^(nvidia|triton|cuda)' > requirements.lock
	$(BIN)/python envs/pins.py

licences: setup ## list the licences of all pinned packages in docs/licences.md
	$(BIN)/python envs/licences.py --write

# A tool of its own environment: it lists what is installed here, and must not be part of it.
sbom: setup ## list all that is installed as CycloneDX: sbom.json
	$(BIN)/python -m venv --clear .sbom
	.sbom/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0
	.sbom/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --output-reproducible --output-file sbom.json

soak: setup ## kills, full disks, flipped bytes, two runs, for some minutes: make soak [MINUTES=30]
	$(BIN)/python benchmarks/soak.py --minutes $(MINUTES)

settings: setup ## write config.yaml, its schema and docs/settings.md from the code
	$(BIN)/python docs/settings.py

results: setup ## fill the results of README.md and docs/*.md from docs/results
	$(BIN)/python docs/results.py

reproduce: setup ## rerun the published results and compare: make reproduce [PSB=DIR] [SETS="demo ..."]
	source $(BIN)/activate && python benchmarks/reproduce.py $(if $(PSB),--psb "$(PSB)") $(SETS)

ablation: setup ## rerun docs/ablation.md, in hours: make ablation SET=NAME MODELS=DIR IMAGES=DIR
	source $(BIN)/activate && bash benchmarks/ablation.sh $(SET) "$(MODELS)" "$(IMAGES)"

bench: setup ## measure what docs/performance.md holds: make bench MODELS=DIR IMAGES=DIR [WHAT=all]
	source $(BIN)/activate && bash benchmarks/bench.sh "$(MODELS)" "$(IMAGES)" $(WHAT)
