#!/usr/bin/env python3
"""Opens an adapter written by our programs with peft, as a user would (AutoPeftModel resolves a
relative base from the current folder, so the base is named here): any warning is a failure. Then
reads what `sample --logprobs` drew with that adapter from stdin and computes the same tokens'
log-probabilities, with the adapter beside the weights and merged into them. Prints the largest
difference; more than 1e-4 fails.

Usage: sample -m ADAPTER --temperature 1 --logprobs --plain prompts.jsonl |
         tests/oracle/open_adapter.py ADAPTER BASE
"""

import json
import pathlib
import sys
import warnings

import sentencepiece
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer


def logprobs(model, prompt, tokens):
    with torch.no_grad():
        logits = model(torch.tensor([prompt + tokens])).logits[0, len(prompt) - 1:-1]
    return torch.log_softmax(logits.double(), -1).gather(1, torch.tensor(tokens)[:, None])[:, 0]


def encoder(base):
    """Text to ids as a prompt: special tokens are left to the tokenizer's files, but for an end (RoBERTa's)."""
    spiece = pathlib.Path(base) / "spiece.model"
    if spiece.exists():
        return sentencepiece.SentencePieceProcessor(model_file=str(spiece)).encode
    tokenizer = AutoTokenizer.from_pretrained(base)

    def encode(text):
        ids = tokenizer(text).input_ids
        return ids[:-1] if ids[-1] == tokenizer.eos_token_id else ids

    return encode


def largest_difference(model, encode, records):
    worst = 0.0
    for record in records:
        prompt = encode(record["prompt"])
        for sample in record["samples"]:
            expected = logprobs(model, prompt, sample["tokens"])
            worst = max(worst, float((torch.tensor(sample["logprobs"]) - expected).abs().max()))
    return worst


def main():
    folder, base = sys.argv[1:]
    warnings.simplefilter("error", UserWarning)
    encode = encoder(base)
    model = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base, torch_dtype=torch.float32), folder).eval()
    records = [json.loads(line) for line in sys.stdin]
    tokens = sum(len(sample["tokens"]) for record in records for sample in record["samples"])
    beside = largest_difference(model, encode, records)
    merged = largest_difference(model.merge_and_unload(), encode, records)
    print(f"{folder}: {len(records)} records, {tokens} tokens, largest difference of a log-probability: "
          f"{beside:.2g} beside the weights, {merged:.2g} merged")
    if not records or max(beside, merged) > 1e-4:
        sys.exit(1)


if __name__ == "__main__":
    main()
