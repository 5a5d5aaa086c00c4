//! Line numbers of a CSV file's rows, as an editor counts them.

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

    /// The line of the next row, which the reader found at `position`.
    pub fn next(&mut self, position: Option<&csv::Position>) -> u64 {
        self.last = position.map_or(0, csv::Position::line).max(self.last + 1);
        self.last
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_the_lines_of_an_editor_whatever_ends_them() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "1,2", "3,4", "5,6", ""].join(end);
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let mut lines = Lines::after_names();
            let seen: Vec<u64> = reader.records().map(|r| lines.next(r.unwrap().position())).collect();
            assert_eq!(seen, [2, 3, 4], "{end:?}");
        }
        // A cell of two lines, and an empty line between.
        let mut reader = csv::Reader::from_reader("a,b\n1,\"x\ny\"\n\n3,4\n".as_bytes());
        let mut lines = Lines::after_names();
        let seen: Vec<u64> = reader.records().map(|r| lines.next(r.unwrap().position())).collect();
        assert_eq!((seen[0], seen.len()), (2, 2));
        assert!(seen[1] >= 4);
    }
}
