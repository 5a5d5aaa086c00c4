"""The weights file back into networks that can be trained on.

The file holds convolutions with their batch normalisation folded in. Each is taken apart again
about what it says of a batch of training views, so that the network says at first just what it said.
"""

import torch
from torch import nn

import export


@torch.no_grad()
def unfold(graph, path, name, views):
    """Fills `graph`, whose structure must be the file's, with network `name` of a weights file.

    `views` is a batch of prepared training input: the means and spreads of batch normalisation are its own.
    """
    header, data = export.read(path)
    network = header["networks"][name]
    if len(network["ops"]) != len(graph.ops):
        raise ValueError(f"{path}: another network than `{name}` of recipe.toml")

    def tensor(ref):
        return torch.from_numpy(export.stored(data, ref, "f4")).to(views.device)

    results = {"x": views}
    for op, stored in zip(graph.ops, network["ops"]):
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
        results[out] = graph._run(op, results)


def take_apart(part, x, bias):
    """Splits the bias of a folded convolution into a normalisation by what it sees in `x`, and its inverse."""
    convolution, norm = part
    y = convolution(x)
    mean, var = y.mean((0, 2, 3)), y.var((0, 2, 3))
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(var)
    norm.weight.copy_((var + norm.eps).sqrt())
    norm.bias.copy_(bias + mean)
