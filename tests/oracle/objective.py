#!/usr/bin/env python3
"""Records what the objectives of a language model are by their formulas, on the GPT-2 of
TESTS/FIXTURES/gpt2 as the policy and the same body under a head of made-up weights as the
guidance: losses, what is reported beside them and gradients, in double. Each sequence is run
on its own. Samples of reinforce are greedy, so that they are known here.

usage: objective.py TESTS/FIXTURES
writes objective.json; needs what requirements.txt lists.
"""

import json
import sys
from pathlib import Path

import torch
from guidance import HEAD, D, reward, wave
from transformers import GPT2LMHeadModel, GPT2Model

EOS = 2
EXAMPLES = [
    {"prompt": [7, 90, 33, 211, 54], "completion": [300, 12, 77, 400, 31, EOS]},
    {"prompt": [411], "completion": [41, EOS]},
    {"prompt": [500, 8, 8, 100, 260, 31], "completion": [EOS]},
    {"prompt": [9, 350], "completion": [19, 19, 250, 3, 480, 71, 140, 206, 344]},
]
STOP = 448  # stands for EOS in drawing, for samples of several lengths
NEW_TOKENS = 7
SAMPLES = 2


class Models:
    def __init__(self, folder):
        self.policy = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager").to(D).eval()
        self.backbone = GPT2Model.from_pretrained(folder).to(D).eval()
        width = self.backbone.config.n_embd
        self.head = torch.nn.Sequential(
            torch.nn.Linear(width, HEAD), torch.nn.ReLU(), torch.nn.Linear(HEAD, 1)
        ).to(D)
        with torch.no_grad():
            for i, p in enumerate(self.head.parameters()):
                p.copy_(wave(p.numel(), 0.3, i).view(p.shape))

    def rewards(self, prompt, completion):
        """r_t, read at the position that has just consumed token t."""
        with torch.no_grad():
            hidden = self.backbone(torch.tensor([prompt + completion])).last_hidden_state[0]
            return reward(self.head(hidden[len(prompt) :]).squeeze(-1), "softplus")

    def terms(self, prompt, completion):
        """nll of the prompt's tokens from the second on; nll and entropy of the completion's."""
        ids = torch.tensor([prompt + completion])
        logp = torch.log_softmax(self.policy(ids).logits[0, :-1], -1)
        nll = -logp.gather(1, ids[0, 1:, None])[:, 0]
        entropy = -(logp.exp() * logp).sum(-1)
        split = len(prompt) - 1
        return nll[:split], nll[split:], entropy[split:]

    def greedy(self, prompt):
        tokens, margin = [], float("inf")
        while len(tokens) < NEW_TOKENS and STOP not in tokens:
            with torch.no_grad():
                top = self.policy(torch.tensor([prompt + tokens])).logits[0, -1].topk(2)
            margin = min(margin, float(top.values[0] - top.values[1]))
            tokens.append(int(top.indices[0]))
        assert margin > 1e-3, margin
        return tokens


def token_weights(kind, scale, r):
    if kind == "exp":
        return (scale * r).exp()
    if kind == "reward-to-go":
        return torch.stack([r[t:].sum() for t in range(len(r))])
    return r


def mle(models, prompt_weight):
    prompts, nlls, entropies = zip(*(models.terms(**e) for e in EXAMPLES))
    nll, entropy = torch.cat(nlls), torch.cat(entropies)
    total = prompt_weight * sum(len(p) for p in prompts) + len(nll)
    loss = (prompt_weight * torch.cat(prompts).sum() + nll.sum()) / total
    return loss, nll, entropy, None


def weighted_mle(models, kind, scale):
    losses, nlls, entropies, rewards = [], [], [], []
    for example in EXAMPLES:
        r = models.rewards(**example)
        _, nll, entropy = models.terms(**example)
        v = token_weights(kind, scale, r)
        losses.append((v / v.sum() * nll).sum())
        nlls.append(nll)
        entropies.append(entropy)
        rewards.append(r)
    return torch.stack(losses).mean(), torch.cat(nlls), torch.cat(entropies), torch.cat(rewards)


def reinforce(models, kind, scale, pg_weight, entropy_weight):
    nlls, entropies, rewards, weights = [], [], [], []
    for example in EXAMPLES:
        completion = models.greedy(example["prompt"])
        r = models.rewards(example["prompt"], completion)
        _, nll, entropy = models.terms(example["prompt"], completion)
        for _ in range(SAMPLES):
            nlls.append(nll)
            entropies.append(entropy)
            rewards.append(r)
            weights.append(token_weights(kind, scale, r))
    nll, entropy = torch.cat(nlls), torch.cat(entropies)
    loss = pg_weight * (torch.cat(weights) * nll).mean() - entropy_weight * entropy.mean()
    return loss, nll, entropy, torch.cat(rewards)


def record(models, settings, outcome):
    loss, nll, entropy, rewards = outcome
    models.policy.zero_grad()
    loss.backward()
    return settings | {
        "loss": loss.item(),
        "nll": nll.mean().item(),
        "entropy": entropy.mean().item(),
        "reward": rewards.mean().item() if rewards is not None else 0,
        # Enough of each gradient: its norm, and its product with a wave.
        "gradients": {
            n: [p.grad.norm().item(), (p.grad.flatten() * wave(p.numel(), 1, 0.5)).sum().item()]
            for n, p in models.policy.named_parameters()
        },
    }


def main():
    folder = Path(sys.argv[1])
    models = Models(folder / "gpt2")
    cases = []
    for weight in (0, 0.3):
        cases.append(record(models, {"objective": "mle", "prompt_weight": weight}, mle(models, weight)))
    for kind, scale in (("reward", 1), ("exp", 4), ("reward-to-go", 1)):
        settings = {"token_weight": kind, "reward_scale": scale}
        cases.append(record(models, {"objective": "weighted-mle"} | settings, weighted_mle(models, kind, scale)))
        for pg_weight, entropy_weight in ((1, 0.125), (0.5, 0), (0, 1)):
            coefficients = {"pg_weight": pg_weight, "entropy_weight": entropy_weight}
            outcome = reinforce(models, kind, scale, pg_weight, entropy_weight)
            cases.append(record(models, {"objective": "reinforce"} | settings | coefficients, outcome))
    out = {
        "examples": EXAMPLES,
        "head_size": HEAD,
        "stop": STOP,
        "new_tokens": NEW_TOKENS,
        "samples": SAMPLES,
        "sampled_lengths": [len(models.greedy(e["prompt"])) for e in EXAMPLES],
        "cases": cases,
    }
    (folder / "objective.json").write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
