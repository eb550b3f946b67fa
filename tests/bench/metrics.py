#!/usr/bin/env python3
"""Pairs of texts that rouge_score (1, 2, L and Lsum, stemmed) and NLTK's METEOR measure in a
second of one core; what bench_metrics does, for tests/bench/metrics.

Usage: metrics.py PAIRS.jsonl
Prints {"pairs", "rouge", "meteor"} as JSON.
"""

import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "oracle"))
import metrics  # noqa: E402
from nltk.translate.meteor_score import single_meteor_score  # noqa: E402
from rouge_score.rouge_scorer import RougeScorer  # noqa: E402


def rate(pairs, measure):
    start = time.process_time()
    for reference, candidate in pairs:
        measure(reference, candidate)
    return round(len(pairs) / (time.process_time() - start))


def main(path):
    with open(path, encoding="utf-8") as lines:
        pairs = [(pair["reference"], pair["candidate"]) for pair in map(json.loads, lines)]
    wordnet = metrics.open_wordnet()
    wordnet.synsets("word")  # read its files before the clock starts
    scorer = RougeScorer(metrics.ROUGES, use_stemmer=True)
    words = metrics.WORD.findall
    print(json.dumps({
        "pairs": len(pairs),
        "rouge": rate(pairs, scorer.score),
        "meteor": rate(pairs, lambda r, c: single_meteor_score(words(r), words(c), wordnet=wordnet)),
    }))


if __name__ == "__main__":
    main(sys.argv[1])
