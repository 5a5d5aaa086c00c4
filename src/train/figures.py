"""Figures on the validation tiles: other guns and faces than training draws, the same for every run.

Views are drawn from a fixed seed and not disturbed further.
"""

import torch

import losses
import views
from graph import prepare
from networks import BINS, FORMATS

TIERS = ["clean", "field", "mixed", "severe"]
# Jitter that is left once the reader has corrected a pose.
CLOSE = {
    "near_share": 1.0, "turn_near": 1.5, "turn_far": 0.0, "centre_near": 0.01, "centre_far": 0.0,
    "size_near": 0.01, "size_far": 0.0,
}


def collect(run, pool, limit, view, batch=256):
    """Runs a network over the first `limit` tiles; returns outputs, answers and labels, joined."""
    outs, truths, labels = [], [], []
    for index in torch.arange(min(pool.count, limit), device=pool.device).split(batch):
        grey, second, label = pool.take(index)
        tile, truth = view(grey, second, label)
        outs.append({k: v.float() for k, v in run(prepare(tile)).items()})
        truths.append(truth)
        labels.append(label.values)

    def join(parts):
        return {k: torch.cat([p[k] for p in parts]) for k in parts[0]}

    return join(outs), join(truths), by_name(labels, pool.columns)


def by_name(parts, columns):
    """Labels of all batches by name."""
    values = torch.cat(parts)
    return {name: values[:, at] for name, at in columns.items()}


def share(hits, where):
    """Share of hits among the tiles that count, or NaN."""
    return (hits & where).sum().item() / max(1, where.sum().item()) if where.any() else float("nan")


def auc(positive, negative):
    """Probability that a positive scores above a negative."""
    if len(positive) == 0 or len(negative) == 0:
        return float("nan")
    order = torch.argsort(torch.cat([negative, positive]))
    rank = torch.empty_like(order, dtype=torch.float64)
    rank[order] = torch.arange(1, len(order) + 1, dtype=torch.float64, device=order.device)
    n = len(positive)
    return ((rank[len(negative):].sum() - n * (n + 1) / 2) / (n * len(negative))).item()


