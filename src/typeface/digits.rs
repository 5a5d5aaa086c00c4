//! The strokes of 0 to 9.

use super::letters::{opening, ring};
use super::stroke::{End, Pen};
use super::style::{One, Seven, SixForm, Style, ThreeTop, TwoForm, Zero};

/// Width of a digit over that of an ordinary capital in a face without equal widths; 0 for a bare bar.
pub(super) fn width(s: &Style, c: char) -> Option<f32> {
    Some(match (c, s.one) {
        ('1', One::Bar) => 0.0,
        ('1', One::Flag) => 0.5,
        ('1', One::FlagFoot) => 0.7,
        ('0' | '2'..='9', _) => 0.92,
        _ => return None,
    })
}

/// Draws a digit.
pub(super) fn draw(p: &Pen<'_>, c: char) {
    match c {
        '0' => zero(p),
        '1' => one(p),
        '2' => two(p),
        '3' => three(p),
        '4' => four(p),
        '5' => five(p),
        '6' => six(p, false),
        '7' => seven(p),
        '8' => eight(p),
        '9' => six(p, true),
        _ => {}
    }
}

fn zero(p: &Pen<'_>) {
    ring(p);
    let (cx, cy) = (p.cx(), p.y(0.5));
    match p.s.zero {
        Zero::Plain => {}
        Zero::Slash => {
            p.weigh(0.75);
            p.stroke(p.x(0.86), p.y(0.2), p.x(0.14), p.y(0.8), End::Join, End::Join);
        }
        Zero::Dot => p.stroke(cx, cy - 0.05, cx, cy + 0.05, End::Free, End::Free),
    }
}

fn one(p: &Pen<'_>) {
    let flag = p.y(0.16 + 0.12 * p.s.aperture);
    match p.s.one {
        One::Bar => p.stroke(p.cx(), p.t, p.cx(), p.b, End::Line, End::Line),
        One::Flag => {
            let x = (p.r - 0.3).max(p.l);
            p.stroke(p.r, p.t, p.r, p.b, End::Line, End::Line);
            p.stroke(x, flag, p.r, p.t, End::Free, End::Join);
        }
        One::FlagFoot => {
            let cx = p.cx();
            p.stroke(cx, p.t, cx, p.b, End::Line, End::Line);
            p.stroke((cx - 0.28).max(p.l), flag, cx, p.t, End::Free, End::Join);
            p.stroke(p.l, p.b, p.r, p.b, End::Line, End::Line);
        }
    }
}

fn two(p: &Pen<'_>) {
    let cx = p.cx();
    let bowl = p.t + (p.b - p.t) * 0.28;
    let upper = (p.t + p.y(p.s.waist)) / 2.0;
    let lower = (p.y(p.s.waist) + p.b) / 2.0;
    match p.s.two {
        TwoForm::Square => {
            let w = p.y(p.s.waist);
            p.go(cx, p.t).bowl(p.l, upper, true).until(opening(p, p.t, upper, w)).ink(End::Join, End::Free);
            p.go(cx, p.t).bowl(p.r, upper, true).bowl(cx, w, false).bowl(p.l, lower, true);
            p.line(p.l, p.b).line(p.r, p.b).ink(End::Join, End::Line);
        }
        form => {
            p.go(cx, p.t)
                .bowl(p.l, bowl, true)
                .until(opening(p, p.t, bowl, p.y(0.6)))
                .ink(End::Join, End::Free);
            p.go(cx, p.t).bowl(p.r, bowl, true);
            if form == TwoForm::Straight {
                p.curve([p.r, bowl + 0.1, p.x(0.9), p.y(0.46)], p.x(0.7), p.y(0.56)).line(p.l, p.b);
            } else {
                p.curve([p.r, p.y(0.6), p.x(0.1), p.y(0.62)], p.l, p.b);
            }
            p.line(p.r, p.b).ink(End::Join, End::Line);
        }
    }
}

fn three(p: &Pen<'_>) {
    let (cx, w) = (p.cx(), p.y(p.s.waist));
    let lower = (w + p.b) / 2.0;
    let inner = p.x(0.5 - 0.3 * (p.s.bar - 0.6));
    if p.s.three == ThreeTop::Flat {
        let w = p.y(0.4);
        let lower = (w + p.b) / 2.0;
        p.go(p.l, p.t).line(p.r, p.t).line(p.x(0.4), w).ink(End::Line, End::Join);
        p.go(p.x(0.4), w).bowl(p.r, lower, true).bowl(cx, p.b, false);
        p.bowl(p.l, lower, true).until(opening(p, p.b, lower, w)).ink(End::Join, End::Free);
        return;
    }
    let upper = (p.t + w) / 2.0;
    let right = p.x(0.5 + p.s.upper / 2.0);
    let left = p.x(0.5 - p.s.upper / 2.0);
    p.go(cx, p.t).bowl(left, upper, true).until(opening(p, p.t, upper, w)).ink(End::Join, End::Free);
    p.go(cx, p.t).bowl(right, upper, true).bowl(cx, w, false).line(inner, w).ink(End::Join, End::Line);
    p.go(cx, w).bowl(p.r, lower, true).bowl(cx, p.b, false).bowl(p.l, lower, true);
    p.until(opening(p, p.b, lower, w)).ink(End::Join, End::Free);
}

