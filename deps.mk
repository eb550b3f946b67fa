# What has to be installed, by Debian name. Nothing happens, quickly, when all is there.

DEPS_BUILD := gcc g++ libc6-dev libopenblas-openmp-dev libjansson-dev libzstd-dev \
	libsentencepiece-dev libpcre2-dev libonig-dev libutf8proc-dev libxxhash-dev
DEPS_RUN := zstd jq parallel rsync sentencepiece wordnet-base gnuplot-nox
DEPS_TEST := libcmocka-dev libmpfr-dev bats openssh-server openssh-client groff-base xxhash valgrind
DEPS_LINT := clang clang-format clang-tidy libomp-dev cppcheck shellcheck
DEPS_BENCH := time
DEPS_ARM64 := gcc-aarch64-linux-gnu g++-aarch64-linux-gnu qemu-user
DEPS_FUZZ := clang libclang-rt-dev libomp-dev

.PHONY: deps
deps: ## install what is missing to build and run (apt; sudo only when not root)
	@.ci/deps $(DEPS_BUILD) $(DEPS_RUN)

.PHONY: deps-test deps-lint deps-fuzz deps-bench deps-arm64
deps-test: # and what the tests need
	@.ci/deps $(DEPS_BUILD) $(DEPS_RUN) $(DEPS_TEST)
deps-lint: # what `make lint` needs
	@.ci/deps $(DEPS_BUILD) $(DEPS_TEST) $(DEPS_LINT)
deps-fuzz: # what `make fuzz` needs
	@.ci/deps $(DEPS_BUILD) $(DEPS_FUZZ)
deps-bench: # what `make bench` needs
	@.ci/deps $(DEPS_BUILD) $(DEPS_RUN) $(DEPS_BENCH)
deps-arm64: # what `make digests-arm64` needs
	@.ci/deps $(DEPS_ARM64) jq
