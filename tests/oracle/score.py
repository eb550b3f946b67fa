#!/usr/bin/env python3
"""Records what PyTorch and sentencepiece find for `score -m` and `score -g` on a few records:
log-probabilities, token rewards, and the metrics made of them, with the GPT-2 of
TESTS/FIXTURES/gpt2 (in double) and a made-up head on it. Every sequence is run on its own.

usage: score.py TESTS/FIXTURES
writes score.json; needs what requirements.txt lists.
"""

import json
import math
import sys
from itertools import combinations
from pathlib import Path

import numpy
import sentencepiece
import torch
from scipy.stats import kendalltau
from sklearn.metrics import ndcg_score
from transformers import GPT2LMHeadModel

from guidance import HEAD, aggregate, reward, wave

D = torch.float64
BOS, EOS, CONTEXT = 1, 2, 64
AGGREGATE, BOUND, TEMPERATURE = "softmin", "sigmoid", 0.5


def records(pieces):
    """Samples by their tokens and by their text, closed and not; groups with ties, of one, of
    equals, without scores and with some; prompts that are empty and that are too long."""

    def sampled(ids, **more):
        return {"text": pieces.decode(ids), "tokens": ids} | more

    words = "a library for reading and writing many kinds of images, fonts and documents"
    return [
        {
            "prompt": "a small library",
            "samples": [
                sampled([300, 12, 77, EOS], score=0.25, finish="stop"),
                sampled([41, EOS], score=0.5),
                sampled([400, 8, 8, 100, 260, 31, 77], score=-1, finish="length"),
                sampled([350, EOS], score=0.25),
            ],
        },
        {
            "prompt": "package: image viewer",
            "samples": [
                {"text": "image viewer", "score": 3},
                {"text": "a simple", "finish": "length", "score": 7},
                {"text": "", "score": 5},
            ],
        },
        {"prompt": "fonts and images", "completion": "documents on the network"},
        {"prompt": "one", "samples": [{"text": "sample of a group", "score": 4}]},
        {"prompt": "equal", "samples": [{"text": t, "score": 1} for t in ("python", "server log")]},
        {"prompt": "none", "samples": [{"text": t} for t in ("python", "server log")]},
        {
            "prompt": "half",
            "samples": [
                {"text": "server log of images"},
                {"text": "audio", "score": 2},
                {"text": "a server"},
                {"text": "fonts and python", "score": 1},
                {"text": "images", "score": 3},
            ],
        },
        {"prompt": "", "samples": [{"text": t, "score": len(t)} for t in ("audio", "a log")]},
        {
            "prompt": " ".join([words] * 3),
            "samples": [{"text": words[:20], "score": 2}, {"text": words[:9], "score": 1}],
        },
    ]


def encode(pieces, record):
    """Ids of the prompt and of each text."""
    texts = record.get("samples", [{"text": record.get("completion")}])
    generations = []
    for text in texts:
        closed = [] if text.get("finish") == "length" else [EOS]
        generations.append(text.get("tokens", None) or pieces.encode(text["text"]) + closed)
    prompt = pieces.encode(record["prompt"]) or [BOS]
    return prompt[: CONTEXT - max(map(len, generations))], generations


def logprobs(model, prompt, ids):
    logits = model(torch.tensor([prompt + ids])).logits[0]
    each = torch.log_softmax(logits, -1)[len(prompt) - 1 : -1]
    return each.gather(1, torch.tensor(ids)[:, None])[:, 0].tolist()


def rewards(model, head, prompt, ids):
    hidden = model.transformer(torch.tensor([prompt + ids])).last_hidden_state[0, len(prompt) :]
    return reward(head(hidden).squeeze(-1), BOUND).tolist()


def scored(record, guided):
    """Scores of the samples that have one, and the aggregates of their rewards."""
    e = aggregate(AGGREGATE, TEMPERATURE, torch.tensor(sum(guided, []), dtype=D), list(map(len, guided)))
    return [(s["score"], v.item()) for s, v in zip(record.get("samples", []), e) if "score" in s]


def pairs(found):
    """Right and all pairs of different score; an equal aggregate is half right."""
    right = count = 0
    for (a, x), (b, y) in combinations(found, 2):
        if a != b:
            count += 1
            right += 0.5 if x == y else (a > b) == (x > y)
    return right, count


def order(found):
    """Kendall's tau-b and NDCG, the least score moved to 0."""
    scores, e = numpy.array(found).T
    return kendalltau(scores, e, variant="b").statistic, ndcg_score([scores - scores.min()], [e])


def measure(pieces, model, head, record):
    prompt, generations = encode(pieces, record)
    likely = [logprobs(model, prompt, ids) for ids in generations]
    guided = [rewards(model, head, prompt, ids) for ids in generations]
    preferred = scored(record, guided)
    right, count = pairs(preferred)
    kendall, ndcg = order(preferred) if count else (None, None)
    tokens = sum(map(len, generations))
    return {
        "record": record,
        "tokens": generations,
        "logprobs": likely,
        "rewards": guided,
        "weight": tokens,
        "nll": -sum(map(sum, likely)) / tokens,
        "reward": sum(map(sum, guided)) / tokens,
        "pairs": count,
        "right": right,
        "kendall": kendall,
        "ndcg": ndcg,
    }


def main():
    folder = Path(sys.argv[1])
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "unigram/spiece.model"))
    model = GPT2LMHeadModel.from_pretrained(folder / "gpt2").to(D).eval()
    head = torch.nn.Sequential(
        torch.nn.Linear(model.config.n_embd, HEAD), torch.nn.ReLU(), torch.nn.Linear(HEAD, 1)
    ).to(D)
    with torch.no_grad():
        for i, p in enumerate(head.parameters()):
            p.copy_(wave(p.numel(), 0.3, i).view(p.shape))
        found = [measure(pieces, model, head, record) for record in records(pieces)]
    tokens = sum(f["weight"] for f in found)
    ordered = [f for f in found if f["pairs"]]
    nll = sum(f["nll"] * f["weight"] for f in found) / tokens
    score = {
        "aggregate": AGGREGATE,
        "bound": BOUND,
        "temperature": TEMPERATURE,
        "head_size": HEAD,
        "found": found,
        "all": {
            "nll": nll,
            "perplexity": math.exp(nll),
            "reward": sum(f["reward"] * f["weight"] for f in found) / tokens,
            "pairwise": sum(f["right"] for f in found) / sum(f["pairs"] for f in found),
            "kendall": sum(f["kendall"] for f in ordered) / len(ordered),
            "ndcg": sum(f["ndcg"] for f in ordered) / len(ordered),
        },
    }
    (folder / "score.json").write_text(json.dumps(score, indent=None) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
