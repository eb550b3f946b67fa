"""What the scripts that record models have in common: numbers as JSON keeps them, and a step of AdamW."""

import torch

ADAMW = dict(lr=1e-2, betas=(0.9, 0.999), eps=1e-8)
DECAY = 0.1  # of matrices only


def rounded(values):
    return [float(f"{value:.9g}") for value in torch.as_tensor(values).flatten().tolist()]


def some(tensor, count=6):
    """A norm, and values at fixed places."""
    flat = tensor.detach().flatten()
    places = sorted({i * (flat.numel() - 1) // (count - 1) for i in range(count)})
    return {"norm": rounded(flat.norm())[0], "at": places, "values": rounded(flat[places])}


def draw(generator, length):
    """Ids of the tiny vocabulary that are no special tokens."""
    return torch.randint(3, 509, (length,), generator=generator).tolist()


def optimizer_of(model, decay=DECAY, **options):
    """AdamW whose decay is that of matrices."""
    matrices = [value for value in model.parameters() if value.dim() == 2]
    vectors = [value for value in model.parameters() if value.dim() == 1]
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}], **{**ADAMW, **options})


def step(model, loss):
    """The options of one step of AdamW on `loss`; it changes the model."""
    optimizer = optimizer_of(model)
    model.zero_grad()
    loss.backward()
    optimizer.step()
    return {"learning_rate": ADAMW["lr"], "weight_decay": DECAY}
