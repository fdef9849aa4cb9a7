.DEFAULT_GOAL := help
.PHONY: help demo demo-model test smoke lint format docker image deb validate fuzz sanitize docs

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build a release, serve the embedded model, score the sample, show segments beside the truth, stop
	@deploy/demo/run.sh

demo-model: ## Draw scenes, and train the embedded model anew on them, to the same bytes: some minutes
	@deploy/demo/train.sh

test: ## All tests, then the end-to-end scripts
	@Tests/run.sh

smoke: ## The quick tests: rules of the code, openapi.yaml against the code
	@deploy/setup.sh build
	swift test --filter 'TidyTests|ScoringTests|APITests'

lint: ## Check the formatting
	swift format lint --strict --recursive Sources Tests Package.swift

format: ## Format in place
	swift format --in-place --recursive Sources Tests Package.swift

docs: ## Make pages of the doc comments, .build/docs, by DocC
	@deploy/docs.sh

docker: ## Build the image vigil
	docker build --tag vigil .

image: ## Build the image without Docker, by buildah, for docker load, and tell what is in it; as root
	@INSTALL=1 deploy/image.sh

deb: ## Build the Debian package, .build/deb/vigil_*.deb
	@deploy/deb.sh

.PHONY: clients
clients: ## The Python wheel, and the JavaScript and types of the TypeScript client, in .build/clients
	@deploy/clients/build.sh

validate: ## Others' tools at openapi.yaml, a live server, its page in a browser, and deploy/; INSTALL=1 installs them
	@Tests/Validate/run.sh

fuzz: ## Fuzz each parser for a minute, or SECONDS; skipped where Swift has no libFuzzer
	@deploy/setup.sh build
	@FUZZ_SECONDS=$(or $(SECONDS),60) Tests/Fuzz/run.sh

sanitize: ## All tests under the address, undefined-behaviour and thread sanitizers
	@deploy/setup.sh build
	@Tests/Sanitizers/run.sh
