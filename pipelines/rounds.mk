# Rounds of the method as a graph of files. A Makefile sets the variables below
# and includes this. `make rounds` goes on where it was interrupted, training from
# its last checkpoint, and does nothing once all is there.
#
#   round-0/                  the start, scored
#   round-N/prompts.jsonl.zst   slice of PROMPTS that the guidance of round N learns from
#           samples.jsonl.zst   K generations of the policy before, each
#           ranked.jsonl.zst    ordered by METRIC
#           valid-*, test-*     the same for held-out prompts: validate, measure guidance
#           guidance/           learned from ranked, going on from the round before
#           guidance.json       its pairwise accuracy on test-ranked
#           policy/             the policy before, fine-tuned under the guidance
#           test.jsonl.zst      its greedy generations for TEST
#           scores.json         and their scores
#   mle-N/                    control: policies by plain MLE with the same updates, data and
#                             order as rounds 1 to N
#
# To be set:
#   START    policy folder that round 1 improves
#   TRAIN    training text (prompt, completion)
#   PROMPTS  records sampled from for the guidance, PROMPTS_PER_ROUND of them a round
#   VALID    records, held out: guidance is validated on VALID_PROMPTS of them
#   TEST     records, held out: TEST_RECORDS score the policies, TEST_PROMPTS the guidance
# May be set:
WORK ?= .
TOKENWISE ?= ..
BIN ?= $(TOKENWISE)/bin
ROUNDS ?= 3
K ?= 4
METRIC ?= meteor
RANK_OPTIONS ?=
AGGREGATE ?= average
OBJECTIVE ?= weighted-mle
OBJECTIVE_OPTIONS ?=
STEPS ?= 200
SEED ?= 1
SCORES ?= meteor,rouge1,rouge2,rougeL
PROMPTS_PER_ROUND ?= 2000
VALID_PROMPTS ?= 250
TEST_PROMPTS ?= 500
TEST_RECORDS ?= 1000
SAMPLE_OPTIONS ?= --temperature 1 --top-k 50
GREEDY_OPTIONS ?=
SCORE_OPTIONS ?=
GUIDANCE_OPTIONS ?=
TUNE_OPTIONS ?=
BACKBONE ?= $(START)
CONTROL ?= mle
# Records, held out, on which fine-tuning keeps the best weights (TUNE_OPTIONS then has
# --eval-every, and --valid-by if not nll); without, it keeps the last.
TUNE_VALID ?=
# JOBS=n and HOSTS=file shard what can be, see pipelines/map --help.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# Every stage uses the whole machine.
.NOTPARALLEL:
# Stages read no intermediate of a stage that is complete, but people do.
.SECONDARY:

_map := $(TOKENWISE)/pipelines/map
# $(call map,PROGRAM ARGUMENTS): from $< to $@, sharded when JOBS or HOSTS say so.
map = $(if $(strip $(JOBS)$(HOSTS)),$(_map) -o $@ -- $(BIN)/$(1) < $<,$(BIN)/$(1) -o $@ < $<)
# $(call slice,FROM,COUNT): COUNT records of $<, after the first FROM.
slice = zstdcat -f '$<' | awk 'NR > $(1) && NR <= $(1) + $(2)' | zstd -q > '$@.part'; \
	[[ $$(zstdcat '$@.part' | wc -l) -eq $(2) ]] \
		|| { echo '$<: fewer than $(1) + $(2) records' >&2; rm '$@.part'; exit 1; }; \
	mv '$@.part' '$@'
policy = $(if $(filter %-0,$(1)),$(START),$(WORK)/$(1)/policy)
guidance = $(if $(filter 0,$(1)),$(BACKBONE),$(WORK)/round-$(1)/guidance)
config_of = $(1)/config.json

# Samples and ranks of one set of prompts: $(1) round, $(2) round before, $(3) "", "valid-" or
# "test-", $(4) how many if not PROMPTS_PER_ROUND
define ranked_rules
$(WORK)/round-$(1)/$(3)samples.jsonl.zst: $(WORK)/round-$(1)/$(3)prompts.jsonl.zst \
		$(call config_of,$(call policy,round-$(2)))
	@echo '== round $(1): $(K) samples for each of $(or $(4),$(PROMPTS_PER_ROUND)) prompts'$(if $(4), ' ($(3:-=))')
	$$(call map,sample -m $(call policy,round-$(2)) -k $(K) -s $(SEED)$(1) $(SAMPLE_OPTIONS))

$(WORK)/round-$(1)/$(3)ranked.jsonl.zst: $(WORK)/round-$(1)/$(3)samples.jsonl.zst
	@$$(call map,rank --by '$(METRIC)' $(RANK_OPTIONS))
