# Tokenwise. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

VERSION := 0.1.0

PREFIX ?= /usr/local
DESTDIR ?=
PROGRAM_PREFIX ?=

BUILD ?= build
BIN ?= bin
ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
ARCH ?=
OPTIMIZE ?= -O3
# Results are the same to the bit whatever the compiler and its level of optimisation: where a
# multiply-add is fused, the source says so.
EXACT := -ffp-contract=off -fno-math-errno -fno-trapping-math
WARN := -Wall -Wextra
CPPFLAGS += -Ilib -D_GNU_SOURCE -DTW_VERSION='"$(VERSION)"'
CFLAGS ?= -g
CXXFLAGS ?= -g
TW_CFLAGS = -std=gnu17 $(WARN) $(ARCH) $(OPTIMIZE) $(EXACT) -fopenmp $(SANITIZE) $(CFLAGS)
TW_CXXFLAGS = -std=c++17 $(WARN) $(ARCH) $(OPTIMIZE) $(EXACT) -fopenmp $(SANITIZE) $(CXXFLAGS)

# Debian keeps the OpenMP build of OpenBLAS apart from its siblings; linking
# with its folder (and not the alternatives system) keeps one thread pool.
comma := ,
BLAS_INCLUDE := $(firstword $(wildcard /usr/include/*/openblas-openmp))
BLAS_DIR := $(firstword $(wildcard /usr/lib/*/openblas-openmp))
BLAS_CFLAGS := $(if $(BLAS_INCLUDE),-isystem $(BLAS_INCLUDE))
BLAS_LIBS := $(if $(BLAS_DIR),-L$(BLAS_DIR) -Wl$(comma)-rpath$(comma)$(BLAS_DIR)) -lopenblas
LIBS = $(BLAS_LIBS) -ljansson -lzstd -lpcre2-8 -lonig -lutf8proc -lsentencepiece -lstdc++ -lm

