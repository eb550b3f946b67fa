#!/usr/bin/env python3
"""Trains tiny tokenizers of each kind with Hugging Face's tokenizers, as folders of
tests/fixtures/tokenizers, and records the ids and the decoded text of varied lines there, in
recorded.json:

  gpt2/      tokenizer.json: ByteLevel; an ordinary added token, one that takes blanks
  merges/    the same as vocab.json and merges.txt, read by GPT2TokenizerFast
  roberta/   vocab.json and merges.txt of RoBERTa's class, <mask> takes blanks before it
  llama3/    Split and ByteLevel, ignore_merges, special tokens only
  qwen2/     NFC, Split and ByteLevel
  llama2/    BPE of SentencePiece's kind: characters, blanks as U+2581, bytes as <0xNN>

Usage: tests/oracle/json_tokenizer.py [tests/fixtures/tokenizers]
"""

import json
import pathlib
import random
import sys
import unicodedata

import tokenizers
import transformers
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers,
                        trainers)

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from tokenizer import lines as plain_lines, sentences  # noqa: E402

QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
         r"|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")

CODE = """for (size_t i = 0; i < count; i++)
    total += values[i] * 3.14159e-10;
def decode(self, ids):\n\treturn "".join(self.pieces[i] for i in ids)  # don't
if [[ $x -ge 10 ]]; then echo "it's ${x}%"; fi
<div class="a b">&nbsp;</div>\r\n\r\n  <!-- x -->
SELECT * FROM t WHERE a>=1 AND b<>'2';
        return 12345678901234567890, 0xFFFF, 1_000""".split("\n")


def lines():
    """About 300 lines, plain and nasty."""
    yield from (line for line in plain_lines() if len(line) <= 100)
    yield from CODE + ["\n".join(CODE)]
    yield from ["I'm you're he's we'll they'd I've don't", "I'M YOU'RE HE'S WE'LL THEY'D", "'ſ 'S 'K ' s''s", "x's'll"]
    yield from ["1 12 123 1234 12345", "१२३४ ٣٤٥ ⅷ ½ ² 𝟘𝟙", "a1b22c333", "3.14 -1e-5 1,000"]
    yield from [blank * n + tail for blank in (" ", "\t", "\n", "\r\n", " \n", "\u00a0", "\u3000", "\u2028", "\x85")
                for n in (1, 2, 5) for tail in ("", "x", "1")]
    yield from ["x \n y", "x\n\n  y", "x  \n  \n  y \n", "\u180ex\u180e y", "a\u200bb", "x" + "\n" * 40 + "y", "\x1c\x1f"]
    yield from ["e\u0301\u0323 e\u0323\u0301 \u1e69 s\u0323\u0307", "\u212b \u2126 \u0344", "\uac00 \u1100\u1161\u11a8", "\u0958 \ufb1d \u2adc"]
    yield from ["<|endoftext|>", "a<|endoftext|>b", " <|endoftext|> ", "<|endoftext|><|endoftext|>", "<|endoftext", "x  <mask>  y"]
    yield from ["<mask>", "a <mask> b <mask>", "\u3000\u00a0<mask>", "<pad><unk></s>", "<|im_start|>user\nHi<|im_end|>\n"]
    yield from ["take  <both>  these", "<tag>word<tag>", "<tagged> x <tag>", "ﬁ<tag>", "<|begin_of_text|>Hello", "<|im_start|><|im_start"]
    yield from ["a" * 70, "the" * 40, "日本" * 50, "ab cd " * 40, "\u0301" * 30]
    shuffled = random.Random(11)
    alphabet = [" ", " ", "  ", "\n", "\t", "'s", "'LL", "a", "the", "Re", "7", "42", "é", "e\u0301", "ß", "日", "😀", "!", "<mask>",
                "<|endoftext|>", "…", "\u00a0", "_", "ſ", "ǅ", "ª", "\u0903", "٣"]
    for _ in range(70):
        yield "".join(shuffled.choice(alphabet) for _ in range(shuffled.randrange(1, 25)))


