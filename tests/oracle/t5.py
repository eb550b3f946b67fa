#!/usr/bin/env python3
"""Writes tiny random T5 models as folders, tests/fixtures/t5/NAME/, and records, with
transformers in double precision, what they compute, in tests/fixtures/t5.json. Norms and the
softmax of attention are those of transformers: in fp32, whatever the weights.

  v10   ReLU, tied, 2 encoder layers and 1 decoder layer, 2 heads of 20, hidden 40; fp16
  v11   gated GELU, an output layer of its own, 2 and 3 layers, 3 heads of 20, hidden 20; bf16
  silu  gated SiLU, tied, 1 and 2 layers, 8 buckets up to a distance of 20; fp16

A sequence is a source, that the encoder reads as it is, and n tokens that the decoder, started
by its start token, is to predict: n targets.

  buckets    per rule: the bucket of each distance (key - query) from -300 to 300
  sequences  per sequence: logits of the row that predicts the last token, nll of every row
  mean       loss = mean nll over all targets of all sequences; gradients
  tree       a source and several continuations, nll of their tokens, loss = their mean
  greedy     continuations of 64 tokens; margin is the least lead of a choice
  initial    the standard deviation that a fresh model's parameters are drawn with; 0: all are 1
  adamw      weights after one step on `mean`

Usage: tests/oracle/t5.py [tests/fixtures]    (after tests/oracle/tokenizer.py)
"""

import json
import pathlib
import shutil
import sys

import torch
import transformers
from transformers import T5Config, T5ForConditionalGeneration
from transformers.models.t5.modeling_t5 import T5Attention

from recording import draw, rounded, step
from recording import some as some_of

LENGTHS = ((1, 2), (17, 5), (150, 70))  # of source and target
START, EOS = 0, 2
COMMON = dict(vocab_size=509, dropout_rate=0.0, pad_token_id=START, decoder_start_token_id=START, eos_token_id=EOS)
RULES = ((32, 128, True), (32, 128, False), (8, 20, True), (8, 20, False), (64, 1000, True))

MODELS = {
    "v10": (torch.float16, dict(d_model=40, d_kv=20, d_ff=44, num_layers=2, num_decoder_layers=1, num_heads=2,
                                feed_forward_proj="relu")),
    "v11": (torch.bfloat16, dict(d_model=20, d_kv=20, d_ff=36, num_layers=2, num_decoder_layers=3, num_heads=3,
                                 feed_forward_proj="gated-gelu", tie_word_embeddings=False)),
    "silu": (torch.float16, dict(d_model=20, d_kv=10, d_ff=28, num_layers=1, num_decoder_layers=2, num_heads=2,
                                 relative_attention_num_buckets=8, relative_attention_max_distance=20,
                                 feed_forward_proj="gated-silu")),
}


def make(name):
    """A model whose norms, biases by distance and cross-attention have something to say."""
    dtype, sizes = MODELS[name]
    torch.manual_seed(list(MODELS).index(name) + 1)
    model = T5ForConditionalGeneration(T5Config(**COMMON, **sizes))
    with torch.no_grad():
        for key, value in model.named_parameters():
            if value.dim() == 1:
                value.normal_(1.0, 0.2)
            if "relative_attention_bias" in key:
                value.normal_(0.0, 1.0)
            if key.endswith((".o.weight", ".wo.weight")):
                value.mul_(8)  # or a tied model repeats what it reads
            if "lm_head" in key:
                value.mul_(0.3)
    return model.to(dtype)


def save(model, folder):
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)
    (folder / "spiece.model").symlink_to("../../unigram/spiece.model")


def some(tensor, count=5):
    return some_of(tensor, count)


def logits_of(model, source, tokens):
    return model(torch.tensor([source]), decoder_input_ids=torch.tensor([[START] + tokens])).logits[0].double()


