#!/usr/bin/env python3
"""Opens a model folder written by our programs with transformers, as a user would:
AutoTokenizer, AutoModelForCausalLM or AutoModelForSeq2SeqLM. Any warning, and any missing or unexpected
tensor, is a failure. Then reads records (JSONL with `prompt`) from stdin and writes
them with a greedy continuation, in the form of `sample --greedy`:

  {"prompt": ..., "prompt_tokens": [...], "samples": [{"text", "tokens", "finish"}]}

Usage: tests/oracle/open_folder.py FOLDER [MAX_NEW_TOKENS] < prompts.jsonl > greedy.jsonl
"""

import json
import logging
import sys
import warnings

import torch
import transformers


class Collector(logging.Handler):
    """Keeps what transformers warns about."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


def open_folder(folder):
    config = transformers.AutoConfig.from_pretrained(folder)
    kind = transformers.AutoModelForSeq2SeqLM if config.is_encoder_decoder else transformers.AutoModelForCausalLM
    model, info = kind.from_pretrained(folder, output_loading_info=True)
    # To make T5's fast one of a SentencePiece model takes protobuf, the slow one does without.
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, use_fast=not config.is_encoder_decoder)
    for kind, names in info.items():
        if names:
            sys.exit(f"{folder}: {kind}: {names}")
    if len(tokenizer) > model.config.vocab_size:
        sys.exit(f"{folder}: tokenizer of {len(tokenizer)}, vocab_size {model.config.vocab_size}")
    ends = ends_of(model)
    if tokenizer.eos_token_id != ends[0]:
        sys.exit(f"{folder}: EOS {tokenizer.eos_token_id} and {ends}")
    return model.eval(), tokenizer


def ends_of(model):
    ends = model.config.eos_token_id
    return ends if isinstance(ends, list) else [ends]


def continuation(model, tokenizer, prompt, count):
    ids = tokenizer(prompt).input_ids
    with torch.no_grad():
        output = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), do_sample=False,
                                max_new_tokens=count)[0].tolist()
    tokens = output[1 if model.config.is_encoder_decoder else len(ids):]
    finish = "stop" if tokens and tokens[-1] in ends_of(model) else "length"
    sample = {"text": tokenizer.decode(tokens, skip_special_tokens=True), "tokens": tokens, "finish": finish}
    return {"prompt": prompt, "prompt_tokens": ids, "samples": [sample]}


def main():
    folder, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20
    collector = Collector()
    transformers.utils.logging.add_handler(collector)
    warnings.simplefilter("error", UserWarning)
    model, tokenizer = open_folder(folder)
    for line in sys.stdin:
        print(json.dumps(continuation(model, tokenizer, json.loads(line)["prompt"], count)))
    if collector.messages:
        sys.exit(f"{folder}: " + "; ".join(collector.messages))


if __name__ == "__main__":
    main()
