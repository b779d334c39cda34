# Each target does its own set-up in .venv. Without make (Windows): see the README.
PYTHON ?= python3
BIN = .venv/bin
RUN = $(BIN)/python -m

.PHONY: install report pdf colab test check-all lab study bench

install: .venv/installed

.venv/installed: pyproject.toml
	@echo "setting up .venv (PyTorch is large: a few minutes)"
	@$(PYTHON) -m venv .venv
	@$(RUN) pip install --quiet --disable-pip-version-check --editable ".[test,lab]"
	@touch $@

# SEEDS=1 or CHAPTERS=3,4 (0: the hand-in): a quick or partial report with its PDF, under build/
report: install
	@$(RUN) mnist_helpers report --strict $(if $(SEEDS),--seeds $(SEEDS)) $(if $(CHAPTERS),--chapters $(CHAPTERS))

# the PDFs again, from the notebooks as they are
pdf: install
	@$(RUN) mnist_helpers pdf

# dist/mnist_report_colab.ipynb: one notebook to upload to Colab, with everything in it
colab: install
	@$(RUN) mnist_helpers colab

test: install
	@$(RUN) ruff format --check --quiet mnist_helpers tests benchmarks
	@$(RUN) ruff check --quiet mnist_helpers tests benchmarks
	@$(RUN) pytest -rs

# hours: every Python that is here, oldest and newest dependencies, and the Colab notebook run to its end
check-all: colab
	@$(RUN) pip install --quiet --disable-pip-version-check "tox>=4.21"
	@$(RUN) tox

# the hand-in, in the project's folder
lab: install
	@$(RUN) jupyter lab --LabApp.default_url=/lab/tree/notebooks/00_report.ipynb

# what is missing of the many-seed studies: hours; after Ctrl-C the same command goes on
study: install
	@$(RUN) mnist_helpers study

bench: install
	@$(RUN) benchmarks.bench
