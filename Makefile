# Uses the programs of .venv where it exists (bash scripts/test.sh makes it), else those on PATH.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: format lint types test test-fast coverage docs

format:  ## rewrite the code in the project's style
	ruff check --fix .
	ruff format .

lint:  ## style and layers
	ruff check .
	ruff format --check .
	lint-imports

types:  ## static types
	mypy

test:  ## everything
	bash scripts/test.sh

test-fast:  ## without what takes more than about 10 seconds a test
	bash scripts/test.sh -n 2 --dist loadfile -q -m 'not slow'

coverage:  ## lines that no test reaches
	bash scripts/test.sh -n 2 --dist loadfile -q --cov --cov-report term-missing

docs:  ## the catalogue of docs/corpora.md, from the cards
	python scripts/update_corpora_page.py
