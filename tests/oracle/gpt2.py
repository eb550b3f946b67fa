#!/usr/bin/env python3
"""Writes a tiny random GPT-2 as model folders and records, with transformers in
double precision, what it computes, in tests/fixtures/gpt2.json.

  gpt2/       fp32 weights, unlike a fresh model's: biases and norms are random too
  gpt2-bf16/  the same, rounded to bf16

Positions: a sequence of n tokens has n - 1 targets; row t predicts token t + 1.

  sequences  per sequence: hidden (after the final norm) and logits of the last row,
             nll and entropy of every row that has a target
  mean       loss = mean nll over all targets of all sequences; gradients
  weighted   loss = sum weight nll - 0.1 sum entropy, weights given; gradients
  tree       a prompt and its children, nll of the children's tokens, loss = their mean
  greedy     continuations of 20 tokens; margin is the least lead of a choice
  adamw      weights after one step on `mean`

Usage: tests/oracle/gpt2.py [tests/fixtures]    (after tests/oracle/tokenizer.py)
"""

import json
import pathlib
import sys

import torch
import transformers
from transformers import GPT2Config, GPT2LMHeadModel

from recording import rounded, some, step

LENGTHS = (2, 17, 64)


def make_model():
    torch.manual_seed(1)
    config = GPT2Config(
        vocab_size=509, n_positions=64, n_embd=40, n_layer=3, n_head=2, initializer_range=0.2,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=1, eos_token_id=2,
        attn_implementation="eager")
    model = GPT2LMHeadModel(config)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.dim() == 1:
                value.normal_(1.0 if "ln_" in name and name.endswith("weight") else 0.0, 0.2)
        # Positions that weigh enough to keep greedy continuations from one token for ever.
        model.transformer.wpe.weight.mul_(4)
        model.transformer.ln_f.bias.mul_(0.1)
    return model.eval()


def save(model, folder):
    model.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    link = folder / "spiece.model"
    link.unlink(missing_ok=True)
    link.symlink_to("../unigram/spiece.model")


def rows(model, tokens):
    """hidden, logits, nll and entropy; the latter two of rows that have a target."""
    ids = torch.tensor([tokens])
    hidden = model.transformer(ids).last_hidden_state[0]
    logits = model.lm_head(hidden)
    logp = torch.log_softmax(logits, -1)
    nll = -logp[:-1].gather(1, ids[0, 1:, None])[:, 0]
    entropy = -(logp.exp() * logp).sum(-1)[:-1]
    return hidden, logits, nll, entropy


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: some(value.grad) for name, value in model.named_parameters()}


def sequences(model, generator):
    ids = [torch.randint(0, 509, (length,), generator=generator).tolist() for length in LENGTHS]
    entries = []
    for tokens in ids:
        hidden, logits, nll, entropy = rows(model, tokens)
        entries.append({"tokens": tokens, "hidden": rounded(hidden[-1]), "hidden_norm": rounded(hidden.norm())[0],
                        "logits": some(logits[-1], 40), "nll": rounded(nll), "entropy": rounded(entropy)})
    return entries


def targets(model, entries):
    """nll and entropy of all targets of all sequences."""
    parts = [rows(model, entry["tokens"])[2:] for entry in entries]
    return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])


def tree(model, generator):
    def draw(length):
        return torch.randint(0, 509, (length,), generator=generator).tolist()

    prompt, children = draw(11), [draw(length) for length in (5, 1, 9)]
    nlls = [rows(model, prompt + child)[2][len(prompt) - 1:] for child in children]
    loss = torch.cat(nlls).mean()
    return {"prompt": prompt, "children": children, "nll": [rounded(nll) for nll in nlls],
            "loss": rounded(loss)[0], "gradients": gradients(model, loss)}


def greedy(model, generator):
    entries = []
    for length in (1, 3, 8, 20, 44):
        prompt = torch.randint(3, 509, (length,), generator=generator).tolist()
        tokens, margin = list(prompt), float("inf")
        for _ in range(20):
            with torch.no_grad():
                top = model(torch.tensor([tokens])).logits[0, -1].topk(2)
            margin = min(margin, float(top.values[0] - top.values[1]))
            tokens.append(int(top.indices[0]))
        entries.append({"prompt": prompt, "tokens": tokens[length:], "margin": rounded(margin)[0]})
    return entries


def adamw(model, loss):
    options = step(model, loss)
    return {"learning_rate": options["learning_rate"], "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8,
            "weight_decay": options["weight_decay"],
            "weights": {name: some(value) for name, value in model.named_parameters()}}


def record(folder):
    model = GPT2LMHeadModel.from_pretrained(folder / "gpt2", attn_implementation="eager").double().eval()
    bf16 = GPT2LMHeadModel.from_pretrained(
        folder / "gpt2-bf16", attn_implementation="eager", torch_dtype=torch.bfloat16).double().eval()
    generator = torch.Generator().manual_seed(2)
    entries = sequences(model, generator)
    count = sum(len(entry["nll"]) for entry in entries)
    weights = rounded(torch.rand(count, generator=generator))

    def loss_of(kind):
        nll, entropy = targets(model, entries)
        if kind == "mean":
            return nll.mean()
        return (torch.tensor(weights, dtype=torch.float64) * nll).sum() - 0.1 * entropy.sum()

    def with_gradients(kind):
        loss = loss_of(kind)
        return {"loss": rounded(loss)[0], "gradients": gradients(model, loss)}

    return {
        "torch": torch.__version__, "transformers": transformers.__version__,
        "sequences": entries,
        "bf16_nll": [rounded(rows(bf16, entry["tokens"])[2]) for entry in entries],
        "weights": weights,
        "mean": with_gradients("mean"),
        "weighted": with_gradients("weighted"),
        "tree": tree(model, generator),
        "greedy": greedy(model, generator),
        "adamw": adamw(model, loss_of("mean")),  # last: it changes the model
    }


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures")
    torch.set_num_threads(1)
    model = make_model()
    save(model, folder / "gpt2")
    save(model.to(torch.bfloat16), folder / "gpt2-bf16")
    with open(folder / "gpt2.json", "w", encoding="utf-8") as out:
        json.dump(record(folder), out, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
