# Tests: cmocka units (tests/unit/test_*.c), fuzz targets run over their seeds
# (tests/fuzz/fuzz_*.c, seeds in tests/fuzz/corpus/NAME/), bats for the programs
# and recipes (tests/cli/*.bats). Then lint, sanitizers, fuzzing and benchmarks.

UNITS := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/unit/test_*.c)))
FUZZERS := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
UNIT_HELPERS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/unit/test_%.c,$(wildcard tests/unit/*.c)))

$(UNITS): %: %.o $(UNIT_HELPERS) $(LIB)
	$(call SAY,LINK $@) $(CC) $(TW_CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(TEST_LIBS) $(LIBS)

# Functions are compared with correctly rounded ones.
$(BUILD)/tests/unit/test_math $(BUILD)/tests/unit/test_functions: TEST_LIBS := -lmpfr

# Without libFuzzer a target is linked with a main that runs it over given files.
FUZZ_MAIN ?= $(BUILD)/tests/fuzz/run_corpus.o
$(FUZZERS): %: %.o $(FUZZ_MAIN) $(LIB)
	$(call SAY,LINK $@) $(CC) $(TW_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

-include $(UNITS:=.d) $(FUZZERS:=.d) $(UNIT_HELPERS:.o=.d)

# Faults at calls to the system, by LD_PRELOAD: never sanitized, so that it can precede sanitizers.
FAULTS_LIB := $(BUILD)/tests/cli/faults.so
$(FAULTS_LIB): tests/cli/faults.c
	@mkdir -p $(@D)
	$(call SAY,LINK $@) $(CC) $(CPPFLAGS) -std=gnu17 $(WARN) -O1 -fPIC -shared -o $@ $< -ldl

.PHONY: check
check: deps-test ## install what is missing, build, run every test; the last line counts them
	@$(MAKE_ALL) all test-programs
	@$(MAKE) --no-print-directory test

.PHONY: test-programs test
test-programs: $(UNITS) $(FUZZERS) $(FAULTS_LIB)
test: all test-programs # the suite over what is built in BUILD and BIN; TESTS='NAME...' picks
	@BIN='$(abspath $(BIN))' BUILD='$(abspath $(BUILD))' tests/run $(TESTS)

.PHONY: test-recipe
test-recipe: deps-test ## the recipes that want a model and a corpus, on tiny ones, without network
	@$(MAKE_ALL) all
	@BIN='$(abspath $(BIN))' BUILD='$(abspath $(BUILD))' tests/run cli_recipes

SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
.PHONY: asan
asan: deps-test ## the same suite under AddressSanitizer and UBSan, in build/asan/
	@$(MAKE_ALL) BUILD='$(BUILD)/asan' BIN='$(BUILD)/asan/bin' \
		SANITIZE='$(SANITIZERS)' OPTIMIZE=-O1 all test-programs
	@SANITIZED=1 $(MAKE) --no-print-directory BUILD='$(BUILD)/asan' BIN='$(BUILD)/asan/bin' \
		SANITIZE='$(SANITIZERS)' OPTIMIZE=-O1 test

# Digests of what the programs compute, the same on every machine (tests/digests/run).
DIGEST_CASES := sample score rank guidance tune wide many
.PHONY: digests
digests: all ## record anew what the programs compute: tests/fixtures/digests.txt (see its git diff)
	@BIN='$(abspath $(BIN))' tests/digests/run $(DIGEST_CASES) > '$(BUILD)/digests.txt'
	@mv '$(BUILD)/digests.txt' tests/fixtures/digests.txt
	@git --no-pager diff --stat tests/fixtures/digests.txt

# Other compilers and levels of optimisation, each in a folder of its own, against the record.
DIGEST_BUILDS := gcc-O1 gcc-O3 clang-O2
.PHONY: digests-builds $(DIGEST_BUILDS:%=digests-%)
digests-builds: deps-lint ## the recorded digests by programs of gcc -O1, gcc -O3 and clang -O2
	@for build in $(DIGEST_BUILDS); do $(MAKE_ALL) "digests-$$build"; done
	@echo '$(words $(DIGEST_BUILDS)) passed, 0 failed'
$(DIGEST_BUILDS:%=digests-%): digests-%:
	@$(MAKE_ALL) BUILD='$(BUILD)/$*' BIN='$(BUILD)/$*/bin' CC='$(firstword $(subst -, ,$*))' \
		CXX='$(subst clang,clang++,$(subst gcc,g++,$(firstword $(subst -, ,$*))))' \
		OPTIMIZE='-$(lastword $(subst -, ,$*))' programs
	@BIN='$(abspath $(BUILD))/$*/bin' tests/digests/run $(DIGEST_CASES) \
		| diff -u tests/fixtures/digests.txt -
	@echo 'digests: $*: as recorded'

# The same on arm64, where this is another machine: cross-compiled, and run by qemu on the tiny
# models. The libraries are laid out in a folder, so that the machine itself stays as it is.
ARM64 := $(BUILD)/arm64
ARM64_ROOT := $(ARM64)/root
ARM64_BLAS := /usr/lib/aarch64-linux-gnu/openblas-openmp
ARM64_PACKAGES := $(filter lib%,$(DEPS_BUILD)) libstdc++6 libgomp1
.PHONY: digests-arm64
digests-arm64: deps-arm64 ## the recorded digests by arm64 programs, under qemu
	@tests/digests/arm64-sysroot '$(ARM64_ROOT)' $(ARM64_PACKAGES)
	@$(MAKE_ALL) BUILD='$(ARM64)' BIN='$(ARM64)/bin' CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++ \
		AR=aarch64-linux-gnu-ar SANITIZE='--sysroot=$(abspath $(ARM64_ROOT))' \
		BLAS_CFLAGS='-isystem $(abspath $(ARM64_ROOT))/usr/include/aarch64-linux-gnu/openblas-openmp' \
		BLAS_LIBS='-L$(abspath $(ARM64_ROOT))$(ARM64_BLAS) -Wl,-rpath$(comma)$(ARM64_BLAS) -lopenblas' programs
	@BIN='$(abspath $(ARM64))/bin' RUN='qemu-aarch64 -L $(abspath $(ARM64_ROOT))' \
		tests/digests/run $(DIGEST_CASES) | diff -u tests/fixtures/digests.txt -
	@echo 'digests: arm64: as recorded'

# Instructions of a decoded token and of a step of training (tests/bench/instructions).
.PHONY: instructions
instructions: all ## record anew the instructions of decoding and training: tests/bench/instructions.txt
	@BIN='$(abspath $(BIN))' tests/bench/instructions > '$(BUILD)/instructions.txt'
	@mv '$(BUILD)/instructions.txt' tests/bench/instructions.txt
	@git --no-pager diff tests/bench/instructions.txt

# Lint. A file is looked at again when it or any header changed.
OURS_C := $(sort $(wildcard lib/*/*.c lib/*/*/*.c src/*.c pipelines/records/*.c tests/unit/*.c \
	tests/fuzz/*.c tests/bench/*.c tests/oracle/*.c tests/cli/*.c))
OURS_CXX := $(sort $(wildcard lib/*/*.cc))
OURS_H := $(sort $(wildcard lib/*/*.h lib/*/*/*.h pipelines/records/*.h tests/*/*.h))
OURS_SH := $(shell grep -lE '^\#!.*\b(bash|sh|bats)\b' $$(git ls-files -co --exclude-standard 2>/dev/null \
	| grep -vE '\.(c|h|cc|md|mk|json)$$') /dev/null 2>/dev/null)
OURS_BASH_LIB := $(wildcard tests/cli/*.bash)

.PHONY: lint
lint: deps-lint ## clang-format, clang-tidy, cppcheck and shellcheck; any finding fails
	@$(MAKE_ALL) -k lint-format lint-tidy lint-cppcheck lint-shell
	@echo 'lint: clean'

.PHONY: lint-format lint-tidy lint-cppcheck lint-shell
lint-format:
	@echo 'clang-format'
	@clang-format --dry-run -Werror $(OURS_C) $(OURS_CXX) $(OURS_H)
lint-tidy: $(OURS_C:%=$(BUILD)/lint/%.tidy) $(OURS_CXX:%=$(BUILD)/lint/%.tidy)
lint-cppcheck: $(BUILD)/lint/cppcheck
lint-shell:
	@echo 'shellcheck'
	@shellcheck -x $(OURS_SH) $(OURS_BASH_LIB)

TIDY = clang-tidy --quiet --warnings-as-errors='*'
# Kernels are read as one of their levels.
$(BUILD)/lint/lib/tensor/kernels/%.c.tidy: ARCH += $(LEVEL_$(firstword $(LEVELS))) \
	-DTW_LEVEL=$(firstword $(LEVELS) scalar)
$(BUILD)/lint/%.c.tidy: %.c $(OURS_H) .clang-tidy tests/.clang-tidy
	@mkdir -p $(@D)
	@echo 'clang-tidy $<'
	@$(TIDY) $< -- $(CPPFLAGS) $(BLAS_CFLAGS) -std=gnu17 $(WARN) $(ARCH) -fopenmp > $@.out 2> $@.err \
		|| { cat $@.out $@.err >&2; exit 1; }
	@touch $@
$(BUILD)/lint/%.cc.tidy: %.cc $(OURS_H) .clang-tidy tests/.clang-tidy
	@mkdir -p $(@D)
	@echo 'clang-tidy $<'
	@$(TIDY) $< -- $(CPPFLAGS) -std=c++17 $(WARN) $(ARCH) -fopenmp > $@.out 2> $@.err \
		|| { cat $@.out $@.err >&2; exit 1; }
	@touch $@

$(BUILD)/lint/cppcheck: $(OURS_C) $(OURS_CXX) $(OURS_H)
	@mkdir -p $(@D)
	@echo 'cppcheck'
	@cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c17 --language=c -Ilib \
		-D_GNU_SOURCE -DTW_VERSION='"$(VERSION)"' -DTW_LEVEL=scalar \
		--enable=warning,performance,portability --suppress=missingIncludeSystem $(OURS_C)
	@touch $@

FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: deps-fuzz ## every fuzz target under libFuzzer for FUZZ_SECONDS (60)
	@$(MAKE_ALL) BUILD='$(BUILD)/fuzz' CC=clang CXX=clang++ OPTIMIZE=-O1 FUZZ_MAIN= \
		SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all' \
		LDFLAGS='-fsanitize=fuzzer' fuzzers
	@BUILD='$(abspath $(BUILD))/fuzz' tests/fuzz/run $(FUZZ_SECONDS)

.PHONY: fuzzers
fuzzers: $(FUZZERS)

BENCHES := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/bench/bench_*.c)))
$(BENCHES): %: %.o $(LIB)
	$(call SAY,LINK $@) $(CC) $(TW_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
-include $(BENCHES:=.d)

.PHONY: bench
bench: deps-bench ## speeds: PEERS=1 against others' (PYTHON=..., llama-bench on PATH), BENCH='NAME...' picks
	@$(MAKE_ALL) all $(BENCHES)
	@BIN='$(abspath $(BIN))' BUILD='$(abspath $(BUILD))' PEERS='$(PEERS)' PYTHON='$(PYTHON)' \
		tests/bench/run $(BENCH)

# Models of real sizes against transformers: minutes and gigabytes, so never part of check.
ORACLE_O := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/oracle/*.c)))
$(BUILD)/tests/oracle/check_real: $(ORACLE_O) $(LIB)
	$(call SAY,LINK $@) $(CC) $(TW_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
-include $(ORACLE_O:.o=.d)

PYTHON ?= python3
.PHONY: oracle-real
oracle-real: ## real sizes against transformers: PYTHON=... with tests/oracle/requirements.txt, MODELS='NAME...'
	@$(MAKE_ALL) '$(BUILD)/tests/oracle/check_real'
	@$(PYTHON) tests/oracle/real.py '$(BUILD)/tests/oracle/check_real' $(MODELS)
