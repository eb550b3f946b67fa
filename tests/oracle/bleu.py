#!/usr/bin/env python3
"""Records BLEU and chrF of sacrebleu, in bleu.json:
- of every pair of texts that metrics.py makes (they are in metrics.json), in its order;
- of pairs that tax the tokenizer 13a and the edges of both metrics, with their texts and
  the words that 13a finds in the reference;
- of corpora: runs of the first pairs, and corpora of one sentence that has fewer than four words.

Usage: tests/oracle/bleu.py [tests/fixtures]
"""

import json
import pathlib
import random
import sys

from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from metrics import pairs, shortest

ODD = [
    "", " ", "-", "-\n", "a-\nb", "a -\n b", "word-\n", "one\ntwo", "\n", "<skipped>", "a<skipped>b", "<<skipped>skipped>",
    "&quot;quoted&quot; &amp; &lt;b&gt;", "&amp;lt; &amp;amp; &amp;quot;", "&", "&;", "AT&T &AMP;", "3.14", "3,000.5", "1.",
    ".1", "a.b", "a..b", "a...", "..", "...1", "1..2", "1.,2", ",", ",,", "5-6", "5--6", "a-b", "1-", "-1", "1-2-3", "12-,3",
    "e.g., this", "U.S.A.", "don't won't 'quoted'", "it's 5 o'clock.", "http://example.org/a?b=c&d=e", "me@example.org",
    "{a}[b](c)<d>", "~`!@#$%^&*()_+={}|[]\\:;\"<>?/", "caf\u00e9, na\u00efve.", "\u00e9.\u00e9", "\u00e9,1", "1\u00e9-2", "\u201cHello\u201d\u2026",
    "\u65e5\u672c\u8a9e\u3002\u6587\u3001", "\u65e5\u672c\u8a9e.\u6587", "one\u00a0two\u2003three\u2028four\u3000five", " \u00a0 lead and trail \u2003",
    "a\x1cb\x1dc\x1ed\x1fe", "tab\tand\rreturn\x0bmore\x0c", "a\u200bb", "\U0001f600.\U0001f601", "\u0661.\u0662 \uff11.\uff12", "x" * 300,
    "the the the the the the the", "the cat is on the mat", "the the", "the", "a b c", "a b c d", "A B C D", "a b c d e",
    "1 2 3 4 5 6 7 8 9 10", "same same same different", "e\u0301 \u00e9", "\x00 nul", "<skipped>-\n&amp;quot;-\n", "-\n-\n", "a.-\n.b", "0.0.0",
]


def odd_pairs():
    pick = random.Random(41)
    for i, odd in enumerate(ODD):
        yield odd, odd
        yield odd, ODD[(i + 1) % len(ODD)]
        yield ODD[(i + 5) % len(ODD)], odd
    for size in [1, 2, 3, 4, 5, 9, 17, 40] * 6:
        marks = "ab 1.,-&;'\u00e9\n<>/\u3000"
        text = "".join(pick.choices(marks, k=size))
        yield text, "".join(c for c in text if pick.random() < 0.8)
    for size in (4, 30, 300):
        words = pick.choices("the a cat dog sat on mat 3.5 x-y , .".split(), k=size)
        yield " ".join(words), " ".join(pick.sample(words, size - 1))


def corpus(metric, some):
    references, candidates = zip(*some)
    return shortest(metric.corpus_score(list(candidates), [list(references)]).score)


def main(folder):
    sentence, whole, chrf = BLEU(effective_order=True), BLEU(), CHRF()
    cut = Tokenizer13a()

    def values(reference, candidate):
        return [shortest(metric.sentence_score(candidate, [reference]).score) for metric in (sentence, chrf)]

    every, odd = list(pairs()), list(odd_pairs())
    corpora = [(0, count) for count in (1, 2, 10, 100, 400, len(every))] + [(200, 1), (250, 50)]
    recorded = {
        "values": [values(*pair) for pair in every],
        "odd": [
            {"reference": r, "candidate": c, "words": cut(r.rstrip()).split(), "values": values(r, c)} for r, c in odd
        ],
        "corpora": [
            {"first": first, "count": count, "values": [corpus(m, every[first : first + count]) for m in (whole, chrf)]}
            for first, count in corpora
        ],
        "short": [
            {"reference": r, "candidate": c, "values": [corpus(m, [(r, c)]) for m in (whole, chrf)]}
            for r, c in [("a b c", "a b c"), ("a b c d", "a b c d"), ("a b c d e", "a c b d e"), ("a", ""), ("", "a"), ("", "")]
        ],
    }
    lines = [f'"{key}":[\n' + ",\n".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in some) + "\n]"
             for key, some in recorded.items()]
    (folder / "bleu.json").write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures"))
