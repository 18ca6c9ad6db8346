# What people do with this repository. Debian 12 (or a relative) and Swift 6.3 are all it asks for.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Imports that Package.swift does not declare are errors. The flag is the same everywhere: one build serves all.
BUILD = swift build --explicit-target-dependency-import-check error
# Tests that may run at once: each suite with servers is light on the processor and waits much.
WIDTH ?= 4
IMAGE ?= rosterline:latest
# RELEASE=1 runs the demo as the image would run it: optimised.
PROGRAMS = .build/$(if $(RELEASE),release,debug)
SIMULATE = $(PROGRAMS)/rosterline-sim demo --program $(PROGRAMS)/rosterline

.PHONY: help swift install build test chaos demo sync tsan format lint manifests image clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

swift:
	@.ci/require-swift

install: ## Install the Debian packages that building, testing and checking need (sudo where not root)
	@.ci/install build servers tests checks

build: swift ## Build everything, tests included (debug; warnings are errors)
	@.ci/install build
	$(BUILD) --build-tests

test: swift ## Install, build, and run every test against real servers that the tests start themselves
	@.ci/install build servers tests
	$(BUILD) --build-tests
	SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=$(WIDTH) swift test --skip-build

chaos: swift ## Run the failure tests in full, some 40 minutes, and print one table: make chaos SEED=7 ONLY=1,3
	@.ci/install build servers
	$(BUILD) -c release --product rosterline
	$(BUILD) -c release --product rosterline-chaos
	.build/release/rosterline-chaos $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY)) $(if $(SHORT),--short)

demo: swift ## One night on this machine, with everything it needs; ONCE=1 ends by itself, RELEASE=1 is optimised
	@.ci/install build servers
	$(if $(RELEASE),$(BUILD) -c release --product rosterline && $(BUILD) -c release --product rosterline-sim,$(BUILD))
	$(SIMULATE) $(if $(ONCE),--once)

sync: swift ## Run a OneRoster zip or folder through the same stack: make sync ROSTER=path.zip
	@test -n "$(ROSTER)" || { echo "Say which roster: make sync ROSTER=path.zip" >&2; exit 2; }
	@.ci/install build servers
	$(BUILD)
	$(SIMULATE) --roster "$(ROSTER)" --once

tsan: swift ## Run the clients' tests under the thread sanitizer (a build of its own in .build-tsan)
	@.ci/install build servers tests
	$(BUILD) --build-tests --sanitize=thread --scratch-path .build-tsan
	TSAN_OPTIONS=halt_on_error=1 SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=$(WIDTH) swift test --skip-build \
		--sanitize=thread --scratch-path .build-tsan --filter '^(EventLoops|Postgres|RabbitMQ|Curl)Tests\.'

format: swift ## Format every Swift file in place
	swift format --parallel --in-place --recursive Package.swift Sources Tests

lint: swift ## Check format and style of Swift, and the shell scripts
	@.ci/install checks
	swift format lint --strict --parallel --recursive Package.swift Sources Tests
	shellcheck .ci/* docker/make-secrets

manifests: ## Check the Kubernetes manifests against the schemas of the API
	@.ci/install checks
	.ci/check-manifests

image: ## Build the container image with Docker or Podman
	$(or $(shell command -v docker),podman) build -f docker/Dockerfile -t $(IMAGE) .

clean: ## Remove everything that was built or left by a demo
	rm -rf .build .build-tsan .rosterline
