# Dogear: see README.md. `make demo` and `make test` are all that is needed.
SHELL := /bin/bash
.DEFAULT_GOAL := build
.PHONY: build demo test check format vet lint race properties soak bench microbench clean services

GO      ?= go
TOOL    := $(GO) tool -modfile=tools/go.mod
BENCH_DIR ?= /var/tmp/dogear-bench
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

build:
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/dogear ./cmd/dogear

# Saves, wrecks and resumes the sample workspace. KEEP=1 keeps it to play with.
demo: build
	@testdata/demo $(if $(KEEP),--keep)

# Starts what the tests need where that is possible; tests skip what is not.
services:
	@testdata/services/up $(if $(DOGEAR_REQUIRE),trixie) || { status=$$?; [ $$status -eq 69 ] && [ -z "$$DOGEAR_REQUIRE" ]; }

test: services
	@eval "$$(testdata/services/env 2>/dev/null)"; $(GO) test -count=1 ./...

# All that CI runs.
check: format vet lint race properties

format:
	@files=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$files" ] || { echo "gofmt would change:"; echo "$$files"; exit 1; }

vet:
	$(GO) vet ./...

lint:
	$(TOOL) staticcheck ./...
	$(TOOL) errcheck -ignoretests ./...

# Tests that need an engine mostly wait for it, so more of them run side by side than there are processors.
race: build services
	@eval "$$(testdata/services/env 2>/dev/null)"; $(GO) test -race -count=1 -timeout 40m -p 3 -parallel 3 ./...

# Thousands of random trees and of random lives of a store. The race detector sees a few hundred of them in `race`;
# without it a case takes a third of the time. One that fails prints its seed.
PROPERTIES := 'TestAnyTreeComesBack|TestAgainstAModel'
properties:
	DOGEAR_CASES=2000 $(GO) test -count=1 -run $(PROPERTIES) ./internal/tree ./store

# What CI has no time for: 400 kills of the binary in place of 40, as many more power losses and full disks, a restore ended at
# each of its steps, and five times as many random cases. It says what it did, and ends by itself within the hour.
soak: build services
	@set -o pipefail; eval "$$(testdata/services/env 2>/dev/null)"; export DOGEAR_REQUIRE=all DOGEAR_SOAK=1 DOGEAR_CASES=10000; \
	$(GO) test -v -count=1 -timeout 60m -run $(PROPERTIES)'|Kill|Power|FullDisk|Flip|RandomRestores|EndedAtEachStep|FaultsOfTheMachine' ./cmd/dogear ./store/... ./internal/tree ./internal/e2e \
	| grep -Ev '^ *(=== |--- PASS: [^ ]*/|PASS|property.go)'

# Measures against tar | zstd and restic, side by side. BENCH="-run first -rounds 5" and so on; see bin/bench -help.
bench: build
	@testdata/services/up bench
	@testdata/bench/tree $(BENCH_DIR)/tree
	@$(GO) build -o bin/bench ./internal/bench
	@bin/bench -dogear bin/dogear -tree $(BENCH_DIR)/tree -work $(BENCH_DIR)/work $(BENCH)

microbench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

clean:
	rm -rf bin
