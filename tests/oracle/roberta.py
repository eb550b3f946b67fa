#!/usr/bin/env python3
"""Writes tiny random RoBERTa models as folders, tests/fixtures/roberta/NAME/, with a byte-level
BPE tokenizer of 509 pieces as transformers saves it, and records, with transformers in double
precision, what they compute, in tests/fixtures/roberta.json:

  tiny   3 layers, 2 heads of 20, positions for 512 tokens; fp16
  types  1 layer of GELU by tanh, 2 heads of 7, 2 token types, padding_idx 3; fp32, the file with
         what old ones carry: position_ids, the pooler, second names of the tied output layer

Per model:

  texts     ids of texts as RobertaTokenizer puts them, special tokens around them
  states    hidden states after the first 0 .. all layers of a sequence: of its last row
  logits    of the rows with a target, per sequence, of which `rows` and `targets` are given
  mean      loss = mean nll over all targets of the sequences but the last, and its gradients;
            without those of the keys' biases, which are zero, since a softmax does not see them

The last sequence holds padding in its middle, which has a position of its own. (It is not in the
loss: padding's embeddings do not learn in transformers, and need not here, where none is made.)

Usage: tests/oracle/roberta.py [tests/fixtures]
       SAVE_TO=FOLDER build/tests/unit/test_roberta; tests/oracle/roberta.py --saved FOLDER

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
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (AutoModelForMaskedLM, AutoTokenizer, RobertaConfig, RobertaForMaskedLM, RobertaTokenizer,
                          RobertaTokenizerFast)

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from llama import rounded, some  # noqa: E402
from open_folder import Collector  # noqa: E402
from tokenizer import sentences  # noqa: E402

VOCABULARY = 509
SPECIALS = ["<s>", "<pad>", "</s>", "<unk>"]
COMMON = dict(vocab_size=VOCABULARY, bos_token_id=0, eos_token_id=2, hidden_dropout_prob=0.0,
              attention_probs_dropout_prob=0.0, initializer_range=0.3)
MODELS = {
    "tiny": (torch.float16, (2, 33, 512, 60), RobertaConfig(
        **COMMON, hidden_size=40, intermediate_size=52, num_hidden_layers=3, num_attention_heads=2,
        max_position_embeddings=514, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)),
    "types": (torch.float32, (3, 19, 41), RobertaConfig(
        **COMMON, hidden_size=14, intermediate_size=36, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=45, type_vocab_size=2, pad_token_id=3, hidden_act="gelu_new")),
}
TEXTS = ["", "a", "The package reads files.", " two  blanks ", "x <mask> y", "naïve 日本語 😀", "don't it's\n12 345"]


def train_tokenizer(folder):
    """vocab.json and merges.txt in the order of RoBERTa's, <mask> last."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY - 1, special_tokens=SPECIALS, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(list(sentences(300, 1)), trainer)
    tokenizer.model.save(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    vocabulary["<mask>"] = len(vocabulary)
    assert len(vocabulary) == VOCABULARY
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    files = dict(vocab_file=str(folder / "vocab.json"), merges_file=str(folder / "merges.txt"), model_max_length=512)
    slow = RobertaTokenizer(**files)
    slow.save_pretrained(folder)
    RobertaTokenizerFast.from_pretrained(folder).save_pretrained(folder)
    return slow


def make(name):
    dtype, _, config = MODELS[name]
    torch.manual_seed(list(MODELS).index(name) + 1)
    config._attn_implementation = "eager"
    model = RobertaForMaskedLM(config)
    with torch.no_grad():
        for key, value in model.named_parameters():
            if value.dim() == 1:
                value.normal_(0.0 if key.endswith("bias") else 1.0, 0.2)
            if key.endswith("embeddings.weight"):
                value.normal_(0.0, 0.5)  # padding's too
    return model.to(dtype)


def add_old_tensors(folder):
    """What files of before 2021 and of RobertaModel hold beside the parameters."""
    weights = load_file(folder / "model.safetensors")
    generator = torch.Generator().manual_seed(3)
    rows, width = weights["roberta.embeddings.position_embeddings.weight"].shape
    weights["roberta.embeddings.position_ids"] = torch.arange(rows)[None]
    weights["roberta.pooler.dense.weight"] = torch.randn(width, width, generator=generator)
    weights["roberta.pooler.dense.bias"] = torch.randn(width, generator=generator)
    weights["lm_head.decoder.weight"] = weights["roberta.embeddings.word_embeddings.weight"].clone()
    weights["lm_head.decoder.bias"] = weights["lm_head.bias"].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def save(model, name, folder):
    model.save_pretrained(folder)
    if name == "types":
        add_old_tensors(folder)
    (folder / "model.safetensors").chmod(0o644)
    for file in () if name == "tiny" else sorted((folder.parent / "tiny").iterdir()):
        if file.name not in ("config.json", "model.safetensors"):
            (folder / file.name).symlink_to("../tiny/" + file.name)


def draw(length, generator):
    """Ids between <s> and </s>, and rows with a target."""
    tokens = torch.randint(4, VOCABULARY, (length,), generator=generator)
    tokens[0], tokens[-1] = 0, 2
    rows = sorted(torch.randperm(length, generator=generator)[: 1 + min(length // 4, 40)].tolist())
    targets = torch.randint(0, VOCABULARY, (len(rows),), generator=generator)
    return tokens, torch.tensor(rows), targets


def record(model, tokenizer, lengths):
    model = model.double().eval()
    generator = torch.Generator().manual_seed(7)
    entries, nlls = [], []
    for tokens, rows, targets in (draw(length, generator) for length in lengths):
        if len(entries) == len(lengths) - 1:
            tokens[len(tokens) // 3] = model.config.pad_token_id
        output = model(tokens[None], attention_mask=torch.ones_like(tokens)[None], output_hidden_states=True)
        logits = output.logits[0, rows]
        nll = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        nlls.append(nll)
        entries.append({"tokens": tokens.tolist(), "rows": rows.tolist(), "targets": targets.tolist(),
                        "states": [rounded(state[0, -1]) for state in output.hidden_states],
                        "logits": some(logits, 40), "nll": rounded(nll)})
    loss = torch.cat(nlls[:-1]).mean()
    loss.backward()
    gradients = {name: some(value.grad) for name, value in model.named_parameters()
                 if not name.endswith("attention.self.key.bias")}
    return {"texts": [{"text": text, "ids": tokenizer(text).input_ids} for text in TEXTS], "sequences": entries,
            "mean": {"loss": rounded(loss)[0], "gradients": gradients}}


def check_saved(folder, fixtures):
    """The largest difference of logits, on the scale of the largest one."""
    collector = Collector()
    transformers.utils.logging.add_handler(collector)
    warnings.simplefilter("error", UserWarning)
    generator = torch.Generator().manual_seed(11)
    for name in MODELS:
        original = RobertaForMaskedLM.from_pretrained(fixtures / "roberta" / name, torch_dtype=torch.float32)
        collector.messages.clear()  # those of old tensors
        saved, info = AutoModelForMaskedLM.from_pretrained(folder / name, output_loading_info=True)
        tokenizer = AutoTokenizer.from_pretrained(folder / name)
        if any(info.values()) or collector.messages:
            sys.exit(f"{folder / name}: {info} {collector.messages}")
        ids = torch.randint(4, VOCABULARY, (2, 40), generator=generator)
        with torch.no_grad():
            difference = (saved(ids).logits - original(ids).logits).abs().max() / original(ids).logits.abs().max()
        print(f"{name}: {type(saved).__name__}, {type(tokenizer).__name__}, largest difference {difference:.1e}")
        if difference > 0:
            sys.exit(1)


def main():
    if sys.argv[1:2] == ["--saved"]:
        return check_saved(pathlib.Path(sys.argv[2]), pathlib.Path("tests/fixtures"))
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures")
    torch.set_num_threads(1)
    shutil.rmtree(folder / "roberta", ignore_errors=True)
    for name in MODELS:
        (folder / "roberta" / name).mkdir(parents=True)
    tokenizer = train_tokenizer(folder / "roberta" / "tiny")
    recorded = {"torch": torch.__version__, "transformers": transformers.__version__, "models": {}}
    for name, (_, lengths, _) in MODELS.items():
        model = make(name)
        save(model, name, folder / "roberta" / name)
        recorded["models"][name] = record(model, tokenizer, lengths)
    with open(folder / "roberta.json", "w", encoding="utf-8") as out:
        json.dump(recorded, out, separators=(",", ":"))
        out.write("\n")
    return None


if __name__ == "__main__":
    main()
