"""Figures on the validation tiles: other guns and faces than training draws, the same for every run.

Views are drawn from a fixed seed and not disturbed further.
"""

import torch

import losses
import views
from graph import finer, prepare
from networks import BINS, FINE, FORMATS, TILE

# Profiles with marks, by their number in the tiles' labels.
TIERS = {"clean": 0, "field": 1, "mixed": 2, "severe": 3, "littered": 5}
# Jitter that is left once the reader has corrected a pose.
CLOSE = {
    "near_share": 1.0, "turn_near": 1.5, "turn_far": 0.0, "centre_near": 0.01, "centre_far": 0.0,
    "size_near": 0.01, "size_far": 0.0,
}


def collect(run, pool, limit, view, batch=256):
    """Runs a network over the first `limit` tiles; returns outputs, answers and labels, joined.

    `view` makes prepared input and answers of grey and second planes and labels.
    """
    outs, truths, labels = [], [], []
    for index in torch.arange(min(pool.count, limit), device=pool.device).split(batch):
        grey, second, label = pool.take(index)
        x, truth = view(grey, second, label)
        outs.append({k: v.float() for k, v in run(x).items()})
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


def prepared(view):
    """A view of plain grey tiles as one of prepared input."""
    def made(*planes):
        tile, truth = view(*planes)
        return prepare(tile), truth
    return made


def layout(run, pool, limit):
    """Format, ring, pose, cells, strokes; `ok` against floors shown wrongly."""
    jitter = {**CLOSE, "turn_near": 3.0, "centre_near": 0.02, "size_near": 0.03}
    out, truth, labels = collect(run, pool, limit, prepared(lambda g, s, l: views.floor(g, s, l, jitter, 0.0)))
    ok, form = truth["ok"] > 0.5, truth["format"]
    cells = out["cells"][torch.arange(len(form)), form] - truth["cells"]
    height = truth["cells"][:, 4:]
    figures = {
        "format": share(out["format"].argmax(1) == form, ok),
        "gear": share((out["gear"].squeeze(1) > 0) == (truth["gear"] > 0.5), ok),
        "pose_deg": (out["pose"][ok, 3] - truth["pose"][ok, 3]).abs().rad2deg().median().item(),
        # Errors of the middle and of the pitches in character heights: a cell may be 0.2 off.
        "middle_p90": (cells[:, :2].norm(dim=1) / height[:, 0])[ok].quantile(0.9).item(),
        "column_p90": (cells[:, 2].abs() / height[:, 0])[ok].quantile(0.9).item(),
        "height_p90": (cells[:, 4].abs() / height[:, 0])[ok].quantile(0.9).item(),
        "ink_nats": torch.nn.functional.binary_cross_entropy_with_logits(out["ink"].squeeze(1), truth["ink"]).item(),
    }
    for name, tier in TIERS.items():
        figures[f"format_{name}"] = share(out["format"].argmax(1) == form, (labels["tier"].round() == tier) & ok)
    wrong, _, _ = collect(run, pool, limit, prepared(lambda g, s, l: views.floor(g, s, l, jitter, 1.0)))
    figures["ok_auc"] = auc(out["ok"][ok, 0], torch.cat([wrong["ok"][:, 0], out["ok"][~ok, 0]]))
    return figures


