#!/usr/bin/env python3
"""Records what plain NumPy finds for `score --compare`: the difference of two systems' means,
its bounds by paired bootstrap and its p-value by approximate randomization, with the random
numbers of lib/core/rng.h (Philox4x32-10, implemented here and held to the known answers of
Salmon et al.) and the draws that lib/metric/bootstrap.h and compare.h document.

A figure of the corpus (corpusBleu, corpusChrf) is sacrebleu's of the sums of its statistics over
the records that were drawn.

usage: compare.py TESTS/FIXTURES
           writes compare.json
       compare.py A.jsonl B.jsonl METRIC [SEED]
           prints the same for two streams of `score --per-record --plain`, paired by id; every
           record weighs the same. With METRIC corpusBleu or corpusChrf: for two plain streams of
           records with samples
"""

import json
import sys
from pathlib import Path
from random import Random

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

import metrics

RESAMPLES, TRIALS, SLACK = 1000, 10000, 1e-9
BOOTSTRAP, SWAP = 4, 6  # the purposes of rng.h


def philox(counter, key):
    """counter: four, key: two arrays of uint64 below 2^32; the four words of each block."""
    x, k, low32 = list(counter), list(key), np.uint64(0xFFFFFFFF)
    for _ in range(10):
        low, high = np.uint64(0xD2511F53) * x[0], np.uint64(0xCD9E8D57) * x[2]
        x = [
            (high >> np.uint64(32)) ^ x[1] ^ k[0],
            high & low32,
            (low >> np.uint64(32)) ^ x[3] ^ k[1],
            low & low32,
        ]
        k = [(k[0] + np.uint64(0x9E3779B9)) & low32, (k[1] + np.uint64(0xBB67AE85)) & low32]
    return x


