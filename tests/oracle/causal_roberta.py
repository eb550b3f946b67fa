#!/usr/bin/env python3
"""Writes tiny random RoBERTa models with "is_decoder": true as folders,
tests/fixtures/causal-roberta/NAME/, with the tokenizer of tests/fixtures/roberta/tiny, and records,
with transformers' RobertaForCausalLM in double precision, what they compute, in
tests/fixtures/causal-roberta.json:

  tiny   3 layers, 2 heads of 20; fp16
  types  1 layer of GELU by tanh, 2 heads of 7, 2 token types, padding_idx 2 (which is </s>); fp32

Per model sequences, mean, tree, greedy and adamw as llama.py has them, without the gradients of the
keys' biases, which are zero, since a softmax does not see them; and

  padding  a text with padding in it, read token by token with the cache: logits of its last row

Usage: tests/oracle/causal_roberta.py [tests/fixtures]    (after tests/oracle/roberta.py)
       SAVE_TO=FOLDER build/tests/unit/test_causal_roberta
       tests/oracle/causal_roberta.py --saved FOLDER

The second form opens what was saved from these models with from_pretrained, which must not warn
or miss anything, and compares the logits.
"""

import json
import pathlib
import shutil
import sys
import warnings

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, RobertaConfig, RobertaForCausalLM

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import llama  # noqa: E402
from open_folder import Collector  # noqa: E402
from recording import draw, some  # noqa: E402

PADDED = 23
COMMON = dict(vocab_size=509, bos_token_id=0, eos_token_id=2, is_decoder=True, hidden_dropout_prob=0.0,
              attention_probs_dropout_prob=0.0, initializer_range=0.3)
MODELS = {
    "tiny": (torch.float16, RobertaConfig(
        **COMMON, hidden_size=40, intermediate_size=52, num_hidden_layers=3, num_attention_heads=2, type_vocab_size=1,
        pad_token_id=1, max_position_embeddings=llama.CONTEXT + 2, layer_norm_eps=1e-5)),
    "types": (torch.float32, RobertaConfig(
        **COMMON, hidden_size=14, intermediate_size=36, num_hidden_layers=1, num_attention_heads=2, type_vocab_size=2,
        pad_token_id=2, max_position_embeddings=llama.CONTEXT + 3, hidden_act="gelu_new")),
}


def make(name):
    dtype, config = MODELS[name]
    torch.manual_seed(list(MODELS).index(name) + 1)
    config._attn_implementation = "eager"
    model = RobertaForCausalLM(config)
    with torch.no_grad():
        for key, value in model.named_parameters():
            if value.dim() == 1:
                value.normal_(0.0 if key.endswith("bias") else 1.0, 0.2)
            if key.endswith("embeddings.weight"):
                value.normal_(0.0, 3.0 if "position" in key else 0.5)  # padding's too
            # Lest all rows become alike, and one token is written for ever:
            if key.endswith("attention.output.dense.weight") or key.startswith("lm_head") and key.endswith("bias"):
                value.mul_(0.2)
            value.data = value.data.to(dtype)
    return model


def save(model, folder):
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.decoder.bias"] = weights["lm_head.bias"].clone()  # of which 4.46 saves one name and reads the other
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    for file in sorted((folder.parent.parent / "roberta" / "tiny").iterdir()):
        if file.name not in ("config.json", "model.safetensors"):
            (folder / file.name).symlink_to("../../roberta/tiny/" + file.name)


def padding(model, generator):
    tokens, cache = draw(generator, PADDED), None
    tokens[5] = tokens[6] = tokens[14] = model.config.pad_token_id
    with torch.no_grad():
        for token in tokens:
            output = model(torch.tensor([[token]]), past_key_values=cache, use_cache=True)
            cache = output.past_key_values
    return {"tokens": tokens, "logits": some(output.logits[0, -1], 40)}


def record(model):
    model = model.double().eval()
    padded = padding(model, torch.Generator().manual_seed(8))
    recorded = llama.record(model)
    for loss in (recorded["mean"], recorded["tree"]):
        for name in [name for name in loss["gradients"] if name.endswith("attention.self.key.bias")]:
            assert loss["gradients"].pop(name)["norm"] < 1e-15
    for entry in recorded["greedy"]:  # read all at once, what follows padding would stand elsewhere
        assert model.config.pad_token_id not in entry["tokens"]
    return {**recorded, "padding": padded}


def check_saved(folder, fixtures):
    """The largest difference of logits, on the scale of the largest one."""
    collector = Collector()
    transformers.utils.logging.add_handler(collector)
    warnings.simplefilter("error", UserWarning)
    generator = torch.Generator().manual_seed(11)
    for name in MODELS:
        original = RobertaForCausalLM.from_pretrained(fixtures / "causal-roberta" / name, torch_dtype=torch.float32)
        assert original.lm_head.decoder.bias.abs().max() > 0
        saved, info = AutoModelForCausalLM.from_pretrained(folder / name, output_loading_info=True)
        tokenizer = AutoTokenizer.from_pretrained(folder / name)
        ids = torch.randint(4, 509, (2, 40), generator=generator)
        with torch.no_grad():
            difference = (saved(ids).logits - original(ids).logits).abs().max() / original(ids).logits.abs().max()
            saved.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=5)
        if any(info.values()) or collector.messages:
            sys.exit(f"{folder / name}: {info} {collector.messages}")
        print(f"{name}: {type(saved).__name__}, {type(tokenizer).__name__}, largest difference {difference:.1e}")
        if difference > 0:
            sys.exit(1)


def main():
    if sys.argv[1:2] == ["--saved"]:
        return check_saved(pathlib.Path(sys.argv[2]), pathlib.Path("tests/fixtures"))
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures")
    torch.set_num_threads(1)
    recorded = {"torch": torch.__version__, "transformers": transformers.__version__, "models": {}}
    for name in MODELS:
        model = make(name)
        save(model, folder / "causal-roberta" / name)
        recorded["models"][name] = record(model)
    with open(folder / "causal-roberta.json", "w", encoding="utf-8") as out:
        json.dump(recorded, out, separators=(",", ":"))
        out.write("\n")
    return None


if __name__ == "__main__":
    main()
