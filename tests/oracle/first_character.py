#!/usr/bin/env python3
"""Records in first-character.json what `tokenizers` makes of texts with varied normalizers, and how
many bytes at the front of the result it aligns with the front of the text: there a word is the
first of all text, to which Metaspace's prepend_scheme "first" gives a blank.

Usage: tests/oracle/first_character.py [tests/fixtures/first-character.json [TEXTS_PER_NORMALIZER [SEED]]]
"""

import json
import pathlib
import random
import sys
import tempfile

import tokenizers
from tokenizers import PreTokenizedString, Regex, normalizers, pre_tokenizers
from tokenizers.normalizers import (NFC, NFD, NFKC, NFKD, Lowercase, Nmt, Precompiled, Prepend, Replace, Sequence, Strip,
                                    StripAccents)

import sentencepiece

# Replaced, lengthened, shortened and removed characters; é only when it is two characters.
RULES = {"a": "b", "c": "ddd", "ee": "f", "ﬁ": "fi", "½": "1⁄2", "\u00ad": "", "\u200b": " ", "…": "...", "e\u0301": "é", "\x01": "",
         "¯": " \u0304", "ｘ": "x", "\u0301": "", "㍿": "株式会社"}

# First characters worth trying: marks of several classes, ligatures, Hangul, what composes with what follows.
FIRST = ["\u00af", "\u0344", "\u0301", "\u0323", "\u0340", "e", "E", "é", "ṩ", "s", "İ", "I", "ﬁ", "½", "㎝", "ﷺ", "ﷻ", "…", "\u00ad", "\x01",
         "\u200b", " ", "  ", "\t", "\u3000", "\u1100", "가", "\u09c7", "ก", "\u0f71", "\u0f73", "\u2126", "\u212b", "㍿", "ｘ", "a", "c",
         "aa", "aaa", "ee", "``", "日", "😀", "\u00a8", "\u1fc1", "\u0958", "ǆ", "\u0130", "\u2adc", "\u2581", "ffi", "ﬃ", "\r\n", "\n"]
NEXT = ["\u0301", "\u0323", "\u0307", "\u0344", "\u0328", "\u1161", "\u11a8", "\u09be", "\u00ad", "\x01", "a", "aa", "c", "e", "ee", "e\u0301", " ",
        "  ", "x", "Z", "ﬁ", "¯", "½", "\u200b", "日本", "\u0f72", "``", "İ", "\u00af", "\u0338", "é", "."]


def charsmap():
    """The table of RULES as sentencepiece compiles it: the field of its model file that a 2-byte search finds."""
    with tempfile.TemporaryDirectory() as folder:
        rules = pathlib.Path(folder) / "rules.tsv"

        def code(text):
            return " ".join(f"{ord(c):X}" for c in text)
        rules.write_text("".join(f"{code(old)}\t{code(new)}\n" for old, new in RULES.items()))
        model = pathlib.Path(folder) / "m"
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(["a b c d e f g"] * 9), model_prefix=str(model), vocab_size=12,
                                                 normalization_rule_tsv=str(rules), hard_vocab_limit=False, minloglevel=2)
        return field(field((model.with_suffix(".model")).read_bytes(), 3), 2)


def number(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def field(data, wanted):
    """Of a protocol buffer the bytes of a field."""
    at = 0
    while at < len(data):
        key, at = number(data, at)
        if key & 7 == 0:
            _, at = number(data, at)
        elif key & 7 == 5:
            at += 4
        else:
            size, at = number(data, at)
            if key >> 3 == wanted:
                return data[at:at + size]
            at += size
    raise ValueError(wanted)


def steps():
    table = Precompiled(charsmap())
    yield from (NFC(), NFD(), NFKC(), NFKD(), Lowercase(), StripAccents(), Nmt(), table, Strip(), Prepend("▁"), Prepend("ab"))
    yield from (Replace("a", "bc"), Replace("aa", "b"), Replace(Regex(" {2,}"), " "), Replace(Regex("^ "), ""), Replace("``", '"'),
                Replace(Regex(" +$"), "_"), Replace(Regex("."), "xy"))
    yield from (Sequence(list(one)) for one in (
        (NFKC(), Strip()), (NFD(), StripAccents()), (NFKD(), StripAccents(), Lowercase()), (Nmt(), NFKC(), Replace(Regex(" {2,}"), " ")),
        (Strip(), Prepend("")), (Replace("a", ""), Prepend("")), (StripAccents(), Prepend("x")), (Prepend("e"), NFC()), (table, NFKC()),
        (NFKC(), table), (Replace("``", '"'), NFKD(), StripAccents(), Lowercase(), table), (Prepend("a "), Replace("a", ""), NFC()),
        (NFKD(), Replace(" ", ""), NFC()), (NFD(), Replace("e", "ee"), NFC()), (Lowercase(), NFC(), Strip()), (Nmt(), table, Lowercase()),
        (Prepend("▁"), Replace(" ", "▁")), (NFKC(), NFD(), NFC())))


def lead(normalizer, text):
    """The normalized text and how many bytes of it begin where the text begins."""
    one = PreTokenizedString(text)
    one.normalize(normalizer.normalize)
    whole = "".join(part for part, _, _ in one.get_splits())
    pre_tokenizers.Split(Regex("(?m)."), "isolated").pre_tokenize(one)
    splits = one.get_splits(offset_referential="original", offset_type="byte")
    assert "".join(part for part, _, _ in splits) == whole
    flags = [start == 0 for _, (start, _), _ in splits]
    count = flags.index(False) if False in flags else len(flags)
    assert not any(flags[count:])
    return whole, sum(len(part.encode()) for part, _, _ in splits[:count])


def texts(pick, count):
    yield from ("", "\n x", "x  \n y ", "\r\n x", "\u2028 x")
    for i in range(count):
        yield FIRST[i % len(FIRST)] + "".join(pick.choice(NEXT) for _ in range(pick.randrange(5)))


def main():
    path = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures/first-character.json")
    count = int(sys.argv[2]) if len(sys.argv) > 2 else len(FIRST)
    pick = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 3)
    recorded = {"tokenizers": tokenizers.__version__, "normalizers": []}
    for step in steps():
        described = json.loads(tokenizers.normalizers.Normalizer.__getstate__(step))
        cases = [[text, *lead(step, text)] for text in texts(pick, count)]
        recorded["normalizers"].append({"normalizer": described, "cases": cases})
    with open(path, "w", encoding="utf-8") as out:
        json.dump(recorded, out, ensure_ascii=True, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
