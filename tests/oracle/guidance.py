#!/usr/bin/env python3
"""Records what PyTorch computes for guidance and for training: bounds, aggregations,
Plackett-Luce losses (values and gradients, in double), a whole guidance model on the
GPT-2 of TESTS/FIXTURES/gpt2, Adam and AdamW trajectories (in float), clipping and
ReduceLROnPlateau.

usage: guidance.py TESTS/FIXTURES
writes guidance.json and training.json; needs what requirements.txt lists.
"""

import json
import math
import sys
from pathlib import Path

import torch
from torch.nn.functional import softplus
from transformers import GPT2Model

D = torch.float64


def bounds():
    """Reward and slope of z. torch's softplus is linear above a threshold; without it,
    the exact formula is compared."""
    z = torch.tensor([-40, -12.5, -3, -1, -0.25, 0, 1e-4, 0.5, 1, 2, 7.75, 30], dtype=D)
    out = {"z": z.tolist()}
    for name in ("softplus", "sigmoid"):
        x = z.clone().requires_grad_()
        if name == "sigmoid":
            r = torch.sigmoid(x)
        else:
            low, high = 1e-8, 1.0
            y = high - softplus(high - x, threshold=1000)
            r = low + softplus(y - low, threshold=1000)
        r.sum().backward()
        out[name] = {"r": r.tolist(), "slope": x.grad.tolist()}
    return out


def aggregate(name, beta, rewards, lengths):
    parts = torch.split(rewards, lengths)
    c = sum(lengths) / len(lengths)
    if name == "average":
        return torch.stack([c * p.mean() for p in parts])
    if name == "sum":
        return torch.stack([p.sum() for p in parts])
    if name == "softmax":
        return torch.stack([c * beta * torch.logsumexp(p / beta, 0) for p in parts])
    return torch.stack([-c * beta * torch.logsumexp(-p / beta, 0) for p in parts])


def listmle(e):
    """Of scores sorted best first."""
    return sum(torch.logsumexp(e[k:], 0) - e[k] for k in range(len(e)))


def group(generator, name, beta, lengths, scale):
    rewards = (torch.rand(sum(lengths), generator=generator) * scale).to(D)
    order = torch.randperm(len(lengths), generator=generator)
    r = rewards.clone().requires_grad_()
    e = aggregate(name, beta, r, lengths)
    e.retain_grad()
    loss = listmle(e[order])
    loss.backward()
    return {
        "aggregate": name,
        "temperature": beta,
        "lengths": lengths,
        "rewards": rewards.tolist(),
        "order": order.tolist(),
        "e": e.tolist(),
        "loss": loss.item(),
        "d_e": e.grad.tolist(),
        "d_rewards": r.grad.tolist(),
    }


def groups():
    generator = torch.Generator().manual_seed(5)
    out = []
    for name in ("average", "sum", "softmax", "softmin"):
        for beta in (2.0, 0.05):
            for lengths in ([3], [4, 4], [1, 7], [5, 2, 9, 1]):
                out.append(group(generator, name, beta, lengths, 1))
    # Far beyond what exp alone bears.
    out.append(group(generator, "softmax", 0.01, [3, 4, 2], 1))
    out.append(group(generator, "softmin", 0.001, [3, 4, 2], 1))
    out.append(group(generator, "sum", 2.0, [6, 5, 4], 900))
    return out


HEAD = 24
PROMPT = [7, 90, 33, 211, 54]
GENERATIONS = [[300, 12, 77, 2], [41, 2], [500, 8, 8, 100, 260, 31, 77], [9, 350, 2]]
SCORES = [0.25, 0.5, -1.0, 0.375]


def wave(count, scale, phase):
    """Values that the C test makes in the same way."""
    i = torch.arange(count, dtype=D)
    return (scale * torch.sin(0.37 * i + phase)).float().to(D)


def reward(z, bound):
    if bound == "sigmoid":
        return torch.sigmoid(z)
    y = 1 - softplus(1 - z, threshold=1000)
    return 1e-8 + softplus(y - 1e-8, threshold=1000)


