"""What each network is told about its answers. Every loss returns its terms, weighted by the recipe."""

import torch
from torch.nn import functional as F

from graph import sample_points
from networks import BINS, FIRST, LENGTHS, ROWS, SECTORS, layout, map_point
from views import constant


def mean(values, where):
    """Mean over the entries that count, 0 if there are none."""
    where = where.to(values.dtype).expand_as(values)
    return (values * where).sum() / where.sum().clamp(min=1)


def finder(net, out, truth, recipe):
    """Classes by cross entropy against the share of each class in the output pixel."""
    weights = constant(out["classes"].device, *recipe["class_weights"])
    logp = out["classes"].float().log_softmax(1)
    per_pixel = -(truth["classes"] * logp * weights[None, :, None, None]).sum(1)
    present = F.binary_cross_entropy_with_logits(out["present"].float(), truth["present"], reduction="none")
    return {"classes": per_pixel.mean(), "present": mean(present, truth["certain"])}


def rotation_target(rotation, mirrored, sigma=1.0):
    """Probabilities (batch, 240): a circular bump of `sigma` bins about the true angle."""
    bins = torch.arange(BINS, device=rotation.device) + 0.5
    gap = (bins[None] - rotation[:, None] / (360 / BINS) + BINS / 2).remainder(BINS) - BINS / 2
    bump = torch.exp(-0.5 * (gap / sigma).square())
    bump = bump / bump.sum(1, keepdim=True)
    return torch.cat([bump * (1 - mirrored[:, None]), bump * mirrored[:, None]], 1)


def poser(net, out, truth, recipe):
    """Rotation only of marked floors; ellipses of all."""
    marked = truth["mark"]
    target = rotation_target(truth["rotation"], truth["mirrored"])
    turn = -(target * out["rotation"].float().log_softmax(1)).sum(1)
    terms = {
        "rotation": mean(turn, marked),
        "mark": F.binary_cross_entropy_with_logits(out["mark"].float().squeeze(1), marked),
    }
    for name in ("rim", "floor"):
        terms[name] = huber(out[name], truth[name]).mean()
    return terms


def huber(out, truth, beta=0.02):
    """Huber loss that turns linear at errors of `beta`, in units of `beta`."""
    return F.smooth_l1_loss(out.float(), truth, reduction="none", beta=beta) / beta


def own_queries(symbols, form):
    """Logits (batch, 8, 33) of the true format's queries; those past its length repeat the last."""
    first, length = constant(form.device, *FIRST)[form], constant(form.device, *LENGTHS)[form]
    at = torch.minimum(torch.arange(8, device=form.device)[None], length[:, None] - 1) + first[:, None]
    return symbols.gather(1, at.unsqueeze(-1).expand(-1, -1, symbols.shape[-1]))


def own_teeth(out, code):
    """Logits (batch, 52) of the ring that fits the code's length; the unused end is 0."""
    eight, six = out["teeth8"].float(), out["teeth6"].float()
    six = F.pad(six, (0, SECTORS["teeth8"] - SECTORS["teeth6"]))
    long = (code[:, 6] >= 0)[:, None]
    used = long | (torch.arange(eight.shape[1], device=code.device)[None] < SECTORS["teeth6"])
    return torch.where(long, eight, six), used


def places(truth):
    """Where the eight characters stand in the view, floor radii (batch, 8, 2)."""
    flat = [v for rows in ROWS for v in sum(layout(rows) + [(0.0, 0.0)] * (8 - sum(rows)), ())]
    steps = constant(truth["format"].device, *flat).view(len(ROWS), 8, 2)[truth["format"]]
    right, down = (steps * truth["cells"][:, None, 2:4]).unbind(-1)
    c, s = truth["pose"][:, 3:].cos(), truth["pose"][:, 3:].sin()
    turned = torch.stack([c * right + s * down, c * down - s * right], -1)
    return truth["cells"][:, None, :2] + turned


def glyphs(net, out, truth):
    """Logits (batch, 8, 33) of the characters from the fine map at their true places."""
    fine = out["fine"]
    near = sample_points(fine, torch.stack(map_point(*places(truth).unbind(-1)), -1))
    return net.helpers["glyph"](near.float())


def reader(net, out, truth, recipe):
    """Characters, format, pose and cells only of tiles that are shown upright."""
    ok, code, form = truth["ok"], truth["code"], truth["format"]
    logits = own_queries(out["symbols"].float(), form)
    chars = F.cross_entropy(logits.transpose(1, 2), code.clamp(min=0), reduction="none")
    teeth, used = own_teeth(out, code)
    bits = F.binary_cross_entropy_with_logits(teeth, truth["teeth"], reduction="none")
    right = F.binary_cross_entropy_with_logits(out["ok"].float().squeeze(1), ok, reduction="none")
    gear = F.binary_cross_entropy_with_logits(out["gear"].float().squeeze(1), truth["gear"], reduction="none")
    cells = out["cells"].float()[torch.arange(len(form), device=form.device), form]
    ink = F.binary_cross_entropy_with_logits(
        out["ink"].float().squeeze(1), truth["ink"], reduction="none",
        pos_weight=constant(ok.device, recipe["ink_positive"]),
    )
    there = (code >= 0) & (ok[:, None] > 0.5)
    glyph = F.cross_entropy(glyphs(net, out, truth).transpose(1, 2), code.clamp(min=0), reduction="none")
    return {
        "symbols": mean(chars, there),
        "glyph": mean(glyph, there),
        "teeth": mean(bits, used & truth["ring"][:, None]),
        "ok": right.mean(),
        "format": mean(F.cross_entropy(out["format"].float(), form, reduction="none"), ok),
        "gear": mean(gear, ok),
        "pose": mean(huber(out["pose"], truth["pose"]).mean(1), ok),
        "cells": mean(huber(cells, truth["cells"]).mean(1), ok),
        "ink": ink.mean(),
    }


OF = {"finder": finder, "poser": poser, "reader": reader}
