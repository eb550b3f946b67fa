#!/usr/bin/env python3
"""Models of real sizes, random weights, against transformers in double: writes each into a scratch
folder with what transformers computes, and has check_real compare. Prints a table of the largest
relative errors; exit status 1 when one exceeds its bound.

Per model, from ids drawn at random:

  entries  prompts with completions (or texts of a masked LM with rows that have a target): logits
           and nll of all targets, loss = mean nll, its gradients for every parameter
  adam     weights after a step of AdamW behind clipping, with the options of a published run
  greedy   continuations of 64 tokens
  beams    hypotheses of a search; a token that comes up in one stands in for end-of-sequence

Prompts are drawn anew until no choice of token is a close one, and no ReLU's. Tokenizers are of the right size
and otherwise made up: all bytes, and merges of two bytes each.

usage: real.py CHECK_REAL [MODEL...]     (make oracle-real); needs what requirements.txt lists
"""

import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, RobertaConfig, RobertaForCausalLM,
                          RobertaForMaskedLM, T5Config, T5ForConditionalGeneration)

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import beams as beam_oracle  # noqa: E402

CLIP, ADAM = 5.0, dict(lr=5e-5, weight_decay=0.0)
GREEDY_TOKENS, GREEDY_MARGIN = 64, 2e-3  # logits of about 10 that fp32 knows to 1e-4
KINK = 4e-6  # of what fp32 knows to 1e-6
BEAMS = {"num_beams": 4, "length_penalty": 1.0}


@dataclasses.dataclass
class Model:
    """How to make one. `scales` multiplies parameters whose names end so, lest what the model
    writes merely repeats what it reads, or the tokens of a text become all alike with depth
    (gradients of queries are then rounding, in torch's fp32 too)."""
    kind: type
    config: object
    specials: dict  # id: piece
    roles: dict  # of tokenizer_config.json
    seed: int
    scales: dict = dataclasses.field(default_factory=dict)


ROBERTA_BASE = dict(vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5,
                    initializer_range=0.04)
ROBERTA_TOKENS = (
    {0: "<s>", 1: "<pad>", 2: "</s>", 3: "<unk>", 50264: "<mask>"},
    {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"})

MODELS = {
    "distilgpt2": Model(
        GPT2LMHeadModel, GPT2Config(n_layer=6, initializer_range=0.1),
        {50256: "<|endoftext|>"}, {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}, 1),
    "smollm-135m": Model(
        LlamaForCausalLM, LlamaConfig(
            vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
            num_key_value_heads=3, max_position_embeddings=2048, rms_norm_eps=1e-5, tie_word_embeddings=True,
            bos_token_id=0, eos_token_id=0, initializer_range=0.06),
        {0: "<|endoftext|>"}, {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}, 3),
    "roberta-base": Model(
        RobertaForMaskedLM, RobertaConfig(**ROBERTA_BASE), *ROBERTA_TOKENS, 2,
        {".attention.output.dense.weight": 0.4, ".query.weight": 2, ".key.weight": 2}),
    "roberta-causal": Model(
        RobertaForCausalLM, RobertaConfig(**ROBERTA_BASE, is_decoder=True), *ROBERTA_TOKENS, 5,
        {".attention.output.dense.weight": 0.4, ".query.weight": 2, ".key.weight": 2,
         "position_embeddings.weight": 6}),
    "t5-small": Model(
        T5ForConditionalGeneration, T5Config(
            vocab_size=32128, d_model=512, d_kv=64, d_ff=2048, num_layers=6, num_heads=8, dropout_rate=0.0,
            decoder_start_token_id=0),
        {0: "<pad>", 1: "</s>", 2: "<unk>"}, {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}, 4,
        {"shared.weight": 0.05, "decoder.final_layer_norm.weight": 120}),
}


def write_tokenizer(folder, model):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = ((a, b) for a in alphabet for b in alphabet)
    others, merges, vocabulary = iter(alphabet), [], {}
    for place in range(model.config.vocab_size):
        piece = model.specials.get(place) or next(others, None)
        if piece is None:
            merges.append(next(pairs))
            piece = "".join(merges[-1])
        vocabulary[piece] = place
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(model.specials.values()))
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(json.dumps(model.roles))


def make(name):
    spec = MODELS[name]
    torch.manual_seed(spec.seed)
    spec.config._attn_implementation = "eager"
    model = spec.kind(spec.config)
    with torch.no_grad():
        for key, value in model.named_parameters():
            if value.dim() == 1:
                value.normal_(0.0 if key.endswith("bias") else 1.0, 0.1)
            for end, scale in spec.scales.items():
                if key.endswith(end):
                    value.mul_(scale)
    return model


def draw(model, generator, length):
    return torch.randint(5, model.config.vocab_size - 5, (length,), generator=generator).tolist()


def entries(model, generator):
    if isinstance(model, RobertaForMaskedLM):
        return [{"tokens": [0] + draw(model, generator, length) + [2], "rows": list(range(1, length, 3)),
                 "targets": draw(model, generator, len(range(1, length, 3)))} for length in (9, 60)]
    return [{"prompt": draw(model, generator, length), "completions": [draw(model, generator, n) for n in lengths]}
            for length, lengths in ((7, (5, 1)), (20, (9,)))]


class Kinks:
    """How near to its kink an input of a ReLU comes, relative to their root mean square. On the
    other side of it, which rounding may take it to, the gradient is another."""

    def __init__(self, model):
        self.least = float("inf")
        self.hooks = [module.register_forward_pre_hook(self.look) for module in model.modules()
                      if isinstance(module, torch.nn.ReLU)]

    def look(self, _, inputs):
        self.least = min(self.least, float(inputs[0].abs().min() / inputs[0].pow(2).mean().sqrt()))


def clear_entries(model, generator):
    kinks, least = Kinks(model), 0
    while least < KINK:
        batch, kinks.least = entries(model, generator), float("inf")
        with torch.no_grad():
            for entry in batch:
                targets(model, entry)
        least = kinks.least
    for hook in kinks.hooks:
        hook.remove()
    return batch


def targets(model, entry):
    """Logits and ids, for every target of an entry."""
    if "tokens" in entry:
        logits = model(torch.tensor([entry["tokens"]])).logits[0, entry["rows"]]
        return [(logits, entry["targets"])]
    prompt, found = entry["prompt"], []
    for completion in entry["completions"]:
        if model.config.is_encoder_decoder:
            start = [model.config.decoder_start_token_id]
            logits = model(torch.tensor([prompt]), decoder_input_ids=torch.tensor([start + completion[:-1]])).logits[0]
        else:
            logits = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1:-1]
        found.append((logits, completion))
    return found