endef

# A policy and its scores: $(1) folder, $(2) folder before, $(3) number, $(4) more prerequisites,
# $(5) options, $(6) what to say
define policy_rules
$(call config_of,$(WORK)/$(1)/policy): $(call config_of,$(call policy,$(2))) $(TRAIN) $(TUNE_VALID) $(4)
	@mkdir -p $(WORK)/$(1); echo '== $(6)'
	$(BIN)/fine-tune -m $(call policy,$(2)) -o $(WORK)/$(1)/policy $(5) \
		--steps $(STEPS) -s $(SEED)$(3) $(TUNE_OPTIONS) $(addprefix --valid ,$(TUNE_VALID)) \
		--log $(WORK)/$(1)/policy.log.jsonl --save-every 50 --resume $(TRAIN)
$(call score_rules,$(1))
endef

define score_rules

$(WORK)/$(1)/test.jsonl.zst: $(WORK)/test.jsonl.zst $(call config_of,$(call policy,$(1)))
	@mkdir -p $$(@D); echo '== $(1): greedy generations for $(TEST_RECORDS) held-out prompts'
	$$(call map,sample -m $(call policy,$(1)) --greedy $(GREEDY_OPTIONS))

$(WORK)/$(1)/scores.json: $(WORK)/$(1)/test.jsonl.zst
	@$(BIN)/score --json --metrics $(SCORES) $$< > $$@.part && mv $$@.part $$@
endef

# $(1) round, $(2) round before
define round_rules
$(WORK)/round-$(1)/prompts.jsonl.zst: $(PROMPTS)
	@mkdir -p $$(@D); $$(call slice,$(2) * $(PROMPTS_PER_ROUND),$(PROMPTS_PER_ROUND))
$(WORK)/round-$(1)/valid-prompts.jsonl.zst: $(VALID)
	@mkdir -p $$(@D); $$(call slice,0,$(VALID_PROMPTS))
$(WORK)/round-$(1)/test-prompts.jsonl.zst: $(TEST)
	@mkdir -p $$(@D); $$(call slice,0,$(TEST_PROMPTS))

$(call ranked_rules,$(1),$(2),)

$(call ranked_rules,$(1),$(2),valid-,$(VALID_PROMPTS))

$(call ranked_rules,$(1),$(2),test-,$(TEST_PROMPTS))

$(call config_of,$(WORK)/round-$(1)/guidance): $(WORK)/round-$(1)/ranked.jsonl.zst \
		$(WORK)/round-$(1)/valid-ranked.jsonl.zst $(call config_of,$(call guidance,$(2)))
	@echo '== round $(1): learn guidance'
	$(BIN)/learn-guidance -i $(call guidance,$(2)) -o $$(@D) --aggregate $(AGGREGATE) \
		-s $(SEED)$(1) --valid $(WORK)/round-$(1)/valid-ranked.jsonl.zst $(GUIDANCE_OPTIONS) \
		--log $(WORK)/round-$(1)/guidance.log.jsonl --save-every 50 --resume $$<

$(WORK)/round-$(1)/guidance.json: $(WORK)/round-$(1)/test-ranked.jsonl.zst \
		$(call config_of,$(WORK)/round-$(1)/guidance)
	@$(BIN)/score --json --metrics pairwise -g $(WORK)/round-$(1)/guidance $(SCORE_OPTIONS) $$< > $$@.part \
		&& mv $$@.part $$@

$(call policy_rules,round-$(1),round-$(2),$(1),$(call config_of,$(WORK)/round-$(1)/guidance),-g $(WORK)/round-$(1)/guidance --objective $(OBJECTIVE) $(OBJECTIVE_OPTIONS),round $(1): fine-tune under guidance ($(OBJECTIVE)))

$(call policy_rules,mle-$(1),mle-$(2),$(1),,--objective mle,control $(1): the same updates by MLE)
endef

$(WORK)/test.jsonl.zst: $(TEST)
	@mkdir -p $(@D); $(call slice,0,$(TEST_RECORDS))

_rounds := $(shell seq 1 $(ROUNDS))
$(eval $(call score_rules,round-0))
$(foreach n,$(_rounds),$(eval $(call round_rules,$(n),$(shell expr $(n) - 1))))

ROUND_SCORES := $(WORK)/round-0/scores.json \
	$(foreach n,$(_rounds),$(WORK)/round-$(n)/guidance.json $(WORK)/round-$(n)/scores.json) \
	$(if $(CONTROL),$(foreach n,$(_rounds),$(WORK)/mle-$(n)/scores.json))

.PHONY: rounds
rounds: $(ROUND_SCORES)
