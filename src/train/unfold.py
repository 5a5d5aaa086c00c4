"""The weights file back into networks that can be trained on.

The file holds convolutions with their batch normalisation folded in. Each is taken apart again
about what it says of a batch of training views, so that the network says at first just what it said.
"""

import torch
from torch import nn

import export


@torch.no_grad()
def unfold(graph, path, name, views):
    """Fills `graph` with network `name` of a weights file.

    Their structures must be the same, but that `graph` may have further residual convolutions behind those of
    the file: they add nothing at first. `views` is a batch of prepared training input: the means and spreads of
    batch normalisation are its own.
    """
    header, data = export.read(path)
    stored = list(header["networks"][name]["ops"])

    def tensor(ref):
        return torch.from_numpy(export.stored(data, ref, "f4")).to(views.device)

    results = {"x": views}
    for op in graph.ops:
        out = op["out"]
        if adds_to_itself(op) and not (stored and adds_to_itself(stored[0])):
            begin(graph.parts[out], results[op["in"]])
        elif not stored or stored[0]["op"] != op["op"]:
            raise ValueError(f"{path}: another network than `{name}` of recipe.toml")
        else:
            fill(graph, op, stored.pop(0), tensor, results)
        results[out] = graph._run(op, results)
    if stored:
        raise ValueError(f"{path}: more of `{name}` than in recipe.toml")


def adds_to_itself(op):
    """Whether an operation is a residual convolution of one step, which can begin as nothing but the sum."""
    return op["op"] == "conv" and op.get("add") == op["in"]


def begin(part, x):
    """A convolution that adds nothing yet, its normalisation at home in what it sees in `x`."""
    settle(part, x)
    part[1].weight.zero_()
    part[1].bias.zero_()


def fill(graph, op, stored, tensor, results):
    """One operation's weights from the file."""
    out = op["out"]
    if out in graph.constants:
        graph.constants[out].copy_(tensor(stored["w"]))
    elif out in graph.parts:
        part = graph.parts[out]
        first = part[0] if isinstance(part, nn.Sequential) else part
        first.weight.copy_(tensor(stored["w"]))
        bias = tensor(stored["b"])
        if isinstance(part, nn.Sequential) and len(part) == 2:
            take_apart(part, results[op["in"]], bias)
        else:
            first.bias.copy_(bias)


def take_apart(part, x, bias):
    """Splits the bias of a folded convolution into a normalisation by what it sees in `x`, and its inverse."""
    norm = part[1]
    mean, var = settle(part, x)
    norm.weight.copy_((var + norm.eps).sqrt())
    norm.bias.copy_(bias + mean)


def settle(part, x):
    """Sets a normalisation's running mean and variance by what its convolution makes of `x`; returns them."""
    convolution, norm = part
    y = convolution(x)
    mean, var = y.mean((0, 2, 3)), y.var((0, 2, 3))
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(var)
    return mean, var