def train(pre, vocabulary=420, normalizer=None, specials=("<|endoftext|>",), **options):
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=list(specials), show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    text = list(sentences(300, 1)) + CODE * 5 + ["naïve café 日本語 日本 😀😀 don't it's 123 1234"] * 5
    tokenizer.train_from_iterator(text, trainer)
    return tokenizer


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def save(tokenizer, folder):
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)


def write(folder, name, content):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


def gpt2(folder):
    tokenizer = train(pre_tokenizers.ByteLevel(add_prefix_space=False))
    tokenizer.add_tokens([AddedToken("<tag>"), AddedToken("<tagged>"), "<|im_start|>",
                          AddedToken("<both>", lstrip=True, rstrip=True, normalized=False)])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    save(tokenizer, folder)
    return tokenizer


def merges(folder, name, config, specials):
    tokenizer = train(pre_tokenizers.ByteLevel(add_prefix_space=False), specials=specials)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.model.save(str(folder))
    if config:
        write(folder, "tokenizer_config.json", config)
    return getattr(transformers, name).from_pretrained(str(folder)).backend_tokenizer


def llama3(folder):
    tokenizer = train(split(LLAMA3), ignore_merges=True, specials=())
    tokenizer.add_special_tokens([AddedToken(f"<|{name}|>", normalized=False) for name in
                                  ("begin_of_text", "end_of_text", "endoftext")])
    save(tokenizer, folder)
    return tokenizer


def qwen2(folder):
    tokenizer = train(split(QWEN2), normalizer=normalizers.NFC(), specials=())
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens([AddedToken("Å", normalized=True), AddedToken("<tag>", normalized=False)])
    save(tokenizer, folder)
    write(folder, "tokenizer_config.json",
          {"tokenizer_class": "Qwen2Tokenizer", "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"})
    return tokenizer


def llama2(folder):
    specials = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    steps = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    trained = Tokenizer(models.BPE())
    trained.normalizer = steps
    trainer = trainers.BpeTrainer(vocab_size=480, special_tokens=specials, show_progress=False)
    trained.train_from_iterator(list(sentences(40, 1)), trainer)
    model = json.loads(trained.to_str())["model"]
    tokenizer = Tokenizer(models.BPE(model["vocab"], [tuple(merge) for merge in model["merges"]], unk_token="<unk>",
                                     fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = steps
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in specials[:3]])
    save(tokenizer, folder)
    return tokenizer


def fragments(size):
    """Id sequences that no text encodes to."""
    pick = random.Random(12)
    for _ in range(60):
        yield [pick.randrange(size) for _ in range(pick.randrange(1, 16))]


def record(tokenizer, texts, every=1):
    """Of the lines each `every`-th."""
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    ids = [tokenizer.encode(text, add_special_tokens=False).ids if i % every == 0 else None
           for i, text in enumerate(texts)]
    return {"size": size, "ids": ids, "decoded": [one and tokenizer.decode(one) for one in ids],
            "fragments": [{"ids": one, "decoded": tokenizer.decode(one)} for one in fragments(size)]}


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures/tokenizers")
    made = {
        "gpt2": gpt2(folder / "gpt2"),
        "merges": merges(folder / "merges", "GPT2TokenizerFast", {"tokenizer_class": "GPT2Tokenizer", "model_max_length": 64},
                         ["<|endoftext|>"]),
        "roberta": merges(folder / "roberta", "RobertaTokenizerFast", None, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]),
        "llama3": llama3(folder / "llama3"),
        "qwen2": qwen2(folder / "qwen2"),
        "llama2": llama2(folder / "llama2"),
    }
    texts = list(lines())
    recorded = {"tokenizers": tokenizers.__version__, "unicode": unicodedata.unidata_version, "lines": texts}
    for name, tokenizer in made.items():
        recorded[name] = record(tokenizer, texts, {"merges": 4, "llama2": 2}.get(name, 1))
        # What decodes to the line itself need not be told again.
        recorded[name]["decoded"] = [None if text == line else text for text, line in zip(recorded[name]["decoded"], texts)]
    with open(folder / "recorded.json", "w", encoding="utf-8") as out:
        json.dump(recorded, out, ensure_ascii=True, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
