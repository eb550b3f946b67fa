"""Trains tokenizers of each kind as transformers keeps them in model folders, for record_folders.py
(tiny) and compare_tokenizers.py (of 8,000 pieces). Each function writes a folder from texts and
returns the Original that reads it."""

import json
import pathlib
import shutil

import sentencepiece
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from json_tokenizer import LLAMA3, QWEN2

# For tables of replacements much smaller than nmt_nfkc's.
RULES = {"\u00a0": " ", "\u3000": " ", "\t": " ", "\n": " ", "\r": " ", "\u200b": " ", "\x01": "", "\u00ad": "",
         "ﬁ": "fi", "½": "1⁄2", "①": "1", "Ａ": "A", "ｆ": "f", "e\u0301": "é", "a\u0300": "à", "i\u0308": "ï", "…": "...",
         "\u2581": " ", "㍿": "株式会社", "\u212a": "K", "\r\n": " "}


def rules(path):
    def code(text):
        return " ".join(f"{ord(c):X}" for c in text)
    path.write_text("".join(f"{code(old)}\t{code(new)}\n" for old, new in RULES.items()))
    return path


def spiece(path, texts, size, small, **options):
    """A SentencePiece model; small: with RULES for its normalisation."""
    common = dict(vocab_size=size, minloglevel=2, num_threads=1, max_sentence_length=100000)
    if small:
        common |= dict(normalization_rule_tsv=str(rules(path.parent.parent / "rules.tsv")), hard_vocab_limit=False)
    with open(path, "wb") as out:
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(texts), model_writer=out, **(common | options))
    (path.parent.parent / "rules.tsv").unlink(missing_ok=True)


T5 = dict(pad_id=0, eos_id=1, unk_id=2, bos_id=-1)


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


class Slow:
    """A tokenizer of transformers in Python over sentencepiece."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def size(self):
        return max(self.tokenizer.get_vocab().values()) + 1

    def encode(self, text, around=False):
        return self.tokenizer.encode(text, add_special_tokens=around)

    def decode(self, ids):
        return self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


class Fast:
    """A tokenizer of `tokenizers`."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer

    def size(self):
        return self.tokenizer.get_vocab_size(with_added_tokens=True)

    def encode(self, text, around=False):
        return self.tokenizer.encode(text, add_special_tokens=around).ids

    def decode(self, ids):
        return self.tokenizer.decode(ids)


def t5(folder, texts, size, small):
    """spiece.model, the extra ids above it, read as T5Tokenizer does with its default, legacy."""
    fresh(folder)
    spiece(folder / "spiece.model", texts, size, small, model_type="unigram", **T5)
    made = transformers.T5Tokenizer(str(folder / "spiece.model"), legacy=True)
    made.add_tokens(["<tag>", AddedToken("<both>", lstrip=True, rstrip=True)])
    made.save_pretrained(str(folder))
    return Slow(made)


def t5_new(folder, texts, size, small):
    """The same without `legacy`; nothing but extra_ids says which added tokens there are."""
    fresh(folder)
    spiece(folder / "spiece.model", texts, size, small, model_type="unigram", **T5)
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "T5Tokenizer", "legacy": False, "extra_ids": 20, "model_max_length": 512}))
    return Slow(transformers.T5Tokenizer.from_pretrained(str(folder)))


def t5_json(folder, texts, size, small, legacy=True):
    """tokenizer.json as T5TokenizerFast saves it."""
    fresh(folder)
    spiece(folder / "spiece.model", texts, size, small, model_type="unigram", **T5)
    made = transformers.T5TokenizerFast(str(folder / "spiece.model"), legacy=legacy)
    made.save_pretrained(str(folder))
    (folder / "spiece.model").unlink()
    return Fast(made.backend_tokenizer)


def t5_json_new(folder, texts, size, small):
    """The same without `legacy`: only the first part of a text gets a blank."""
    return t5_json(folder, texts, size, small, False)


def albert(folder, texts, size, small):
    """Unigram with every normalizer, small letters only; [MASK] takes blanks."""
    fresh(folder)
    spiece(folder / "spiece.model", [text.lower() for text in texts], size, small, model_type="unigram", pad_id=0, unk_id=1,
           bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]"], user_defined_symbols=["[MASK]"])
    made = transformers.AlbertTokenizerFast(transformers.AlbertTokenizer(str(folder / "spiece.model")).vocab_file)
    made.save_pretrained(str(folder))
    (folder / "spiece.model").unlink()
    return Fast(made.backend_tokenizer)


