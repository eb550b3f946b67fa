#!/usr/bin/env python3
"""Compares our tokenizers with transformers', tokenizers' and sentencepiece's on 10,000 texts, with
a vocabulary of each type, and prints how many have the same ids and how many texts a second
each encodes on one core. Fails where ids differ.

Usage: BUILD=build tests/oracle/compare_tokenizers.py [--texts N] [--size N] [KIND...] <RECORDS.jsonl

The vocabularies are trained on `prompt` and `completion` of the records of standard input, plain
JSONL (pipelines/debian-synopsis makes such). Of the texts half are such lines; the others are
code, emoji, CJK, combining marks, broken UTF-8, long runs of blanks, special tokens, and mixtures.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import sentencepiece  # noqa: E402
import transformers  # noqa: E402

import json_tokenizer  # noqa: E402
import tokenizer_folders  # noqa: E402

BENCH = os.environ.get("BUILD", "build") + "/tests/bench/bench_tokenizer"
SPECIAL = ["<extra_id_0>", " <extra_id_1> ", "<extra_id_99>", "</s>", "<s>", "<pad>", "<unk>", "<mask>", "[MASK]", "[CLS]",
           "<tag>", "  <both>  ", "<|im_start|>", "<|endoftext|>", "<|begin_of_text|>", "[PAD]", "word", "words", "sword",
           "<extra_id_19>", "<extra_id_20>", "<0x41>"]
PLANES = [(0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F),
          (0x1100, 0x11FF), (0x2000, 0x206F), (0x2100, 0x218F), (0x2460, 0x24FF), (0x3000, 0x30FF), (0x4E00, 0x5FFF),
          (0xAC00, 0xAFFF), (0xFB00, 0xFB4F), (0xFF00, 0xFFEF), (0x1D400, 0x1D7FF), (0x1F300, 0x1F6FF), (0x1F900, 0x1F9FF)]


def character(pick):
    return chr(pick.randint(*pick.choice(PLANES)))


def broken(pick, text):
    """Bytes cut and changed; what is not UTF-8 then is U+FFFD to the originals, and so here."""
    raw = bytearray(text.encode())
    for _ in range(max(1, len(raw) // 10)):
        raw[pick.randrange(len(raw))] = pick.randrange(256)
    return bytes(raw).decode("utf-8", "replace").replace("\0", "")


def blanks(pick):
    return pick.choice([" ", " ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u2003", "\x85", "\u200b"]) * pick.choice([1, 2, 3, 9, 200])


def odd(pick, plain, nasty):
    kind = pick.randrange(8)
    if kind == 0:
        return pick.choice(nasty)
    if kind == 1:
        return "".join(character(pick) for _ in range(pick.randrange(1, 60)))
    if kind == 2:
        return broken(pick, pick.choice(plain) or "x")
    if kind == 3:
        words = pick.choice(plain).split(" ")
        return "".join(word + blanks(pick) for word in words[:40])
    if kind == 4:
        words = pick.choice(plain).split(" ")
        return "".join(pick.choice(SPECIAL) if pick.random() < 0.3 else word + " " for word in words)
    if kind == 5:
        return "".join(pick.choice("aeiounAEIOU क")
                       + "".join(chr(pick.randint(0x300, 0x36F)) for _ in range(pick.randrange(4))) for _ in range(20))
    if kind == 6:
        return "\n".join(pick.choice(json_tokenizer.CODE) for _ in range(pick.randrange(1, 8)))
    return " ".join(pick.choice([pick.choice(nasty), pick.choice(plain)[:40], character(pick), pick.choice(SPECIAL)])
                    for _ in range(8))


def make_texts(plain, count):
    pick = random.Random(5)
    nasty = [text for text in json_tokenizer.lines() if "\0" not in text]
    return [pick.choice(plain) if i % 2 else odd(pick, plain, nasty) for i in range(count)]


def rate(encode, texts):
    start = time.process_time()
    ids = [encode(text) for text in texts]
    return len(texts) / (time.process_time() - start), ids


def beside_library(folder, texts, ours):
    """Where there is a model of sentencepiece, its own speed counts too."""
    for model in folder.glob("*.model"):
        theirs, _ = rate(sentencepiece.SentencePieceProcessor(model_file=str(model)).encode, texts)
        return f", {ours / theirs:.1f} times sentencepiece's {theirs:.0f}"
    return ""


def compare(kind, work, corpus, size, texts):
    folder = work / kind
    original = tokenizer_folders.KINDS[kind](folder, corpus, size, False)
    theirs, expected = rate(original.encode, texts)
    run = subprocess.run([BENCH, folder, work / "texts.json", work / "ids"], stdout=subprocess.PIPE, check=False)
    if run.returncode:
        print(f"{kind:14} FAILED")
        return False
    found = [[int(one) for one in line.split()] for line in open(work / "ids", encoding="ascii").read().split("\n")[:-1]]
    wrong = [i for i, ids in enumerate(expected) if ids != found[i]]
    ours = json.loads(run.stdout)["rate"]
    print(f"{kind:14} ids equal: {len(texts) - len(wrong)} of {len(texts)} texts; {ours:.0f} texts/s, "
          f"{ours / theirs:.1f} times the original's {theirs:.0f}"
          + beside_library(folder, texts, ours), flush=True)
    for i in wrong[:int(os.environ.get("SHOW", "3"))]:
        at = next((k for k, pair in enumerate(zip(expected[i], found[i])) if pair[0] != pair[1]),
                  min(len(expected[i]), len(found[i])))
        print(f"  {texts[i]!r}\n  token {at}: expected {expected[i][at:at + 8]}, got {found[i][at:at + 8]}")
    return not wrong


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--texts", type=int, default=10000)
    options.add_argument("--size", type=int, default=8000)
    options.add_argument("--work", type=pathlib.Path)
    options.add_argument("kinds", nargs="*")
    options = options.parse_args()
    transformers.logging.set_verbosity_error()
    records = [json.loads(line) for line in sys.stdin]
    plain = [text for record in records for field in ("prompt", "completion")
             for text in (record.get(field) or "").split("\n") if text]
    corpus = plain[::max(1, len(plain) // 30000)]
    texts = make_texts(plain, options.texts)
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or pathlib.Path(temporary)
        (work / "texts.json").write_text(json.dumps(texts), encoding="ascii")
        good = [compare(kind, work, corpus, options.size, texts) for kind in options.kinds or tokenizer_folders.KINDS]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
