//! Line numbers of a CSV file's rows, as an editor counts them.

use std::io::Read;

/// Counts on from row to row. The reader's own count is one behind where lines end in a carriage return and a line
/// feed, and stands still where they end in a carriage return alone.
#[derive(Debug)]
pub struct Lines {
    last: u64,
}

impl Lines {
    /// Behind the first line, which names the columns.
    pub fn after_names() -> Self {
        Self { last: 1 }
    }

    /// The line on which the next row begins: the one that the reader has just read, and stands behind at `after`. It
    /// counts the empty lines before a row as the row's own.
    pub fn of(&mut self, row: &csv::StringRecord, after: &csv::Position) -> u64 {
        let by_end = after.line().saturating_sub(1 + lines_more(row) as u64);
        self.last = self.next(row.position()).max(by_end);
        self.last
    }

    /// The line of a next row that cannot be read, from `position` on.
    pub fn next(&mut self, position: Option<&csv::Position>) -> u64 {
        self.last = position.map_or(0, csv::Position::line).max(self.last + 1);
        self.last
    }
}

/// What the message of a missing column adds where the names show why: a spreadsheet has put semicolons between them.
pub fn by_semicolons(names: &csv::StringRecord) -> &'static str {
    let are = names.len() == 1 && names.iter().any(|name| name.contains(';'));
    if are { ": semicolons stand between its columns, where commas belong" } else { "" }
}

/// How many more lines than one a row stands on: a quotation mark may hold several.
pub fn lines_more(row: &csv::StringRecord) -> usize {
    row.iter().map(|cell| cell.lines().count().saturating_sub(1)).sum()
}

/// The rows behind the names of the columns, each with its line.
pub fn rows<R: Read>(
    mut reader: csv::Reader<R>,
) -> impl Iterator<Item = Result<(u64, csv::StringRecord), csv::Error>> {
    let mut lines = Lines::after_names();
    std::iter::from_fn(move || {
        let mut row = csv::StringRecord::new();
        match reader.read_record(&mut row) {
            Ok(true) => Some(Ok((lines.of(&row, reader.position()), row))),
            Ok(false) => None,
            Err(e) => Some(Err(e)),
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<u64> {
        rows(csv::Reader::from_reader(text.as_bytes())).map(|row| row.unwrap().0).collect()
    }

    #[test]
    fn rows_have_the_lines_of_an_editor_whatever_ends_them() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "1,2", "3,4", "5,6", ""].join(end);
            assert_eq!(seen(&text), [2, 3, 4], "{end:?}");
        }
        // A cell of two lines, and empty lines between; with and without an end of the last line.
        assert_eq!(seen("a,b\n1,\"x\ny\"\n\n3,4\n\n\n5,6\n"), [2, 5, 8]);
        assert_eq!(seen("a,b\n1,2\n3,4"), [2, 3]);
    }
}
