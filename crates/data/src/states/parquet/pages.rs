//! Pages of a Parquet file, checked before they are decoded.

use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};

/// Strings stored as differences in one page, at most: room for them is made before they are decoded.
/// Writers begin another page after a mebibyte or so.
const STRINGS_PER_PAGE: u32 = 1 << 24;

/// The pages of a column. The decoder trusts them: it makes room for as many values as a page claims, and
/// panics where parts of one are missing. Pages that cannot be as they claim are refused.
pub(super) struct CheckedPages {
    pages: Box<dyn PageReader>,
    /// Whether pages tell which values are missing.
    nullable: bool,
    /// Whether the dictionary has come.
    dictionary: bool,
}

impl CheckedPages {
    pub(super) fn new(pages: Box<dyn PageReader>, nullable: bool) -> Self {
        Self {
            pages,
            nullable,
            dictionary: false,
        }
    }

    /// What is wrong with a page.
    fn problem(&mut self, page: &Page) -> Option<&'static str> {
        let bytes = page.buffer();
        let (levels, values) = match page {
            Page::DictionaryPage { num_values, .. } => {
                self.dictionary = true;
                let excess = *num_values as usize > bytes.len();
                return excess.then_some("a dictionary claims more values than it has bytes");
            }
            Page::DataPage { num_values, .. } => {
                let levels = match bytes.first_chunk() {
                    Some(length) if self.nullable => 4 + u32::from_le_bytes(*length) as usize,
                    _ => 0,
                };
                (levels, *num_values)
            }
            Page::DataPageV2 {
                num_values,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } => {
                let levels = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
                (levels as usize, *num_values)
            }
        };
        let Some(bytes) = bytes.get(levels..) else {
            return Some("a page breaks off");
        };
        let lists = match page.encoding() {
            Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY if !self.dictionary => {
                return Some("a dictionary is missing");
            }
            // A page without values may be empty.
            _ if bytes.is_empty() => 0,
            // Lengths of the strings, and before them of what each shares with the one before.
            Encoding::DELTA_LENGTH_BYTE_ARRAY => 1,
            Encoding::DELTA_BYTE_ARRAY => 2,
            _ => 0,
        };
        let most = values.min(STRINGS_PER_PAGE).into();
        let rest = (0..lists).try_fold(bytes, |bytes, _| after_differences(bytes, most));
        rest.is_none()
            .then_some("a page of strings claims more of them than it holds")
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        match page.as_ref().and_then(|page| self.problem(page)) {
            Some(problem) => Err(ParquetError::General(problem.into())),
            None => Ok(page),
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

impl Iterator for CheckedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// What follows whole numbers that are stored as differences (DELTA_BINARY_PACKED); `None` if there are
/// more than `most` or they break off.
///
/// Source: Apache Parquet, "Encodings.md": block size, miniblocks of a block, number of values and the
/// first one; then for each block the least difference, the miniblocks' bit widths and their bits.
fn after_differences(mut bytes: &[u8], most: u64) -> Option<&[u8]> {
    let variable = |bytes: &mut &[u8]| {
        let length = 1 + bytes.iter().position(|byte| *byte < 0x80)?;
        let (number, rest) = bytes.split_at(length);
        *bytes = rest;
        let digits = number.iter().rev();
        // No number that is asked for is longer than this.
        (length <= 5).then(|| digits.fold(0_u64, |sum, byte| sum << 7 | u64::from(byte & 0x7f)))
    };
    let block = variable(&mut bytes)?;
    let parts = variable(&mut bytes)?;
    let count = variable(&mut bytes)?;
    variable(&mut bytes)?;
    let part = block.checked_div(parts).filter(|part| *part > 0)?;
    let mut left = count.saturating_sub(1);
    while count <= most && left > 0 {
        variable(&mut bytes)?;
        let (widths, rest) = bytes.split_at_checked(usize::try_from(parts).ok()?)?;
        bytes = rest;
        for width in widths {
            if left > 0 {
                let length = u64::from(*width).checked_mul(part)? / 8;
                bytes = bytes.get(usize::try_from(length).ok()?..)?;
            }
            left = left.saturating_sub(part);
        }
    }
    (count <= most).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pages(std::vec::IntoIter<Page>);

    impl Iterator for Pages {
        type Item = Result<Page>;
        fn next(&mut self) -> Option<Self::Item> {
            self.0.next().map(Ok)
        }
    }

    impl PageReader for Pages {
        fn get_next_page(&mut self) -> Result<Option<Page>> {
            Ok(self.0.next())
        }
        fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
            unreachable!()
        }
        fn skip_next_page(&mut self) -> Result<()> {
            unreachable!()
        }
    }

    fn dictionary(num_values: u32, bytes: &'static [u8]) -> Page {
        Page::DictionaryPage {
            buf: bytes.into(),
            num_values,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        }
    }

    fn data(num_values: u32, encoding: Encoding, bytes: &'static [u8]) -> Page {
        Page::DataPage {
            buf: bytes.into(),
            num_values,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        }
    }

    /// What is said of the last of some pages.
    fn said(pages: Vec<Page>, nullable: bool) -> String {
        let mut pages = CheckedPages::new(Box::new(Pages(pages.into_iter())), nullable);
        let last = pages.by_ref().last();
        last.map_or("none".into(), |page| match page {
            Ok(_) => "good".into(),
            Err(error) => error.to_string(),
        })
    }

    #[test]
    fn pages_that_claim_more_than_they_hold_are_refused() {
        let delta = Encoding::DELTA_LENGTH_BYTE_ARRAY;
        let keys = || data(1, Encoding::RLE_DICTIONARY, &[0, 2]);
        for (pages, nullable, expected) in [
            (vec![dictionary(2, &[0; 8]), keys()], false, "good"),
            (vec![keys()], false, "a dictionary is missing"),
            (
                vec![dictionary(u32::MAX, &[0; 8])],
                false,
                "a dictionary claims more values",
            ),
            (
                vec![data(1, Encoding::PLAIN, &[2, 0, 0, 0, 2, 1, 7])],
                true,
                "good",
            ),
            (
                vec![data(1, Encoding::PLAIN, &[4, 0, 0, 0, 2, 1, 7])],
                true,
                "a page breaks off",
            ),
            // One string of length 1: block of 128 in 4 parts, 1 value, the first of which is 1.
            (
                vec![data(1, delta, &[0x80, 1, 4, 1, 2, b'a'])],
                false,
                "good",
            ),
            (
                vec![data(1, delta, &[0x80, 1, 4, 2, 2, b'a'])],
                false,
                "a page of strings claims",
            ),
            (
                vec![data(1, delta, &[0x80, 1, 4, 0xff, 0xff, 0xff, 0xff, 15, 2])],
                false,
                "a page of strings claims",
            ),
            (
                vec![data(1, Encoding::DELTA_BYTE_ARRAY, &[0x80, 1, 4, 1, 0])],
                false,
                "a page of strings claims",
            ),
            (vec![data(1, delta, &[])], false, "good"),
        ] {
            let text = said(pages, nullable);
            assert!(text.contains(expected), "{text}, not {expected}");
        }
    }

    #[test]
    fn differences_end_where_the_format_says() {
        // Blocks of 128 in 4 miniblocks of 32, 130 values, the first of which is 0.
        let header = &[0x80, 1, 4, 0x82, 1, 0][..];
        // 128 differences: a least one of two bytes, widths 1, 0, 2, 0, and the bits of 4 + 8 bytes.
        let full = &[0x81, 1, 1, 0, 2, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9][..];
        // One more: widths of miniblocks that are not there mean nothing.
        let last = &[0, 3, 99, 99, 99, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9][..];
        let bytes = [header, full, last, b"rest"].concat();
        assert_eq!(after_differences(&bytes, 130), Some(&b"rest"[..]));
        assert_eq!(after_differences(&bytes, 129), None);
        for length in 0..bytes.len() - 4 {
            assert_eq!(after_differences(&bytes[..length], 130), None, "{length}");
        }
        // One value is in the header alone, and so is none.
        assert_eq!(after_differences(&[0x80, 1, 4, 1, 8, 7], 1), Some(&[7][..]));
        assert_eq!(after_differences(&[0x80, 1, 4, 0, 0], 0), Some(&[][..]));
        // No miniblocks, or empty ones.
        assert_eq!(after_differences(&[0x80, 1, 0, 2, 0, 0, 0], 9), None);
        assert_eq!(after_differences(&[1, 4, 2, 0, 0, 0, 0, 0, 0, 0], 9), None);
    }
}
