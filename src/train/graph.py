"""A network as a list of operations: PyTorch runs and trains the list, the exporter writes it down.

Because training runs the very list that the Rust interpreter will run, the two
cannot differ in structure; only batch normalisation is folded on export.
Maps are (batch, channels, height, width), token lists (batch, tokens, width),
vectors (batch, width); the interpreter knows no batch.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Graph(nn.Module):
    """Operations in order; each method adds one and returns the name of its result."""

    def __init__(self, high, wide=None, channels=2):
        super().__init__()
        self.size = (high, wide or high)  # of the grey input, pixels
        self.ops = []
        self.outputs = {}
        self.parts = nn.ModuleDict()
        self.constants = nn.ParameterDict()
        self.shape = {"x": (channels, *self.size)}  # of each result, without the batch

    def width(self, x):
        """Channels of a map, width of a token or a vector."""
        shape = self.shape[x]
        return shape[0] if len(shape) == 3 else shape[-1]

    def _add(self, op, result, part=None, constant=None, **fields):
        out = f"t{len(self.ops)}"
        if part is not None:
            self.parts[out] = part
        if constant is not None:
            self.constants[out] = nn.Parameter(constant)
        self.ops.append({"op": op, "out": out, **fields})
        self.shape[out] = tuple(result)
        return out

    def conv(self, x, width, k=3, stride=1, relu=True, add=None, norm=True, still=False):
        """Convolution, batch normalisation, an optional sum, an optional ReLU; `still`: begins as nothing but the sum."""
        pad = (k - 1) // 2
        part = nn.Sequential(nn.Conv2d(self.width(x), width, k, stride, pad, bias=not norm))
        nn.init.kaiming_normal_(part[0].weight, mode="fan_out", nonlinearity="relu")
        if norm:
            part.append(nn.BatchNorm2d(width))
            if still:
                # A residual block starts as the identity: deep stacks then learn from the first step.
                nn.init.zeros_(part[1].weight)
        high, wide = ((side + 2 * pad - k) // stride + 1 for side in self.shape[x][1:])
        fields = {"in": x, "stride": stride, "pad": pad, "relu": relu}
        if add is not None:
            fields["add"] = add
        return self._add("conv", (width, high, wide), part, **fields)

    def block(self, x, squeeze=2):
        """A residual bottleneck: 1x1 to a part of the channels, 3x3, 1x1 back."""
        width = self.width(x)
        y = self.conv(x, width // squeeze, k=1)
        y = self.conv(y, width // squeeze)
        return self.conv(y, width, k=1, add=x, still=True)

    def pool(self, kind, x, k=2, stride=2):
        """`maxpool` or `avgpool` without padding."""
        high, wide = ((side - k) // stride + 1 for side in self.shape[x][1:])
        return self._add(kind, (self.width(x), high, wide), **{"in": x, "k": k, "stride": stride})

    def gap(self, x):
        """Mean of each channel."""
        return self._add("gap", (self.width(x),), **{"in": x})

    def upsample(self, x):
        """Nearest neighbour, twice the side."""
        width, high, wide = self.shape[x]
        return self._add("upsample", (width, high * 2, wide * 2), **{"in": x})

    def concat(self, xs):
        """Joins channels, vectors, or the last dimension of token lists."""
        shape, width = self.shape[xs[0]], sum(self.width(x) for x in xs)
        shape = (width, *shape[1:]) if len(shape) == 3 else (*shape[:-1], width)
        return self._add("concat", shape, ins=list(xs))

    def flatten(self, x):
        """Map (C, H, W) or token list (T, D) to a vector, row-major."""
        return self._add("flatten", (math.prod(self.shape[x]),), **{"in": x})

    def tokens(self, x):
        """Map (C, H, W) to a list of H W tokens."""
        width, high, wide = self.shape[x]
        return self._add("tokens", (high * wide, width), **{"in": x})

    def linear(self, x, width, relu=False):
        """On a vector, or on each token."""
        part = nn.Linear(self.width(x), width)
        if relu:
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        else:
            nn.init.xavier_uniform_(part.weight)
        nn.init.zeros_(part.bias)
        return self._add("linear", (*self.shape[x][:-1], width), part, **{"in": x, "relu": relu})

    def add(self, a, b):
        """Sum of two results of one shape."""
        return self._add("add", self.shape[a], a=a, b=b)

    def addconst(self, x, constant):
        """Adds a learned constant of the result's shape."""
        return self._add("addconst", self.shape[x], constant=constant, **{"in": x})

    def const(self, constant):
        """A learned constant."""
        return self._add("const", constant.shape, constant=constant)

    def attend(self, q, k, v, heads):
        """softmax(q k^T / sqrt(D / heads)) v for each head."""
        return self._add("attend", (self.shape[q][0], self.width(v)), q=q, k=k, v=v, heads=heads)

    def layernorm(self, x):
        """Over the last dimension, eps 1e-5."""
        return self._add("layernorm", self.shape[x], nn.LayerNorm(self.width(x)), **{"in": x})

    def gridsample(self, x, points):
        """Bilinear at fixed points (x, y) in pixels of the map, border-clamped."""
        out = self._add("gridsample", (len(points), self.width(x)), **{"in": x})
        # Rounded as they will be stored, so that both sides sample at the same places.
        points = np.asarray(points, np.float16).astype(np.float32)
        self.register_buffer(f"points_{out}", torch.from_numpy(points))
        return out

    def reshape(self, x, shape):
        """Row-major; `shape` without the batch."""
        return self._add("reshape", shape, **{"in": x, "shape": list(shape)})

    def output(self, name, x):
        """Names a result that callers want."""
        self.outputs[name] = x

    def forward(self, x):
        """Runs the list on prepared input (batch, channels, height, width); returns a dict of outputs."""
        r = {"x": x}
        for op in self.ops:
            r[op["out"]] = self._run(op, r)
        return {name: r[out] for name, out in self.outputs.items()}

    def _run(self, op, r):
        kind, out = op["op"], op["out"]
        x = r[op["in"]] if "in" in op else None
        if kind == "conv":
            y = self.parts[out](x)
            if "add" in op:
                y = y + r[op["add"]]
            return F.relu(y) if op["relu"] else y
        if kind in ("maxpool", "avgpool"):
            pool = F.max_pool2d if kind == "maxpool" else F.avg_pool2d
            return pool(x, op["k"], op["stride"])
        if kind == "gap":
            return x.mean((2, 3))
        if kind == "upsample":
            return F.interpolate(x, scale_factor=2, mode="nearest")
        if kind == "concat":
            xs = [r[name] for name in op["ins"]]
            return torch.cat(xs, 1 if xs[0].dim() == 4 else -1)
        if kind == "flatten":
            return x.flatten(1)
        if kind == "tokens":
            return x.flatten(2).transpose(1, 2)
        if kind == "linear":
            y = self.parts[out](x)
            return F.relu(y) if op["relu"] else y
        if kind == "add":
            return r[op["a"]] + r[op["b"]]
        if kind == "addconst":
            return x + self.constants[out].to(x.dtype)
        if kind == "const":
            c = self.constants[out]
            return c.unsqueeze(0).expand(r["x"].shape[0], *c.shape)
        if kind == "attend":
            return attend(r[op["q"]], r[op["k"]], r[op["v"]], op["heads"])
        if kind == "layernorm":
            return self.parts[out](x)
        if kind == "gridsample":
            return sample_points(x, getattr(self, f"points_{out}").unsqueeze(0))
        return x.reshape(x.shape[0], *op["shape"])


