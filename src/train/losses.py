"""What each network is told about its answers. Every loss returns its terms, weighted by the recipe."""

import torch
from torch.nn import functional as F

from networks import BINS
from views import constant


def mean(values, where):
    """Mean over the entries that count, 0 if there are none."""
    where = where.to(values.dtype).expand_as(values)
    return (values * where).sum() / where.sum().clamp(min=1)


def finder(out, truth, recipe):
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


def poser(out, truth, recipe):
    """Ellipses of all craters, and whether there is a mark."""
    terms = {"mark": F.binary_cross_entropy_with_logits(out["mark"].float().squeeze(1), truth["mark"])}
    for name in ("rim", "floor"):
        terms[name] = huber(out[name], truth[name]).mean()
    return terms


def turn(out, truth, recipe):
    """Rotation of marked floors."""
    target = rotation_target(truth["rotation"], truth["mirrored"])
    return {"rotation": mean(-(target * out["rotation"].float().log_softmax(1)).sum(1), truth["mark"])}


def huber(out, truth, beta=0.02):
    """Huber loss that turns linear at errors of `beta`, in units of `beta`."""
    return F.smooth_l1_loss(out.float(), truth, reduction="none", beta=beta) / beta


def layout(out, truth, recipe):
    """Format, pose and cells only of tiles that are shown upright."""
    ok, form = truth["ok"], truth["format"]
    right = F.binary_cross_entropy_with_logits(out["ok"].float().squeeze(1), ok, reduction="none")
    gear = F.binary_cross_entropy_with_logits(out["gear"].float().squeeze(1), truth["gear"], reduction="none")
    cells = out["cells"].float()[torch.arange(len(form), device=form.device), form]
    ink = F.binary_cross_entropy_with_logits(
        out["ink"].float().squeeze(1), truth["ink"], reduction="none",
        pos_weight=constant(ok.device, recipe["ink_positive"]),
    )
    return {
        "ok": right.mean(),
        "format": mean(F.cross_entropy(out["format"].float(), form, reduction="none"), ok),
        "gear": mean(gear, ok),
        "pose": mean(huber(out["pose"], truth["pose"]).mean(1), ok),
        "cells": mean(huber(cells, truth["cells"]).mean(1), ok),
        "ink": ink.mean(),
    }


def glyph(out, truth, recipe):
    """Which symbol; offsets only of cells that show one."""
    symbol = F.cross_entropy(out["symbol"].float(), truth["symbol"], reduction="none")
    offset = huber(out["offset"], truth["offset"], beta=0.05).mean(1)
    ink = F.binary_cross_entropy_with_logits(out["ink"].float().squeeze(1), truth["ink"], reduction="none")
    return {"symbol": mean(symbol, truth["use"]), "offset": mean(offset, truth["shown"]), "ink": ink.mean()}


def ring(out, truth, recipe):
    """Tooth or gap, a sector; how far the ring is off."""
    bits = F.binary_cross_entropy_with_logits(out["teeth"].float(), truth["teeth"], reduction="none")
    offset = huber(out["offset"], truth["offset"]).mean(1)
    return {"teeth": mean(bits, truth["used"]), "offset": mean(offset, truth["shown"])}


OF = {"finder": finder, "poser": poser, "turn": turn, "layout": layout, "glyph": glyph, "ring": ring}