def reader(run, pool, limit):
    """Characters, whole codes, teeth by tier and format; `ok` against floors shown wrongly."""
    out, truth, labels = collect(run, pool, limit, lambda g, s, l: views.floor(g, s, l, CLOSE, 0.0))
    ok = truth["ok"] > 0.5
    code, form = truth["code"], truth["format"]
    logits = losses.own_queries(out["symbols"], form)
    there = (code >= 0) & ok[:, None]
    hit = logits.argmax(-1) == code
    whole = (hit | (code < 0)).all(1)
    logp = logits.log_softmax(-1).gather(-1, code.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    teeth, used = losses.own_teeth(out, code)
    bit = (teeth > 0) == (truth["teeth"] > 0.5)
    figures = {
        "chars": share(hit, there),
        "nats_a_char": -losses.mean(logp, there).item(),
        "format": share(out["format"].argmax(1) == form, ok),
        "gear": share((out["gear"].squeeze(1) > 0) == (truth["gear"] > 0.5), ok),
        "pose_deg": (out["pose"][ok, 3] - truth["pose"][ok, 3]).abs().rad2deg().median().item(),
        "ink_nats": torch.nn.functional.binary_cross_entropy_with_logits(out["ink"].squeeze(1), truth["ink"]).item(),
    }
    for tier, name in enumerate(TIERS):
        of = (labels["tier"].round() == tier) & ok
        figures[f"chars_{name}"] = share(hit, there & of[:, None])
        figures[f"code_{name}"] = share(whole, of)
        figures[f"teeth_{name}"] = share(bit, used & (truth["ring"] & of)[:, None])
    for index, name in enumerate(FORMATS):
        figures[f"code_{name}"] = share(whole, ok & (form == index))
    wrong, _, _ = collect(run, pool, limit, lambda g, s, l: views.floor(g, s, l, CLOSE, 1.0))
    figures["ok_auc"] = auc(out["ok"][ok, 0], torch.cat([wrong["ok"][:, 0], out["ok"][~ok, 0]]))
    return figures


def peaks(logits, count=3, reach=4):
    """The best rotations (degrees, mirrored), at least `reach` bins apart, sub-bin by the local centroid."""
    p = logits.softmax(1).view(-1, 2, BINS).clone()
    rows = torch.arange(len(p), device=p.device)
    near = torch.arange(-reach, reach + 1, device=p.device)
    found = []
    for _ in range(count):
        best = p.flatten(1).argmax(1)
        mirrored, at = best.div(BINS, rounding_mode="floor"), best % BINS
        around = (at[:, None] + near[None]) % BINS
        weight = p[rows[:, None], mirrored[:, None], around] * (near.abs() <= 2)
        shift = (weight * near).sum(1) / weight.sum(1).clamp(min=1e-9)
        found.append((((at + 0.5 + shift) * (360 / BINS)).remainder(360), mirrored))
        p[rows[:, None], mirrored[:, None], around] = 0
    return found


def poser(run, pool, limit):
    """Rotation within 6 degrees first and among three; errors of rim and floor."""
    jitter = {"near_share": 0.0, "centre": 0.06, "size": 0.08}
    out, truth, labels = collect(run, pool, limit, lambda g, s, l: views.crater(g, l, jitter, free=True))
    marked = truth["mark"] > 0.5
    hits = []
    for degrees, mirrored in peaks(out["rotation"]):
        gap = (degrees - truth["rotation"] + 180).remainder(360) - 180
        hits.append((gap.abs() < 6) & (mirrored == truth["mirrored"].round()))
    any_hit = hits[0] | hits[1] | hits[2]
    figures = {
        "first": share(hits[0], marked),
        "among_3": share(any_hit, marked),
        "mark_auc": auc(out["mark"][marked, 0], out["mark"][~marked, 0]),
    }
    for tier, name in enumerate(TIERS):
        of = (labels["tier"].round() == tier) & marked
        figures[f"first_{name}"] = share(hits[0], of)
        figures[f"among_3_{name}"] = share(any_hit, of)
    for name in ("rim", "floor"):
        gap = (out[name] - truth[name]).abs()
        place = gap[:, :2].norm(dim=1) / truth[name][:, 2].exp()
        for what, values in (("centre", place), ("size", gap[:, 2]), ("shape", gap[:, 3:].norm(dim=1))):
            figures[f"{name}_{what}_median"] = values.median().item()
            figures[f"{name}_{what}_p95"] = values.quantile(0.95).item()
    return figures


def finder(run, pool, limit):
    """Overlap of each class; radii of face and rim by area, where the frame does not cut them."""
    out, truth, labels = collect(run, pool, limit, lambda g, s, l: views.photo(g, s, zoom=0.0))
    seen, true = out["classes"].argmax(1), truth["classes"].argmax(1)
    figures = {}
    for at, name in enumerate(["outside", "edge", "face", "wall", "floor"]):
        both, either = (seen == at) & (true == at), (seen == at) | (true == at)
        figures[f"iou_{name}"] = both.sum().item() / max(1, either.sum().item())
    for name, first in (("face", 2), ("rim", 3)):
        inside, real = seen >= first, true >= first
        border = torch.zeros_like(real)
        border[:, 0] = border[:, -1] = border[:, :, 0] = border[:, :, -1] = True
        whole = real.any(2).any(1) & ~(real & border).any(2).any(1)
        if whole.any():
            area = inside.sum((1, 2))[whole].float() / real.sum((1, 2))[whole]
            gap = (area.sqrt() - 1).abs()
            figures[f"{name}_radius_median"] = gap.median().item()
            figures[f"{name}_radius_p95"] = gap.quantile(0.95).item()
    for at, name in enumerate(["primer", "impression"]):
        figures[f"{name}_present"] = share(
            (out["present"][:, at] > 0) == (truth["present"][:, at] > 0.5), truth["certain"][:, at] > 0.5
        )
    return figures


OF = {"finder": finder, "poser": poser, "reader": reader}
# What to show on the one line a validation prints.
SHOWN = {
    "finder": ["iou_face", "iou_floor", "face_radius_median", "rim_radius_median", "impression_present"],
    "poser": ["first", "among_3", "mark_auc", "rim_centre_median", "floor_size_median"],
    "reader": ["chars", "code_clean", "code_field", "code_mixed", "code_severe", "teeth_field", "format", "ok_auc"],
}
