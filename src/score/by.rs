//! The same figures for each value of a column of the truth.

use super::figures::{Figures, figures, quantile};
use super::pair::Pair;
use serde::Serialize;
use std::collections::BTreeMap;

/// Columns whose values are names even where they look like numbers.
const NAMES: [&str; 3] = ["gun", "case", "scene"];

/// More distinct numbers than this are put into quartiles: a handful of settings stays as it is.
const MOST_VALUES: usize = 8;

/// The figures by one column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Split {
    /// Name of the column.
    pub column: String,
    /// Its groups: quartiles or values in ascending order, photographs without a value last.
    pub groups: Vec<Group>,
}

/// The photographs that share a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// The value, or the range of a quartile; `(none)` where the cell is empty.
    pub value: String,
    /// Their figures.
    pub figures: Figures,
}

/// Works out the figures for each value of the column at `index`, called `column`.
pub fn split(pairs: &[Pair<'_>], column: &str, index: usize) -> Split {
    let cell = |p: &Pair<'_>| p.truth.cells.get(index).map_or("", String::as_str).to_string();
    let numbers: Option<Vec<f64>> = pairs
        .iter()
        .map(cell)
        .filter(|value| !value.is_empty())
        .map(|value| value.parse::<f64>().ok().filter(|v| v.is_finite()))
        .collect();
    let numbers = numbers.filter(|_| !NAMES.contains(&column));
    let edges = numbers.as_deref().and_then(quartiles);

    // The key sorts: quartile or rank of the number, then the text; an empty cell after all others.
    let mut groups: BTreeMap<(usize, String), Vec<Pair<'_>>> = BTreeMap::new();
    let mut distinct = numbers.unwrap_or_default();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    for &pair in pairs {
        let value = cell(&pair);
        let key = match (value.parse::<f64>(), &edges) {
            _ if value.is_empty() => (usize::MAX, "(none)".to_string()),
            (Ok(number), Some(edges)) => {
                let bin = edges[1..edges.len() - 1].iter().filter(|&&edge| number > edge).count();
                let over = if bin == 0 { "" } else { "over " };
                (bin, format!("{over}{} to {}", short(edges[bin]), short(edges[bin + 1])))
            }
            (Ok(number), None) => (distinct.partition_point(|&d| d < number), value),
            (Err(_), _) => (0, value),
        };
        groups.entry(key).or_default().push(pair);
    }
    Split {
        column: column.to_string(),
        groups: groups
            .into_iter()
            .map(|((_, value), pairs)| Group { value, figures: figures(&pairs) })
            .collect(),
    }
}

/// Edges of the quartiles, lowest and highest value included; `None` for few distinct numbers.
/// Edges that coincide, as where half the values are 0, are given once.
fn quartiles(numbers: &[f64]) -> Option<Vec<f64>> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() <= MOST_VALUES {
        return None;
    }
    let mut edges: Vec<f64> =
        [0.0, 0.25, 0.5, 0.75, 1.0].iter().filter_map(|&q| quantile(&sorted, q)).collect();
    // A lowest value that fills the first quartile is a group of its own: "0 to 0".
    let lowest_fills = edges[0] == edges[1];
    edges.dedup();
    if lowest_fills {
        edges.insert(0, edges[0]);
    }
    Some(edges)
}

/// A number to four significant digits.
fn short(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { 3 - value.abs().log10().floor() as i32 };
    let text = format!("{value:.*}", digits.clamp(0, 9) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}
