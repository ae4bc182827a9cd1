//! Fields of text: which type they have, which are missing, and the columns they become.

use super::chunk::{Column, Texts, Values};
use super::{BYTES_PER_CHUNK, ROWS_PER_CHUNK, StateKind};

/// What a field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Missing,
    Integer(i64),
    /// Beyond [`i64::MAX`].
    Large(u64),
    Text(&'a [u8]),
}

/// Fields of a column on their way into a chunk.
pub(super) struct ColumnBuilder {
    /// Every field is text.
    text: bool,
    /// `None` until a field that is not missing has decided it.
    kind: Option<StateKind>,
    values: Values,
    missing: Vec<usize>,
}

impl ColumnBuilder {
    pub(super) fn new(text: bool) -> Self {
        Self {
            text,
            kind: text.then_some(StateKind::Text),
            values: empty(text),
            missing: Vec::new(),
        }
    }

    /// What the fields are; whole numbers as long as none has been there.
    pub(super) fn kind(&self) -> StateKind {
        self.kind.unwrap_or(StateKind::Integers)
    }

    /// What `field` says in this column; `None` if it is text among whole numbers.
    pub(super) fn read<'a>(&self, field: &'a [u8]) -> Option<Field<'a>> {
        if self.text {
            return Some(if field.is_empty() {
                Field::Missing
            } else {
                Field::Text(field)
            });
        }
        match self.kind {
            _ if is_missing(field) => Some(Field::Missing),
            Some(StateKind::Text) => Some(Field::Text(field)),
            Some(_) => whole_number(field),
            None => Some(whole_number(field).unwrap_or(Field::Text(field))),
        }
    }

    /// Whether the chunk has room for a field of this size and sign.
    pub(super) fn fits(&self, field: Field) -> bool {
        match (&self.values, field) {
            (values, _) if values.len() >= ROWS_PER_CHUNK => false,
            (Values::Text(texts), Field::Text(text)) => {
                texts.is_empty() || texts.bytes().len() + text.len() <= BYTES_PER_CHUNK
            }
            (Values::Unsigned(_), Field::Integer(value)) => value >= 0,
            (Values::Integers(values), Field::Large(_)) => values.iter().all(|value| *value >= 0),
            _ => true,
        }
    }

    /// Appends a field that fits.
    pub(super) fn push(&mut self, field: Field) {
        self.decide(field);
        if field == Field::Missing {
            self.missing.push(self.values.len());
        }
        if let (Field::Large(_), Values::Integers(values)) = (field, &self.values) {
            self.values =
                Values::Unsigned(values.iter().map(|value| value.cast_unsigned()).collect());
        }
        match (&mut self.values, field) {
            (Values::Integers(values), Field::Integer(value)) => values.push(value),
            (Values::Integers(values), _) => values.push(0),
            (Values::Unsigned(values), Field::Integer(value)) => values.push(value.cast_unsigned()),
            (Values::Unsigned(values), Field::Large(value)) => values.push(value),
            (Values::Unsigned(values), _) => values.push(0),
            (Values::Text(texts), Field::Text(text)) => texts.push(text),
            (Values::Text(texts), _) => texts.push(b""),
            (Values::Bits(_), _) => unreachable!("text holds no bits"),
        }
    }

    /// The column so far; the next begins.
    pub(super) fn take(&mut self) -> Column {
        // From now on the type stands, even if nothing has decided it.
        self.kind = Some(self.kind());
        Column {
            values: std::mem::replace(&mut self.values, empty(self.kind == Some(StateKind::Text))),
            missing: std::mem::take(&mut self.missing),
        }
    }

    fn decide(&mut self, field: Field) {
        if self.kind.is_some() || field == Field::Missing {
            return;
        }
        self.kind = Some(StateKind::Integers);
        if matches!(field, Field::Text(_)) {
            self.kind = Some(StateKind::Text);
            // All that was there before is missing.
            self.values = Values::Text(vec![b""; self.values.len()].into_iter().collect());
        }
    }
}

fn empty(text: bool) -> Values {
    if text {
        Values::Text(Texts::default())
    } else {
        Values::Integers(Vec::new())
    }
}

/// What pandas takes for missing, as far as it is in use.
pub(super) fn is_missing(field: &[u8]) -> bool {
    match field.first() {
        None => true,
        Some(b'N' | b'n' | b'<' | b'#' | b'-') => matches!(
            field,
            b"NA"
                | b"N/A"
                | b"n/a"
                | b"<NA>"
                | b"#NA"
                | b"#N/A"
                | b"NaN"
                | b"nan"
                | b"-NaN"
                | b"-nan"
                | b"NULL"
                | b"null"
                | b"None"
        ),
        Some(_) => false,
    }
}

/// A whole number in its plain form, if the field is one of 64 bits.
pub(super) fn whole_number(field: &[u8]) -> Option<Field<'static>> {
    /// No number of 64 bits has more digits.
    const DIGITS: usize = 20;
    let (negative, digits) = match field {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > DIGITS || (digits[0] == b'0' && field != b"0") {
        return None;
    }
    let mut number = 0_u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    if negative {
        0_i64.checked_sub_unsigned(number).map(Field::Integer)
    } else {
        Some(i64::try_from(number).map_or(Field::Large(number), Field::Integer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_numbers_of_64_bits_are_whole_numbers() {
        for value in [0, 7, -7, i64::MAX, i64::MIN] {
            let text = value.to_string();
            assert_eq!(whole_number(text.as_bytes()), Some(Field::Integer(value)));
        }
        for value in [i64::MAX.cast_unsigned() + 1, u64::MAX] {
            let text = value.to_string();
            assert_eq!(whole_number(text.as_bytes()), Some(Field::Large(value)));
        }
        for text in [
            "",
            "-",
            "+7",
            "007",
            "00",
            "-0",
            "-01",
            " 7",
            "7 ",
            "7.0",
            "1e3",
            "0x1",
            "٣",
            "--1",
            "18446744073709551616",
            "-9223372036854775809",
            "99999999999999999999",
        ] {
            assert_eq!(whole_number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_chunk_ends_where_no_type_holds_both_signs() {
        let mut column = ColumnBuilder::new(false);
        column.push(Field::Missing);
        column.push(Field::Integer(3));
        assert!(column.fits(Field::Large(u64::MAX)));
        column.push(Field::Large(u64::MAX));
        assert!(!column.fits(Field::Integer(-1)));
        let first = column.take();
        assert_eq!(first.values, Values::Unsigned(vec![0, 3, u64::MAX]));
        assert_eq!(first.missing, [0]);
        column.push(Field::Integer(-1));
        assert!(!column.fits(Field::Large(u64::MAX)));
        assert_eq!(column.take().values, Values::Integers(vec![-1]));
    }
}