PROGRAMS := $(patsubst src/%.c,%,$(sort $(wildcard src/*.c)))
LIB_C := $(sort $(wildcard lib/*/*.c))
LIB_CXX := $(sort $(wildcard lib/*/*.cc))

# Sources that are compiled once for each level of instructions (lib/tensor/kernels/kernels.h).
KERNEL_C := $(addprefix lib/tensor/kernels/,rows.c elements.c norms.c level.c)
MACHINE := $(shell $(CC) -dumpmachine)
ifneq ($(filter x86_64%,$(MACHINE)),)
LEVELS := v3 v4
else ifneq ($(filter aarch64%,$(MACHINE)),)
LEVELS := neon
endif
LEVEL_v3 := -march=x86-64-v3
LEVEL_v4 := -march=x86-64-v4 -mprefer-vector-width=512
LEVEL_O := $(foreach l,$(LEVELS),$(KERNEL_C:%.c=$(BUILD)/%.$l.o) \
	$(BUILD)/lib/tensor/kernels/product.$l.o) $(KERNEL_C:%.c=$(BUILD)/%.scalar.o)
KERNEL_O := $(LEVEL_O) $(addprefix $(BUILD)/lib/tensor/kernels/,choose.o reference.o)

LIB_O := $(LIB_C:%.c=$(BUILD)/%.o) $(LIB_CXX:%.cc=$(BUILD)/%.o) $(KERNEL_O)
LIB := $(BUILD)/libtokenwise.a
BINS := $(PROGRAMS:%=$(BIN)/%)
# What the scripts of pipelines/ need of the library.
HELPER := $(BIN)/libexec/records
HELPER_O := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard pipelines/records/*.c)))
MANS := $(patsubst src/%.1,$(BUILD)/man/%.1,$(sort $(wildcard src/*.1)))

# One short line per file; V=1 shows the commands.
SAY = @$(if $(V),,echo '$(1)';)$(if $(V),set -x;)

# A recursive make on all processors, unless -j was given or inherited.
MAKE_ALL = $(MAKE) --no-print-directory $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: all programs
programs: $(BINS) $(HELPER)
all: programs $(MANS) ## build the programs into bin/ and their man pages (the default)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call SAY,CC   $<) $(CC) $(CPPFLAGS) $(BLAS_CFLAGS) $(TW_CFLAGS) -MMD -MP -c -o $@ $<

define LEVEL_RULE
$(BUILD)/%.$1.o: %.c
	@mkdir -p $$(@D)
	$$(call SAY,CC   $$< ($1)) $$(CC) $$(CPPFLAGS) $$(TW_CFLAGS) $$(LEVEL_$1) -DTW_LEVEL=$1 \
		-MMD -MP -c -o $$@ $$<
endef
$(foreach l,$(LEVELS) scalar,$(eval $(call LEVEL_RULE,$l)))

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(call SAY,CXX  $<) $(CXX) $(CPPFLAGS) $(TW_CXXFLAGS) -MMD -MP -c -o $@ $<

$(LIB): $(LIB_O)
	@rm -f $@
	$(call SAY,AR   $@) $(AR) rcs $@ $^

$(BINS): $(BIN)/%: $(BUILD)/src/%.o $(LIB)
	@mkdir -p $(@D)
	$(call SAY,LINK $@) $(CC) $(TW_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(HELPER): $(HELPER_O) $(LIB)
	@mkdir -p $(@D)
	$(call SAY,LINK $@) $(CC) $(TW_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# A page's OPTIONS come from the table that the parser itself uses.
$(MANS): $(BUILD)/man/%.1: src/%.1 $(BIN)/%
	@mkdir -p $(@D)
	@$(BIN)/$* --man-options > $@.options
	@grep -qx '\.\\" OPTIONS' $< || { echo "$<: no line '.\\\" OPTIONS'" >&2; exit 1; }
	@sed -e '/^\.\\" OPTIONS$$/r $@.options' -e 's/@VERSION@/$(VERSION)/g' $< > $@
	@rm $@.options

.SECONDARY:
-include $(LIB_O:.o=.d) $(PROGRAMS:%=$(BUILD)/src/%.d) $(HELPER_O:.o=.d)

# deps runs first, in its own make: what it installs is looked for as this file is read.
.PHONY: demo
demo: deps ## install what is missing, build, and run the whole loop on real text (about 10 minutes)
	@$(MAKE_ALL) all
	@$(MAKE) --no-print-directory -C examples/synopsis BIN='$(abspath $(BIN))' demo

# Where what belongs to the programs goes: scripts to run, and make rules to include.
LIBEXEC = $(DESTDIR)$(PREFIX)/libexec/tokenwise
SHARE = $(DESTDIR)$(PREFIX)/share/tokenwise
SCRIPTS := $(filter-out %.mk,$(sort $(wildcard pipelines/*.* pipelines/*-* pipelines/map)))
HELPERS = $(wildcard $(BIN)/libexec/*)
IMPORTERS := $(sort $(wildcard pipelines/import/import pipelines/import/*.jq))
IMPORTERS_LIB := $(sort $(wildcard pipelines/import/lib/*.jq))
RULES := $(sort $(wildcard pipelines/*.mk))
# Pages call the programs by their names in NAME, SYNOPSIS, SEE ALSO and examples.
empty :=
space := $(empty) $(empty)
NAMES := $(subst $(space),|,$(subst -,\\?-,$(strip $(PROGRAMS))))
PREFIX_PAGE = -e '/^\.SH NAME/,/^\.SH DESCRIPTION/s/^((\.B )?)($(NAMES))\b/\1$(PROGRAM_PREFIX)\3/' \
	-e 's/^\.BR ($(NAMES)) \(1\)/.BR $(PROGRAM_PREFIX)\1 (1)/' \
	-e '/^\.nf/,/^\.fi/s/(^ *|[|] )($(NAMES))( |$$)/\1$(PROGRAM_PREFIX)\2\3/g'
# Scripts run, the rest is read.
INSTALL_AS_IT_IS = for file in $(1); do \
	mode=644; [[ ! -x $$file ]] || mode=755; \
	install -m "$$mode" "$$file" '$(2)'; done

.PHONY: install
install: all ## install programs, man pages and pipelines (PREFIX, DESTDIR, PROGRAM_PREFIX)
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/man/man1' \
		'$(LIBEXEC)/import/lib' '$(SHARE)'
	for p in $(PROGRAMS); do \
		install -m 755 "$(BIN)/$$p" '$(DESTDIR)$(PREFIX)/bin/$(PROGRAM_PREFIX)'"$$p"; \
		sed -E $(PREFIX_PAGE) "$(BUILD)/man/$$p.1" > '$(DESTDIR)$(PREFIX)/share/man/man1/$(PROGRAM_PREFIX)'"$$p.1"; \
	done
	$(call INSTALL_AS_IT_IS,$(SCRIPTS) $(HELPERS),$(LIBEXEC))
	$(call INSTALL_AS_IT_IS,$(IMPORTERS),$(LIBEXEC)/import)
	$(call INSTALL_AS_IT_IS,$(IMPORTERS_LIB),$(LIBEXEC)/import/lib)
	for rules in $(RULES); do \
		sed -e 's|^PIPELINES ?=.*|PIPELINES := $$(_here)/../../libexec/tokenwise|' \
			-e 's|^BIN ?=.*|BIN := $$(_here)/../../bin|' \
			-e 's|^_program =.*|_program = $$(BIN)/$(PROGRAM_PREFIX)$$(1)|' "$$rules" \
			> '$(SHARE)'/"$${rules##*/}"; \
	done

.PHONY: uninstall
uninstall: ## remove what install put there (same PREFIX, DESTDIR, PROGRAM_PREFIX)
	for p in $(PROGRAMS); do \
		rm -f '$(DESTDIR)$(PREFIX)/bin/$(PROGRAM_PREFIX)'"$$p" \
			'$(DESTDIR)$(PREFIX)/share/man/man1/$(PROGRAM_PREFIX)'"$$p.1"; \
	done
	rm -f $(SCRIPTS:pipelines/%='$(LIBEXEC)/%') $(HELPERS:$(BIN)/libexec/%='$(LIBEXEC)/%') $(RULES:pipelines/%='$(SHARE)/%') \
		$(IMPORTERS:pipelines/%='$(LIBEXEC)/%') $(IMPORTERS_LIB:pipelines/%='$(LIBEXEC)/%')
	-rmdir '$(LIBEXEC)/import/lib' '$(LIBEXEC)/import' '$(LIBEXEC)' '$(SHARE)' 2>/dev/null

.PHONY: clean
clean: ## remove what was built (not the examples' results)
	rm -rf '$(BUILD)' $(BINS) $(HELPER)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

include deps.mk tests/tests.mk
