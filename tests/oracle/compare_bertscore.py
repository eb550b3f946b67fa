#!/usr/bin/env python3
"""Compares bin/score with bert_score on pairs of texts as compare_metrics.py makes them (a tenth
adversarial, some of 2,000 words), and prints the largest absolute difference of precision, recall
and F1 on bert_score's scale, 0 to 1. Fails where one exceeds 1e-4. A batch is one pair (see
bertscore.py); how much batches of 64 change bert_score's own numbers is printed too.

Usage: tests/oracle/compare_bertscore.py [--pairs N] [--model FOLDER] [--layer N] [FILE.jsonl...]
"""

import argparse
import sys

import torch

import compare_metrics
from bertscore import Scorer

LIMIT = 1e-4
NAMES = ["bertscoreP", "bertscoreR", "bertscore"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=600)
    parser.add_argument("--model", default="tests/fixtures/roberta/tiny")
    parser.add_argument("--layer", type=int, default=2)
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pairs = compare_metrics.make_pairs(options.pairs, list(compare_metrics.sources(options.files)))
    found = compare_metrics.score(pairs, "--per-record", "--plain", "--metrics", ",".join(NAMES), "--bertscore-model",
                                  options.model, "--bertscore-layer", str(options.layer))
    ours = torch.tensor([[record["metrics"][name] for name in NAMES] for record in found], dtype=torch.float64) / 100
    scorer = Scorer(options.model, options.layer)
    alone, together = (scorer.score(*map(list, zip(*pairs)), batch=batch).double() for batch in (1, 64))
    lengths = [max(len(scorer.tokenizer(text).input_ids) for text in pair) for pair in pairs]
    print(f"{len(pairs)} pairs, {sum(n > 512 for n in lengths)} beyond 512 tokens, {sum(n < 4 for n in lengths)} of one token or none")
    worst = (ours - alone).abs().max(0)
    for i, name in enumerate(NAMES):
        at = pairs[worst.indices[i]] if worst.values[i] > LIMIT else ""
        print(f"{name:<11} mean {alone[:, i].mean():.6f}  largest difference {worst.values[i]:.2e} {at}")
    print(f"batches of 64 change bert_score's by up to {(alone - together).abs().max():.2e}")
    return bool(worst.values.max() > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
