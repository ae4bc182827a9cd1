//! Pages of a Parquet file, checked before they are decoded.

use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};

/// Strings stored as differences in one page, at most: room for them is made before they are decoded.
/// Writers begin another page after a mebibyte or so.
const STRINGS_PER_PAGE: u32 = 1 << 24;

/// The pages of a column. The decoder makes room for as many values as a page claims; pages that claim
/// more than they can hold are refused.
pub(super) struct CheckedPages(Box<dyn PageReader>);

impl CheckedPages {
    pub(super) fn new(pages: Box<dyn PageReader>) -> Self {
        Self(pages)
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.0.get_next_page()?;
        page.as_ref().map_or(Ok(()), check)?;
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.0.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.0.at_record_boundary()
    }
}

impl Iterator for CheckedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

fn check(page: &Page) -> Result<()> {
    let refuse = |problem: &str| Err(ParquetError::General(problem.into()));
    let held = page.buffer().len();
    match page {
        Page::DictionaryPage { num_values, .. } if *num_values as usize > held => {
            refuse("a dictionary claims more values than it has bytes")
        }
        Page::DataPage { num_values, .. } | Page::DataPageV2 { num_values, .. } => {
            let strings = match page.encoding() {
                Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY => *num_values,
                _ => 0,
            };
            if strings > STRINGS_PER_PAGE {
                return refuse("a page claims too many strings");
            }
            Ok(())
        }
        Page::DictionaryPage { .. } => Ok(()),
    }
}
