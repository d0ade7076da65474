# `make sweep` runs the main job on the embedded cloud, `make test` passes the tests; both set up everything first.
# A machine needs Python 3.11 or newer, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A lock file names all packages, so none gets its dependencies resolved again (--no-deps), which takes ten seconds.
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --no-compile
# uv takes a tenth of pip's time, and less where its cache has the packages. It trusts whom this machine trusts, as pip does. It
# also looks in the places of pip's extra-index-url: of all files of a name, it takes the one that has the lock file's hash.
uv = @echo uv pip install $(1); \
  UV_EXTRA_INDEX_URL="$$UV_EXTRA_INDEX_URL $$($(BIN)/pip config list | sed -nE "s/^.*\.extra-index-url='(.*)'/\1/p" | sed 's/\\n/ /g' | tr '\n' ' ')" \
  $(BIN)/uv pip install --quiet --system-certs --index-strategy unsafe-best-match --no-deps --python $(BIN)/python $(1)
DATA := .stepsweep/data
# TORCH=cpu takes PyTorch's own CPU wheels, a tenth of the download, from PyTorch's index.
TORCH ?= default
EPOCHS ?= 1

export PATH := $(CURDIR)/$(BIN):$(PATH)
# Tests start hundreds of processes, and each would compile the same modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: packages install data ready sweep test suite slow package image frameworks mutants bench proof screens notebooks lint lock clean

install: $(VENV)/installed-$(TORCH)

# All but PyTorch, which with its libraries for GPUs takes longer than all else together.
packages: $(VENV)/packages-$(TORCH)

# Fashion-MNIST can be had from Debian's package too, so it is what the tests and examples/quick.json train on.
data: packages
	$(BIN)/python -m stepsweep.trainer.fetch --dataset fashion-mnist --data-dir $(DATA)

# A changed lock file rebuilds the venv, so that it contains nothing that no file asks for.
$(VENV)/packages-$(TORCH): installer.lock requirements.lock trainer/requirements.lock tests/proof/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "stepsweep needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12")'
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(PIP) --no-deps --require-hashes -r installer.lock
	$(call uv,--require-hashes -r requirements.lock -r tests/proof/requirements.lock)
	$(call uv,--no-build-isolation -e .)
	touch $@

$(VENV)/installed-$(TORCH): $(VENV)/packages-$(TORCH)
ifeq ($(TORCH),cpu)
	$(PIP) --index-url https://download.pytorch.org/whl/cpu $(shell sed -nE 's/^(torch(vision)?==[^ ;]+).*/\1/p' trainer/requirements.lock)
else
	$(call uv,--require-hashes -r trainer/requirements.lock)
endif
	@# Python compiles a module when it first imports it, and of all that is installed less than half ever is. PyTorch is
	@# imported here, since many processes import it at once later, and each would compile it.
	$(BIN)/python -c 'import torchvision'
	touch $@

# The images arrive, and the tests are compiled, while PyTorch is unpacked.
ready: install data $(VENV)/tests-compiled

# pytest compiles tests in its own way, and each of its processes would compile them all.
$(VENV)/tests-compiled: $(VENV)/packages-$(TORCH)
	$(BIN)/python -m pytest --collect-only --continue-on-collection-errors -qq --ignore tests/package >/dev/null 2>&1 || true
	touch $@

# The tutorial's 3x3 grid on real images; `make sweep EPOCHS=100` is the whole tutorial.
sweep: install
	@dataset=$$($(BIN)/python -m stepsweep.trainer.fetch --first-of mnist,fashion-mnist --data-dir $(DATA)) && \
	$(BIN)/sweep run examples/tutorial.json --epochs $(EPOCHS) --fixed dataset=$$dataset

# The linters use one core, so they run beside the tests; what they find fails `make test` when the tests have ended.
test:
	@$(MAKE) --no-print-directory --jobs 3 ready
	@$(MAKE) --no-print-directory --jobs 2 lint suite

# Three workers on two cores, since tests of the embedded cloud wait half of their time.
suite: install
	$(SUITE) -m "not slow"

SUITE = $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --ignore tests/package

# The tests that `make test` leaves out: what takes long, and takes a way that shorter tests take too. Seven minutes on two cores.
slow: install data
	$(SUITE) -m slow

# Builds the package, and tests the wheel in new environments with packages from PyPI: takes a few minutes.
# PACKAGE has more options of pytest.
PACKAGE ?=
package: packages
	$(BIN)/python -m pytest tests/package $(PACKAGE)

