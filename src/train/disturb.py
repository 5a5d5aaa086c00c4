"""Light, dirt, lens and camera once more, on the device: every view of a tile looks different.

The generator has lit and photographed the tile already; this only widens what a
tile stands for, cheaply. All on (batch, side, side) grey values, 0-1.
"""

import math

import torch
from torch.nn import functional as F


def disturb(x, strength):
    """A disturbed copy. `strength` 0-1 scales how often each disturbance happens."""
    x = x.clone()
    for chance, effect in EFFECTS:
        on_some(x, chance * strength, effect)
    x = resized(x, strength)
    x.clamp_(min=1e-4)
    on_some(x, 0.6 * strength, lambda t: t ** torch.exp(draw(t, -0.6, 0.6)))
    on_some(x, 0.8 * strength, grain)
    x = blocks(x, strength)
    # Saturation at both ends.
    on_some(x, 0.15 * strength, lambda t: t - draw(t, 0, 0.2))
    on_some(x, 0.25 * strength, lambda t: t * (1 + draw(t, 0, 1.2)))
    x.clamp_(0, 1)
    on_some(x, 0.04 * strength, lambda t: 1 - t)
    return x


def on_some(x, share, effect):
    """Applies an effect in place to a share of the tiles, and costs no more than that: a run of the
    batch that begins anywhere, since batches are in random order."""
    first, chance = torch.rand(2).tolist()
    count = int(len(x) * share + chance)
    at = (torch.arange(count, device=x.device) + int(first * len(x))) % len(x)
    if count:
        x[at] = effect(x[at])


def draw(x, low, high, power=1.0):
    """A number for each tile."""
    return torch.rand((len(x), 1, 1), device=x.device) ** power * (high - low) + low


def cover(x):
    """Soot, lacquer, residue: cover with soft borders that darkens, or a dull even film."""
    share = torch.sigmoid((clouds(x, 7) + 0.5 * clouds(x, 21) - draw(x, 0.6, 2.5)) * draw(x, 1, 4).exp())
    share = share * draw(x, 0.3, 1.0)
    return x * (1 - share) + share * draw(x, 0, 0.35) * (x + draw(x, 0, 1))


def shadow(x):
    """A cast shadow: all on one side of a bent line is darker, with an edge from soft to a single pixel."""
    side = (slope(x) * draw(x, 0.5, 3) + clouds(x, 3) - draw(x, -1.5, 1.5)) * draw(x, 1, 5).exp()
    return x * (1 - torch.sigmoid(side) * draw(x, 0.3, 0.92))