def unigram(folder, texts, size, small):
    """Unigram of `tokenizers`' own making: bytes for unknown characters, words first, Nmt, single_word."""
    fresh(folder)
    steps = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    words = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="first")])
    trained = Tokenizer(models.Unigram())
    trained.normalizer, trained.pre_tokenizer = steps, words
    specials = ["<s>", "<pad>", "</s>", "<unk>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    trained.train_from_iterator(texts, trainers.UnigramTrainer(vocab_size=size, special_tokens=specials, unk_token="<unk>",
                                                               show_progress=False))
    vocab = [tuple(piece) for piece in json.loads(trained.to_str())["model"]["vocab"]]
    made = Tokenizer(models.Unigram(vocab, 3, byte_fallback=True))
    made.normalizer, made.pre_tokenizer = steps, words
    made.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first"),
                                      decoders.Replace(Regex("[ ]+$"), "")])
    made.add_special_tokens(specials[:4] + [AddedToken("<mask>", lstrip=True)])
    made.add_tokens([AddedToken("word", single_word=True), AddedToken("ﬁne"), "<tag>"])
    made.post_processor = processors.TemplateProcessing("<s> $A </s>", None, [("<s>", 0), ("</s>", 2)])
    made.save(str(folder / "tokenizer.json"), pretty=False)
    return Fast(made)


def llama2(folder, texts, size, small):
    """tokenizer.model: BPE, bytes for unknown characters; read as LlamaTokenizer does without `legacy`."""
    fresh(folder)
    spiece(folder / "tokenizer.model", texts, size, False, model_type="bpe", byte_fallback=True, split_digits=True,
           normalization_rule_name="identity", remove_extra_whitespaces=False)
    made = transformers.LlamaTokenizer(str(folder / "tokenizer.model"), legacy=False)
    made.add_special_tokens({"pad_token": "[PAD]"})
    made.add_tokens(["<tag>", AddedToken("<|im_start|>", normalized=False)])
    made.save_pretrained(str(folder))
    return Slow(made)


def llama2_legacy(folder, texts, size, small):
    """The same with it: a blank begins every part of a text."""
    fresh(folder)
    spiece(folder / "tokenizer.model", texts, size, False, model_type="bpe", byte_fallback=True, split_digits=True,
           normalization_rule_name="identity", remove_extra_whitespaces=False)
    made = transformers.LlamaTokenizer(str(folder / "tokenizer.model"), legacy=True)
    made.save_pretrained(str(folder))
    return Slow(made)


def llama2_json(folder, texts, size, small):
    """tokenizer.json of LlamaTokenizerFast."""
    llama2(folder, texts, size, small)
    made = transformers.LlamaTokenizerFast(str(folder / "tokenizer.model"), legacy=False)
    fresh(folder)
    made.save_pretrained(str(folder))
    (folder / "tokenizer.model").unlink(missing_ok=True)
    return Fast(made.backend_tokenizer)


def byte_level(texts, size, split, specials, **options):
    made = Tokenizer(models.BPE(**options))
    made.pre_tokenizer = split
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, special_tokens=specials, show_progress=False,
                                                        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return made


def by_pattern(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def gpt2(folder, texts, size, small):
    """vocab.json and merges.txt in a folder of GPT2Tokenizer's."""
    fresh(folder)
    made = byte_level(texts, size, pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>"])
    made.model.save(str(folder))
    transformers.GPT2Tokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(str(folder))
    return Fast(transformers.GPT2TokenizerFast.from_pretrained(str(folder)).backend_tokenizer)


def roberta(folder, texts, size, small):
    """The same of RobertaTokenizer's: <mask> takes blanks before it."""
    fresh(folder)
    made = byte_level(texts, size, pre_tokenizers.ByteLevel(add_prefix_space=False),
                      ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    made.model.save(str(folder))
    transformers.RobertaTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(str(folder))
    return Fast(transformers.RobertaTokenizerFast.from_pretrained(str(folder)).backend_tokenizer)


def llama3(folder, texts, size, small):
    """tokenizer.json as Llama 3 has it."""
    fresh(folder)
    made = byte_level(texts, size, by_pattern(LLAMA3), [], ignore_merges=True)
    made.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>"])
    start = made.token_to_id("<|begin_of_text|>")
    made.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing("<|begin_of_text|> $A", None, [("<|begin_of_text|>", start)])])
    made.save(str(folder / "tokenizer.json"), pretty=False)
    return Fast(made)


def qwen2(folder, texts, size, small):
    """tokenizer.json as Qwen2 has it."""
    fresh(folder)
    made = byte_level(texts, size, by_pattern(QWEN2), [])
    made.normalizer = normalizers.NFC()
    made.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    made.save(str(folder / "tokenizer.json"), pretty=False)
    return Fast(made)


KINDS = {"t5": t5, "t5-new": t5_new, "t5-json": t5_json, "t5-json-new": t5_json_new, "albert": albert, "unigram": unigram, "llama2": llama2,
         "llama2-legacy": llama2_legacy, "llama2-json": llama2_json, "gpt2": gpt2, "roberta": roberta, "llama3": llama3,
         "qwen2": qwen2}