fn four(p: &Pen<'_>) {
    let stem = p.x(p.s.four_stem);
    let bar = p.y(0.7 + 0.06 * p.s.lift);
    if p.s.four_open {
        p.go(p.x(0.12), p.t).line(p.l, bar).line(p.r, bar).ink(End::Line, End::Line);
        p.stroke(stem, p.y(0.3), stem, p.b, End::Free, End::Line);
    } else {
        p.go(stem, p.b).line(stem, p.t).line(p.l, bar).line(p.r, bar).ink(End::Line, End::Line);
    }
}

fn five(p: &Pen<'_>) {
    let cx = p.cx();
    let w = p.y((p.s.waist - 0.06).max(0.36));
    let lower = (w + p.b) / 2.0;
    let corner = p.x(if p.s.five_rise { 0.1 } else { 0.0 });
    if p.s.five_rise {
        let start = w + 0.06;
        p.go(p.x(0.97), p.t).line(corner, p.t).line(p.l, start).ink(End::Line, End::Join);
        p.go(p.l, start).curve([p.x(0.15), w + 0.02, p.x(0.3), w], cx, w);
    } else {
        p.go(p.x(0.97), p.t).line(corner, p.t).line(p.l, w).line(cx, w);
        p.ink(End::Line, End::Join);
        p.go(cx, w);
    }
    p.bowl(p.r, lower, true).bowl(cx, p.b, false).bowl(p.l, lower, true);
    p.until(opening(p, p.b, lower, w)).ink(End::Join, End::Free);
}

fn six(p: &Pen<'_>, turned: bool) {
    let cx = p.cx();
    let top = p.y(0.42 + 0.04 * p.s.lift);
    let middle = (top + p.b) / 2.0;
    p.go(cx, top).bowl(p.r, middle, true).bowl(cx, p.b, false).bowl(p.l, middle, true).bowl(cx, top, false);
    if turned {
        p.half_turn();
    }
    p.close();
    let end = match p.s.six {
        SixForm::Curved => {
            let y = p.t + (middle - p.t) * 0.55;
            p.go(p.l, middle).line(p.l, y.max(p.t + 0.2)).bowl(cx, p.t, false).bowl(p.r, y, true);
            p.until(opening(p, p.t, y, top));
            End::Free
        }
        SixForm::Straight => {
            p.go(p.l, middle).curve([p.l, p.y(0.5), p.x(0.2), p.y(0.36)], p.x(0.42), p.y(0.18));
            p.line(p.x(0.66), p.t);
            End::Line
        }
        SixForm::Stem => {
            p.go(p.l, middle).line(p.l, p.t);
            End::Line
        }
    };
    if turned {
        p.half_turn();
    }
    p.ink(End::Join, end);
}

fn seven(p: &Pen<'_>) {
    let foot = p.x(0.28);
    if p.s.seven == Seven::Curved {
        p.go(p.l, p.t).line(p.r, p.t).ink(End::Line, End::Line);
        p.go(p.r, p.t).curve([p.x(0.6), p.y(0.35), foot, p.y(0.6)], foot, p.b);
        p.ink(End::Join, End::Line);
        return;
    }
    p.go(p.l, p.t).line(p.r, p.t).line(foot, p.b).ink(End::Line, End::Line);
    match p.s.seven {
        Seven::Bar => {
            let y = p.y(0.52);
            let x = (p.r + foot) / 2.0;
            p.stroke((x - 0.2).max(p.l), y, (x + 0.18).min(p.r), y, End::Line, End::Line);
        }
        Seven::Hook => p.stroke(p.l, p.t, p.l, p.y(0.2), End::Join, End::Free),
        Seven::Plain | Seven::Curved => {}
    }
}

fn eight(p: &Pen<'_>) {
    let (cx, w) = (p.cx(), p.y(p.s.waist));
    let (upper, lower) = ((p.t + w) / 2.0, (w + p.b) / 2.0);
    let (l, r) = (p.x((1.0 - p.s.upper) / 2.0), p.x((1.0 + p.s.upper) / 2.0));
    p.go(cx, p.t).bowl(r, upper, true).bowl(cx, w, false).bowl(l, upper, true).bowl(cx, p.t, false);
    p.close();
    p.go(cx, w).bowl(p.r, lower, true).bowl(cx, p.b, false).bowl(p.l, lower, true).bowl(cx, w, false);
    p.close();
}
