//! The strokes of A to Z.

use super::stroke::{End, Pen};
use super::style::{Apex, Foot, GForm, RLeg, Style, Tail};

/// Width of a letter over that of an ordinary capital in a face without equal widths;
/// 0 for a bare bar. Proportions as in grotesques (Helvetica, DIN 1451).
pub(super) fn width(s: &Style, c: char) -> Option<f32> {
    Some(match c {
        'I' if s.i_serif || s.serif > 0.0 => 0.62,
        'I' => 0.0,
        'J' => 0.78,
        'L' | 'F' => 0.86,
        'E' => 0.9,
        'P' | 'S' | 'T' | 'Z' => 0.95,
        'B' | 'K' | 'R' => 1.0,
        'A' | 'C' | 'D' | 'H' | 'N' | 'U' | 'V' | 'X' | 'Y' => 1.05,
        'G' | 'O' | 'Q' => 1.1,
        'M' => 1.25,
        'W' => 1.45,
        _ => return None,
    })
}

/// Whether the letter has stems that bear serifs.
pub(super) fn has_slabs(c: char) -> bool {
    "AFHKLMNPRU".contains(c)
}

/// Draws a letter.
pub(super) fn draw(p: &Pen<'_>, c: char) {
    match c {
        'A' => a(p),
        'B' => b(p),
        'C' => c_(p),
        'D' => d(p),
        'E' => e(p, true),
        'F' => e(p, false),
        'G' => g(p),
        'H' => {
            let w = p.y(p.s.waist);
            p.stem(p.l);
            p.stem(p.r);
            p.stroke(p.l, w, p.r, w, End::Join, End::Join);
        }
        'I' => i(p),
        'J' => j(p),
        'K' => k(p),
        'L' => {
            p.go(p.l, p.t).line(p.l, p.b).line(p.r, p.b).ink(End::Line, End::Line);
            p.slab(p.l, p.t);
        }
        'M' => m(p),
        'N' => {
            p.go(p.l, p.b).line(p.l, p.t).line(p.r, p.b).line(p.r, p.t).ink(End::Line, End::Line);
            p.slab(p.l, p.b);
            p.slab(p.r, p.t);
        }
        'O' => ring(p),
        'P' => {
            let w = p.y((p.s.waist + 0.06).min(0.58));
            top_bowl(p, p.r, w);
            p.stroke(p.l, p.t, p.l, p.b, End::Line, End::Line);
            p.slab(p.l, p.b);
        }
        'Q' => q(p),
        'R' => r(p),
        'S' => s(p),
        'T' => {
            p.stroke(p.l, p.t, p.r, p.t, End::Line, End::Line);
            p.stroke(p.cx(), p.t, p.cx(), p.b, End::Join, End::Line);
            p.slab(p.cx(), p.b);
        }
        'U' => {
            let y = p.b - ((p.r - p.l) / 2.0).min(0.5);
            p.go(p.l, p.t).line(p.l, y);
            p.bowl(p.cx(), p.b, false).bowl(p.r, y, true).line(p.r, p.t).ink(End::Line, End::Line);
            p.slab(p.l, p.t);
            p.slab(p.r, p.t);
        }
        'V' => p.go(p.l, p.t).line(p.cx(), p.b).line(p.r, p.t).ink(End::Line, End::Line),
        'W' => w(p),
        'X' => {
            p.stroke(p.l, p.t, p.r, p.b, End::Line, End::Line);
            p.stroke(p.r, p.t, p.l, p.b, End::Line, End::Line);
        }
        'Y' => {
            let fork = p.y(p.s.y_fork);
            p.go(p.l, p.t).line(p.cx(), fork).line(p.r, p.t).ink(End::Line, End::Line);
            p.stroke(p.cx(), fork, p.cx(), p.b, End::Join, End::Line);
            p.slab(p.cx(), p.b);
        }
        'Z' => {
            p.go(p.l, p.t).line(p.r, p.t).line(p.l, p.b).line(p.r, p.b).ink(End::Line, End::Line);
        }
        _ => {}
    }
}

