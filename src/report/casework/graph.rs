//! Scenes that leads connect, as small graphs: each connected part on a circle, in a fixed order.

use super::leads::Pair;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::TAU;

/// Scenes drawn in one part: on a circle of more nobody follows a line.
const MOST_SCENES: usize = 40;
/// Parts drawn at the most, the largest first.
const MOST_PARTS: usize = 24;
/// Distance of neighbours on the circle, drawing units (pixels at full size).
const STEP: f64 = 54.0;
/// Smallest radius of a circle.
const RADIUS: f64 = 70.0;
/// Room for names on the left and right of a circle.
const NAMES: f64 = 190.0;
/// Characters of a scene's name that are drawn; the table has the whole one.
const NAME: usize = 22;

/// The graphs, and how many parts are left out.
#[derive(Debug, Serialize)]
pub struct Graphs {
    /// The parts, the largest first.
    pub panels: Vec<Panel>,
    /// Parts too many or too large to be drawn.
    pub left_out: usize,
}

/// One connected part.
#[derive(Debug, PartialEq, Serialize)]
pub struct Panel {
    width: f64,
    height: f64,
    scenes: Vec<Scene>,
    links: Vec<Link>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Scene {
    name: String,
    whole: String,
    x: f64,
    y: f64,
    name_x: f64,
    anchor: &'static str,
}

#[derive(Debug, PartialEq, Serialize)]
struct Link {
    x1: f64,
    y1: f64,
    x2: f64,
    y2: f64,
    /// Where its number stands.
    x: f64,
    y: f64,
    leads: usize,
    /// Whether all of these are hardly leads.
    hardly: bool,
    /// Line width.
    width: f64,
}

/// Leads between two scenes: all, and those that are more than hardly leads.
#[derive(Clone, Copy, Debug, Default)]
struct Between {
    all: usize,
    sure: usize,
}

/// A scene of a run: two runs may use one name for different scenes.
type Key<'a> = (&'a str, &'a str);

/// Draws which scenes the pairs connect. Pairs within a scene draw nothing.
pub fn panels(pairs: &[Pair]) -> Graphs {
    let mut links: BTreeMap<(Key<'_>, Key<'_>), Between> = BTreeMap::new();
    for pair in pairs {
        let (a, b) = ((&*pair.a.scene, &*pair.a.out), (&*pair.b.scene, &*pair.b.out));
        if a != b {
            let between = links.entry((a.min(b), a.max(b))).or_default();
            between.all += 1;
            between.sure += usize::from(!pair.is_hardly());
        }
    }
    let mut parts = parts(&links);
    // Stable: parts of one size keep the order of their first scene.
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    let all = parts.len();
    let panels: Vec<Panel> = parts
        .iter()
        .filter(|part| part.len() <= MOST_SCENES)
        .take(MOST_PARTS)
        .map(|part| panel(part, &links))
        .collect();
    Graphs { left_out: all - panels.len(), panels }
}

/// The connected parts, each in the order of its scenes.
fn parts<'a>(links: &BTreeMap<(Key<'a>, Key<'a>), Between>) -> Vec<Vec<Key<'a>>> {
    let mut near: BTreeMap<Key<'a>, Vec<Key<'a>>> = BTreeMap::new();
    for (a, b) in links.keys() {
        near.entry(*a).or_default().push(*b);
        near.entry(*b).or_default().push(*a);
    }
    let mut seen = BTreeSet::new();
    let mut parts = Vec::new();
    for first in near.keys() {
        let mut part = BTreeSet::new();
        let mut open = vec![*first];
        while let Some(scene) = open.pop() {
            if seen.insert(scene) {
                part.insert(scene);
                open.extend(&near[&scene]);
            }
        }
        if !part.is_empty() {
            parts.push(part.into_iter().collect());
        }
    }
    parts
}

fn panel(part: &[Key<'_>], links: &BTreeMap<(Key<'_>, Key<'_>), Between>) -> Panel {
    let radius = (part.len() as f64 * STEP / TAU).max(RADIUS);
    let (cx, cy) = (radius + NAMES, radius + 30.0);
    let round = |v: f64| (v * 10.0).round() / 10.0;
    let place = |i: usize| {
        // The first at 9 o'clock, so that two scenes stand side by side.
        let (s, c) = (i as f64 * TAU / part.len() as f64).sin_cos();
        (round(cx - radius * c), round(cy - radius * s))
    };
    let scenes = part.iter().enumerate().map(|(i, (scene, out))| {
        let (x, y) = place(i);
        let side = if x > cx + 1.0 { 1.0 } else { -1.0 };
        let mut name: String = scene.chars().take(NAME).collect();
        if scene.chars().count() > NAME {
            name.push('…');
        }
        let anchor = if side > 0.0 { "start" } else { "end" };
        Scene { name, whole: format!("{scene} ({out})"), x, y, name_x: round(x + 14.0 * side), anchor }
    });
    let at: BTreeMap<Key<'_>, usize> = part.iter().enumerate().map(|(i, key)| (*key, i)).collect();
    let drawn = links.iter().filter_map(|((a, b), leads)| {
        let ((x1, y1), (x2, y2)) = (place(*at.get(a)?), place(*at.get(b)?));
        let width = round((1.0 + (leads.all as f64).ln()).min(6.0));
        Some(Link {
            x1,
            y1,
            x2,
            y2,
            x: round((x1 + x2) / 2.0),
            y: round((y1 + y2) / 2.0),
            leads: leads.all,
            hardly: leads.sure == 0,
            width,
        })
    });
    Panel {
        width: round(2.0 * cx),
        height: round(2.0 * cy),
        links: drawn.collect(),
        scenes: scenes.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::leads::Member;
    use super::*;

    fn pair(a: &str, b: &str) -> Pair {
        let member = |scene: &str| Member {
            scene: scene.into(),
            path: String::new(),
            out: "out".into(),
            code: String::new(),
            status: String::new(),
            unsure: scene == "c",
            file: None,
        };
        Pair {
            a: member(a),
            b: member(b),
            shared: String::new(),
            log10_lr: String::new(),
            agree: String::new(),
        }
    }

    #[test]
    fn scenes_are_drawn_once_whatever_the_order_of_the_leads() {
        let forth = [pair("a", "b"), pair("c", "d"), pair("b", "a"), pair("b", "e"), pair("f", "f")];
        let back: Vec<Pair> = forth.iter().rev().map(|p| pair(&p.b.scene, &p.a.scene)).collect();
        let graphs = panels(&forth);
        assert_eq!(graphs.panels, panels(&back).panels);
        let names = |p: &Panel| p.scenes.iter().map(|s| s.name.clone()).collect::<String>();
        assert_eq!(graphs.panels.iter().map(names).collect::<Vec<_>>(), ["abe", "cd"]);
        let links =
            |part: usize| graphs.panels[part].links.iter().map(|l| (l.leads, l.hardly)).collect::<Vec<_>>();
        assert_eq!((links(0), links(1)), (vec![(2, false), (1, false)], vec![(1, true)]));
    }

    #[test]
    fn a_part_too_large_to_follow_is_counted_and_not_drawn() {
        let chain: Vec<Pair> =
            (0..MOST_SCENES).map(|i| pair(&format!("{i:03}"), &format!("{:03}", i + 1))).collect();
        let graphs = panels(&chain);
        assert_eq!((graphs.panels.len(), graphs.left_out), (0, 1));
    }
}
