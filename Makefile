# build test lint fmt fuzz bench: see README.md.

.PHONY: build test test-go test-python test-large lint fmt fuzz bench venvs check-tools chromium
.DELETE_ON_ERROR:

TOOL := go tool -modfile=tools/go.mod
FUZZTIME ?= 20s
PYTHON_FILES := python examples integration/models

build:
	CGO_ENABLED=0 go build -trimpath -o bin/coglet ./cmd/coglet

# Everything that decides whether a change is good, in at most 20 minutes on two cores.
test: check-tools lint test-python test-go

check-tools:
	@scripts/find-python >/dev/null
	@command -v $${CC:-cc} >/dev/null || { echo "make test needs a C compiler: install one or name it with CC=" >&2; exit 1; }

# Environments of the tests: one per SDK, each with only what it needs. The variables are read by the Go tests.
venvs: check-tools
	@python="$$(scripts/find-python)" && \
	scripts/make-venv "$$python" dev pytest==9.2.0 ruff==0.17.6 mypy==1.18.2 >/dev/null && \
	scripts/make-venv "$$python" bundled tqdm==4.67.1 >/dev/null && \
	scripts/make-venv "$$python" cog cog==0.23.1 pytest==9.2.0 >/dev/null && \
	scripts/make-venv "$$python" ocr rapidocr-onnxruntime==1.4.4 >/dev/null

test-go: venvs chromium
	go test -race -timeout 15m ./...

# The browser of the pages' tests, installed where that may be done. Without one they are not run, as one line says.
chromium:
	@scripts/find-chromium >/dev/null 2>&1 || scripts/install-chromium || true

test-python: venvs
	.cache/venvs/dev/bin/python -m pytest -q -p no:cacheprovider python/tests
	.cache/venvs/cog/bin/python -m pytest -q -p no:cacheprovider python/tests

# What is too long or too large for every run.
test-large: venvs
	COGLET_TEST_LARGE=1 go test -timeout 60m -run Large -count=1 -v ./integration/...

lint: venvs
	@test -z "$$($(TOOL) gofumpt -l . )" || { $(TOOL) gofumpt -d . ; exit 1; }
	go vet ./...
	GOOS=darwin go vet ./...
	$(TOOL) staticcheck ./...
	.cache/venvs/dev/bin/ruff check $(PYTHON_FILES)
	.cache/venvs/dev/bin/ruff format --check $(PYTHON_FILES)
	.cache/venvs/dev/bin/mypy --strict --python-version 3.9 python/coglet python/cog

fmt: venvs
	$(TOOL) gofumpt -w .
	.cache/venvs/dev/bin/ruff format $(PYTHON_FILES)

# Every fuzz target for FUZZTIME.
fuzz:
	@go list ./... | while read -r pkg; do \
	  for target in $$(go test -list '^Fuzz' "$$pkg" | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; \
	  done; done

bench: build
	bench/run
