"""What torch and transformers take for the table's lines, on the same records.
usage: peer.py --versions | LINE FOLDER STEPS       LINE: tune-long tune-any learn generate round

FOLDER is what tests/bench/prepare made. As one would write it: 32-bit floats, eager, all cores,
AdamW, batches padded to their longest. Prints seconds a step (tune-*, learn, round) or
tokens a second (generate); loading is not counted. The first of STEPS steps warms up.
"""

import json
import os
import statistics
import sys
import time

import torch
import transformers
from transformers import AutoModelForCausalLM

PAD = 0
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))))
transformers.utils.logging.set_verbosity_error()


def load(folder):
    return AutoModelForCausalLM.from_pretrained(f"{folder}/model", dtype=torch.float32)


def read(folder, name):
    with open(f"{folder}/{name}.ids") as file:
        return [json.loads(line) for line in file]


def padded(rows, left=False):
    longest = max(map(len, rows))
    pads = [[PAD] * (longest - len(row)) for row in rows]
    marks = [[0] * len(pad) for pad in pads]
    ids = [pad + row if left else row + pad for row, pad in zip(rows, pads)]
    mask = [mark + [1] * len(row) if left else [1] * len(row) + mark for row, mark in zip(rows, marks)]
    return torch.tensor(ids), torch.tensor(mask)


def pairs(records):
    return [(r["prompt"], completion) for r in records for completion in r["completions"]]


def completion_mask(batch, width):
    mask = torch.zeros(len(batch), width, dtype=torch.bool)
    for row, (prompt, completion) in enumerate(batch):
        mask[row, len(prompt):len(prompt) + len(completion)] = True
    return mask


class Training:
    """Weights and their optimizer: a step is a loss, its gradient, a clip and an update."""

    def __init__(self, parameters):
        self.parameters = list(parameters)
        self.optimizer = torch.optim.AdamW(self.parameters, lr=5e-5, weight_decay=0)

    def step(self, loss):
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 5)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.item()


def likelihood(model, batch, weights=None):
    """The completions' mean negative log-likelihood, tokens weighted if weights are given."""
    ids, mask = padded([prompt + completion for prompt, completion in batch])
    wanted = completion_mask(batch, ids.shape[1])
    if weights is None:
        return model(ids, attention_mask=mask, labels=ids.masked_fill(~wanted, -100)).loss
    logits = model(ids, attention_mask=mask).logits[:, :-1]
    nll = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
    return (nll * weights[:, 1:] * wanted[:, 1:]).sum() / wanted.sum()


class Guidance(torch.nn.Module):
    """Rewards of a completion's tokens: a hidden layer on the model's last states."""

    def __init__(self, model):
        super().__init__()
        self.body = model.model
        self.head = torch.nn.Sequential(
            torch.nn.Linear(model.config.hidden_size, 2048), torch.nn.ReLU(), torch.nn.Linear(2048, 1))

    def rewards(self, batch):
        ids, mask = padded([prompt + completion for prompt, completion in batch])
        states = self.body(ids, attention_mask=mask).last_hidden_state
        wanted = completion_mask(batch, ids.shape[1])
        softplus = torch.nn.functional.softplus
        return softplus(1 - softplus(1 - self.head(states).squeeze(-1))), wanted

    def loss(self, batch, size):
        """Plackett-Luce of groups whose members come best first, by their mean rewards."""
        rewards, wanted = self.rewards(batch)
        scores = ((rewards * wanted).sum(1) / wanted.sum(1)).view(-1, size)
        rest = scores.flip(1).logcumsumexp(1).flip(1)
        return (rest - scores).sum(1).mean()


def timed(step, steps):
    times = []
    for number in range(steps):
        start = time.perf_counter()
        step(number)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:] or times)


def tune(folder, name, steps):
    model, batches = load(folder).train(), pairs(read(folder, name))
    training = Training(model.parameters())
    return timed(lambda i: training.step(likelihood(model, batches[8 * i:8 * i + 8])), steps)


def learn(folder, steps):
    guidance, groups = Guidance(load(folder)).train(), read(folder, "groups")
    training = Training(guidance.parameters())
    return timed(lambda i: training.step(guidance.loss(pairs(groups[6 * i:6 * i + 6]), 4)), steps)


def draw(model, prompts, tokens, **options):
    ids, mask = padded(prompts, left=True)
    with torch.no_grad():
        drawn = model.generate(ids, attention_mask=mask, max_new_tokens=tokens, min_new_tokens=tokens,
                               pad_token_id=PAD, eos_token_id=2, **options)
    return drawn[:, ids.shape[1]:].tolist()


def generate(folder):
    model, prompts = load(folder).eval(), [r["prompt"] for r in read(folder, "prompts")]
    draw(model, prompts[:1], 2)
    start = time.perf_counter()
    draw(model, prompts, 32, do_sample=True, top_k=50, num_return_sequences=8)
    return 16 * 8 * 32 / (time.perf_counter() - start)


def overlap(drawn, reference):
    return len(set(drawn) & set(reference)) / max(1, len(set(drawn) | set(reference)))


def whole_round(folder):
    """Draw, rank, learn guidance, tune by it, measure; the sizes are those of our_round."""
    policy, records = load(folder), read(folder, "prompts")
    start = time.perf_counter()
    prompts = [r["prompt"] for r in records]
    drawn = draw(policy.eval(), prompts, 24, do_sample=True, num_return_sequences=4)
    groups = []
    for i, record in enumerate(records):
        group = sorted(drawn[4 * i:4 * i + 4], key=lambda d: -overlap(d, record["completions"][0]))
        groups.append({"prompt": record["prompt"], "completions": group})
    guidance = Guidance(load(folder)).train()
    training = Training(guidance.parameters())
    for i in (0, 8):
        training.step(guidance.loss(pairs(groups[i:i + 8]), 4))
    policy.train()
    training = Training(policy.parameters())
    for i in (0, 8):
        batch = pairs(records[i:i + 8])
        with torch.no_grad():
            rewards, _ = guidance.rewards(batch)
        training.step(likelihood(policy, batch, rewards))
    found = draw(policy.eval(), prompts, 24, do_sample=False)
    statistics.mean(overlap(d, r["completions"][0]) for d, r in zip(found, records))
    return time.perf_counter() - start


def main():
    if sys.argv[1] == "--versions":
        print(f"torch {torch.__version__}, transformers {transformers.__version__}, "
              f"{torch.get_num_threads()} threads")
        return
    line, folder, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
    torch.manual_seed(0)
    if line.startswith("tune-"):
        print(tune(folder, line.removeprefix("tune-"), steps))
    elif line == "learn":
        print(learn(folder, steps))
    elif line == "generate":
        print(generate(folder))
    else:
        print(whole_round(folder))


main()