def glyph(run, pool, limit):
    """Characters and whole codes by tier, from cells that are nearly where they should be."""
    jitter = {"near_share": 1.0, "place_near": 0.04, "place_far": 0, "size_near": 0.04, "size_far": 0,
              "turn_near": 1.5, "turn_far": 0, "stretch_near": 0, "stretch_far": 0, "slant_near": 0, "slant_far": 0}

    def view(grey, ink, labels):
        tile, truth = views.floor(grey, ink, labels, CLOSE, 0.0, FINE // TILE)
        pieces, answers = views.cells(finer(tile), truth, jitter, 0.0)
        return pieces, {k: v.unflatten(0, (-1, 8)).flatten(0, 1) for k, v in answers.items()}

    out, truth, labels = collect(run, pool, limit, view, batch=64)
    shown = truth["shown"].view(-1, 8)
    ok = shown.any(1)
    hit = (out["symbol"][:, :33].argmax(1) == truth["symbol"]).view(-1, 8)
    logp = out["symbol"][:, :33].log_softmax(-1).gather(1, truth["symbol"].clamp(max=32)[:, None]).view(-1, 8)
    whole = (hit | ~shown).all(1)
    none = out["symbol"].softmax(1)[:, 33].view(-1, 8).mean(1)
    figures = {
        "chars": share(hit, shown),
        "nats_a_char": -losses.mean(logp, shown).item(),
        "mark_auc": auc(-none[ok], -none[~ok]),
        "offset_p90": (out["offset"] - truth["offset"])[truth["shown"], :2].norm(dim=1).quantile(0.9).item(),
    }
    for name, tier in TIERS.items():
        of = (labels["tier"].round() == tier) & ok
        figures[f"chars_{name}"] = share(hit, shown & of[:, None])
        figures[f"code_{name}"] = share(whole, of)
    for index, name in enumerate(FORMATS):
        figures[f"code_{name}"] = share(whole, ok & (labels["format"].round() == index))
    return figures


def ring(run, pool, limit):
    """Sectors and symbols by tier, from rings unrolled nearly as they lie and as `layout` leaves them."""
    figures = {}
    for name, jitter in (
        ("", {"near_share": 1.0, "centre_near": 0.005, "size_near": 0.005, "turn_near": 0.3}),
        ("_off", {"near_share": 1.0, "centre_near": 0.014, "size_near": 0.018, "turn_near": 0.8}),
    ):
        jitter = {"centre_far": 0.0, "size_far": 0.0, "turn_far": 0.0, **jitter}

        def view(grey, ink, labels):
            tile, truth = views.floor(grey, ink, labels, CLOSE, 0.0, FINE // TILE)
            return views.strip(finer(tile), truth, jitter)

        out, truth, labels = collect(run, pool, limit, view)
        used = truth["used"]
        hit = (out["teeth"] > 0) == (truth["teeth"] > 0.5)
        symbol = hit[:, 4:].unflatten(1, (8, 6)).all(2)
        there = used[:, 4:].unflatten(1, (8, 6)).all(2)
        gap = (out["offset"] - truth["offset"])[truth["shown"]].abs()
        figures |= {
            f"teeth{name}": share(hit, used), f"symbols{name}": share(symbol, there),
            f"centre{name}_median": gap[:, :2].norm(dim=1).median().item(), f"size{name}_median": gap[:, 2].median().item(),
        }
        for of_tier, tier in TIERS.items():
            of = (labels["tier"].round() == tier)[:, None]
            figures[f"symbols{name}_{of_tier}"] = share(symbol, there & of)
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


def turn(run, pool, limit):
    """Rotation within 6 degrees first and among three."""
    jitter = {"near_share": 1.0, "centre_near": 0.03, "centre_far": 0.0, "size_near": 0.03, "size_far": 0.0}

    def view(grey, ink, labels):
        tile, truth = views.unturned(grey, labels, jitter)
        return views.unrolled(prepare(tile)), truth

    out, truth, labels = collect(run, pool, limit, view)
    marked = truth["mark"] > 0.5
    hits = []
    for degrees, mirrored in peaks(out["rotation"]):
        gap = (degrees - truth["rotation"] + 180).remainder(360) - 180
        hits.append((gap.abs() < 6) & (mirrored == truth["mirrored"].round()))
    any_hit = hits[0] | hits[1] | hits[2]
    figures = {"first": share(hits[0], marked), "among_3": share(any_hit, marked)}
    for name, tier in TIERS.items():
        of = (labels["tier"].round() == tier) & marked
        figures[f"first_{name}"] = share(hits[0], of)
        figures[f"among_3_{name}"] = share(any_hit, of)
    return figures


def poser(run, pool, limit):
    """Whether there is a mark; errors of rim and floor, from a rim found nearly where it is and from one far off."""
    figures = {}
    for name, centre, size in (("", 0.05, 0.06), ("_off", 0.15, 0.25)):
        jitter = {"near_share": 1.0, "centre_near": centre, "centre_far": 0.0, "size_near": size, "size_far": 0.0}
        out, truth, _ = collect(run, pool, limit, prepared(lambda g, s, l: views.crater(g, l, jitter)))
        marked = truth["mark"] > 0.5
        figures[f"mark_auc{name}"] = auc(out["mark"][marked, 0], out["mark"][~marked, 0])
        for part in ("rim", "floor"):
            gap = (out[part] - truth[part]).abs()
            place = gap[:, :2].norm(dim=1) / truth[part][:, 2].exp()
            for what, values in (("centre", place), ("size", gap[:, 2]), ("shape", gap[:, 3:].norm(dim=1))):
                figures[f"{part}_{what}{name}_median"] = values.median().item()
                figures[f"{part}_{what}{name}_p95"] = values.quantile(0.95).item()
    return figures


def finder(run, pool, limit):
    """Overlap of each class; radii of face and rim by area, where the frame does not cut them."""
    out, truth, labels = collect(run, pool, limit, prepared(lambda g, s, l: views.photo(g, s, zoom=0.0)))
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


OF = {"finder": finder, "poser": poser, "turn": turn, "layout": layout, "glyph": glyph, "ring": ring}
# What to show on the one line a validation prints.
SHOWN = {
    "finder": ["iou_face", "iou_floor", "face_radius_median", "rim_radius_median", "impression_present"],
    "poser": ["mark_auc", "rim_centre_median", "rim_size_median", "rim_size_off_median", "rim_size_off_p95", "floor_size_median"],
    "turn": ["first", "among_3", "first_clean", "first_field", "first_mixed", "first_severe"],
    "layout": ["format", "gear", "ok_auc", "pose_deg", "middle_p90", "height_p90"],
    "glyph": ["chars", "nats_a_char", "code_clean", "code_field", "code_mixed", "code_severe", "code_littered", "mark_auc", "offset_p90"],
    "ring": ["teeth", "symbols", "symbols_clean", "symbols_field", "symbols_off_field", "symbols_mixed", "centre_median", "size_median"],
}