# Builds the trainers' images with Docker or Podman, trains an epoch in each as its user, with a read-only root, and runs sweeps
# with --container. Takes minutes for the example (IMAGES=your-trainer), and gigabytes for the tutorial's and for those of tests/scripts
# (IMAGES="your-trainer tutorial scripts").
IMAGES ?= your-trainer
image: install
	STEPSWEEP_IMAGES="$(IMAGES)" $(BIN)/python -m pytest -s tests/image

# An environment of its own for one folder of tests, by its lock file. What the development environment has, such as torch, it
# takes from there.
define environment
$(PYTHON) -m venv --clear $(VENV)-$(1)
for folder in $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') $(CURDIR)/src; do echo $$folder; done \
  > $$($(VENV)-$(1)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/development.pth
$(VENV)-$(1)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r tests/$(1)/requirements.lock
endef

# The trial kit's callbacks, and scripts as people write them, with their frameworks in an environment of their own: a
# gigabyte, a quarter of an hour.
frameworks: install
	$(call environment,frameworks)
	FRAMEWORKS_PYTHON=$(CURDIR)/$(VENV)-frameworks/bin/python $(BIN)/python -m pytest tests/frameworks

# Measures every figure of the docs and writes it there; BENCH="--quick grid" runs a short version of one benchmark.
BENCH ?=
bench: install data
	$(BIN)/python -m benchmarks $(BENCH)

# Checks what an account would show only after a deploy or during a sweep, as one table; tests/proof has the checks as tests.
proof: install
	$(BIN)/python -m tests.proof

# Injects the faults of tests/faults into sweeps, checks the promises after each, and prints one table.
faults: install
	$(BIN)/python -m tests.faults --write docs/reliability.md

# Seeds small faults into the code of a room, and lists those that its fast tests do not find: minutes to an hour a room.
# MUTANTS="contract --files 'rank*.py'" takes a part, and MUTANTS="contract --sample 150" so many by chance.
MUTANTS ?=
mutants: install
	$(call environment,mutants)
	$(VENV)-mutants/bin/python -m tests.mutants $(MUTANTS)

# Records terminal sessions and pictures of the report: docs/session.md and docs/screens/.
screens: install data
	$(BIN)/python -m docs.record

# Runs examples/*.ipynb in place; STEPSWEEP_NOTEBOOK_IMAGES and STEPSWEEP_NOTEBOOK_EPOCHS say how large.
notebooks: install data
	$(BIN)/python docs/notebooks.py

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Pins everything, for all platforms and Python versions at once, with hashes.
LOCK := $(VENV)-lock/bin/uv pip compile --generate-hashes --no-annotate --no-header -q
EVERYWHERE := --universal --python-version 3.11
lock:
	$(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/pip install --quiet uv
	$(LOCK) $(EVERYWHERE) --group installer -o installer.lock
	$(LOCK) $(EVERYWHERE) pyproject.toml --extra local --extra report --extra ui --extra mlflow --extra tensorboard --group dev -o requirements.lock
	@# What `stepsweep[tutorial]` asks for; the image installs the versions without the client.
	cp trainer/requirements.lock $(VENV)-lock/tutorial.txt
	$(LOCK) $(EVERYWHERE) pyproject.toml --extra tutorial -c requirements.lock -o $(VENV)-lock/tutorial.txt
	$(LOCK) $(EVERYWHERE) --group trainer -c $(VENV)-lock/tutorial.txt -o trainer/requirements.lock
	$(LOCK) --python-version 3.14 --python-platform aarch64-manylinux_2_28 --group sampler -c requirements.lock -o statemachine/sampler.lock
	$(LOCK) $(EVERYWHERE) examples/your-trainer/requirements.txt -c requirements.lock -o examples/your-trainer/requirements.lock
	$(LOCK) $(EVERYWHERE) --group peers -c requirements.lock -o benchmarks/requirements.lock
	$(LOCK) $(EVERYWHERE) --group frameworks -c requirements.lock -c trainer/requirements.lock -o tests/frameworks/requirements.lock
	$(LOCK) $(EVERYWHERE) --group mutants -c requirements.lock -o tests/mutants/requirements.lock
	$(LOCK) $(EVERYWHERE) --group package -o tests/package/requirements.lock
	rm -rf $(VENV)-lock

clean:
	rm -rf $(VENV) $(VENV)-frameworks $(VENV)-mutants .stepsweep cdk.out tests/proof/node_modules
