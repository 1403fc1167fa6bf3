//! Characters that are not shown as they are, wherever a text of the stack's is shown or written.
//!
//! Sources: <https://www.w3.org/TR/xml/#charsets>, <https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>,
//! <https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt> (`Default_Ignorable_Code_Point`).

/// Whether a character is not to be shown as it is: it steers (C0, C1, DEL), breaks lines, turns text around, cannot be seen, or
/// is forbidden in XML. Variation selectors are left alone, since emoji have them.
pub const fn is_harmful(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        // Invisible: soft hyphen, joiners, fillers, marks of direction, byte order mark.
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        // Separators of lines and paragraphs, embeddings and overrides, invisible operators, isolates.
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        // Tags, and what else nobody sees there.
        | '\u{e0000}'..='\u{e0fff}'
    ) || is_noncharacter(c)
}

const fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || (c as u32) & 0xfffe == 0xfffe
}
