#!/usr/bin/env python3
"""Records what transformers' beam search makes of prompts, with the tiny GPT-2, Llama, T5 and
causal RoBERTa of TESTS/FIXTURES in double (its sums of log-probabilities are fp32 all the same).

These random models hardly ever end a text, so that tokens which are likely under them stand in
for the end-of-sequence token: "stops". Of several transformers writes the first, whichever ended
the text: where there are several, the last token of a text that has ended is left out here.

Prompts are drawn until no choice is close: between two candidates of a step, two hypotheses, or
a hypothesis and what a search may still find. "programs" has prompts given as text, for a model
whose config names several such tokens.

usage: beams.py TESTS/FIXTURES
writes beams.json; needs what requirements.txt lists.
"""

import itertools
import json
import sys
from pathlib import Path

import sentencepiece
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM
from transformers.generation import beam_search

NEW_TOKENS = 16
MARGIN = 2e-4  # sums of up to 100 in fp32, 16 of them
MODELS = {  # and their stops
    "gpt2": [[448], [448, 390, 2]],
    "llama/llama3": [[29, 306, 71], [71]],
    "t5/v10": [[455], [455, 12, 94]],
    "causal-roberta/tiny": [[138], [138, 204, 2]],
}
BEAMS, PENALTIES, EARLY = (2, 4, 5), (0.6, 1.0, 2.0), (False, True, "never")
FURTHER = [  # with the second stops
    {"num_beams": 4, "repetition_penalty": 1.3},
    {"num_beams": 4, "min_new_tokens": 6},
    {"num_beams": 3, "min_new_tokens": 6, "repetition_penalty": 0.9, "length_penalty": -0.5},
    {"num_beams": 5, "length_penalty": 0.0, "early_stopping": "never"},
    {"num_beams": 2, "length_penalty": -0.5, "early_stopping": "never"},
    {"num_beams": 3, "length_penalty": -0.25, "early_stopping": "never"},
]

PROGRAMS = {"stops": [2, 448], "options": {"num_beams": 4, "length_penalty": 0.6}}
PROMPTS = ["fonts", "a library for fonts", "tool that draws images from the logs of a web server", "naïve café"]


class Watch:
    """The least lead of a choice of a search; and that of its hypotheses."""

    def __enter__(self):
        self.least, self.kept = float("inf"), (beam_search.BeamSearchScorer.process, beam_search.BeamHypotheses.is_done)
        process, is_done = self.kept

        def watch_process(scorer, input_ids, next_scores, *rest, **named):
            self.gaps(next_scores[0].tolist())
            return process(scorer, input_ids, next_scores, *rest, **named)

        def watch_is_done(hypotheses, best, length, prompt=0):
            self.gaps([score for score, _, _ in hypotheses.beams])
            longest = hypotheses.max_length if hypotheses.early_stopping == "never" else length
            attainable = best / (longest - prompt) ** hypotheses.length_penalty
            if len(hypotheses) == hypotheses.num_beams and hypotheses.early_stopping is not True:
                self.gaps([hypotheses.worst_score, attainable])
            return is_done(hypotheses, best, length, prompt)

        beam_search.BeamSearchScorer.process = watch_process
        beam_search.BeamHypotheses.is_done = watch_is_done
        return self

    def gaps(self, scores):
        finite = sorted(score for score in scores if score > -1e8)
        self.least = min([self.least] + [b - a for a, b in zip(finite, finite[1:])])

    def __exit__(self, *_):
        beam_search.BeamSearchScorer.process, beam_search.BeamHypotheses.is_done = self.kept


def leave_positions(model):
    """generate() of transformers 4.46 gives a RoBERTa positions from 0 on. The model itself counts from
    pad + 1 on, and so it has learnt: they are left to it."""
    prepare = model.prepare_inputs_for_generation

    def prepare_without_positions(*args, **kwargs):
        return {key: value for key, value in prepare(*args, **kwargs).items() if key != "position_ids"}

    if model.config.model_type == "roberta":
        model.prepare_inputs_for_generation = prepare_without_positions
    return model


def load(folder):
    seq2seq = AutoConfig.from_pretrained(folder).is_encoder_decoder
    kind = AutoModelForSeq2SeqLM if seq2seq else AutoModelForCausalLM
    return leave_positions(kind.from_pretrained(folder, attn_implementation="eager").double().eval())


def search(model, prompt, stops, options):
    ids = torch.tensor([prompt])
    with torch.no_grad(), Watch() as watch:
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=NEW_TOKENS, pad_token_id=0,
            eos_token_id=stops, num_return_sequences=options["num_beams"], return_dict_in_generate=True,
            output_scores=True, **options)
    scores = out.sequences_scores.tolist()
    watch.gaps(scores)
    return out, watch.least


def texts(model, prompt, out, stops):
    """Of each hypothesis its tokens, whether it has ended, and its score."""
    length = 1 if model.config.is_encoder_decoder else len(prompt)
    for row, indices, score in zip(out.sequences.tolist(), out.beam_indices.tolist(), out.sequences_scores.tolist()):
        count = sum(index >= 0 for index in indices)
        tokens = row[length:length + count]
        stopped = tokens[-1] in stops
        if stopped and len(stops) > 1:
            tokens.pop()
        yield {"tokens": tokens, "stopped": stopped, "score": float(f"{score:.9g}")}


def runs(name):
    for beams, penalty, early in itertools.product(BEAMS, PENALTIES, EARLY):
        yield MODELS[name][0], {"num_beams": beams, "length_penalty": penalty, "early_stopping": early}
    for options in FURTHER:
        yield MODELS[name][1], options


def record(folder, name):
    model = load(folder / name)
    generator = torch.Generator().manual_seed(11)
    recorded = []
    for stops, options in runs(name):
        entries = []
        for length in (1, 9, 30):
            least = 0.0
            while least < MARGIN:
                prompt = torch.randint(3, 509, (length,), generator=generator).tolist()
                out, least = search(model, prompt, stops, options)
            entries.append({"prompt": prompt, "texts": list(texts(model, prompt, out, stops))})
        recorded.append({"stops": stops, "options": options, "entries": entries})
    return recorded


def programs(folder):
    model = load(folder / "gpt2")
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(folder / "gpt2" / "spiece.model"))
    entries = []
    for text in PROMPTS:
        prompt = tokenizer.encode(text)
        out, least = search(model, prompt, **PROGRAMS)
        assert least > MARGIN / 4, (text, least)
        entries.append({"prompt": text, "texts": list(texts(model, prompt, out, PROGRAMS["stops"]))})
    return {**PROGRAMS, "entries": entries}


def main():
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    recorded = {"transformers": transformers.__version__, "new_tokens": NEW_TOKENS,
                "programs": programs(folder), "models": {name: record(folder, name) for name in MODELS}}
    with open(folder / "beams.json", "w", encoding="utf-8") as out:
        json.dump(recorded, out, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
