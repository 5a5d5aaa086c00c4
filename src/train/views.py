"""What a network is shown of a tile, and what it must answer, in the frame of what it is shown.

A view is a square of the source: output coordinates p in -1..1 lie at the source
pixel c + M p. Rotations are counter-clockwise as seen, y points down.
"""

import functools
import math

import torch
from torch.nn import functional as F

from networks import (
    ALPHABET, BEFORE, CELL, CELL_SPAN, REPEATED, RING_RADII, ROWS, SECTOR, SECTORS, SPAN, STRIP, TILE, TURN_RADII, UNROLLED, steps,
)

# Half the side of a mark tile, pixels.
HALF = 192.0
# The poser's crop, pixels, and half of it in larger semi-axes of the rim as it was found. Of the crater tile it is cut
# from: half the side, pixels, and what that is in larger semi-axes of the true rim.
CROP, CROP_SPAN = 128, 1.3
CRATER_HALF, CRATER_SPAN = 128.0, 2.5
# What an index of the alphabet is worth in the gear ring, where I, O and Q keep their places.
VALUES = ["ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".index(s) for s in "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"]


@functools.lru_cache(maxsize=None)
def constant(device, *values):
    """A small vector that stays on the device: copying it in every step would stall a GPU."""
    return torch.tensor(values, device=device)


def inverse(matrix):
    """Inverses of (batch, 2, 2), without the library's check that waits for a GPU."""
    (a, b), (c, d) = (row.unbind(-1) for row in matrix.unbind(-2))
    swapped = torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2)
    return swapped / (a * d - b * c)[:, None, None]


def turn(degrees):
    """Matrices (batch, 2, 2) that turn counter-clockwise as seen."""
    c, s = torch.cos(torch.deg2rad(degrees)), torch.sin(torch.deg2rad(degrees))
    return torch.stack([torch.stack([c, s], -1), torch.stack([-s, c], -1)], -2)


def flip(mirrored):
    """Matrices (batch, 2, 2) that swap left and right where `mirrored` is 1."""
    zero, one = torch.zeros_like(mirrored), torch.ones_like(mirrored)
    return torch.stack([torch.stack([1 - 2 * mirrored, zero], -1), torch.stack([zero, one], -1)], -2)


def cut(plane, matrix, centre, size, side):
    """Samples views (batch, size, size), 0-1, from planes of 0-255 whose full-size side is `side` pixels.

    Beyond the edge the tile is reflected.
    """
    at = (torch.arange(size, device=plane.device) + 0.5) * (2 / size) - 1
    p = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1)
    source = torch.einsum("bij,yxj->byxi", matrix, p) + centre[:, None, None]
    grid = (source + 0.5) * (2 / side) - 1
    values = plane.unsqueeze(1).float() / 255
    values = F.grid_sample(values, grid, "bilinear", "reflection", align_corners=False)
    return values.squeeze(1)


def spread(like, low, high):
    """Uniform numbers in the shape of `like`."""
    return torch.rand_like(like) * (high - low) + low


def normal(like, sigma):
    """Normal numbers in the shape of `like`, within three sigma."""
    return torch.randn_like(like).clamp(-3, 3) * sigma


def drawn(near, jitter, name):
    """How far `name` is off: normal with `jitter`'s near value where `near`, else uniform within its far value."""
    return torch.where(near, normal(near.float(), jitter[f"{name}_near"]), spread(near.float(), -1, 1) * jitter[f"{name}_far"])


def point(labels, x, y):
    """Two columns as points (batch, 2)."""
    return torch.stack([labels[x], labels[y]], -1)


def apply(matrix, p):
    """Matrix times point for each tile."""
    return torch.einsum("bij,bj->bi", matrix, p)


def ellipse(labels, name, matrix, centre, turned, mirrored):
    """Centre, ln mean radius, e cos 2a, e sin 2a with e = ln(rx / ry), in the view's frame."""
    at = apply(inverse(matrix), point(labels, f"{name}_cx", f"{name}_cy") - centre)
    half = matrix[:, 0].norm(dim=1)
    rx, ry = labels[f"{name}_rx"].clamp(min=1), labels[f"{name}_ry"].clamp(min=1)
    angle = torch.deg2rad(labels[f"{name}_angle_deg"] - turned) * (1 - 2 * mirrored) * 2
    e = torch.log(rx / ry)
    size = torch.log((rx * ry).sqrt() / half)
    return torch.stack([at[:, 0], at[:, 1], size, e * angle.cos(), e * angle.sin()], -1)


