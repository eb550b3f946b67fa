#!/usr/bin/env python3
"""Records the weights of the tiny GPT-2 and Llama of TESTS/FIXTURES after steps of torch's AdamW
behind clip_grad_norm_, in double: on the mean nll of the sequences in gpt2.json and llama.json,
times a scale that makes the first step a clipped one and the second not. What clipping did to the
first is in the moments of the second.

  method  the options of a published run: learning rate 5e-5, no decay
  large   learning rate 1e-2, decay of matrices only

usage: adam.py TESTS/FIXTURES
writes adam.json; needs what requirements.txt lists.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

CLIP = 5.0
SCALES = (4.0, 0.25)
RUNS = {"method": dict(learning_rate=5e-5, weight_decay=0.0), "large": dict(learning_rate=1e-2, weight_decay=0.1)}


def rounded(values):
    return [float(f"{value:.9g}") for value in torch.as_tensor(values).flatten().tolist()]


def some(tensor, count=12):
    """A norm, and values at fixed places."""
    flat = tensor.detach().flatten()
    places = sorted({i * (flat.numel() - 1) // (count - 1) for i in range(count)})
    return {"norm": rounded(flat.norm())[0], "at": places, "values": rounded(flat[places])}


def mean_nll(model, sequences):
    parts = []
    for tokens in sequences:
        ids = torch.tensor([tokens])
        logp = torch.log_softmax(model(ids).logits[0].double(), -1)
        parts.append(-logp[:-1].gather(1, ids[0, 1:, None])[:, 0])
    return torch.cat(parts).mean()


def run(folder, sequences, learning_rate, weight_decay):
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").double().eval()
    optimizer = torch.optim.AdamW(
        [{"params": [p for p in model.parameters() if p.dim() == 2], "weight_decay": weight_decay},
         {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0}], lr=learning_rate)
    norms = []
    for scale in SCALES:
        optimizer.zero_grad()
        (scale * mean_nll(model, sequences)).backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)))
        optimizer.step()
    assert norms[0] > 1.5 * CLIP and norms[1] < CLIP, norms
    return {"learning_rate": learning_rate, "weight_decay": weight_decay, "norms": rounded(torch.tensor(norms)),
            "weights": {name: some(value) for name, value in model.named_parameters()}}


def main():
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    recorded = {"gpt2": json.loads((folder / "gpt2.json").read_text()),
                "llama/llama3": json.loads((folder / "llama.json").read_text())["models"]["llama3"]}
    out = {"torch": torch.__version__, "clip": CLIP, "scales": SCALES, "models": {}}
    for name, record in recorded.items():
        sequences = [entry["tokens"] for entry in record["sequences"]]
        out["models"][name] = {
            "sequences": [{"tokens": tokens} for tokens in sequences],
            "runs": {run_name: run(folder / name, sequences, **options) for run_name, options in RUNS.items()}}
    with open(folder / "adam.json", "w", encoding="utf-8") as file:
        json.dump(out, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
