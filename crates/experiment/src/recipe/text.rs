//! Where things stand in a recipe's text, and which key was meant.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Names that are less alike than this (Jaro and Winkler's measure, 0 … 1) are not taken for one another.
const ALIKE: f64 = 0.75;

/// The line, from 1, in which the byte at `offset` stands.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.matches('\n').count() + 1
}

/// The line of the first of `keys` whose value contains `value`, or else of the first at all.
pub(super) fn line_of(text: &str, keys: &[&str], value: &str) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let mut found = Vec::new();
    collect(table.get_ref(), keys, &mut found);
    // Tables come in alphabetical order.
    found.sort_by_key(|(start, _)| *start);
    let plain = |text: &str| -> String {
        let text = text.trim_end_matches(".0").chars();
        text.filter(|letter| !letter.is_whitespace()).collect()
    };
    let wanted = plain(value);
    let holds = |(_, end): &&(usize, std::ops::Range<usize>)| {
        text.get(end.clone())
            .is_some_and(|text| plain(text).contains(&wanted))
    };
    let (start, _) = found.iter().find(holds).or(found.first())?;
    Some(line_at(text, *start))
}

/// Where the keys stand, and where their values.
fn collect(table: &DeTable, keys: &[&str], found: &mut Vec<(usize, std::ops::Range<usize>)>) {
    for (key, value) in table {
        if keys.contains(&key.get_ref().as_ref()) {
            found.push((key.span().start, value.span()));
        }
        collect_within(value, keys, found);
    }
}

fn collect_within(
    value: &Spanned<DeValue>,
    keys: &[&str],
    found: &mut Vec<(usize, std::ops::Range<usize>)>,
) {
    match value.get_ref() {
        DeValue::Table(table) => collect(table, keys, found),
        DeValue::Array(values) => {
            for value in values {
                collect_within(value, keys, found);
            }
        }
        _ => {}
    }
}

/// What the parser says, with the nearest valid name where it met one that it does not know.
pub(super) fn explained(message: &str) -> String {
    let message = message.replace('\n', " ");
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let (true, [name, known @ ..]) = (unknown, &quoted[..]) else {
        return message;
    };
    let alike = |known: &&str| strsim::jaro_winkler(&name.to_lowercase(), &known.to_lowercase());
    let nearest = known
        .iter()
        .max_by(|a, b| alike(a).total_cmp(&alike(b)))
        .filter(|known| alike(known) >= ALIKE);
    match nearest {
        Some(nearest) => format!("{name} is not known; did you mean {nearest}?"),
        None => format!("{name} is not known; there is {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_nothing_far_off() {
        let message = "unknown field `learningrate`, expected one of `learning_rate`, `sizes`";
        assert_eq!(
            explained(message),
            "learningrate is not known; did you mean learning_rate?"
        );
        let message = "unknown field `zzz`, expected `sizes` or `updates`";
        assert_eq!(
            explained(message),
            "zzz is not known; there is sizes, updates"
        );
        assert_eq!(explained("missing field `data`"), "missing field `data`");
    }

    #[test]
    fn a_value_is_found_where_it_stands() {
        let text = "a = 1\n[x]\nrate = 0.5\n[[sweep]]\nrate = [0.1,\n -1]\n";
        assert_eq!(line_of(text, &["rate"], "-1.0"), Some(5));
        assert_eq!(line_of(text, &["rate"], "0.5"), Some(3));
        assert_eq!(line_of(text, &["rate"], "7"), Some(3));
        assert_eq!(line_of(text, &["none"], "7"), None);
    }
}
