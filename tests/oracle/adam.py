#!/usr/bin/env python3
"""Records the weights of the tiny models of TESTS/FIXTURES after steps of torch's AdamW behind
clip_grad_norm_, in double: on the mean nll of the sequences in gpt2.json, llama.json, t5.json,
causal-roberta.json and roberta.json (in the last of the places with a target, and without the last
sequence, which has padding), times a scale that makes the first step a clipped one and the second not.
What clipping did to the first is in the moments of the second.

  method  the options of a published run: learning rate 5e-5, no decay
  large   learning rate up to 1e-2, decay of matrices only. How fp32 rounds gradients that are all but
          zero decides their steps: the rate is one at which that is less than 1e-5 of the weights

Of a tensor the norm is recorded, and values at fixed places: in biases of keys under rotation, most of
which hardly matter, at those with the largest gradients.

usage: adam.py TESTS/FIXTURES
writes adam.json; needs what requirements.txt lists.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, RobertaForMaskedLM, T5ForConditionalGeneration

import llama
import t5
from recording import optimizer_of, rounded, some

CLIP = 5.0
SCALES = (4.0, 0.25)
LARGE = {"gpt2": 1e-2, "llama/llama3": 1e-2, "llama/qwen2": 2e-4, "roberta/tiny": 2e-4}  # else 1e-3
# What a model's sequences are to it, and what opens it.
KEYS = {"t5": ("source", "tokens"), "roberta": ("tokens", "rows", "targets")}
KINDS = {"t5": T5ForConditionalGeneration, "roberta": RobertaForMaskedLM}


def family(name):
    return name.split("/")[0]


def open_model(folder, name):
    if name == "llama/qwen3":  # which transformers 4.46 does not have
        return llama.make("qwen3").double().eval()
    kind = KINDS.get(family(name), AutoModelForCausalLM)
    return kind.from_pretrained(folder / name, attn_implementation="eager").double().eval()


def nll(model, entry):
    if "source" in entry:
        return t5.rows(model, entry["source"], entry["tokens"])[1]
    if "targets" in entry:
        logits = model(torch.tensor([entry["tokens"]])).logits[0, entry["rows"]]
        return torch.nn.functional.cross_entropy(logits, torch.tensor(entry["targets"]), reduction="none")
    return llama.rows(model, entry["tokens"])[1]


def some_weights(name, value, count=12):
    """Like some(), but for the biases of keys: the places where the last gradient was largest."""
    if not name.endswith("k_proj.bias"):
        return some(value, count)
    at = value.grad.abs().topk(count // 2).indices.sort().values
    return {"norm": rounded(value.detach().norm())[0], "at": at.tolist(), "values": rounded(value.detach()[at])}


def run(model, sequences, learning_rate, weight_decay):
    optimizer = optimizer_of(model, weight_decay, lr=learning_rate)
    norms = []
    for scale in SCALES:
        optimizer.zero_grad()
        (scale * torch.cat([nll(model, entry) for entry in sequences]).mean()).backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)))
        optimizer.step()
    assert norms[0] > 1.1 * CLIP and norms[1] < CLIP, norms
    return {"learning_rate": learning_rate, "weight_decay": weight_decay, "norms": rounded(torch.tensor(norms)),
            "weights": {llama.public_name(name): some_weights(name, value) for name, value in model.named_parameters()}}


def record(folder, name, recorded):
    keys = KEYS.get(family(name), ("tokens",))
    entries = recorded["sequences"][:-1] if family(name) == "roberta" else recorded["sequences"]
    sequences = [{key: entry[key] for key in keys} for entry in entries]
    runs = {"method": dict(learning_rate=5e-5, weight_decay=0.0),
            "large": dict(learning_rate=LARGE.get(name, 1e-3), weight_decay=0.1)}
    return {"sequences": sequences, "runs": {
        run_name: run(open_model(folder, name), sequences, **options) for run_name, options in runs.items()}}


def main():
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    out = {"torch": torch.__version__, "clip": CLIP, "scales": SCALES, "models": {}}
    out["models"]["gpt2"] = record(folder, "gpt2", json.loads((folder / "gpt2.json").read_text()))
    for group in ("llama", "t5", "roberta", "causal-roberta"):
        for name, recorded in json.loads((folder / f"{group}.json").read_text())["models"].items():
            out["models"][f"{group}/{name}"] = record(folder, f"{group}/{name}", recorded)
    with open(folder / "adam.json", "w", encoding="utf-8") as file:
        json.dump(out, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