def check_philox():
    pi = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0)
    for words, known in (
        ((0,) * 6, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 6, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (pi, (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
    ):
        words = [np.array([w], dtype=np.uint64) for w in words]
        assert tuple(int(w[0]) for w in philox(words[:4], words[4:])) == known


def words(seed, purpose, a, count):
    """The low and high 32 bits of tw_random(seed, purpose, a, 0, 0 .. count - 1)."""
    c = np.arange(count, dtype=np.uint64)
    same = [np.full(count, w, dtype=np.uint64) for w in
            (purpose << 24, a & 0xFFFFFFFF, a >> 32, seed & 0xFFFFFFFF, seed >> 32)]
    return philox([c] + same[:3], same[3:])[:2]


def resample(seed, number, rows):
    low, high = words(seed, BOOTSTRAP, number, (rows + 1) // 2)
    drawn = np.stack([high, low], axis=1).ravel()[:rows]
    return ((drawn * np.uint64(rows)) >> np.uint64(32)).astype(np.int64)


def coins(seed, trial, rows):
    low, high = words(seed, SWAP, trial, (rows + 63) // 64)
    bits = low | (high << np.uint64(32))
    each = (bits[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    return each.ravel()[:rows].astype(bool)


def judged(rows, found, mean_a, mean_b, of_trial):
    """What is said of two figures, their difference in each resample and the two of each trial."""
    low, high = np.percentile(found, [2.5, 97.5])
    least = abs(mean_b - mean_a) - SLACK * (abs(mean_a) + abs(mean_b))
    count = sum(abs(other - one) >= least for one, other in map(of_trial, range(TRIALS)))
    return {
        "records": rows,
        "a": mean_a,
        "b": mean_b,
        "difference": mean_b - mean_a,
        "low": low,
        "high": high,
        "p": (int(count) + 1) / (TRIALS + 1),
    }


def compare(a, b, weights_a, weights_b, exponential, seed):
    """One column; rows of weight 0 in either system stay in the draws but do not count."""
    rows = len(a)
    both = (weights_a > 0) & (weights_b > 0)
    if not both.any():
        return {"records": 0}
    a, b = np.where(both, a, 0), np.where(both, b, 0)
    weights_a, weights_b = np.where(both, weights_a, 0), np.where(both, weights_b, 0)

    def mean(values, weights):
        value = np.sum(values * weights) / np.sum(weights)
        return np.exp(value) if exponential else value

    mean_a, mean_b = mean(a, weights_a), mean(b, weights_b)
    found = []
    for r in range(RESAMPLES):
        i = resample(seed, r, rows)
        if weights_a[i].any():
            found.append(mean(b[i], weights_b[i]) - mean(a[i], weights_a[i]))

    def trial(number):
        swap = coins(seed, number, rows)
        one = mean(np.where(swap, b, a), np.where(swap, weights_b, weights_a))
        return one, mean(np.where(swap, a, b), np.where(swap, weights_a, weights_b))

    return judged(int(both.sum()), found, mean_a, mean_b, trial)


def compare_figure(metric, a, b, seed):
    """a, b: [records, statistics]."""
    rows = len(a)

    def figure(statistics):
        return metric._compute_score_from_stats(statistics.sum(axis=0).tolist()).score

    draws = [resample(seed, r, rows) for r in range(RESAMPLES)]

    def trial(number):
        swap = coins(seed, number, rows)[:, None]
        return figure(np.where(swap, b, a)), figure(np.where(swap, a, b))

    return judged(rows, [figure(b[i]) - figure(a[i]) for i in draws], figure(a), figure(b), trial)


FIGURES = {"corpusBleu": BLEU(force=True), "corpusChrf": CHRF()}


def statistics(metric, records):
    """Of (reference, candidates) records: [records, statistics]."""
    return np.array([
        np.sum(metric._extract_corpus_statistics(candidates, [[reference] * len(candidates)]), axis=0)
        for reference, candidates in records
    ])


def systems(random, rows):
    """Four columns: scores 0..100 that differ a little; token means with token weights; shares
    of pairs that some records lack in one system or both; small integers, full of ties."""
    hard = random.uniform(5, 60, rows)
    a = np.stack([
        np.clip(hard + random.normal(0, 6, rows), 0, 100),
        random.gamma(4, 0.7, rows),
        random.integers(0, 7, rows) / 6,
        random.integers(1, 5, rows),
    ], axis=1)
    b = np.stack([
        np.clip(hard + 1.5 + random.normal(0, 6, rows), 0, 100),
        a[:, 1] * random.uniform(0.85, 1.1, rows),
        random.integers(0, 7, rows) / 6,
        random.integers(1, 5, rows),
    ], axis=1)
    weights = []
    for _ in range(2):
        w = np.ones((rows, 4))
        w[:, 1] = random.integers(1, 40, rows)
        w[:, 2] = random.integers(0, 4, rows)
        weights.append(w)
    return a.round(6), b.round(6), *weights


def case(seed, rows, exponential, random):
    a, b, weights_a, weights_b = systems(random, rows)
    found = [
        compare(a[:, c], b[:, c], weights_a[:, c], weights_b[:, c], exponential[c], seed)
        for c in range(a.shape[1])
    ]
    return {
        "seed": seed,
        "rows": rows,
        "exponential": exponential,
        "a": a.ravel().tolist(),
        "b": b.ravel().tolist(),
        "weights_a": weights_a.ravel().tolist(),
        "weights_b": weights_b.ravel().tolist(),
        "found": found,
    }


def lengths(seed, random):
    """For the whole program: words of one sample a record, given as their number, by id; the
    second file in another order."""
    a = random.integers(1, 12, 60)
    b = np.clip(a + random.integers(-2, 4, 60), 1, None)
    one = np.ones(60)
    order = random.permutation(60)
    return {
        "seed": seed,
        "a": [[f"r{i}", int(n)] for i, n in enumerate(a)],
        "b": [[f"r{i}", int(b[i])] for i in order],
        "found": compare(a, b, one, one, False, seed),
    }


def corpora(seed):
    """For the whole program: records with one or two samples, worse ones in the first file; the
    second in another order."""
    pick = Random(23)

    def mutated(text):
        return " ".join(metrics.mutate(pick, text.split()))

    references = metrics.SENTENCES
    counts = [pick.randint(1, 2) for _ in references]
    b = [[mutated(r) for _ in range(count)] for r, count in zip(references, counts)]
    a = [[mutated(text) if pick.random() < 0.25 else mutated(r) for text in texts] for texts, r in zip(b, references)]
    both = [list(zip(references, texts)) for texts in (a, b)]
    order = pick.sample(range(len(references)), len(references))
    return {
        "seed": seed,
        "a": [[i, *both[0][i]] for i in range(len(references))],
        "b": [[i, *both[1][i]] for i in order],
        "found": {
            name: compare_figure(metric, *(statistics(metric, side) for side in both), seed)
            for name, metric in FIGURES.items()
        },
    }


def read_samples(path):
    with open(path, encoding="utf-8") as lines:
        records = map(json.loads, lines)
        return {
            json.dumps(r.get("id", i + 1)): (r["completion"], [s["text"] for s in r["samples"]])
            for i, r in enumerate(records)
        }


def read(path, metric):
    with open(path, encoding="utf-8") as lines:
        records = map(json.loads, lines)
        return {json.dumps(r.get("id", i + 1)): r["metrics"][metric] for i, r in enumerate(records)}


def main():
    check_philox()
    if len(sys.argv) > 2 and sys.argv[3] in FIGURES:
        a, b = map(read_samples, sys.argv[1:3])
        assert a.keys() == b.keys()
        metric, seed = FIGURES[sys.argv[3]], int(sys.argv[4]) if len(sys.argv) > 4 else 0
        print(json.dumps(compare_figure(metric, *(statistics(metric, [one[i] for i in a]) for one in (a, b)), seed)))
        return
    if len(sys.argv) > 2:
        a, b = (read(path, sys.argv[3]) for path in sys.argv[1:3])
        assert a.keys() == b.keys()
        pairs = np.array([[a[i], b[i]] for i in a])
        one = np.ones(len(pairs))
        seed = int(sys.argv[4]) if len(sys.argv) > 4 else 0
        print(json.dumps(compare(pairs[:, 0], pairs[:, 1], one, one, False, seed)))
        return
    draw = np.random.default_rng(17)
    plain, perplexity = [False] * 4, [False, True, False, False]
    record = {
        "cases": [
            case(0, 60, plain, draw),
            case(2**53 - 1, 67, perplexity, draw),
            case(12, 9, perplexity, draw),
            case(5, 1, plain, draw),
        ],
        "lengths": lengths(7, draw),
        "corpora": corpora(3),
    }
    (Path(sys.argv[1]) / "compare.json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
