#!/usr/bin/env python3
"""Records what bert_score makes of pairs of texts with the tiny RoBERTa of tests/fixtures/roberta,
in tests/fixtures/bertscore.json: {"layer", "groups": [{"reference", "candidates": [{"text",
"precision", "recall", "f1"}]}]}, on bert_score's scale. A batch is one pair, for in larger ones
padding takes part: it has cosine 0, which a token can be closer to than to any other.

Usage: tests/oracle/bertscore.py [tests/fixtures]    (after tests/oracle/roberta.py)

bert_score wants pandas and matplotlib; neither is used here.
"""

import json
import logging
import pathlib
import random
import sys
from collections import defaultdict

import torch
from bert_score.utils import bert_cos_score_idf, get_model, get_tokenizer

LAYER = 2
GROUPS = [
    ("The package reads files.", ["The package reads files.", "It reads the files", "reads", "", "files. reads package The"]),
    ("", ["", "a", " \n"]),
    ("x", ["x", "y", "x y", "\u00a0x\u2003"]),
    ("  two  blanks \t", ["two  blanks", "two blanks"]),
    ("na\u00efve \u65e5\u672c\u8a9e \U0001f600", ["naive \u65e5\u672c", "\u00e9", "\U0001f600\U0001f600"]),
    ("fill the <mask> here", ["fill the gap here", "<mask>", "x</s>y", "a <pad> b"]),
    ("\x1c\x85 separators \u3000\u2028", ["separators", "\u180eseparators\u200b"]),
]


class Scorer:
    """bert_score's parts, put together as its score() does without idf."""

    def __init__(self, folder, layer):
        logging.getLogger("transformers").setLevel(logging.ERROR)
        self.model, self.tokenizer = get_model(str(folder), layer), get_tokenizer(str(folder), False)

    def score(self, references, candidates, batch=1):
        """[pairs, 3]: precision, recall, F1."""
        weights = defaultdict(lambda: 1.0)
        weights[self.tokenizer.sep_token_id] = weights[self.tokenizer.cls_token_id] = 0
        return bert_cos_score_idf(self.model, references, candidates, self.tokenizer, weights, device="cpu",
                                  batch_size=batch)


def groups():
    pick = random.Random(4)
    words = "a the of package library files reads writes for fonts tools, network. Perl (C++) don't 42".split()
    yield from GROUPS
    for length in (3, 12, 40):
        yield " ".join(pick.choices(words, k=length)), [" ".join(pick.choices(words, k=n)) for n in (1, length, 2 * length)]
    long = " ".join(pick.choices(words, k=400))
    yield long, [long + " more", "short", long[::-1]]


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures")
    torch.set_num_threads(1)
    scorer = Scorer(folder / "roberta" / "tiny", LAYER)
    recorded = []
    for reference, candidates in groups():
        values = scorer.score([reference] * len(candidates), candidates).tolist()
        recorded.append({"reference": reference, "candidates": [
            {"text": text, "precision": p, "recall": r, "f1": f} for text, (p, r, f) in zip(candidates, values)]})
    lengths = [len(scorer.tokenizer(g["reference"]).input_ids) for g in recorded]
    assert max(lengths) > 512 > min(lengths)
    with open(folder / "bertscore.json", "w", encoding="utf-8") as out:
        json.dump({"layer": LAYER, "groups": recorded}, out, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
