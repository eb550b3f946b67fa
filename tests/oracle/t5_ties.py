#!/usr/bin/env python3
"""Records how transformers 5 reads what a T5 folder says, or does not, of its output embedding, in
tests/fixtures/t5-ties.json: variants of the folder tests/fixtures/t5/v11, whose config.json has the
fields `config` (null: not there) and which lacks the tensors `without`.

  tied, scaled  whether the output embedding is the input's, and states are scaled before it
  nll           of a continuation of a source

Needs transformers 5 (5.24.0), unlike the other scripts here (requirements.txt).
Usage: tests/oracle/t5_ties.py [tests/fixtures]
"""

import json
import pathlib
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import T5ForConditionalGeneration

START = 0
SOURCE, TOKENS = [17, 301, 5, 44, 208, 99, 3], [30, 7, 412, 88, 161, 2]

# Fields of config.json, and tensors that are left out.
VARIANTS = [
    ({"tie_word_embeddings": False}, []),  # as transformers 4 writes a T5 v1.1
    ({"tie_word_embeddings": False}, ["lm_head.weight"]),
    ({"tie_word_embeddings": True}, ["lm_head.weight"]),  # T5 v1.0
    ({"tie_word_embeddings": None}, ["lm_head.weight"]),
    ({"tie_word_embeddings": True, "scale_decoder_outputs": False}, []),  # as 5 writes a T5 v1.1
    ({"tie_word_embeddings": True, "scale_decoder_outputs": False}, ["lm_head.weight"]),
    ({"tie_word_embeddings": True, "scale_decoder_outputs": True}, []),
    ({"tie_word_embeddings": True}, []),
    ({"tie_word_embeddings": None}, []),
    ({"tie_word_embeddings": False, "scale_decoder_outputs": True}, []),
    ({"tie_word_embeddings": False, "scale_decoder_outputs": True}, ["lm_head.weight"]),
]


def write(base, folder, fields, without):
    config = json.loads((base / "config.json").read_text())
    for key, value in fields.items():
        config.pop(key, None)
        if value is not None:
            config[key] = value
    (folder / "config.json").write_text(json.dumps(config))
    tensors = load_file(base / "model.safetensors")
    save_file({name: value for name, value in tensors.items() if name not in without},
              folder / "model.safetensors", metadata={"format": "pt"})


def record(base, fields, without):
    with tempfile.TemporaryDirectory() as folder:
        write(base, pathlib.Path(folder), fields, without)
        model = T5ForConditionalGeneration.from_pretrained(folder).double().eval()
    with torch.no_grad():
        logits = model(torch.tensor([SOURCE]), decoder_input_ids=torch.tensor([[START] + TOKENS[:-1]])).logits[0]
    nll = -torch.log_softmax(logits.double(), -1).gather(1, torch.tensor(TOKENS)[:, None])[:, 0]
    tied = bool(torch.equal(model.lm_head.weight, model.shared.weight))
    return {"config": fields, "without": without, "tied": tied, "scaled": model.config.scale_decoder_outputs,
            "nll": [float(f"{value:.9g}") for value in nll.tolist()]}


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures")
    torch.set_num_threads(1)
    recorded = {"torch": torch.__version__, "transformers": transformers.__version__, "source": SOURCE,
                "tokens": TOKENS, "variants": [record(folder / "t5" / "v11", *variant) for variant in VARIANTS]}
    with open(folder / "t5-ties.json", "w", encoding="utf-8") as out:
        json.dump(recorded, out, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
