#!/usr/bin/env python3
"""Writes tiny random models of the Llama family as folders, tests/fixtures/llama/NAME/, and
records, with transformers in double precision, what they compute, in tests/fixtures/llama.json.
Norms and rotary angles are those of transformers: in fp32, whatever the weights.

  llama3   3 layers, 6 heads of 20 for 2 of keys, hidden 40, Llama 3's rope scaling, untied; bf16
  tied     2 layers, linear rope scaling, biases everywhere, tied; fp16
  mistral  1 layer, heads of 10, no window, untied; fp32
  qwen2    2 layers, 2 heads of 20 for 1, biases of q, k and v; bf16, in three shards
  qwen3    2 layers, 4 heads of 20 for 2, norms of q and k, tied; fp16

Positions: a sequence of n tokens has n - 1 targets; row t predicts token t + 1.

  sequences  per sequence: logits of the last row, nll of every row that has a target
  mean       loss = mean nll over all targets of all sequences; gradients
  tree       a prompt and its children, nll of the children's tokens, loss = their mean
  greedy     continuations to the end of the context, at most 64 tokens; margin is the least
             lead of a choice
  adamw      weights after one step on `mean`

transformers 4.46 has no Qwen3: its q_norm and k_norm are put behind Llama's projections here.

Usage: tests/oracle/llama.py [tests/fixtures]    (after tests/oracle/tokenizer.py)
"""

import json
import pathlib
import shutil
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from recording import draw, rounded, some, step

CONTEXT = 96
LENGTHS = (2, 17, 50)
COMMON = dict(vocab_size=509, max_position_embeddings=CONTEXT, initializer_range=0.3, bos_token_id=1, eos_token_id=2)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=32)
QWEN3 = dict(hidden_size=40, intermediate_size=36, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             head_dim=20, tie_word_embeddings=True, rope_theta=1000.0)


class HeadNorm(torch.nn.Module):
    """A projection whose heads are normalised, as Qwen3 has it."""

    def __init__(self, linear, size, epsilon):
        super().__init__()
        self.linear, self.norm = linear, LlamaRMSNorm(size, epsilon)

    def forward(self, x):
        heads = self.linear(x)
        return self.norm(heads.view(*heads.shape[:-1], -1, self.norm.weight.numel())).view(heads.shape)


def qwen3(config):
    model = LlamaForCausalLM(config)
    for layer in model.model.layers:
        attention = layer.self_attn
        for name in ("q_proj", "k_proj"):
            setattr(attention, name, HeadNorm(getattr(attention, name), config.head_dim, config.rms_norm_eps))
    return model


def public_name(name):
    """A parameter's name in a checkpoint."""
    for part in "qk":
        name = name.replace(f"{part}_proj.linear.", f"{part}_proj.").replace(f"{part}_proj.norm.", f"{part}_norm.")
    return name


MODELS = {
    "llama3": (LlamaForCausalLM, torch.bfloat16, LlamaConfig(
        **COMMON, hidden_size=40, intermediate_size=60, num_hidden_layers=3, num_attention_heads=6,
        num_key_value_heads=2, head_dim=20, rope_theta=500.0, rope_scaling=LLAMA3, tie_word_embeddings=False)),
    "tied": (LlamaForCausalLM, torch.float16, LlamaConfig(
        **COMMON, hidden_size=40, intermediate_size=52, num_hidden_layers=2, num_attention_heads=2, attention_bias=True,
        mlp_bias=True, rope_scaling=dict(type="linear", factor=2.0), rms_norm_eps=1e-5, tie_word_embeddings=True)),
    "mistral": (MistralForCausalLM, torch.float32, MistralConfig(
        **COMMON, hidden_size=20, intermediate_size=28, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, head_dim=10, sliding_window=None, tie_word_embeddings=False)),
    "qwen2": (Qwen2ForCausalLM, torch.bfloat16, Qwen2Config(
        **COMMON, hidden_size=40, intermediate_size=44, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, rope_theta=1e6, tie_word_embeddings=False)),
    "qwen3": (qwen3, torch.float16, LlamaConfig(**COMMON, **QWEN3)),
}
SHARDED = {"qwen2": "60KB"}
PUBLIC = {"qwen3": dict(model_type="qwen3", architectures=["Qwen3ForCausalLM"])}


