#!/usr/bin/env python3
"""Records in config-tokens.json what PreTrainedTokenizerFast makes of tokens that stand only in the
files beside a tokenizer.json (those of tests/fixtures/tokenizers/gpt2 and folders/unigram): the
ids of texts that spell them, what these decode to, and the ids of the roles.

Usage: tests/oracle/config_tokens.py [tests/fixtures/config-tokens.json]
"""

import json
import pathlib
import shutil
import sys
import tempfile

import tokenizers
import transformers

HERE = pathlib.Path(__file__).parent.parent / "fixtures"
FOLDERS = {"gpt2": HERE / "tokenizers/gpt2", "unigram": HERE / "folders/unigram"}
ROLES = ["bos_token", "eos_token", "unk_token", "pad_token"]


def token(content, **flags):
    """As save_pretrained writes one."""
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": False} | flags


def typed(content, **flags):
    return {"__type": "AddedToken"} | token(content, **flags)


TEXTS = ["<end>", "a<end>b", "  <end>  x", "x <new> y", "x<new>y<new><new>", " <new> ", "<left>  a  <left> b", "a  <right>  b",
         "<wide>", "\u3000 <wide> \n <wide>x", "one", "one word one", "gone onerous one.", "One ONE one", "\ufb01ne and fine", "FINE <Fine>",
         "<tag> a <tag>b", " <mask> x <mask>", "<|endoftext|><end>", "<s> hello </s>", "the cat the", "<pad><pad>", "<one><two><three>",
         "<one", "<end><new><left><right><wide>", "a <role> b", "a\u00a0<role>\u00a0b", "plain text, none of them", "", " ", "x<both>y", "  <both>  y"]

FLAGS = {"add_bos_token": True, "model_max_length": 512, "clean_up_tokenization_spaces": False}


def cases():
    """Name, tokenizer, then the files' contents: tokenizer_config.json, special_tokens_map.json."""
    for name in FOLDERS:
        size = len(transformers.PreTrainedTokenizerFast(tokenizer_file=str(FOLDERS[name] / "tokenizer.json")))
        yield "nothing", name, None, None
        yield "texts", name, FLAGS | {"eos_token": "<end>", "pad_token": "<pad>", "bos_token": "<new>", "unk_token": None,
                                      "additional_special_tokens": ["<left>", "the", "<end>", "<tag>"]}, None
        yield "objects", name, {"eos_token": typed("<end>", lstrip=True), "additional_special_tokens": [
            typed("<left>", lstrip=True), typed("<right>", rstrip=True), typed("<wide>", lstrip=True, rstrip=True),
            typed("one", single_word=True), typed("fine", normalized=True, single_word=True), "<new>"]}, None
        yield "listed", name, {"eos_token": "<end>", "additional_special_tokens": ["<left>", "<new>"], "added_tokens_decoder": {
            str(size + 1): token("<left>", lstrip=True), str(size): token("<end>", special=True),
            str(size + 2): token("one", single_word=True, normalized=True), str(size + 3): token("<right>", rstrip=True)}}, \
            {"eos_token": "<never>", "pad_token": "<wide>"}
        yield "map", name, {"eos_token": "<two>", "pad_token": "<pad>", "additional_special_tokens": ["<one>"]}, {
            "eos_token": token("<end>", rstrip=True), "bos_token": "<new>", "unk_token": {"content": "<three>"}, "mask_token": "<mask>",
            "additional_special_tokens": ["<one>", token("<left>", lstrip=True), "<two>"]}
        yield "map alone", name, None, {"eos_token": "<end>", "cls_token": token("<role>", lstrip=True, rstrip=True),
                                        "sep_token": "<role>", "additional_special_tokens": ["<tag>"]}
        yield "named twice", name, {"additional_special_tokens": [typed("<left>", lstrip=True, single_word=True), "<left>"]}, {
            "additional_special_tokens": [token("one", lstrip=True), token("one", single_word=True), "<left>"]}
        yield "split", name, {"split_special_tokens": True, "eos_token": "<end>", "additional_special_tokens": [
            "<left>", typed("one", lstrip=True), "<tag>"]}, None
        yield "a usual name", name, None, {"additional_special_tokens": ["<one>", "<s>", "</s>", "<pad>"]}
        yield "no word in the map", name, {"eos_token": "<end>", "bos_token": "<one>"}, {"eos_token": None}
    gpt2 = transformers.PreTrainedTokenizerFast(tokenizer_file=str(FOLDERS["gpt2"] / "tokenizer.json")).get_vocab()
    yield "changed", "gpt2", {"added_tokens_decoder": {
        str(gpt2["<tag>"]): token("<tag>", lstrip=True), str(gpt2["<mask>"]): token("<mask>", rstrip=True),
        str(gpt2["<both>"]): token("<both>", special=True), str(gpt2["<tagged>"]): token("<tagged>", normalized=True)},
        "eos_token": "<|endoftext|>", "pad_token": "<tagged>", "additional_special_tokens": ["<|im_start|>"]}, None
    yield "a role of no special token", "gpt2", {"eos_token": "<tag>", "pad_token": "<both>"}, None
    yield "a piece", "gpt2", {"eos_token": "one", "pad_token": "Ġthe"}, None


def write(folder, name, content):
    if content is not None:
        (folder / name).write_text(json.dumps(content), encoding="utf-8")


def record(name, of, config, named, folder):
    shutil.copy(FOLDERS[of] / "tokenizer.json", folder)
    write(folder, "tokenizer_config.json", config)
    write(folder, "special_tokens_map.json", named)
    made = transformers.PreTrainedTokenizerFast.from_pretrained(str(folder))
    ids = [made.encode(text, add_special_tokens=False) for text in TEXTS]
    decoded = [made.decode(one, skip_special_tokens=True, clean_up_tokenization_spaces=False) for one in ids]
    known = (config or {}) | (named or {})
    return {"name": name, "tokenizer": of, "config": config, "map": named, "size": len(made), "ids": ids, "decoded": decoded,
            "roles": {role: made.convert_tokens_to_ids(getattr(made, role)) for role in ROLES
                      if role in known and getattr(made, role) is not None}}


def main():
    path = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/fixtures/config-tokens.json")
    transformers.logging.set_verbosity_error()
    recorded = {"versions": [transformers.__version__, tokenizers.__version__], "lines": TEXTS, "cases": []}
    for case in cases():
        with tempfile.TemporaryDirectory() as folder:
            recorded["cases"].append(record(*case, pathlib.Path(folder)))
    with open(path, "w", encoding="utf-8") as out:
        json.dump(recorded, out, ensure_ascii=True, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