def crater(grey, labels, jitter):
    """The poser's view and answers, at any turn, mirrored or not.

    `jitter`: how far the rim that was found is off, of which it sees CROP_SPAN; centre in radii, size (ln), near for a
    share of the tiles and far for the others.
    """
    like = labels["marked"]
    either = functools.partial(drawn, spread(like, 0, 1) < jitter["near_share"], jitter)
    turned, mirrored = spread(like, 0, 360), (spread(like, 0, 1) < 0.5).float()
    radius = CRATER_HALF / CRATER_SPAN * either("size").exp()
    offset = torch.stack([either("centre"), either("centre")], -1)
    centre = point(labels, "rim_cx", "rim_cy") + offset * radius[:, None]
    matrix = (CROP_SPAN * radius)[:, None, None] * turn(turned) @ flip(mirrored)
    view = cut(grey, matrix, centre, CROP, 2 * CRATER_HALF)
    return view, {
        "rim": ellipse(labels, "rim", matrix, centre, turned, mirrored),
        "floor": ellipse(labels, "floor", matrix, centre, turned, mirrored),
        "mark": labels["marked"],
    }


def unturned(grey, labels, jitter):
    """The floor at any rotation, mirrored or not, and which; `jitter` as the poser errs, floor radii and ln."""
    like = labels["marked"]
    either = functools.partial(drawn, spread(like, 0, 1) < jitter["near_share"], jitter)
    turned, mirrored = spread(like, 0, 360), (spread(like, 0, 1) < 0.5).float()
    radius = torch.maximum(labels["floor_rx"], labels["floor_ry"]).clamp(min=1) * either("size").exp()
    matrix = radius[:, None, None] * turn(turned) @ flip(mirrored)
    centre = point(labels, "floor_cx", "floor_cy") + radius[:, None] * torch.stack([either("centre"), either("centre")], -1)
    rotation = (labels["rotation_deg"] - turned) * (1 - 2 * mirrored)
    return cut(grey, matrix * SPAN, centre, TILE, 2 * HALF), {
        "mark": like,
        "rotation": rotation.remainder(360),
        "mirrored": (labels["mirrored"] - mirrored).abs(),
    }


def unrolled(x):
    """Prepared tiles unrolled counter-clockwise from 12 o'clock (batch, channels, *UNROLLED)."""
    high, wide = UNROLLED
    low, far = TURN_RADII
    angle = torch.deg2rad(torch.arange(wide, device=x.device) - REPEATED + 0.0)
    radii = low + (far - low) * torch.arange(high, device=x.device) / (high - 1)
    out = torch.stack([-angle.sin(), -angle.cos()], -1)
    return sample(x, (radii[:, None, None] * out[None]).expand(len(x), -1, -1, -1))


def draw_pose(labels, jitter):
    """How far the tile is off the true pose: (turned degrees, du, dv, ln size), small for half of the tiles."""
    like = labels["marked"]
    either = functools.partial(drawn, spread(like, 0, 1) < jitter["near_share"], jitter)
    return either("turn"), either("centre"), either("centre"), either("size")


def draw_wrong(labels, share):
    """Which tiles are shown wrongly: (wrong, degrees to add, mirror them too, move them off by radii)."""
    like = labels["marked"]
    kind = spread(like, 0, 1)
    wrong = spread(like, 0, 1) < share
    half = 180 + normal(like, 4)
    # Closer than 25 degrees is neither right nor wrong.
    any_turn = spread(like, 25, 335)
    mirror = wrong & (kind > 0.55) & (kind < 0.9)
    flat = spread(like, 0, 1)
    mirror_turn = torch.where(flat < 0.4, normal(like, 4), torch.where(flat < 0.7, half, any_turn))
    degrees = torch.where(kind < 0.3, half, torch.where(kind < 0.55, any_turn, mirror_turn))
    away = torch.where(wrong & (kind >= 0.9), spread(like, 0.4, 1.0), torch.zeros_like(like))
    degrees = torch.where(kind >= 0.9, spread(like, 0, 360), degrees)
    return wrong, torch.where(wrong, degrees, torch.zeros_like(like)), mirror.float(), away