def make(name):
    kind, dtype, config = MODELS[name]
    torch.manual_seed(list(MODELS).index(name) + 1)
    config._attn_implementation = "eager"
    model = kind(config)
    with torch.no_grad():
        for key, value in model.named_parameters():
            if value.dim() == 1:
                value.normal_(0.0 if key.endswith("bias") else 1.0, 0.2)
            value.data = value.data.to(dtype)  # and not the frequencies, which model.to() rounds
    return model


def save(model, name, folder):
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, max_shard_size=SHARDED.get(name, "5GB"))
    if name in PUBLIC:
        weights = load_file(folder / "model.safetensors")
        save_file({public_name(key): value for key, value in weights.items()}, folder / "model.safetensors",
                  metadata={"format": "pt"})
        config = json.loads((folder / "config.json").read_text())
        config.update(PUBLIC[name])
        (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)
    (folder / "spiece.model").symlink_to("../../unigram/spiece.model")


def rows(model, tokens):
    """Logits of all rows, nll of those that have a target."""
    ids = torch.tensor([tokens])
    logits = model(ids).logits[0].double()
    logp = torch.log_softmax(logits, -1)
    return logits, -logp[:-1].gather(1, ids[0, 1:, None])[:, 0]


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {public_name(name): some(value.grad) for name, value in model.named_parameters()}


def sequences(model, generator):
    entries = []
    for tokens in (draw(generator, length) for length in LENGTHS):
        logits, nll = rows(model, tokens)
        entries.append({"tokens": tokens, "logits": some(logits[-1], 40), "nll": rounded(nll)})
    return entries


def tree(model, generator):
    prompt, children = draw(generator, 11), [draw(generator, length) for length in (5, 1, 9)]
    nlls = [rows(model, prompt + child)[1][len(prompt) - 1:] for child in children]
    loss = torch.cat(nlls).mean()
    return {"prompt": prompt, "children": children, "nll": [rounded(nll) for nll in nlls],
            "loss": rounded(loss)[0], "gradients": gradients(model, loss)}


def continuation(model, prompt):
    """Tokens, and the least lead of one over the next best."""
    tokens, margin = list(prompt), float("inf")
    while len(tokens) < min(CONTEXT, len(prompt) + 64) and tokens[-1] != 2:
        with torch.no_grad():
            top = model(torch.tensor([tokens])).logits[0, -1].topk(2)
        margin = min(margin, float(top.values[0] - top.values[1]))
        tokens.append(int(top.indices[0]))
    return tokens[len(prompt):], margin


def greedy(model, generator):
    """Prompts are drawn until no text ends early and every choice is clear to fp32 too."""
    entries = []
    for length in (1, 7, 40):
        margin, tokens = 0.0, [2]
        while margin < 1e-3 or tokens[-1] == 2:
            prompt = draw(generator, length)
            tokens, margin = continuation(model, prompt)
        entries.append({"prompt": prompt, "tokens": tokens, "margin": rounded(margin)[0]})
    return entries


def adamw(model, entries):
    options = step(model, torch.cat([rows(model, entry["tokens"])[1] for entry in entries]).mean())
    return {**options, "weights": {public_name(name): some(value) for name, value in model.named_parameters()}}


def record(model):
    model = model.double().eval()
    generator = torch.Generator().manual_seed(7)
    entries = sequences(model, generator)
    loss = torch.cat([rows(model, entry["tokens"])[1] for entry in entries]).mean()
    return {"sequences": entries, "mean": {"loss": rounded(loss)[0], "gradients": gradients(model, loss)},
            "tree": tree(model, generator), "greedy": greedy(model, generator),
            "adamw": adamw(model, entries)}  # last: it changes the model


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures")
    torch.set_num_threads(1)
    recorded = {"torch": torch.__version__, "transformers": transformers.__version__, "models": {}}
    for name in MODELS:
        model = make(name)
        save(model, name, folder / "llama" / name)
        recorded["models"][name] = record(model)
    with open(folder / "llama.json", "w", encoding="utf-8") as out:
        json.dump(recorded, out, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
