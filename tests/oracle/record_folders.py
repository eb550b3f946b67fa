#!/usr/bin/env python3
"""Trains tiny tokenizers as transformers keeps them in model folders (tokenizer_folders.py), and
records in recorded.json there, for varied lines, their ids and what these decode to, and the
special tokens that go around a text. protobuf must be there for sentencepiece's models.

Usage: tests/oracle/record_folders.py [tests/fixtures/folders]
"""

import json
import pathlib
import sys

import sentencepiece
import tokenizers
import transformers

import json_tokenizer
import tokenizer_folders
from tokenizer import sentences

KINDS = ["t5", "t5-new", "t5-json", "albert", "unigram", "llama2", "llama2-legacy", "roberta"]
EXTRA = ["<extra_id_0> and <extra_id_1>.", "a<extra_id_0>b <extra_id_99>", " <extra_id_0> ", "<extra_id_100> <extra_id_19>",
         "The <extra_id_0> walks in <extra_id_1> park</s>", "<extra_id_0><extra_id_1>  x", "<pad><extra_id_2>", "x </s> y <unk> z",
         "<s> Hello <s>", "a  <both>  b<tag>c", "<tag> <tag>", "word words sword word, a-word", "▁ <extra_id_0>", " ▁a▁ b", "[PAD] x[PAD]",
         "[MASK] a [MASK]b", "[CLS] x [SEP]", "ﬁne ﬁnest", "①½ﬁ㍿…Ａｆ", "ｆ\u0301 ﬁ\u0301 e\u0301\u0323", "Ｈello İSTANBUL ΑΣ", "``quoted''",
         "\u00afa b", "fi\x01ne\u00adly\u200bx", "日本語 <0x41>", "\r\n x\r\ny", "क्षि a\u0300\u0301 K"]


def affixes(original):
    """What goes before and after a text."""
    bare, around = original.encode("a b"), original.encode("a b", around=True)
    at = next(i for i in range(len(around)) if around[i:i + len(bare)] == bare)
    return around[:at], around[at + len(bare):]


def record(original, texts):
    ids = [original.encode(text) for text in texts]
    decoded = [original.decode(one) for one in ids]
    before, after = affixes(original)
    parts = [{"ids": one, "decoded": original.decode(one)} for one in list(json_tokenizer.fragments(original.size()))[:30]]
    return {"size": original.size(), "before": before, "after": after, "ids": ids,
            "decoded": [None if text == line else text for text, line in zip(decoded, texts)], "fragments": parts}


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures/folders")
    transformers.logging.set_verbosity_error()
    lines = [text for text in json_tokenizer.lines() if "\0" not in text]
    texts = EXTRA + lines[::4]
    corpus = list(sentences(300, 1)) + json_tokenizer.CODE * 5 + ["naïve café 日本語 don't it's 123 1234 word"] * 5
    recorded = {"versions": [transformers.__version__, tokenizers.__version__, sentencepiece.__version__], "lines": texts}
    for kind in KINDS:
        recorded[kind] = record(tokenizer_folders.KINDS[kind](folder / kind, corpus, 480, True), texts)
    for same, of in (("t5-new/spiece.model", "../t5/spiece.model"), ("llama2-legacy/tokenizer.model", "../llama2/tokenizer.model")):
        assert (folder / same).read_bytes() == (folder / same).parent.joinpath(of).read_bytes()
        (folder / same).unlink()
        (folder / same).symlink_to(of)
    with open(folder / "recorded.json", "w", encoding="utf-8") as out:
        json.dump(recorded, out, ensure_ascii=True, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