def grains(x):
    """Bright or dark grains of a few pixels."""
    return x + F.relu(clouds(x, x.shape[-1] // 2) - draw(x, 1.6, 3.2)) * draw(x, -0.5, 0.6)


def grain(x):
    """Noise of the sensor, fine and coarse."""
    return x + torch.randn_like(x) * draw(x, 0, 0.07, 2.0) + clouds(x, x.shape[-1] // 2) * draw(x, 0, 0.05, 2.0)


def soften(x):
    """Blur by up to 3 pixels, mostly little. One sigma a part, drawn on the host: a kernel's length cannot differ within a batch."""
    return torch.cat([gauss(part, 0.1 + 2.9 * torch.rand(()).item() ** 2) for part in x.chunk(4)])


# How often at full strength, and what.
EFFECTS = [
    (0.5, lambda x: x * torch.exp(slope(x) * draw(x, 0, 0.6) + clouds(x, 5) * draw(x, 0, 0.35))),
    (0.3, cover),
    (0.3, shadow),
    (0.3, lambda x: x + glare(x) * draw(x, -0.5, 0.9)),
    (0.25, grains),
    (0.5, soften),
    (0.25, lambda x: x + draw(x, 0, 1.5) * (x - gauss(x, 1.6))),
]


def slope(x):
    """A gradient in a random direction, about -1 to 1."""
    batch, side = len(x), x.shape[-1]
    at = torch.linspace(-1, 1, side, device=x.device)
    turn = torch.rand((batch, 1, 1), device=x.device) * 2 * math.pi
    return at[None, None] * turn.cos() + at[None, :, None] * turn.sin()


def clouds(x, cells):
    """Smooth noise of unit spread with about `cells` cells a side."""
    noise = torch.randn((len(x), 1, cells, cells), device=x.device)
    mode = "bicubic" if cells < 32 else "bilinear"
    noise = F.interpolate(noise, x.shape[-2:], mode=mode, align_corners=False)
    return noise.squeeze(1)


def glare(x):
    """One soft ellipse, 0-1, somewhere in the tile."""
    at = torch.linspace(-1, 1, x.shape[-1], device=x.device)
    dx, dy = at[None, None] - draw(x, -0.8, 0.8), at[None, :, None] - draw(x, -0.8, 0.8)
    turn = draw(x, 0, math.pi)
    u, v = dx * turn.cos() + dy * turn.sin(), dy * turn.cos() - dx * turn.sin()
    level = (u / draw(x, 0.05, 0.5)).square() + (v / draw(x, 0.05, 0.3)).square()
    return torch.exp(-0.5 * level * draw(x, 1, 3))


def gauss(x, sigma):
    """Gaussian blur, the same for all tiles, edges repeated."""
    reach = int(3 * sigma + 0.5)
    at = torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-0.5 * (at / sigma).square())
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    y = F.conv2d(F.pad(x.unsqueeze(1), (reach, reach, 0, 0), "replicate"), kernel)
    y = F.conv2d(F.pad(y, (0, 0, reach, reach), "replicate"), kernel.transpose(2, 3))
    return y.squeeze(1)


def resized(x, strength):
    """The first tiles of the batch as if photographed more coarsely; batches are in random order."""
    part = max(1, round(len(x) * 0.15 * strength))
    pieces = []
    for piece in (x[:part], x[part:2 * part]):
        # One factor a part, drawn on the host: sizes cannot differ within a batch.
        small = max(8, round(x.shape[-1] / (1.2 + 1.8 * torch.rand(()).item())))
        y = F.interpolate(piece.unsqueeze(1), (small, small), mode="area")
        pieces.append(F.interpolate(y, x.shape[-2:], mode="bilinear", align_corners=False).squeeze(1))
    return torch.cat([*pieces, x[2 * part:]])


def blocks(x, strength):
    """Quantises the last tiles of the batch in 8 x 8 blocks, as JPEG does at qualities of about 25-95."""
    part = max(1, round(len(x) * 0.25 * strength))
    side = x.shape[-1]
    i = torch.arange(8, device=x.device, dtype=x.dtype)
    basis = torch.cos((2 * i[None] + 1) * i[:, None] * math.pi / 16) * 0.5
    basis[0] *= 0.5 ** 0.5
    start = len(x) - part
    y = x[start:].reshape(part, side // 8, 8, side // 8, 8)
    y = torch.einsum("ui,nyixj,vj->nyuxv", basis, y, basis)
    # The standard luminance table is close to this plane; 255 levels make 1.
    table = (10 + 6 * (i[:, None] + i[None]) + 1.0 * i[:, None] * i[None]) / 255
    table = table[None, None, :, None, :]
    step = table * torch.exp(torch.rand((part, 1, 1, 1, 1), device=x.device) * 2.7 - 2.2)
    y = torch.round(y / step) * step
    y = torch.einsum("ui,nyuxv,vj->nyixj", basis, y, basis)
    return torch.cat([x[:start], y.reshape(part, side, side)])


def labels_and_bars(x):
    """Burned-in boxes with stripes for text, and scale bars, on about a third of the photographs."""
    batch, side = len(x), x.shape[-1]
    at = torch.arange(side, device=x.device)
    for _ in range(2):
        low = torch.rand((batch, 4), device=x.device)
        edge = torch.rand(batch, device=x.device) < 0.7
        wide, high = 8 + low[:, 2] * side * 0.35, 2 + low[:, 3] * side * 0.09
        left, top = low[:, 0] * (side - wide), low[:, 1] * (side - high)
        top = torch.where(edge, torch.where(low[:, 1] < 0.5, 3 * low[:, 3], side - high - 3 * low[:, 3]), top)
        inside = ((at >= left[:, None]) & (at < (left + wide)[:, None]))[:, None] & (
            (at >= top[:, None]) & (at < (top + high)[:, None])
        )[:, :, None]
        inside = inside & (torch.rand((batch, 1, 1), device=x.device) < 0.18)
        ground, ink = (torch.rand((batch, 1, 1), device=x.device).round() for _ in range(2))
        pattern = torch.rand((batch, side, side // 2), device=x.device).repeat_interleave(2, 2)
        text = torch.where(pattern[..., :side] < 0.4, ink, ground)
        x = torch.where(inside, text, x)
    return x
