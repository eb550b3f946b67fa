#!/usr/bin/env python3
"""Compares bin/score with rouge_score (stemmed and not), NLTK's METEOR and sacrebleu on 10,000
pairs of texts, and prints for each metric the largest absolute difference of a pair (all on the
scale 0 to 100) and of the corpus. Fails where one exceeds 1e-6.

Usage: tests/oracle/compare_metrics.py [--pairs N] [FILE.jsonl...]

The texts are the `completion` and `prompt` of the records in FILE, plain JSONL; without any,
WordNet's glosses. Candidates are texts as models write them: the reference with words dropped,
doubled, swapped and replaced, the beginning of the prompt, another reference. A tenth of the
pairs is adversarial: empty, one token, repeated words, other scripts, 2,000 words, odd marks.
"""

import argparse
import json
import os
import random
import subprocess
import sys

from nltk.translate.meteor_score import single_meteor_score
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF

import bleu
import metrics

LIMIT = 1e-6
LONG = 4  # pairs of 2,000 words, which take the packages seconds each
SCORE = os.environ.get("BIN", "bin") + "/score"


def sources(files):
    """(reference, longer text) pairs."""
    if files:
        for name in files:
            with open(name, encoding="utf-8") as lines:
                records = map(json.loads, lines)
                yield from ((record["completion"], record["prompt"]) for record in records)
        return
    for part in ("noun", "verb", "adj"):
        with open(metrics.WORDNET / f"data.{part}", encoding="utf-8") as lines:
            glosses = [line.split("| ", 1)[1].strip() for line in lines if "| " in line]
        yield from ((gloss.split(";")[0], gloss) for gloss in glosses)


def like_generated(pick, texts):
    reference, longer = pick.choice(texts)
    kind = pick.random()
    if kind < 0.6:
        return reference, " ".join(metrics.mutate(pick, reference.split()))
    if kind < 0.85:
        return reference, " ".join(longer.split()[: pick.randint(1, 25)])
    return reference, pick.choice(texts)[0]


def adversarial(pick, texts):
    words = pick.choice(texts)[1].split() or ["x"]
    odd = [text for text in metrics.ODD + bleu.ODD if "\0" not in text]  # NUL is no text to a stream
    kind = pick.randrange(6)
    if kind == 0:
        return pick.choice(["", " ", "\n", words[0]]), pick.choice(["", "\u00a0", words[0], words[-1] + "\n"])
    if kind == 1:
        few = pick.sample(words, min(len(words), 2))
        return " ".join(pick.choices(few, k=pick.randint(1, 60))), " ".join(pick.choices(few, k=pick.randint(1, 60)))
    if kind == 2:
        scripts = "\u00e9\u00df\u0130\u03a3\u0436\u65e5\u672c\u3002\u0928\u0940\u05d0\u0661\U0001f600\u0301\u212a aB.,-\n"
        text = "".join(pick.choices(scripts, k=pick.randint(1, 80)))
        return text, "".join(c for c in text if pick.random() < 0.8)
    if kind == 3:
        marks = "ab 19.,-&;:'\"<>/()\n\t"
        text = "".join(pick.choices(marks, k=pick.randint(1, 120)))
        return text, "".join(c for c in text if pick.random() < 0.9)
    if kind == 4:
        return pick.choice(odd), pick.choice(odd)
    return "\n".join(words), "\n".join(" ".join(metrics.mutate(pick, words)).split(" "))


def long_pair(pick, texts):
    words = []
    while len(words) < 2000:
        words += pick.choice(texts)[1].split()
    words = words[:2000]
    return metrics.broken(pick, words, 20), metrics.broken(pick, metrics.mutate(pick, words), 20)


def make_pairs(count, texts):
    pick = random.Random(2026)
    made = [long_pair(pick, texts) for _ in range(LONG)]
    made += [adversarial(pick, texts) for _ in range(count // 10)]
    made += [like_generated(pick, texts) for _ in range(count - len(made))]
    return made


def score(pairs, *options):
    lines = "".join(json.dumps({"completion": r, "samples": [{"text": c}]}) + "\n" for r, c in pairs)
    run = subprocess.run([SCORE, "-q", *options], input=lines.encode(), stdout=subprocess.PIPE, check=True)
    return list(map(json.loads, run.stdout.splitlines()))


def found(pairs):
    """Ours: a dictionary of each pair, and of the corpus."""
    each = ["--per-record", "--plain", "--metrics"]
    plain = score(pairs, *each, ",".join(metrics.ROUGES), "--no-stem")
    full = score(pairs, *each, ",".join(metrics.ROUGES) + ",meteor,bleu,chrf")
    corpus = score(pairs, "--metrics", "corpusBleu,corpusChrf")[0]["metrics"]
    ours = [f["metrics"] | {name + " unstemmed": p["metrics"][name] for name in metrics.ROUGES} for p, f in zip(plain, full)]
    return ours, {name: value["mean"] for name, value in corpus.items()}


def expected(pairs):
    """The packages', one pair after another."""
    wordnet = metrics.open_wordnet()
    scorers = {suffix: RougeScorer(metrics.ROUGES, use_stemmer=not suffix) for suffix in ("", " unstemmed")}
    sentence, chrf = BLEU(effective_order=True), CHRF()
    for reference, candidate in pairs:
        value = {}
        for suffix, scorer in scorers.items():
            for name, one in scorer.score(reference, candidate).items():
                value[name + suffix] = 100 * one.fmeasure
        cut = [metrics.WORD.findall(text) for text in (reference, candidate)]
        value["meteor"] = 100 * single_meteor_score(*cut, wordnet=wordnet)
        value["bleu"] = sentence.sentence_score(candidate, [reference]).score
        value["chrf"] = chrf.sentence_score(candidate, [reference]).score
        yield value


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=10000)
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    pairs = make_pairs(options.pairs, list(sources(options.files)))
    ours, corpus = found(pairs)
    worst, at, total = {}, {}, {}
    for i, value in enumerate(expected(pairs)):
        for name, wanted in value.items():
            difference = abs(ours[i][name] - wanted)
            total[name] = total.get(name, 0) + wanted
            if difference > worst.get(name, -1):
                worst[name], at[name] = difference, i
    references, candidates = zip(*pairs)
    for name, metric in ("corpusBleu", BLEU(force=True)), ("corpusChrf", CHRF()):
        total[name] = len(pairs) * metric.corpus_score(candidates, [references]).score
        worst[name] = abs(corpus[name] - total[name] / len(pairs))
    print(f"{len(pairs)} pairs\n{'metric':<20} {'mean':>8}  largest difference")
    for name, difference in worst.items():
        print(f"{name:<20} {total[name] / len(pairs):8.3f}  {difference:.2e}")
        if not difference <= LIMIT:
            print(f"   at {pairs[at[name]] if name in at else 'the corpus'}")
    return max(worst.values()) > LIMIT


if __name__ == "__main__":
    sys.exit(main())