def train(model, batch):
    """The arrays of the record, and the gradient's norm. Changes the model."""
    pairs = [pair for entry in batch for pair in targets(model, entry)]
    logits = torch.cat([logits for logits, _ in pairs]).double()
    ids = torch.tensor([token for _, tokens in pairs for token in tokens])
    nll = torch.nn.functional.cross_entropy(logits, ids, reduction="none")
    nll.mean().backward()
    arrays = {"logits": logits.detach(), "nll": nll.detach()}
    arrays.update((f"gradient.{name}", value.grad.clone()) for name, value in model.named_parameters())
    norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP))
    torch.optim.AdamW(model.parameters(), **ADAM).step()
    arrays.update((f"stepped.{name}", value.detach()) for name, value in model.named_parameters())
    return {name: value.float().contiguous() for name, value in arrays.items()}, norm


class Margins:
    """The least lead of a choice, of each text."""

    def __init__(self):
        self.least = float("inf")

    def __call__(self, _, scores):
        top = scores.topk(2).values
        self.least = torch.minimum(top[:, 0] - top[:, 1], torch.as_tensor(self.least))
        return scores


def greedy(model, generator):
    """Prompts of one length, three at a time, as far as their texts are neither close nor dull."""
    found = []
    while not found:
        prompts, margins = [draw(model, generator, 23) for _ in range(3)], Margins()
        ids = torch.tensor(prompts)
        whole = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, pad_token_id=0,
                               max_new_tokens=GREEDY_TOKENS, logits_processor=[margins])
        texts = whole[:, 1 if model.config.is_encoder_decoder else ids.shape[1]:].tolist()
        found = [{"prompt": prompt, "tokens": tokens} for prompt, tokens, margin in zip(prompts, texts, margins.least)
                 if margin > GREEDY_MARGIN and model.config.eos_token_id not in tokens and len(set(tokens)) > 2]
    return {"new_tokens": GREEDY_TOKENS, "entries": found}


def beams(model, generator):
    """A search by the model's own end shows a token that can stand in for it."""
    least = 0
    while least < beam_oracle.MARGIN:
        prompt = draw(model, generator, 30)
        out, _ = beam_oracle.search(model, prompt, [model.config.eos_token_id], BEAMS)
        stop = list(beam_oracle.texts(model, prompt, out, []))[1]["tokens"][beam_oracle.NEW_TOKENS // 2]
        out, least = beam_oracle.search(model, prompt, [stop], BEAMS)
    return {"stop": stop, "beams": BEAMS["num_beams"], "length_penalty": BEAMS["length_penalty"],
            "new_tokens": beam_oracle.NEW_TOKENS,
            "entries": [{"prompt": prompt, "texts": list(beam_oracle.texts(model, prompt, out, [stop]))}]}


def write(name, folder):
    model = beam_oracle.leave_positions(make(name).eval())
    model.save_pretrained(folder)
    write_tokenizer(folder, MODELS[name])
    generator = torch.Generator().manual_seed(5)
    record = {"name": name, "entries": clear_entries(model, generator)}
    if not isinstance(model, RobertaForMaskedLM):  # in fp32, which is quicker: no choice is close
        record.update(greedy=greedy(model, generator), beams=beams(model, generator))
    arrays, norm = train(model.double(), record["entries"])
    record["adam"] = {"learning_rate": ADAM["lr"], "weight_decay": ADAM["weight_decay"], "clip": CLIP, "norm": norm}
    save_file(arrays, folder / "record.safetensors")
    (folder / "record.json").write_text(json.dumps(record))
    return sum(value.numel() for value in model.parameters())


def main():
    names = sys.argv[2:] or list(MODELS)
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        sys.exit(f"no such model: {' '.join(unknown)}; there are {' '.join(MODELS)}")
    bad = []
    print(f"{'model':14} {'quantity':16} {'error':>10} {'bound':>10}", flush=True)
    for name in names:
        start = time.time()
        with tempfile.TemporaryDirectory(prefix="oracle-real-") as folder:
            parameters = write(name, pathlib.Path(folder))
            recorded = time.time()
            if subprocess.run([sys.argv[1], folder]).returncode != 0:
                bad.append(name)
        print(f"{name:14} {parameters / 1e6:.1f}M parameters; transformers {recorded - start:.0f} s, "
              f"comparison {time.time() - recorded:.0f} s", flush=True)
    if bad:
        sys.exit(f"oracle-real: bounds exceeded: {' '.join(bad)}")


if __name__ == "__main__":
    main()
