# Everything goes through here; `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup pipeline demo-weights status view report inspect verify test test-slow test-faults test-ray test-s3 fuzz lint typecheck docs check format constraints audit clean

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
CONFIG ?= demo
ARGS ?=
BIN := .venv/bin
RUN := $(BIN)/maskdistill
# Some containers set it. Without bytecode every process compiles torch and all else anew: 10 s, 25 s with Prefect.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  CONFIG=my.yaml chooses the experiment (demo), ARGS='-s cluster.k=20' changes settings"

setup: $(BIN)/.installed ## make the environment in .venv

$(BIN)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; name one with PYTHON=..." >&2; exit 2; }
	@echo "making the environment in .venv, which takes a minute or some, as the network does"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c constraints.txt uv
	$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[dev]'
	@touch $@
	@echo "installed; next: make pipeline runs the demo, $(RUN) run PHOTOS --classes 20 a folder of yours, make help lists more"

pipeline: setup ## run the whole pipeline on CONFIG
	$(RUN) run -c $(CONFIG) $(ARGS)

stage-%: setup ## run one stage, for example make stage-filter
	$(RUN) stage $* -c $(CONFIG) $(ARGS)

demo-weights: setup ## train the networks of the demo from nothing, an hour and a half on one core with AMX
	OMP_NUM_THREADS=1 $(RUN) stage pretrain -c configs/weights/scenes.yaml $(ARGS)
	OMP_NUM_THREADS=1 $(RUN) stage imitate -c configs/weights/scenes.yaml $(ARGS)

status: setup ## show what is cached and why the rest is not
	$(RUN) status -c $(CONFIG) $(ARGS)

view: setup ## look at the results in the browser
	$(RUN) view -c $(CONFIG) $(ARGS)

report: setup ## write the results as one page, report.html
	$(RUN) report -c $(CONFIG) $(ARGS)

inspect: setup ## show what is in the results of every finished stage
	@for view in masks clusters candidates pseudo-labels predictions; do \
		$(RUN) inspect $$view -c $(CONFIG) $(ARGS) || exit $$?; done

verify: setup ## check the artifacts against their manifests
	$(RUN) verify -c $(CONFIG) $(ARGS)

# By file, as what the tests of a file share is made once a worker; in order, as the long files come first then.
test: setup ## run the tests
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not slow and not faults and not ray and not s3' $(ARGS)

test-slow: setup ## run the tests that take minutes
	OMP_NUM_THREADS=2 $(BIN)/pytest -m slow $(ARGS)

test-faults: setup ## inject faults into runs, and print what became of them
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal tests/faults -k 'not few' $(ARGS)

FUZZED := coco_file segmentation rle store override yaml_file settings weights
MINUTES ?= 10

test-ray: setup ## install Ray, and run parts on a cluster of it
	$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[dev,ray]'
	PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/pytest -m ray $(ARGS)

test-s3: setup ## install s3fs and moto, and keep artifacts on an S3 server
	$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[dev,test-s3]'
	OMP_NUM_THREADS=1 $(BIN)/pytest -m s3 $(ARGS)

fuzz: setup ## let each reader of untrusted files read odd ones, for MINUTES each
	$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[dev,fuzz]' || echo "without atheris"
	@for target in $(FUZZED); do $(BIN)/python tests/fuzz/run.py $$target --minutes $(MINUTES) || exit $$?; done

lint: setup ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The installed names, as links to the folders of the checkout: mypy reads neither the package-dir of setuptools nor its
# editable installs. Made anew each time, so that no link outlives its file.
typecheck: setup ## check types
	rm -rf build/types
	mkdir -p build/types/maskdistill
	ln -s $(addprefix $(CURDIR)/,data stages pipeline configs $(wildcard maskdistill/*.py)) build/types/maskdistill
	$(BIN)/mypy

# As copies, since what reads the docstrings follows no link.
docs: setup ## build the pages of docs/ and of the API into build/site; warnings are errors
	$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[docs]'
	rm -rf build/api
	mkdir -p build/api/maskdistill
	cp -R data stages pipeline maskdistill/*.py build/api/maskdistill
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "build/site/index.html"

check: lint typecheck test ## all that must pass before a commit

format: setup ## put the code into the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

constraints: setup ## pin the newest versions that fit pyproject.toml
	$(BIN)/uv pip compile -q --upgrade pyproject.toml --extra dev --extra docs --extra fuzz --extra tensorboard --extra ray \
		--extra test-s3 --universal --no-header --no-annotate --no-emit-index-url -o constraints.txt

audit: setup ## look the pinned packages up among the known vulnerabilities, which needs a network
	$(BIN)/uv tool run pip-audit --requirement constraints.txt --no-deps --disable-pip

clean: ## remove the environment and caches; artifacts stay
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
