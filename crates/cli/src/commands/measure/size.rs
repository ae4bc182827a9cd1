//! Sizes of memory as people write them.

use std::str::FromStr;

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(u64);

impl Size {
    pub fn bytes(self) -> u64 {
        self.0
    }
}

/// Units and their bytes; the longest endings first, so that none hides another.
const UNITS: [(&str, u64); 10] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("b", 1),
    ("", 1),
];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_lowercase();
        let unit = UNITS
            .iter()
            .find_map(|&(unit, bytes)| Some((lower.strip_suffix(unit)?, bytes)));
        let (number, unit) = unit.ok_or_else(words)?;
        let number: f64 = number.trim().parse().map_err(|_| words())?;
        let bytes = number * unit as f64;
        // Beyond this a float is no longer a whole number of bytes, and no memory is that large.
        if !(1.0..9e15).contains(&bytes) {
            return Err(words());
        }
        Ok(Self(bytes as u64))
    }
}

fn words() -> String {
    "give a size such as 2GiB, 500MB or 1073741824".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("2GiB", 2 << 30),
            ("1.5 gib", 3 << 29),
            ("500MB", 500_000_000),
            ("64KiB", 1 << 16),
            ("12b", 12),
            ("1073741824", 1 << 30),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in ["", "GiB", "-1GiB", "0", "nan", "inf", "2 potatoes", "1e300"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
