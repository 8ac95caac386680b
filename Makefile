# Two commands do everything: `make run` and `make test`. Both set up .venv first; `make run EXTRAS=` leaves the extras out.
SHELL := /bin/bash
EXTRAS ?= local,api,test
TEST_EXTRAS := local,api,cluster,parquet,test
BENCH_EXTRAS := $(TEST_EXTRAS),bench
VENV := .venv
PY := $(VENV)/bin/python
comma := ,
stamp = $(VENV)/.installed-$(if $(1),$(subst $(comma),+,$(1)),base)

.PHONY: run test lint bench clean help
.DEFAULT_GOAL := help

help:
	@echo "make run              set up and open the window on a sample study (headless where there is no display)"
	@echo "make run EXTRAS=      the same without the extras: no local model, no API clients"
	@echo "make test             set up and run the tests"
	@echo "make lint             ruff, mypy and the import contracts"
	@echo "make bench            measure on this machine (see docs/benchmarks.md)"
	@echo "make clean            remove .venv and everything made by these commands"

run: $(call stamp,$(EXTRAS))
	@$(PY) -m medqdeg_desktop doctor --need window
	@$(PY) -m medqdeg_desktop demo --out demo

test: $(call stamp,$(TEST_EXTRAS))
	@$(PY) -m medqdeg_desktop doctor --need tests
	QT_QPA_PLATFORM=offscreen $(PY) -m pytest

lint: $(call stamp,$(TEST_EXTRAS))
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(call stamp,$(BENCH_EXTRAS))
	$(PY) -m tests.benchmarks --out docs/benchmarks-measured.md

$(VENV)/bin/pip: .ci/venv.sh
	@bash .ci/venv.sh $(VENV)

# The figures of README.md, "Start".
download = Downloads, the first time, about $(if $(findstring local,$(1)),$(if $(findstring cluster,$(1)),540,480) MB with the processor build of torch; the default \
Linux build of torch with GPU libraries is several gigabytes.,260 MB.)

define install
	@echo "Installing medqdeg_desktop$(if $(1),[$(1)]) into $(VENV): takes some minutes and says nothing until it is done."
	@echo "$(call download,$(1))"
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.$(if $(1),[$(1)])'
	@touch $@
endef

$(call stamp,$(EXTRAS)): $(VENV)/bin/pip pyproject.toml constraints.txt
	$(call install,$(EXTRAS))

# Without its requirements: opencv-python would overwrite the headless OpenCV.
$(call stamp,$(BENCH_EXTRAS)): $(VENV)/bin/pip pyproject.toml constraints.txt
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps imagecorruptions==1.1.2
	$(call install,$(BENCH_EXTRAS))

ifneq ($(EXTRAS),$(TEST_EXTRAS))
$(call stamp,$(TEST_EXTRAS)): $(VENV)/bin/pip pyproject.toml constraints.txt
	$(call install,$(TEST_EXTRAS))
endif

clean:
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .import_linter_cache .hypothesis