def rows(model, source, tokens):
    """Logits of the last row that has a target, nll of all."""
    logits = logits_of(model, source, tokens[:-1])
    logp = torch.log_softmax(logits, -1)
    return logits[-1], -logp.gather(1, torch.tensor(tokens)[:, None])[:, 0]


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: some(value.grad) for name, value in model.named_parameters()}


def sequences(model, generator):
    entries = []
    for lengths in LENGTHS:
        source, tokens = (draw(generator, length) for length in lengths)
        logits, nll = rows(model, source, tokens)
        entries.append({"source": source, "tokens": tokens, "logits": some(logits, 40), "nll": rounded(nll)})
    return entries


def tree(model, generator):
    source, children = draw(generator, 11), [draw(generator, length) for length in (5, 1, 9)]
    nlls = [rows(model, source, child)[1] for child in children]
    loss = torch.cat(nlls).mean()
    return {"source": source, "children": children, "nll": [rounded(nll) for nll in nlls],
            "loss": rounded(loss)[0], "gradients": gradients(model, loss)}


def continuation(model, source):
    """Tokens, and the least lead of one over the next best."""
    tokens, margin = [], float("inf")
    while len(tokens) < 64 and tokens[-1:] != [EOS]:
        with torch.no_grad():
            top = logits_of(model, source, tokens)[-1].topk(2)
        margin = min(margin, float(top.values[0] - top.values[1]))
        tokens.append(int(top.indices[0]))
    return tokens, margin


def greedy(model, generator):
    """Sources are drawn until no text ends early or stands still, and every choice is clear to fp32 too."""
    entries = []
    for length in (1, 7, 40, 200):
        margin, tokens = 0.0, [EOS]
        while margin < 1e-3 or tokens[-1] == EOS or len(set(tokens)) < 4:
            source = draw(generator, length)
            tokens, margin = continuation(model, source)
        entries.append({"source": source, "tokens": tokens, "margin": rounded(margin)[0]})
    return entries


def initial(name):
    """What _init_weights draws with, last for each parameter."""
    drawn, normal = {}, torch.Tensor.normal_

    def record(tensor, mean=0.0, std=1.0, **others):
        drawn[tensor.data_ptr()] = std
        return normal(tensor, mean, std, **others)

    torch.Tensor.normal_ = record
    model = T5ForConditionalGeneration(T5Config(**COMMON, **MODELS[name][1]))
    torch.Tensor.normal_ = normal
    return {key: drawn[value.data_ptr()] if value.dim() == 2 else 0 for key, value in model.named_parameters()}


def adamw(model, entries):
    options = step(model, torch.cat([rows(model, entry["source"], entry["tokens"])[1] for entry in entries]).mean())
    return {**options, "weights": {name: some(value) for name, value in model.named_parameters()}}


def record(model):
    model = model.double().eval()
    generator = torch.Generator().manual_seed(7)
    entries = sequences(model, generator)
    loss = torch.cat([rows(model, entry["source"], entry["tokens"])[1] for entry in entries]).mean()
    return {"sequences": entries, "mean": {"loss": rounded(loss)[0], "gradients": gradients(model, loss)},
            "tree": tree(model, generator), "greedy": greedy(model, generator),
            "adamw": adamw(model, entries)}  # last: it changes the model


def buckets():
    distances = torch.arange(-300, 301)
    return [{"buckets": count, "max_distance": most, "bidirectional": both,
             "of": T5Attention._relative_position_bucket(distances, both, count, most).tolist()}
            for count, most, both in RULES]


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures")
    torch.set_num_threads(1)
    recorded = {"torch": torch.__version__, "transformers": transformers.__version__, "buckets": buckets(),
                "models": {}}
    for name in MODELS:
        model = make(name)
        save(model, folder / "t5" / name)
        recorded["models"][name] = record(model)
        recorded["models"][name]["initial"] = initial(name)
    with open(folder / "t5.json", "w", encoding="utf-8") as out:
        json.dump(recorded, out, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