def model(folder, name, bound):
    """Rewards, loss and gradients of one group; each generation is run on its own, behind
    a prompt of its own."""
    backbone = GPT2Model.from_pretrained(folder).to(D).eval()
    width = backbone.config.n_embd
    head = torch.nn.Sequential(
        torch.nn.Linear(width, HEAD), torch.nn.ReLU(), torch.nn.Linear(HEAD, 1)
    ).to(D)
    with torch.no_grad():
        for i, p in enumerate(head.parameters()):
            p.copy_(wave(p.numel(), 0.3, i).view(p.shape))
    rewards = []
    for ids in GENERATIONS:
        hidden = backbone(torch.tensor([PROMPT + ids])).last_hidden_state[0, len(PROMPT) :]
        rewards.append(reward(head(hidden).squeeze(-1), bound))
    lengths = [len(ids) for ids in GENERATIONS]
    e = aggregate(name, 0.5, torch.cat(rewards), lengths)
    loss = listmle(e[torch.tensor(SCORES).argsort(descending=True)])
    loss.backward()
    gradients = {f"head.{n}": p.grad for n, p in head.named_parameters()}
    gradients |= {
        f"transformer.{n}": p.grad
        for n, p in backbone.named_parameters()
        if n in ("wte.weight", "wpe.weight", "ln_f.bias") or n.startswith("h.0.")
    }
    return {
        "aggregate": name,
        "bound": bound,
        "temperature": 0.5,
        "head_size": HEAD,
        "prompt": PROMPT,
        "generations": GENERATIONS,
        "scores": SCORES,
        "rewards": torch.cat(rewards).tolist(),
        "loss": loss.item(),
        # Enough of each gradient: its norm, and its product with a wave.
        "gradients": {
            n: [g.norm().item(), (g.flatten() * wave(g.numel(), 1, 0.5)).sum().item()]
            for n, g in gradients.items()
        },
    }


def adam(kind, decay, clip):
    """Two tensors (one of rank 1), gradients of made-up size, 12 updates."""
    generator = torch.Generator().manual_seed(17)
    weight = torch.randn(3, 5, generator=generator).requires_grad_()
    bias = torch.randn(5, generator=generator).requires_grad_()
    start = {"weight": weight.flatten().tolist(), "bias": bias.tolist()}
    options = {"lr": 0.05, "betas": (0.9, 0.999), "eps": 1e-8}
    optimizer = kind(
        [{"params": [weight], "weight_decay": decay}, {"params": [bias], "weight_decay": 0.0}],
        **options,
    )
    updates = []
    for step in range(12):
        scale = 10.0 ** (step % 4 - 2)
        weight.grad = torch.randn(3, 5, generator=generator) * scale
        bias.grad = torch.randn(5, generator=generator) * scale
        update = {
            "d_weight": weight.grad.flatten().tolist(),
            "d_bias": bias.grad.tolist(),
        }
        norm = torch.nn.utils.clip_grad_norm_([weight, bias], clip)
        optimizer.step()
        update |= {
            "norm": norm.item(),
            "weight": weight.flatten().tolist(),
            "bias": bias.tolist(),
        }
        updates.append(update)
    return {
        "decoupled": kind is torch.optim.AdamW,
        "weight_decay": decay,
        "clip": clip,
        "learning_rate": options["lr"],
        "start": start,
        "updates": updates,
    }


def plateau(mode, values):
    weight = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=5e-5)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode=mode, factor=0.8, patience=2, min_lr=1e-6, threshold=1e-4
    )
    rates = []
    for value in values:
        scheduler.step(value)
        rates.append(optimizer.param_groups[0]["lr"])
    return {"mode": mode, "values": values, "rates": rates}


def plateaus():
    falling = [1 / (1 + 0.2 * i) for i in range(6)]
    generator = torch.Generator().manual_seed(3)
    noise = torch.rand(40, dtype=D, generator=generator).tolist()
    return [
        plateau("min", falling + [0.5] * 9 + [0.49, 0.48999, 0.4899, 0.489] + [1.0] * 20),
        plateau("max", noise),
        plateau("min", noise),
        # Down to the floor.
        plateau("min", [0.7] * 80),
    ]


def main():
    folder = Path(sys.argv[1])
    models = [model(folder / "gpt2", *kind) for kind in (("average", "softplus"), ("softmin", "sigmoid"))]
    guidance = {"bounds": bounds(), "groups": groups(), "models": models}
    training = {
        "adam": [
            adam(torch.optim.Adam, 0.0, 5.0),
            adam(torch.optim.AdamW, 0.0, 1e30),
            adam(torch.optim.AdamW, 0.1, 5.0),
            adam(torch.optim.Adam, 0.1, 1.0),
        ],
        "plateau": plateaus(),
    }
    for name, value in (("guidance", guidance), ("training", training)):
        (folder / f"{name}.json").write_text(json.dumps(value, indent=None) + "\n")
    assert math.isclose(guidance["bounds"]["softplus"]["r"][5], 0.549, abs_tol=5e-4)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
