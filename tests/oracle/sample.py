#!/usr/bin/env python3
"""Records what transformers' generate makes of prompts given as text, greedily, with the
GPT-2 and the tokenizer of TESTS/FIXTURES/gpt2 in double, under several options. Greedily that
model never ends a text; where "swapped" is true, two rows of its embedding have changed places,
and it does.

usage: sample.py TESTS/FIXTURES
writes sample.json; needs what requirements.txt lists.
"""

import json
import sys
from pathlib import Path

import sentencepiece
import torch
from transformers import GPT2LMHeadModel

PROMPTS = [
    "fonts",
    "a library for fonts",
    "tool that draws images from the logs of a web server",
    "the python language\nand its audio codecs, in 12 themes",
    "naïve café – übergroß",
]
SWAP = [2, 448]  # 2 is the end-of-sequence token
RUNS = [
    (False, {}),
    (False, {"repetition_penalty": 1.5}),
    (True, {}),
    (True, {"min_new_tokens": 4}),
    (True, {"min_new_tokens": 18, "repetition_penalty": 0.8}),
]
NEW_TOKENS = 20
MARGIN = 1e-3  # of the likeliest token, else rounding decides


class Margin:
    """The least lead of a choice, as the scores stand after all processors."""

    def __init__(self):
        self.least = float("inf")

    def __call__(self, input_ids, scores):
        top = scores[0].topk(2).values
        self.least = min(self.least, float(top[0] - top[1]))
        return scores


def continuation(model, tokenizer, text, options):
    prompt = torch.tensor([tokenizer.encode(text)])
    margin = Margin()
    with torch.no_grad():
        whole = model.generate(
            prompt, attention_mask=torch.ones_like(prompt), do_sample=False, pad_token_id=0,
            max_new_tokens=NEW_TOKENS, logits_processor=[margin], **options)[0].tolist()
        logp = torch.log_softmax(model(torch.tensor([whole])).logits[0, :-1], -1)
    tokens = whole[prompt.shape[1] :]
    logprobs = [logp[prompt.shape[1] - 1 + i, token].item() for i, token in enumerate(tokens)]
    assert margin.least > MARGIN, (text, options, margin.least)
    return {"prompt": text, "tokens": tokens, "logprobs": [float(f"{x:.9g}") for x in logprobs]}


def main():
    folder = Path(sys.argv[1])
    model = GPT2LMHeadModel.from_pretrained(folder / "gpt2", attn_implementation="eager").double().eval()
    swapped = GPT2LMHeadModel.from_pretrained(folder / "gpt2", attn_implementation="eager").double().eval()
    with torch.no_grad():
        swapped.transformer.wte.weight[SWAP] = swapped.transformer.wte.weight[SWAP[::-1]].clone()
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(folder / "gpt2" / "spiece.model"))
    assert not any(token in tokenizer.encode(text) for text in PROMPTS for token in SWAP)
    runs = [
        {"swapped": swap, "options": options,
         "records": [continuation(swapped if swap else model, tokenizer, text, options) for text in PROMPTS]}
        for swap, options in RUNS
    ]
    out = {"swap": SWAP, "new_tokens": NEW_TOKENS, "runs": runs}
    (folder / "sample.json").write_text(json.dumps(out, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