def attend(q, k, v, heads):
    """Scaled dot-product attention, the width split over heads."""
    def split(t):
        return t.unflatten(-1, (heads, t.shape[-1] // heads)).transpose(1, 2)

    q, k, v = split(q.to(v.dtype)), split(k.to(v.dtype)), split(v)
    # On a CPU the fused kernel is the slower one, and old releases lack it.
    if v.is_cuda:
        y = F.scaled_dot_product_attention(q, k, v)
    else:
        y = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), -1) @ v
    return y.transpose(1, 2).flatten(2)


def sample_points(x, points):
    """Bilinear samples (batch, points, channels) at pixel positions, of one tile or of each; border-clamped."""
    points = points.expand(x.shape[0], -1, -1)
    high, wide = x.shape[2:]
    # A map of one row has no distance to divide by: any y is that row.
    scale_x, scale_y = 2 / max(1, wide - 1), 2 / max(1, high - 1)
    grid = torch.stack([points[..., 0] * scale_x, points[..., 1] * scale_y], -1) - 1
    grid = grid.unsqueeze(2)
    y = F.grid_sample(x.float(), grid, mode="bilinear", padding_mode="border", align_corners=True)
    return y.squeeze(-1).transpose(1, 2).to(x.dtype)


def prepare(tile):
    """Grey tiles (batch, side, side), 0-1, to the two channels that networks see.

    Channel 0: standardised over the tile. Channel 1: standardised over a box of an
    eighth of the side, since a floor may lie in shadow beside a bright face.
    """
    tile = tile.unsqueeze(1)
    mean = tile.mean((2, 3), keepdim=True)
    std = (tile - mean).square().mean((2, 3), keepdim=True).sqrt()
    whole = ((tile - mean) / (std + 0.01)).clamp(-4, 4)
    k = (tile.shape[-1] // 8) | 1
    mu = box_mean(tile, k)
    # About the tile's mean: the difference of squares then keeps its digits.
    var = box_mean((tile - mean).square(), k) - (mu - mean).square()
    local = ((tile - mu) / (var.clamp(min=0).sqrt() + 0.01)).clamp(-4, 4)
    return torch.cat([whole, local], 1)


def finer(tile):
    """The three channels that `glyph` and `ring` are cut from: those of `prepare`, and one for strokes beside the edge
    of a cast shadow.

    Channel 2: the logarithm less its mean over a box of a twenty-fourth of the side, about two strokes, over what that
    varies by in the whole tile. Light multiplies: a stroke in shadow has in it the contrast of one in light, and the
    shadow's edge spoils no more than a stroke's width.
    """
    log = (tile + 0.02).log().unsqueeze(1)
    above = log - box_mean(log, (tile.shape[-1] // 24) | 1)
    spread = above.square().mean((2, 3), keepdim=True).sqrt()
    return torch.cat([prepare(tile), (above / (spread + 0.01)).clamp(-4, 4)], 1)


def box_mean(x, k):
    """Mean over a k x k box of square maps; at the borders only over the pixels inside."""
    reach, side = k // 2, x.shape[-1]
    at = torch.arange(side, device=x.device)
    count = (at + reach + 1).clamp(max=side) - (at - reach).clamp(min=0)
    # Along the rows, which lie together in memory, and turned, twice.
    for _ in range(2):
        sums = F.pad(x, (reach + 1, reach)).cumsum(-1)
        x = ((sums[..., k:] - sums[..., :-k]) / count).transpose(2, 3)
    return x


def cost(graph):
    """Multiply-adds of one forward pass and number of trained values."""
    macs = 0
    for op in graph.ops:
        shape = graph.shape[op["out"]]
        if op["op"] == "conv":
            macs += shape[1] * shape[2] * graph.parts[op["out"]][0].weight.numel()
        elif op["op"] == "linear":
            macs += math.prod(shape[:-1]) * graph.parts[op["out"]].weight.numel()
        elif op["op"] == "attend":
            macs += 2 * shape[0] * shape[1] * graph.shape[op["k"]][0]
    return macs, sum(p.numel() for p in graph.parameters())