/// A closed bowl over the whole box: O and 0.
pub(super) fn ring(p: &Pen<'_>) {
    let (cx, cy) = (p.cx(), p.y(0.5));
    p.go(cx, p.t).bowl(p.r, cy, true).bowl(cx, p.b, false).bowl(p.l, cy, true).bowl(cx, p.t, false);
    p.close();
}

/// The bowl of B, P, R from the stem's top to the waist `y`.
fn top_bowl(p: &Pen<'_>, right: f32, y: f32) {
    let r = ((y - p.t) / 2.0).min(right - p.l);
    let (from, middle) = (right - r.max((right - p.l) * 0.4), (p.t + y) / 2.0);
    p.go(p.l, p.t).line(from, p.t).bowl(right, middle, true).bowl(from, y, false).line(p.l, y);
    p.ink(End::Line, End::Join);
}

fn a(p: &Pen<'_>) {
    let cx = p.cx();
    let bar = p.y(0.66 + 0.06 * p.s.lift);
    match p.s.a {
        Apex::Bowl => {
            let y = p.t + ((p.r - p.l) / 2.0).min(0.45);
            p.go(p.l, p.b).line(p.l, y).bowl(cx, p.t, false).bowl(p.r, y, true).line(p.r, p.b);
            p.ink(End::Line, End::Line);
            p.stroke(p.l, bar, p.r, bar, End::Join, End::Join);
        }
        apex => {
            let flat = if apex == Apex::Flat { p.s.stroke * 0.35 } else { 0.0 };
            let up = p.go(p.l, p.b).line(cx - flat, p.t);
            if flat > 0.0 {
                up.line(cx + flat, p.t);
            }
            up.line(p.r, p.b).ink(End::Line, End::Line);
            let share = (p.b - bar) / (p.b - p.t);
            let x = p.l + (cx - flat - p.l) * share;
            p.stroke(x, bar, 2.0 * cx - x, bar, End::Join, End::Join);
            p.slab(p.l, p.b);
            p.slab(p.r, p.b);
        }
    }
}

fn b(p: &Pen<'_>) {
    let w = p.y(p.s.waist);
    let upper = p.x(p.s.upper);
    top_bowl(p, upper, w);
    let r = ((p.b - w) / 2.0).max((p.r - p.l) * 0.4).min(p.r - p.l);
    let (from, middle) = (p.r - r, (w + p.b) / 2.0);
    p.go(p.l, w).line(from, w).bowl(p.r, middle, true).bowl(from, p.b, false).line(p.l, p.b);
    p.ink(End::Join, End::Line);
    p.stroke(p.l, p.t, p.l, p.b, End::Line, End::Line);
}

/// Height at which an open bowl that begins at height `from` and would end at `to` stops, so that
/// daylight stays between it and the stroke in whose middle the height `other` lies.
pub(super) fn opening(p: &Pen<'_>, from: f32, to: f32, other: f32) -> f32 {
    let wanted = (to - from).abs() * (1.0 - 0.7 * p.s.aperture);
    // Two half strokes and a gap that engraving can keep open.
    let room = (other - from).abs() - p.s.stroke - (0.09 + 0.06 * p.s.aperture);
    from + (to - from).signum() * wanted.min(room.max(0.02))
}

fn c_(p: &Pen<'_>) {
    let (cx, cy) = (p.cx(), p.y(0.5));
    // The arms keep away from each other, as if from a bar in the middle of the opening.
    let up = opening(p, p.t, cy, p.y(0.52));
    // From the left middle both ways, so that each arm can be cut back.
    p.go(p.l, cy).bowl(cx, p.t, false).bowl(p.r, cy, true).until(up).ink(End::Join, End::Free);
    p.go(p.l, cy).bowl(cx, p.b, false).bowl(p.r, cy, true).until(p.t + p.b - up);
    p.ink(End::Join, End::Free);
}

