//! Names from files as text: no two alike that differ, none that steers a terminal or a spreadsheet.
//!
//! A file's name is whatever an attacker wants it to be. `results.jsonl` holds it whole, as JSON escapes it;
//! tables and messages show it with its control characters spelled out.

use std::ffi::OsStr;
use std::path::Path;

/// A name as text. Bytes that are no UTF-8 stand as U+FFFD and their two hexadecimal digits, and so
/// do the three bytes of a U+FFFD that the name really holds: two names that differ never become one.
///
/// `b"a\xff.png"` becomes `a�ff.png`; any other name stays as it is.
pub fn text(name: &OsStr) -> String {
    if let Some(plain) = name.to_str().filter(|n| !n.contains(char::REPLACEMENT_CHARACTER)) {
        return plain.into();
    }
    let spelled = |bytes: &[u8]| -> String {
        bytes.iter().map(|b| format!("{}{b:02x}", char::REPLACEMENT_CHARACTER)).collect()
    };
    let mut out = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                char::REPLACEMENT_CHARACTER => out += &spelled(c.to_string().as_bytes()),
                c => out.push(c),
            }
        }
        out += &spelled(chunk.invalid());
    }
    out
}

/// A relative path as text, with `/` between the parts; each part as [`text`] gives it.
pub fn relative(path: &Path) -> String {
    path.iter().map(text).collect::<Vec<_>>().join("/")
}

/// Text from a file with what would steer a terminal spelled out: control characters, and those that
/// turn the direction of writing or cannot be seen.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_unseen(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// Marks of direction, joiners, separators of lines and paragraphs, and the byte order mark.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Text from a file as a spreadsheet's cell: printable, and with an apostrophe before what a
/// spreadsheet would take for a formula.
pub fn cell(text: &str) -> String {
    let text = printable(text);
    // Some spreadsheets take the full-width forms for the same.
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}') => format!("'{text}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_utf_8_stay_apart() {
        use std::os::unix::ffi::OsStrExt;
        let names: [&[u8]; 7] = [
            b"a\xff.png",
            b"a\xfe.png",
            "a\u{fffd}.png".as_bytes(),
            "a\u{fffd}ff.png".as_bytes(),
            b"a\xef\xbf.png",
            b"aff.png",
            b"a\\xff.png",
        ];
        let texts: std::collections::BTreeSet<String> =
            names.iter().map(|n| text(OsStr::from_bytes(n))).collect();
        assert_eq!(texts.len(), names.len(), "{texts:?}");
        assert!(texts.contains("a\u{fffd}ff.png") && texts.contains("a\\xff.png"));
        assert_eq!(relative(Path::new("é/b\u{1b}.png")), "é/b\u{1b}.png", "results.jsonl holds a name whole");
    }

    #[test]
    fn nothing_steers_a_terminal_or_a_spreadsheet() {
        assert_eq!(
            printable("a\n\u{1b}[2J\u{9b}\u{202e}gnp.\u{7f}é"),
            "a\\n\\u{1b}[2J\\u{9b}\\u{202e}gnp.\\u{7f}é"
        );
        for start in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\u{ff1d}1"] {
            assert_eq!(cell(start), format!("'{start}"));
        }
        assert_eq!(
            (cell("\t=1").as_str(), cell("\r=1").as_str(), cell("a=1").as_str()),
            ("\\t=1", "\\r=1", "a=1")
        );
    }
}
