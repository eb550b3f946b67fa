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
#           against-CONTROL.json  in the last round: differences to a control, with p-values
#   CONTROL-N/                for each of CONTROLS, policies by other weights with the same
#                             updates, data and order as rounds 1 to N: policy/, scores.json ...
#
# To be set:
#   START    policy folder that round 1 improves
#   TRAIN    training text (prompt, completion)
#   PROMPTS  records sampled from for the guidance, PROMPTS_PER_ROUND of them a round
#   VALID    records, held out: guidance is validated on VALID_PROMPTS of them
#   TEST     records, held out: TEST_RECORDS score the policies, TEST_PROMPTS the guidance
# May be set:
WORK ?= .
ROUNDS ?= 3
K ?= 4
METRIC ?= meteor
RANK_OPTIONS ?=
AGGREGATE ?= average
OBJECTIVE ?= weighted-mle
OBJECTIVE_OPTIONS ?=
STEPS ?= 200
SEED ?= 1
SCORES ?= meteor,rouge1,rouge2,rougeL,length
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
# What a gain could come from without learned rewards; empty for none.
#   mle       plain maximum likelihood: all tokens of a batch weigh alike
#   uniform   all tokens of a record weigh alike, and all records
#   constant  OBJECTIVE with OBJECTIVE_OPTIONS, under guidance that learned nothing
CONTROLS ?= mle uniform constant
# RANK[:ALPHA]: policies are LoRA adapters to START (LORA_TARGETS as in fine-tune); guidance is not.
LORA ?=
LORA_TARGETS ?=
# Records, held out, on which fine-tuning keeps the best weights (TUNE_OPTIONS then has
# --eval-every, and --valid-by if not nll); without, it keeps the last.
TUNE_VALID ?=
# JOBS=n and HOSTS=file shard what can be, see map --help.

# Where scripts and programs are; `make install` changes these three lines, whatever BIN the
# environment has.
_here := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
PIPELINES ?= $(_here)
BIN ?= $(_here)/../bin
_program = $(BIN)/$(1)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# Every stage uses the whole machine.
.NOTPARALLEL:
# Stages read no intermediate of a stage that is complete, but people do.
.SECONDARY:

# $(call map,PROGRAM ARGUMENTS): from $< to $@, sharded when JOBS or HOSTS say so.
map = $(if $(strip $(JOBS)$(HOSTS)),$(PIPELINES)/map -o $@ -- $(_program) < $<,$(_program) -o $@ < $<)
# $(call slice,FROM,COUNT): COUNT records of $<, after the first FROM.
slice = zstdcat -f '$<' | awk 'NR > $(1) && NR <= $(1) + $(2)' | zstd -q > '$@.part'; \
	[[ $$(zstdcat '$@.part' | wc -l) -eq $(2) ]] \
		|| { echo '$<: fewer than $(1) + $(2) records' >&2; rm '$@.part'; exit 1; }; \
	mv '$@.part' '$@'

ifneq ($(findstring --lora,$(TUNE_OPTIONS)),)
$(error TUNE_OPTIONS: give the rank of an adapter as LORA=RANK, since later rounds go on with it)
endif
# The file that stands for a model's folder. Folders, and what programs write by -o, appear whole:
# .PRECIOUS keeps make from deleting such a target, of a folder this one file, when an interrupt
# comes just after it appeared.
_of_model = $(1)/$(if $(wildcard $(1)/adapter_config.json),adapter_config.json,config.json)
_of_policy := $(if $(LORA),adapter_config.json,$(notdir $(call _of_model,$(START))))
_lora := $(if $(LORA),--lora $(LORA) $(addprefix --lora-targets ,$(LORA_TARGETS)))

policy = $(if $(filter %-0,$(1)),$(START),$(WORK)/$(1)/policy)
policy_file = $(if $(filter %-0,$(1)),$(call _of_model,$(START)),$(WORK)/$(1)/policy/$(_of_policy))
guidance = $(if $(filter 0,$(1)),$(BACKBONE),$(WORK)/round-$(1)/guidance)
guidance_file = $(if $(filter 0,$(1)),$(call _of_model,$(BACKBONE)),$(WORK)/round-$(1)/guidance/config.json)

# Samples and ranks of one set of prompts: $(1) round, $(2) round before, $(3) "", "valid-" or
# "test-", $(4) how many if not PROMPTS_PER_ROUND
define ranked_rules
.PRECIOUS: $(WORK)/round-$(1)/$(3)samples.jsonl.zst $(WORK)/round-$(1)/$(3)ranked.jsonl.zst
$(WORK)/round-$(1)/$(3)samples.jsonl.zst: $(WORK)/round-$(1)/$(3)prompts.jsonl.zst \
		$(call policy_file,round-$(2))
	@echo '== round $(1): $(K) samples for each of $(or $(4),$(PROMPTS_PER_ROUND)) prompts'$(if $(4), ' ($(3:-=))')
	$$(call map,sample -m $(call policy,round-$(2)) -k $(K) -s $(SEED)$(1) $(SAMPLE_OPTIONS))

$(WORK)/round-$(1)/$(3)ranked.jsonl.zst: $(WORK)/round-$(1)/$(3)samples.jsonl.zst
	@$$(call map,rank --by '$(METRIC)' $(RANK_OPTIONS))
endef