def floor(grey, ink, labels, jitter, wrong_share, times=1):
    """The upright tile as layout sees it or `times` as fine, and its answers; `jitter` as in the recipe."""
    turned, du, dv, size = draw_pose(labels, jitter)
    wrong, degrees, mirror, away = draw_wrong(labels, wrong_share)
    marked = labels["marked"] > 0.5
    # A floor without a mark has no upright.
    degrees = torch.where(marked, degrees, spread(turned, 0, 360))
    straying = spread(turned, 0, 2 * math.pi)
    du, dv = du + away * straying.cos(), dv + away * straying.sin()

    mirrored = labels["mirrored"]
    tile_mirrored = (mirrored - mirror).abs()
    # Seen in a mirrored tile, a turn goes the other way round.
    tile_rotation = labels["rotation_deg"] - (turned + degrees) * (1 - 2 * tile_mirrored)
    radius = torch.maximum(labels["floor_rx"], labels["floor_ry"]).clamp(min=1) / size.exp()
    unit = radius[:, None, None] * turn(tile_rotation) @ flip(tile_mirrored)
    middle = point(labels, "floor_cx", "floor_cy")
    centre = middle - apply(unit, torch.stack([du, dv], -1))
    view = cut(grey, unit * SPAN, centre, TILE * times, 2 * HALF)
    strokes = cut(ink, unit * SPAN, centre, TILE * times // 2, 2 * HALF)

    mark = apply(inverse(unit), point(labels, "mark_cx", "mark_cy") - centre)
    # On a floor without a mark, cells are looked at where a mark would have them.
    height = spread(turned, 0.18, 0.42)
    usual = {"col_pitch": 0.86 * height, "row_pitch": 1.3 * height, "char_height": height}
    lengths = [torch.where(marked, labels[name] / radius, usual[name]) for name in usual]
    good = marked & ~wrong
    form = labels["format"].long().clamp(min=0)
    return view, {
        "ok": good.float(),
        "marked": marked.float(),
        "format": form,
        "gear": labels["gear"],
        "pose": torch.stack([du, dv, size, torch.deg2rad(turned)], -1),
        "cells": torch.stack([mark[:, 0], mark[:, 1], *lengths], -1),
        "ink": strokes,
        "code": labels.code(),
        "teeth": sectors(labels.code()),
        "ring": good & (labels["gear"] > 0.5),
    }


def sectors(code):
    """Teeth (1) and gaps (0) of the ring (batch, 52), clockwise from 12 o'clock; unused ones 0."""
    value = constant(code.device, *VALUES)[code.clamp(min=0)]
    shifts = torch.arange(5, -1, -1, device=code.device)
    bits = (value.unsqueeze(-1) >> shifts) & 1
    bits = bits * (code >= 0).unsqueeze(-1)
    start = constant(code.device, 1, 1, 1, 0).expand(len(code), 4)
    return torch.cat([start, bits.flatten(1)], 1).float()


def places(truth):
    """Where the eight characters stand in the view, floor radii (batch, 8, 2)."""
    flat = [v for rows in ROWS for v in sum(steps(rows) + [(0.0, 0.0)] * (8 - sum(rows)), ())]
    pitches = constant(truth["format"].device, *flat).view(len(ROWS), 8, 2)[truth["format"]]
    right, down = (pitches * truth["cells"][:, None, 2:4]).unbind(-1)
    return truth["cells"][:, None, :2] + along(truth["pose"][:, 3:], right, down)


def along(angle, right, down):
    """Steps `right` and `down` of a mark that is turned by `angle`, radians, in the view's frame."""
    c, s = angle.cos(), angle.sin()
    return torch.stack([c * right + s * down, c * down - s * right], -1)


def sample(x, points):
    """Bilinear samples (batch, channels, *shape) of tiles at points (batch, *shape, 2) in floor radii."""
    grid = (points / SPAN).flatten(1, -2).unsqueeze(2)
    values = F.grid_sample(x, grid, "bilinear", "border", align_corners=False)
    return values.squeeze(3).unflatten(2, points.shape[1:-1])


# Symbols that are still one, themselves or another, after a half turn, after any turn that is neither near none nor near
# half of one, mirrored, and upside down in a mirror: no examples of "none".
ALIKE = {"half": "HMNSWXZ0689", "turned": "NXZ", "mirror": "AHMTUVWXY08", "flip": "BCDEHKMWX038"}


def spoilt(code, none, kind):
    """Which cells are shown in each of these ways, of the share `none`; `kind`, 0-1, says in which."""
    shown, low = {}, 0.0
    for name, high in (("half", 0.25), ("turned", 0.4), ("mirror", 0.52), ("flip", 0.6)):
        alike = constant(code.device, *map(ALPHABET.index, ALIKE[name]))
        shown[name] = none & (kind >= low) & (kind < high) & ~torch.isin(code, alike)
        low = high
    return shown | {"beside": none & (kind >= low)}


def cells(x, truth, jitter, none_share):
    """Cells (batch * 8, channels, CELL, CELL) cut from prepared tiles, and their answers.

    `jitter`: place and size in character heights, turn in degrees, near for a share of the cells
    and far for the others. A share of them shows no upright character: turned, mirrored, or beside one.
    """
    height = truth["cells"][:, None, 4].clamp(0.05, 0.8)
    like = height.expand(-1, 8)
    either = functools.partial(drawn, spread(like, 0, 1) < jitter["near_share"], jitter)
    right, down, size = either("place"), either("place"), either("size")
    turned = torch.deg2rad(either("turn"))
    code = truth["code"]
    # Faces narrower, wider and more slanted than those that were drawn.
    stretch, slant = either("stretch").exp(), either("slant")
    kind = torch.rand_like(like)
    shown = spoilt(code, torch.rand_like(like) < none_share, kind)
    none = functools.reduce(torch.logical_or, shown.values())
    beside = shown["beside"]
    # Half turns are what a reader meets most. A turn by less than 40 degrees still shows the character.
    spin = torch.where(shown["half"] | shown["flip"], math.pi + torch.randn_like(like) * 0.1, torch.zeros_like(like))
    either_way = torch.where(torch.rand_like(like) < 0.5, -1.0, 1.0)
    spin = torch.where(shown["turned"], either_way * (0.7 + torch.rand_like(like) * 1.9), spin)
    aside = torch.where(torch.rand_like(like) < 0.5, -0.5, 0.5) + torch.randn_like(like) * 0.05
    pitch = truth["cells"][:, None, 2] / height
    right = torch.where(beside & (kind < 0.8), aside * pitch, right)
    row = truth["cells"][:, None, 3] / height
    down = torch.where(beside & (kind >= 0.8), aside * row, down)

    turn_of = truth["pose"][:, 3:] + turned + spin
    middle = places(truth) + along(truth["pose"][:, 3:], right * height, down * height)
    half = CELL_SPAN * height * size.exp()
    at = (torch.arange(CELL, device=x.device) + 0.5) * (2 / CELL) - 1
    v, u = torch.meshgrid(at, at, indexing="ij")
    swapped = torch.where(shown["mirror"] | shown["flip"], -1.0, 1.0)
    u = (u * stretch[..., None, None] + v * slant[..., None, None]) * swapped[..., None, None]
    grid = along(turn_of[..., None, None], half[..., None, None] * u, half[..., None, None] * v)
    points = middle[:, :, None, None] + grid
    pieces = sample(x, points).transpose(1, 2).flatten(0, 1)
    strokes = F.avg_pool2d(sample(truth["ink"].unsqueeze(1), points).flatten(0, 2), CELL // 16)
    good = (truth["ok"] > 0.5)[:, None] & (code >= 0) & ~none
    # The way back: from the cell to the character, in the cell's own frame and size.
    back = along(-turned, -right, -down) / size.exp()[..., None]
    back = torch.stack([(back[..., 0] - slant * back[..., 1]) / stretch, back[..., 1]], -1)
    offset = torch.cat([back, -size[..., None], -turned[..., None]], -1)
    return pieces, {
        "symbol": torch.where(good, code, torch.full_like(code, 33)).flatten(),
        "offset": offset.flatten(0, 1),
        "shown": good.flatten(),
        "ink": strokes,
        # Of a floor that is shown wrongly nobody knows what stands at a place.
        "use": ((truth["ok"] > 0.5)[:, None] & (code >= 0) | (truth["marked"] < 0.5)[:, None]).flatten(),
    }


def strip(x, truth, jitter):
    """The gear ring (batch, channels, *STRIP) unrolled from prepared tiles, and its answers.

    `jitter`: centre in floor radii, size (ln), turn in degrees, near for a share of the rings and far for the others.
    """
    like = truth["gear"]
    pose = truth["pose"]
    either = functools.partial(drawn, spread(like, 0, 1) < jitter["near_share"], jitter)
    aside, size, turned = torch.stack([either("centre"), either("centre")], -1), either("size"), torch.deg2rad(either("turn"))
    centre, radius, angle = pose[:, :2] + aside, (pose[:, 2] + size).exp(), pose[:, 3] + turned
    count = constant(like.device, *map(float, SECTORS))[truth["format"]]
    high, wide = STRIP
    column = (torch.arange(wide, device=x.device) + 0.5) / SECTOR - BEFORE
    around = 2 * math.pi * column[None] / count[:, None] - angle[:, None]
    low, far = RING_RADII
    radii = low + (far - low) * (torch.arange(high, device=x.device) + 0.5) / high
    out = torch.stack([around.sin(), -around.cos()], -1)
    points = centre[:, None, None] + (radius[:, None] * radii)[:, :, None, None] * out[:, None]
    # The way back, in the frame and size of the ring as it was unrolled.
    back = along(-angle, -aside[:, 0], -aside[:, 1]) / radius[:, None]
    return sample(x, points), {
        "teeth": truth["teeth"],
        "offset": torch.cat([back, -size[:, None], -turned[:, None]], -1),
        "shown": truth["ring"],
        "used": (torch.arange(truth["teeth"].shape[1], device=x.device)[None] < count[:, None])
        & truth["ring"][:, None],
    }


def photo(grey, classes, zoom):
    """The finder's view and answers: turned by quarters, flipped, zoomed by up to `zoom` (ln) and shifted.

    Beyond the photograph lies mean grey, as in the letterbox.
    """
    like = grey[:, 0, 0].float()
    side = grey.shape[-1]
    quarter = torch.randint(4, (len(grey),), device=grey.device) * 90.0
    mirrored = (spread(like, 0, 1) < 0.5).float()
    scale = torch.exp(spread(like, -zoom, zoom) * (spread(like, 0, 1) < 0.7)) if zoom else torch.ones_like(like)
    half = side / 2 * scale
    if zoom:
        matrix = half[:, None, None] * turn(quarter) @ flip(mirrored)
        # A closer view may look anywhere in the photograph, a wider one keeps it whole.
        room = (side / 2 - half).abs()
        offset = torch.stack([spread(like, -1, 1), spread(like, -1, 1)], -1) * room[:, None]
    else:
        matrix = half[:, None, None] * torch.eye(2, device=grey.device)
        offset = torch.zeros((len(grey), 2), device=grey.device)
    centre = offset + (side - 1) / 2
    at = (torch.arange(side, device=grey.device) + 0.5) * (2 / side) - 1
    p = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1)
    source = torch.einsum("bij,yxj->byxi", matrix, p) + centre[:, None, None]
    grid = (source + 0.5) * (2 / side) - 1
    values = grey.unsqueeze(1).float() / 255
    mean = values.mean((2, 3), keepdim=True)
    view = F.grid_sample(values - mean, grid, "bilinear", "zeros", align_corners=False) + mean
    # One up, so that what lies beyond the tile, 0, is told from class 0; 5 and above is padding.
    names = (classes.float() + 1).unsqueeze(1)
    names = F.grid_sample(names, grid, "nearest", "zeros", align_corners=False).squeeze(1)
    padding = (names < 1) | (names > 5)
    names = torch.where(padding, torch.zeros_like(names), names - 1)
    shares = (names.unsqueeze(1) == torch.arange(5, device=grey.device)[:, None, None]).float()
    share = shares.mean((2, 3))
    there = torch.stack([share[:, 1:].sum(1), share[:, 3:].sum(1)], -1)
    # Slivers at the edge of the frame are neither there nor absent.
    enough = constant(grey.device, 0.01, 0.003)
    return view.squeeze(1), {
        "classes": F.avg_pool2d(shares, 2),
        "present": (there >= enough).float(),
        "certain": ((there >= enough) | (there == 0)).float(),
        "padding": padding,
    }


def letterbox(view, padding):
    """The view with its padding set to the mean grey of the rest, as a reader pads."""
    inside = (~padding).float()
    mean = (view * inside).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)
    return torch.where(padding, mean[:, None, None], view)
