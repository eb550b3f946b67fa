# Summaries learned from a corpus of sources and references, in rounds (rounds.mk), with the
# published settings: T5, sources of 1024 tokens and summaries of 128, K = 3, METEOR, guidance
# learned from a tenth of an epoch before each half epoch of fine-tuning, which keeps the weights
# whose greedy summaries of VALID_PROMPTS sources have the highest ROUGE. A Makefile sets RECORDS
# and TEST_RECORDS and includes this; the user gives
#   MODEL    folder of the pretrained encoder-decoder: policy, and backbone of the guidance
#   DATA     folder of train.jsonl, validation.jsonl and test.jsonl (or .jsonl.zst): records
#            with `prompt`, the source, and `completion`, its summary
# May be set: what rounds.mk lists, and
WORK ?= results
_summaries := $(dir $(lastword $(MAKEFILE_LIST)))
SOURCE_TOKENS ?= 1024
SUMMARY_TOKENS ?= 128
# Records computed at once (memory), of the 32 of an update and of the 16 groups of one of guidance.
BATCH ?= 4
BATCH_TOKENS ?= 16384
EVAL_EVERY ?= 200
TUNE_EVAL_EVERY ?= 1000

ifeq ($(and $(MODEL),$(DATA)),)
$(error Usage: make MODEL=FOLDER DATA=FOLDER (see README.md))
endif
_split = $(or $(firstword $(wildcard $(DATA)/$(1).jsonl.zst $(DATA)/$(1).jsonl)),$(error $(DATA): no $(1).jsonl or $(1).jsonl.zst))

START := $(MODEL)
TRAIN := $(call _split,train)
PROMPTS := $(TRAIN)
VALID := $(call _split,validation)
TEST := $(call _split,test)

ROUNDS ?= 4
K ?= 3
PROMPTS_PER_ROUND ?= $(shell expr $(RECORDS) / 10)
STEPS ?= $(shell expr $(RECORDS) / 64)
VALID_PROMPTS ?= 500
TEST_PROMPTS ?= 1000
SCORES ?= rouge1,rouge2,rougeL,rougeLsum,meteor,length

_prompts := --prefix 'summarize: ' --max-prompt-tokens $(SOURCE_TOKENS)
_texts := $(_prompts) --max-completion-tokens $(SUMMARY_TOKENS)
_sampling := $(_prompts) --max-new-tokens $(SUMMARY_TOKENS) --batch-tokens $(BATCH_TOKENS)
SAMPLE_OPTIONS ?= --temperature 1 --top-k 50 $(_sampling)
GREEDY_OPTIONS ?= $(_sampling)
SCORE_OPTIONS ?= $(_texts)
GUIDANCE_OPTIONS ?= $(_texts) --epochs 1 --batch-size $(BATCH) --accumulate $(shell expr 16 / $(BATCH)) \
	--eval-every $(EVAL_EVERY)
TUNE_VALID := $(WORK)/valid.jsonl.zst
TUNE_OPTIONS ?= $(_texts) --batch-size $(BATCH) --accumulate $(shell expr 32 / $(BATCH)) \
	--eval-every $(TUNE_EVAL_EVERY) --valid-by 'rouge1+2*rouge2+rougeLsum' --max-new-tokens $(SUMMARY_TOKENS)

.DEFAULT_GOAL := all
.PHONY: all
all: $(WORK)/table.txt
	@echo
	@cat $<

include $(_summaries)rounds.mk

$(TUNE_VALID): $(VALID)
	@mkdir -p $(@D); $(call slice,0,$(VALID_PROMPTS))

$(WORK)/table.txt: $(ROUND_SCORES)
	@$(PIPELINES)/rounds-table $(WORK) > $@.part && mv $@.part $@