# A policy and its scores: $(1) kind, $(2) number, $(3) number before, $(4) guidance's file or
# nothing, $(5) options, $(6) what to say
define policy_rules
.PRECIOUS: $(call policy_file,$(1)-$(2))
$(call policy_file,$(1)-$(2)): $(call policy_file,$(1)-$(3)) $(TRAIN) $(TUNE_VALID) $(4)
	@mkdir -p $(WORK)/$(1)-$(2); echo '== $(6)'
	$(call _program,fine-tune) -m $(call policy,$(1)-$(3)) -o $(WORK)/$(1)-$(2)/policy \
		$(if $(filter 0,$(3)),$(_lora)) $(addprefix -g ,$(patsubst %/,%,$(dir $(4)))) $(5) \
		--steps $(STEPS) -s $(SEED)$(2) $(TUNE_OPTIONS) $(addprefix --valid ,$(TUNE_VALID)) \
		--log $(WORK)/$(1)-$(2)/policy.log.jsonl --save-every 50 --resume $(TRAIN)
$(call score_rules,$(1)-$(2))
endef

define score_rules

.PRECIOUS: $(WORK)/$(1)/test.jsonl.zst
$(WORK)/$(1)/test.jsonl.zst: $(WORK)/test.jsonl.zst $(call policy_file,$(1))
	@mkdir -p $$(@D); echo '== $(1): greedy generations for $(TEST_RECORDS) held-out prompts'
	$$(call map,sample -m $(call policy,$(1)) --greedy $(GREEDY_OPTIONS))

$(WORK)/$(1)/scores.json: $(WORK)/$(1)/test.jsonl.zst
	@$(call _program,score) --json --metrics $(SCORES) $$< > $$@.part && mv $$@.part $$@
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

.PRECIOUS: $(call guidance_file,$(1))
$(call guidance_file,$(1)): $(WORK)/round-$(1)/ranked.jsonl.zst \
		$(WORK)/round-$(1)/valid-ranked.jsonl.zst $(call guidance_file,$(2))
	@echo '== round $(1): learn guidance'
	$(call _program,learn-guidance) -i $(call guidance,$(2)) -o $$(@D) --aggregate $(AGGREGATE) \
		-s $(SEED)$(1) --valid $(WORK)/round-$(1)/valid-ranked.jsonl.zst $(GUIDANCE_OPTIONS) \
		--log $(WORK)/round-$(1)/guidance.log.jsonl --save-every 50 --resume $$<

$(WORK)/round-$(1)/guidance.json: $(WORK)/round-$(1)/test-ranked.jsonl.zst $(call guidance_file,$(1))
	@$(call _program,score) --json --metrics pairwise -g $(WORK)/round-$(1)/guidance $(SCORE_OPTIONS) $$< > $$@.part \
		&& mv $$@.part $$@

$(call policy_rules,round,$(1),$(2),$(call guidance_file,$(1)),--objective $(OBJECTIVE) $(OBJECTIVE_OPTIONS),round $(1): fine-tune under guidance ($(OBJECTIVE)))
endef

# --- Controls ---

_constant := $(WORK)/constant/guidance
_options_of_mle := --objective mle
_options_of_uniform := --objective weighted-mle --token-weight uniform
_options_of_constant := --objective $(OBJECTIVE) $(OBJECTIVE_OPTIONS)
_guidance_of_constant := $(_constant)/config.json
ifneq ($(filter-out mle uniform constant,$(CONTROLS)),)
$(error CONTROLS: '$(filter-out mle uniform constant,$(CONTROLS))' is none of mle, uniform, constant)
endif

.PRECIOUS: $(_guidance_of_constant)
$(_guidance_of_constant): $(call guidance_file,0)
	@mkdir -p $(dir $(_constant)); echo '== control: guidance that learned nothing'
	$(call _program,learn-guidance) -i $(BACKBONE) -o $(_constant) --aggregate $(AGGREGATE) --untrained -s $(SEED)

# $(1) control, $(2) number, $(3) number before
define control_rules
$(call policy_rules,$(1),$(2),$(3),$(_guidance_of_$(1)),$(_options_of_$(1)),control $(1)-$(2): the same updates by other weights)

$(WORK)/round-$(2)/against-$(1).json: $(WORK)/$(1)-$(2)/test.jsonl.zst $(WORK)/round-$(2)/test.jsonl.zst
	@$(call _program,score) --compare --json --metrics $(SCORES) $$^ > $$@.part && mv $$@.part $$@
endef

# --- All of it ---

$(WORK)/test.jsonl.zst: $(TEST)
	@mkdir -p $(@D); $(call slice,0,$(TEST_RECORDS))

_rounds := $(shell seq 1 $(ROUNDS))
before = $(shell expr $(1) - 1)
$(eval $(call score_rules,round-0))
$(foreach n,$(_rounds),$(eval $(call round_rules,$(n),$(call before,$(n)))))
$(foreach c,$(CONTROLS),$(foreach n,$(_rounds),$(eval $(call control_rules,$(c),$(n),$(call before,$(n))))))

ROUND_SCORES := $(WORK)/round-0/scores.json \
	$(foreach n,$(_rounds),$(WORK)/round-$(n)/guidance.json $(WORK)/round-$(n)/scores.json) \
	$(foreach c,$(CONTROLS),$(foreach n,$(_rounds),$(WORK)/$(c)-$(n)/scores.json) \
		$(WORK)/round-$(ROUNDS)/against-$(c).json)

.PHONY: rounds
rounds: $(ROUND_SCORES)
