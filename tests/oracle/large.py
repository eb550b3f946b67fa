#!/usr/bin/env python3
"""Writes a model of TinyLlama's shape (1.1 billion parameters) with random weights, in bf16 and in
shards, 2.2 GB in all: for tests/bench/large, not for the suite. Its tokenizer is a byte-level
BPE of 32,000 pieces: the bytes, two special tokens, and merges of pairs of bytes, letters first.

Usage: tests/oracle/large.py FOLDER
"""

import itertools
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

WIDTH, LAYERS, HEADS, KV_HEADS, INNER, VOCABULARY = 2048, 22, 32, 4, 5632, 32000
SHARD = 900 << 20  # bytes
CONFIG = dict(
    architectures=["LlamaForCausalLM"], model_type="llama", hidden_size=WIDTH, num_hidden_layers=LAYERS,
    num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, intermediate_size=INNER, vocab_size=VOCABULARY,
    max_position_embeddings=2048, rms_norm_eps=1e-5, rope_theta=10000.0, hidden_act="silu",
    tie_word_embeddings=False, torch_dtype="bfloat16", bos_token_id=0, eos_token_id=1)


def shapes():
    kv = WIDTH // HEADS * KV_HEADS
    yield "model.embed_tokens.weight", (VOCABULARY, WIDTH)
    for i in range(LAYERS):
        layer = f"model.layers.{i}."
        for name, shape in (("self_attn.q_proj", (WIDTH, WIDTH)), ("self_attn.k_proj", (kv, WIDTH)),
                            ("self_attn.v_proj", (kv, WIDTH)), ("self_attn.o_proj", (WIDTH, WIDTH)),
                            ("mlp.gate_proj", (INNER, WIDTH)), ("mlp.up_proj", (INNER, WIDTH)),
                            ("mlp.down_proj", (WIDTH, INNER)), ("input_layernorm", (WIDTH,)),
                            ("post_attention_layernorm", (WIDTH,))):
            yield f"{layer}{name}.weight", shape
    yield "model.norm.weight", (WIDTH,)
    yield "lm_head.weight", (VOCABULARY, WIDTH)


def shards():
    """Lists of names and shapes, each of at most SHARD bytes."""
    part, size = [], 0
    for name, shape in shapes():
        count = 2 * torch.Size(shape).numel()
        if part and size + count > SHARD:
            yield part
            part, size = [], 0
        part.append((name, shape))
        size += count
    yield part


def write_weights(folder):
    generator = torch.Generator().manual_seed(1)
    parts, index, total = list(shards()), {}, 0
    for number, part in enumerate(parts, 1):
        file = f"model-{number:05d}-of-{len(parts):05d}.safetensors"
        tensors = {}
        for name, shape in part:
            if len(shape) == 1:
                tensors[name] = torch.ones(shape, dtype=torch.bfloat16)
            else:
                tensors[name] = torch.empty(shape, dtype=torch.bfloat16).normal_(0.0, 0.02, generator=generator)
            index[name] = file
            total += 2 * tensors[name].numel()
        save_file(tensors, folder / file, metadata={"format": "pt"})
    text = json.dumps({"metadata": {"total_size": total}, "weight_map": index}, indent=2)
    (folder / "model.safetensors.index.json").write_text(text + "\n")


def write_tokenizer(folder):
    special = ["<s>", "</s>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + ["\u0120"]  # the blank's
    ranked = letters + [piece for piece in alphabet if piece not in letters]
    merges = list(itertools.islice(itertools.product(ranked, ranked), VOCABULARY - len(special) - len(alphabet)))
    pieces = special + alphabet + [a + b for a, b in merges]
    tokenizer = Tokenizer(models.BPE(vocab={piece: i for i, piece in enumerate(pieces)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    assert tokenizer.get_vocab_size() == VOCABULARY
    tokenizer.save(str(folder / "tokenizer.json"))
    config = dict(tokenizer_class="PreTrainedTokenizerFast", bos_token="<s>", eos_token="</s>", model_max_length=2048)
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    write_tokenizer(folder)
    write_weights(folder)


if __name__ == "__main__":
    main()
