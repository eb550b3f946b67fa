#!/usr/bin/env python3
"""Trains the two tiny vocabularies of tests/fixtures and records how Python's
sentencepiece encodes and decodes varied lines with them, in tokenizer.json:

  unigram/spiece.model   unigram, byte fallback, nmt_nfkc: spm_train's defaults
  bpe/tokenizer.model       BPE, no bytes (unknown characters), no normalisation

Usage: tests/oracle/tokenizer.py [tests/fixtures]
"""

import json
import pathlib
import random
import sys
import unicodedata

import sentencepiece

SIZE = 509

SUBJECTS = """a small library|the graphical interface|this package|a text editor|the mail server
an image viewer|the network daemon|a command line tool|the development files|a Python module
the music player|a spell checker|the test suite|a terminal emulator|the archive manager""".split("\n")
VERBS = """provides|contains|reads|writes|converts|manages|displays|compresses|searches|monitors
includes|supports|generates|verifies|downloads|compares|indexes|renders|encrypts|translates""".split("\n")
OBJECTS = """JPEG and PNG images|configuration files|large data sets|encrypted connections
the documentation|mathematical functions|several languages|fonts, icons and themes
e-mail messages|PDF documents|audio streams|static libraries|running processes|remote hosts
source code|compressed archives|user accounts|log files|dictionaries|video codecs""".split("\n")
ENDS = """for the GNOME desktop.|written in C.|on Debian systems.|with few dependencies.
over the network.|in real time.|for developers.|and much more!|(version 2.0).|at 44100 Hz.
without root privileges.|from the shell.|; see the manual page.|for 64-bit machines.""".split("\n")


def sentences(count, seed):
    """Made-up package descriptions."""
    pick = random.Random(seed).choice
    syllables = "ba co di fu gle hex jo ka lin mer nix op pro qui rus sta tek ux vim wor xy zip".split()
    words = [sum((line.split("|") for line in part), []) for part in (SUBJECTS, VERBS, OBJECTS, ENDS)]
    for _ in range(count):
        subject, verb, thing, end = (pick(part) for part in words)
        name = "".join(pick(syllables) for _ in range(pick((2, 3)))) + pick(("", "", "-dev", "-doc", "2"))
        yield f"{subject[0].upper()}{subject[1:]} {name} {verb} {thing} {end}".replace(" ;", ";")


def train(folder):
    text = list(sentences(600, 1))
    common = dict(vocab_size=SIZE, minloglevel=2, num_threads=1)
    (folder / "unigram").mkdir(exist_ok=True)
    (folder / "bpe").mkdir(exist_ok=True)
    for path, options in (
        ("unigram/spiece.model", dict(model_type="unigram", byte_fallback=True)),
        ("bpe/tokenizer.model", dict(model_type="bpe", normalization_rule_name="identity",
                                     remove_extra_whitespaces=False)),
    ):
        with open(folder / path, "wb") as out:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(text), model_writer=out, **common, **options)


def lines():
    """About 200 lines, plain and nasty."""
    yield from ["", " ", "a", "  leading", "trailing  ", "two  spaces", "\t", "\n", "a\tb\nc\r\nd"]
    yield from [" " * 100, "x" + " " * 300 + "y", "\u00a0nbsp\u00a0", "\u3000wide\u3000space", "\u2003em"]
    yield from ["naïve café", "na\u0308ive cafe\u0301", unicodedata.normalize("NFD", "Ångström Đặng")]
    yield from ["日本語のテキスト", "中文字符", "한국어 텍스트", "עברית", "العربية", "ไทย", "हिन्दी"]
    yield from ["😀", "👩‍👩‍👧‍👦 family", "🇫🇷🇩🇪", "a😀b", "❤️", "🏳️‍🌈", "\U0001f9d1\U0001f3ff\u200d\U0001f4bb"]
    yield from ["ｆｕｌｌｗｉｄｔｈ １２３", "ﬁ ligature ﬂ", "½ ² ™ ℃ Ⅷ", "ªº", "…", "«»‘’“”–—"]
    yield from [f"control{chr(code)}char" for code in list(range(1, 32)) + [127, 128, 133, 159]]
    yield from ["zero\u200bwidth", "\ufeffbom", "soft\u00adhyphen", "\u202ertl\u202c", "\ufffd", "a\u0300\u0301\u0302\u0303b"]
    yield from ["</s>", "<s>", "<unk>", "<pad>", "<0x41>", "<0x00>", "▁", "▁▁a", "a▁b", "text </s> text"]
    yield from ["x" * 500, "ab" * 400, "1234567890" * 20, "!@#$%^&*()_+-=[]{}|;':\",./<>?`~"]
    yield from ["https://example.org/a?b=c&d=%20#e", "user@example.org", "C:\\path\\file.txt", "${HOME}/bin"]
    yield from ["summarize: " + text for text in sentences(10, 2)]
    yield from sentences(30, 3)
    yield from [" ".join(sentences(5, seed)) for seed in range(4, 8)]
    shuffled = random.Random(9)
    planes = [(0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x400, 0x4FF), (0x4E00, 0x4EFF), (0x1F300, 0x1F64F)]
    for _ in range(60):
        length = shuffled.randrange(1, 40)
        yield "".join(chr(shuffled.randint(*shuffled.choice(planes))) for _ in range(length))


def fragments(size):
    """Id sequences that no text encodes to: generations, whole and cut short."""
    pick = random.Random(10)
    yield from ([token] for token in list(range(16)) + [0x0A + 3, 0xC3 + 3, 0xF0 + 3, 0xFF + 3, size - 1])
    yield [0xF0 + 3, 0x9F + 3]  # the beginning of an emoji
    yield [0xF0 + 3, 0x9F + 3, 0x98 + 3, 0x80 + 3]
    yield [2, 300, 2, 301, 1, 302, 0, 303]
    for _ in range(40):
        yield [pick.randrange(size) for _ in range(pick.randrange(1, 30))]


def record(path):
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    encoded = [{"text": text, "ids": model.encode(text), "decoded": model.decode(model.encode(text))}
               for text in lines()]
    decoded = [{"ids": ids, "decoded": model.decode(ids)} for ids in fragments(model.get_piece_size())]
    pieces = [model.id_to_piece(i) for i in range(model.get_piece_size())]
    return {"size": model.get_piece_size(), "bos": model.bos_id(), "eos": model.eos_id(),
            "pieces": pieces, "encode": encoded, "decode": decoded}


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures")
    folder.mkdir(parents=True, exist_ok=True)
    train(folder)
    recorded = {"sentencepiece": sentencepiece.__version__}
    for path in ("unigram/spiece.model", "bpe/tokenizer.model"):
        recorded[path] = record(folder / path)
    with open(folder / "tokenizer.json", "w", encoding="utf-8") as out:
        json.dump(recorded, out, ensure_ascii=True, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
