# Everything a contributor or CI does. Needs only make and Python 3.11+.
.PHONY: help install test lint format demo bench docs lock clean

help:
	@echo "make install   .venv with Lambent and its tools, from the pinned lock"
	@echo "make demo      deploy examples/thumbnails, show the bill; examples/photos too  (KEEP=1 leaves the server running)"
	@echo "make test      install and run every test                            (ARGS='-k zip' runs some)"
	@echo "make lint      ruff, ruff format --check, mypy --strict"
	@echo "make bench     every benchmark: n, p50, p99                          (ARGS=cli runs one)"
	@echo "make docs      write docs/reference anew from the code"
	@echo "make lock      pin requirements/*.txt anew (needs uv)"

install:
	@scripts/install

test: install
	@scripts/test $(ARGS)

lint: install
	@scripts/check

format: install
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

demo: install
	@KEEP=$(KEEP) .venv/bin/python scripts/demo

bench: install
	@.venv/bin/python -m benchmarks $(ARGS)

docs: install
	@.venv/bin/python scripts/docs.py

lock:
	@scripts/lock

clean:
	rm -rf demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis examples/*/build
