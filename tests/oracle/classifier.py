#!/usr/bin/env python3
"""Records how transformers (and sentencepiece) judge prompts by a classifier (METHOD.md, Task B):
a template filled for each text and prompt, tokenized as one, run on its own in double; the softmax
over the classes' tokens at the next place, or at the mask; the gaps, and what they come to.

usage: classifier.py TESTS/FIXTURES
writes classifier.json; needs what requirements.txt lists.
"""

import json
import sys
from pathlib import Path

import sentencepiece
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

D = torch.float64
RIGHT, WRONG = 200, 180
WORDS = "a library for reading and writing many kinds of images, fonts and documents"
PROMPTS = ["package of", "", " the", "for the archives of a server", "package of", "Größe €"]


def examples(classes):
    """Texts of many lengths, some beyond the context, with characters of several bytes there;
    labels by index and by name."""
    texts = [
        "a small library for images",
        "",
        "fonts and documents",
        "network server.",
        "many  blanks  ",
        " ".join([WORDS] * 3),
        "größere Menge " + "äöü€ " * 20,
        "x",
    ]
    labels = [i % len(classes) for i in range(len(texts))]
    return [
        {"text": text, "label": label if i % 2 else classes[label].strip()}
        for i, (text, label) in enumerate(zip(texts, labels))
    ]


CASES = [
    ("gpt2", "{text} {prompt}", [" images", " archives", " documents"]),
    ("gpt2", "{prompt}: {text}\nIt is", [" images", " archives"]),
    ("gpt2", "A {text}  {prompt}{}, { the", [" documents", " st"]),
    ("llama/tied", "{text} {prompt}", [" processes", " functions", " code", " files"]),
    ("roberta/tiny", "{text} {prompt} <mask> .", [" files", " code", " text"]),
    ("roberta/types", "<mask> {prompt} {text}", ["The", "This"]),
    ("gpt2", "{text} {prompt}", [" files", " code", "This"]),
]
BYTES = "roberta/tiny"  # tokenizer of the last one


class Causal:
    """A model that says what comes next; its SentencePiece model; BOS for nothing."""

    def __init__(self, folder):
        self.model = AutoModelForCausalLM.from_pretrained(folder).to(D).eval()
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
        self.context = self.model.config.max_position_embeddings

    def encode(self, text):
        return self.pieces.encode(text) or [self.model.config.bos_token_id]

    def token(self, verbalizer):
        return self.pieces.piece_to_id(verbalizer.replace(" ", "▁"))

    def answer(self, ids):
        return len(ids) - 1


class Bytes(Causal):
    """The same with a byte-level tokenizer whose files put <s> before a text."""

    def __init__(self, folder):
        self.model = AutoModelForCausalLM.from_pretrained(folder).to(D).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder.parent / BYTES)
        self.context = self.model.config.max_position_embeddings

    def encode(self, text):
        return self.tokenizer(text).input_ids[:-1]

    def token(self, verbalizer):
        return self.tokenizer.convert_tokens_to_ids(verbalizer.replace(" ", "Ġ"))


class Masked:
    """A model that says what stands at <mask>; special tokens around the text; positions begin
    behind the padding token's number."""

    def __init__(self, folder):
        self.model = AutoModelForMaskedLM.from_pretrained(folder).to(D).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        config = self.model.config
        self.context = config.max_position_embeddings - config.pad_token_id - 1

    def encode(self, text):
        return self.tokenizer(text).input_ids

    def token(self, verbalizer):
        return self.tokenizer.convert_tokens_to_ids(verbalizer.replace(" ", "Ġ"))

    def answer(self, ids):
        return ids.index(self.tokenizer.mask_token_id)


def fill(template, text, prompt):
    return template.replace("{prompt}", "\0").replace("{text}", text).replace("\0", prompt)


def encode(reader, template, text, prompt):
    """Ids of a filled template; None if there are too many."""
    ids = reader.encode(fill(template, text, prompt))
    return ids if len(ids) <= reader.context else None


def middle(text, low, high):
    """The end of a character about the middle of two, in UTF-8; high if there is none between."""
    ends = [low]
    for character in text.encode()[low:high].decode():
        ends.append(ends[-1] + len(character.encode()))
    below = [end for end in ends[1:-1] if end <= low + (high - low) // 2]
    return below[-1] if below else ends[1]


def cut(text, fits):
    """A beginning of the text that fits, found by bisection, so one character more does not."""
    low, high = 0, len(text.encode())
    if fits(text):
        return text
    while (at := middle(text, low, high)) < high:
        low, high = (at, high) if fits(text.encode()[:at].decode()) else (low, at)
    return text.encode()[:low].decode()


def probabilities(reader, ids, tokens):
    logits = reader.model(torch.tensor([ids])).logits[0, reader.answer(ids)]
    return logits[tokens].softmax(-1).tolist()


def gap(p, label):
    return p[label] - max(q for i, q in enumerate(p) if i != label)


def judge(reader, template, classes, shown, prompt):
    tokens = [reader.token(c) for c in classes]
    assert len(set(tokens)) == len(classes), classes
    names = [c.strip() for c in classes]
    each, gaps, kept = [], [], []
    for example in shown:
        label = example["label"]
        text = example["text"]
        for given in ("", prompt):  # as much as fits of the prompt's room, then of the rest
            text = cut(text, lambda t, g=given: encode(reader, template, t, g))
        p = probabilities(reader, encode(reader, template, text, prompt), tokens)
        each.append(p)
        kept.append(len(text))
        gaps.append(gap(p, names.index(label) if isinstance(label, str) else label))
    return {
        "prompt": prompt,
        "probabilities": each,
        "kept": kept,
        "quality": sum(g * (RIGHT if g > 0 else WRONG) for g in gaps) / len(gaps),
        "accuracy": 100 * sum(g > 0 for g in gaps) / len(gaps),
        "gap": sum(gaps) / len(gaps),
    }


def main():
    folder = Path(sys.argv[1])
    cases = []
    for name, template, classes in CASES:
        reader = (Masked if "<mask>" in template else Bytes if "This" in classes else Causal)(folder / name)
        shown = examples(classes)
        with torch.no_grad():
            found = [judge(reader, template, classes, shown, p) for p in PROMPTS]
        cases.append(
            {
                "model": name,
                "tokenizer": BYTES if isinstance(reader, Bytes) else name,
                "template": template,
                "verbalizers": ",".join(classes),
                "examples": shown,
                "cut": sum(
                    min(f["kept"][i] for f in found) < len(e["text"]) for i, e in enumerate(shown)
                ),
                "found": found,
            }
        )
    (folder / "classifier.json").write_text(json.dumps(cases, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
