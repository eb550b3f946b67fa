#!/usr/bin/env python3
"""Puts LoRA adapters on models of tests/fixtures with PEFT, writes them as PEFT does into
tests/fixtures/lora/NAME/, and records in double precision what they compute, in
tests/fixtures/lora.json.

  gpt2    rank 3, alpha 5, on c_attn and mlp.c_proj (Conv1D: [in, out]); fp32
  llama3  rank 5, alpha 2.5, on all linear layers; bf16
  qwen2   rank 4, alpha 8, PEFT's default layers (q_proj, v_proj), on a model in shards; fp16

  sequences  per sequence: logits of the last row, nll of every row that has a target
  mean       loss = mean nll over all targets of all sequences; gradients of A and B
  tree       a prompt and its children, nll of the children's tokens, loss = their mean
  adamw      A and B after three steps on `mean`
  start      the bound of A's initial values by layer, as PEFT draws them: A of a fresh adapter
             is uniform, so its largest value in many draws is near it

Usage: tests/oracle/lora.py [tests/fixtures]    (after gpt2.py and llama.py; wants peft)
"""

import json
import pathlib
import shutil
import sys

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

import llama

ADAMW = dict(lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1)
STEPS = 3
ADAPTERS = {
    "gpt2": ("gpt2", torch.float32, dict(r=3, lora_alpha=5, target_modules=["c_attn", "mlp.c_proj"])),
    "llama3": ("llama/llama3", torch.bfloat16, dict(r=5, lora_alpha=2.5, target_modules="all-linear")),
    "qwen2": ("llama/qwen2", torch.float16, dict(r=4, lora_alpha=8)),
}


def adapt(base, options):
    model = AutoModelForCausalLM.from_pretrained(base, torch_dtype=torch.float32, attn_implementation="eager")
    return peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **options))


def trained(model):
    """A and B, under the names that they have in files."""
    return {name.replace(".default.", "."): value for name, value in model.named_parameters() if "lora_" in name}


def randomize(model, dtype):
    """B is no longer zero, and all values are such that dtype holds."""
    with torch.no_grad():
        for name, value in trained(model).items():
            value.normal_(0.0, 0.2)
            value.data = value.data.to(dtype).to(torch.float32)


def save(model, name, base, dtype, folder):
    shutil.rmtree(folder, ignore_errors=True)
    model.peft_config["default"].base_model_name_or_path = "../../" + base
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    file = folder / "adapter_model.safetensors"
    save_file({key: value.to(dtype) for key, value in load_file(file).items()}, file, metadata={"format": "pt"})
    file.chmod(0o644)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["target_modules"].sort()
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: llama.some(value.grad) for name, value in trained(model).items()}


def mean_nll(model, entries):
    return torch.cat([llama.rows(model, entry["tokens"])[1] for entry in entries]).mean()


def tree(model, generator):
    prompt = llama.draw(generator, 11)
    children = [llama.draw(generator, length) for length in (5, 1, 9)]
    nlls = [llama.rows(model, prompt + child)[1][len(prompt) - 1:] for child in children]
    loss = torch.cat(nlls).mean()
    return {"prompt": prompt, "children": children, "nll": [llama.rounded(nll) for nll in nlls],
            "loss": llama.rounded(loss)[0], "gradients": gradients(model, loss)}


def adamw(model, entries):
    optimizer = torch.optim.AdamW(trained(model).values(), **ADAMW)
    for _ in range(STEPS):
        model.zero_grad()
        mean_nll(model, entries).backward()
        optimizer.step()
    return {"learning_rate": ADAMW["lr"], "weight_decay": ADAMW["weight_decay"], "steps": STEPS,
            "weights": {name: llama.some(value) for name, value in trained(model).items()}}


def record(model):
    model = model.double().eval()
    generator = torch.Generator().manual_seed(7)
    entries = llama.sequences(model, generator)
    loss = mean_nll(model, entries)
    return {"sequences": entries, "mean": {"loss": llama.rounded(loss)[0], "gradients": gradients(model, loss)},
            "tree": tree(model, generator), "adamw": adamw(model, entries)}  # last: it changes the model


def start(base, options):
    """The largest of A's values over some fresh adapters."""
    bounds = {}
    for seed in range(20):
        torch.manual_seed(seed)
        for name, value in trained(adapt(base, options)).items():
            bounds[name] = max(bounds.get(name, 0.0), float(value.abs().max()))
    return bounds


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures")
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    recorded = {"torch": torch.__version__, "peft": peft.__version__, "adapters": {}}
    for number, (name, (base, dtype, options)) in enumerate(ADAPTERS.items()):
        torch.manual_seed(number + 1)
        model = adapt(folder / base, options)
        randomize(model, dtype)
        save(model, name, base, dtype, folder / "lora" / name)
        recorded["adapters"][name] = {**record(model), "start": start(folder / base, options)}
    with open(folder / "lora.json", "w", encoding="utf-8") as out:
        json.dump(recorded, out, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