fn d(p: &Pen<'_>) {
    let r = (0.5 * (p.r - p.l)).max(0.45 * (p.r - p.l).min(0.6));
    let (from, cy) = (p.r - r.max(0.3).min(p.r - p.l), p.y(0.5));
    p.go(p.l, p.b).line(p.l, p.t).line(from, p.t).bowl(p.r, cy, true).bowl(from, p.b, false);
    p.line(p.l, p.b).ink(End::Line, End::Line);
}

fn e(p: &Pen<'_>, foot: bool) {
    let w = p.y(p.s.waist);
    if foot {
        p.go(p.r, p.t).line(p.l, p.t).line(p.l, p.b).line(p.r, p.b).ink(End::Line, End::Line);
    } else {
        p.go(p.r, p.t).line(p.l, p.t).line(p.l, p.b).ink(End::Line, End::Line);
        p.slab(p.l, p.b);
    }
    p.stroke(p.l, w, p.x(p.s.bar), w, End::Join, End::Line);
}

fn g(p: &Pen<'_>) {
    let (cx, cy) = (p.cx(), p.y(0.5));
    let bar = p.y(0.54 + 0.04 * p.s.lift);
    let up = opening(p, p.t, cy, bar);
    p.go(p.l, cy).bowl(cx, p.t, false).bowl(p.r, cy, true).until(up).ink(End::Join, End::Free);
    p.go(p.l, cy).bowl(cx, p.b, false);
    match p.s.g {
        GForm::Spur => {
            p.bowl(p.r, p.y(0.72), true).ink(End::Join, End::Join);
            p.go(cx, bar).line(p.r, bar).line(p.r, p.b).ink(End::Line, End::Line);
        }
        GForm::Rise => {
            p.bowl(p.r, p.y(0.74), true).line(p.r, bar).line(p.x(0.5), bar).ink(End::Join, End::Line);
        }
        GForm::Bar => {
            p.bowl(p.r, bar, true).ink(End::Join, End::Join);
            p.stroke(p.x(0.45), bar, p.r, bar, End::Line, End::Line);
        }
    }
}

fn i(p: &Pen<'_>) {
    p.stroke(p.cx(), p.t, p.cx(), p.b, End::Line, End::Line);
    if p.s.i_serif || p.s.serif > 0.0 {
        let reach = ((p.r - p.l) / 2.0).min(0.22);
        for y in [p.t, p.b] {
            p.stroke(p.cx() - reach, y, p.cx() + reach, y, End::Line, End::Line);
        }
    }
}

fn j(p: &Pen<'_>) {
    let r = ((p.r - p.l) / 2.0).min(0.4);
    let (cx, y) = (p.r - r, p.b - r.min(0.32));
    if p.s.j_bar {
        p.stroke(p.x(0.3), p.t, p.r, p.t, End::Line, End::Line);
    }
    p.go(p.r, p.t).line(p.r, y).bowl(cx, p.b, false);
    match p.s.j_foot {
        Foot::Bowl => {
            let end = p.b - (p.b - y) * (0.9 - 0.5 * p.s.aperture);
            p.bowl(p.l, y.min(end), true).ink(End::Line, End::Free);
        }
        Foot::Hook => p.line(p.l, p.b).ink(End::Line, End::Line),
    }
}

fn k(p: &Pen<'_>) {
    p.stem(p.l);
    let joint = p.y(0.5 + 0.16 * p.s.k_fork);
    p.stroke(p.r, p.t, p.l, joint, End::Line, End::Join);
    // The leg leaves from the arm, at most a third of the way up it.
    let up = 0.33 * p.s.k_fork;
    let (x, y) = (p.l + up * (p.r - p.l), joint + up * (p.t - joint));
    p.stroke(x, y, p.r, p.b, End::Join, End::Line);
}

