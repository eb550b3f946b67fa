# Tokenwise. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

VERSION := 0.1.0
PROGRAMS := sample rank learn-guidance fine-tune score

PREFIX ?= /usr/local
DESTDIR ?=
PROGRAM_PREFIX ?=

BUILD ?= build
BIN ?= bin
CC ?= gcc
CXX ?= g++
ARCH ?= -march=native
OPTIMIZE ?= -O3 -fno-math-errno -fno-trapping-math
WARN := -Wall -Wextra
PACKAGES := jansson libzstd sentencepiece
CPPFLAGS += -Ilib -D_GNU_SOURCE -DTW_VERSION='"$(VERSION)"'
CFLAGS ?= -g
CXXFLAGS ?= -g
TW_CFLAGS = -std=gnu17 $(WARN) $(ARCH) $(OPTIMIZE) -fopenmp $(SANITIZE) $(CFLAGS)
TW_CXXFLAGS = -std=c++17 $(WARN) $(ARCH) $(OPTIMIZE) -fopenmp $(SANITIZE) $(CXXFLAGS)
OPENBLAS_DIR ?= $(firstword $(wildcard /usr/lib/*/openblas-openmp))
BLAS_CFLAGS := -isystem $(firstword $(wildcard /usr/include/*/openblas-openmp) /usr/include)
BLAS_LIBS := $(if $(OPENBLAS_DIR),-L$(OPENBLAS_DIR) -Wl$(comma)-rpath$(comma)$(OPENBLAS_DIR)) -lopenblas
LIBS = $(BLAS_LIBS) -ljansson -lzstd -lsentencepiece -lstdc++ -lm
comma := ,

LIB_C := $(sort $(wildcard lib/*/*.c))
LIB_CXX := $(sort $(wildcard lib/*/*.cc))
LIB_O := $(LIB_C:%.c=$(BUILD)/%.o) $(LIB_CXX:%.cc=$(BUILD)/%.o)
LIB := $(BUILD)/libtokenwise.a
BINS := $(PROGRAMS:%=$(BIN)/%)

.PHONY: all
all: $(BINS) ## build the programs into bin/

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(BLAS_CFLAGS) $(TW_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(TW_CXXFLAGS) -MMD -MP -c -o $@ $<

$(LIB): $(LIB_O)
	rm -f $@ && $(AR) rcs $@ $^

$(BINS): $(BIN)/%: $(BUILD)/src/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(TW_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

.SECONDARY:
-include $(LIB_O:.o=.d) $(PROGRAMS:%=$(BUILD)/src/%.d)

include tests/tests.mk

.PHONY: clean
clean: ## remove what was built
	rm -rf build $(BINS)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort -u | expand -t 14