fn m(p: &Pen<'_>) {
    // The feet of a splayed M stand on the box, its shoulders within it.
    let inward = 0.16 * p.s.m_splay * (p.r - p.l);
    let (left, right) = (p.l + inward, p.r - inward);
    let deep = p.y(p.s.m_depth);
    p.weigh(narrow(p, 0.5));
    p.go(p.l, p.b).line(left, p.t).line(p.cx(), deep).line(right, p.t).line(p.r, p.b);
    p.ink(End::Line, End::Line);
    p.slab(p.l, p.b);
    p.slab(p.r, p.b);
}

/// Weight of strokes where four of them stand side by side: thinner in narrow, heavy faces.
fn narrow(p: &Pen<'_>, room: f32) -> f32 {
    ((p.r - p.l) * room / (2.0 * p.s.stroke)).clamp(0.65, 1.0)
}

fn q(p: &Pen<'_>) {
    ring(p);
    let (cx, y) = (p.cx(), p.y(0.7));
    match p.s.q {
        Tail::Through => p.stroke(p.x(0.52), y, p.r, p.b, End::Free, End::Line),
        Tail::Outside => p.stroke(p.x(0.72), p.y(0.8), p.r, p.b, End::Join, End::Line),
        Tail::Down => p.stroke(cx, p.y(0.66), cx, p.b, End::Free, End::Line),
    }
}

fn r(p: &Pen<'_>) {
    let w = p.y((p.s.waist + 0.04).min(0.56));
    let right = p.x(if p.s.r == RLeg::Upright { 1.0 } else { 0.5 + p.s.upper / 2.0 });
    top_bowl(p, right, w);
    p.stroke(p.l, p.t, p.l, p.b, End::Line, End::Line);
    p.slab(p.l, p.b);
    match p.s.r {
        RLeg::Diagonal => p.stroke(p.x(0.25), w, p.r, p.b, End::Join, End::Line),
        RLeg::Steep => p.stroke(p.x(0.55), w, p.r, p.b, End::Join, End::Line),
        RLeg::Upright => {
            let y = w + (p.b - w) * 0.45;
            p.go(p.x(0.5), w).bowl(p.r, y, true).line(p.r, p.b).ink(End::Join, End::Line);
        }
    }
}

fn s(p: &Pen<'_>) {
    let (cx, w) = (p.cx(), p.y(p.s.waist));
    let (l, r) = (p.x((1.0 - p.s.upper) / 2.0), p.x((1.0 + p.s.upper) / 2.0));
    let (upper, lower) = ((p.t + w) / 2.0, (w + p.b) / 2.0);
    let swing = p.s.spine * (lower - upper);
    if swing > 0.0 {
        p.go(l, upper).curve([l, upper + swing, p.r, lower - swing], p.r, lower);
    } else {
        p.go(l, upper).bowl(cx, w, false).bowl(p.r, lower, true);
    }
    p.ink(End::Join, End::Join);
    p.go(l, upper).bowl(cx, p.t, false).bowl(r, upper, true);
    p.until(opening(p, p.t, upper, w)).ink(End::Join, End::Free);
    p.go(p.r, lower).bowl(cx, p.b, false).bowl(p.l, lower, true);
    p.until(opening(p, p.b, lower, w));
    p.ink(End::Join, End::Free);
}

fn w(p: &Pen<'_>) {
    let inward = (0.08 + 0.17 * p.s.w_splay) * (p.r - p.l);
    let inward = if p.s.w_splay > 0.0 { inward } else { 0.0 };
    let high = p.y(1.0 - p.s.w_rise);
    p.weigh(narrow(p, 0.5));
    p.go(p.l, p.t).line(p.l + inward, p.b).line(p.cx(), high).line(p.r - inward, p.b).line(p.r, p.t);
    p.ink(End::Line, End::Line);
}
