//! Data sets: readers (IDX, npy, OCR letters), download with checksums, embedded handwriting-like
//! digits, and the shuffled control.
//!
//! Everything that leaves this crate is a [`Dataset`]: finite values between 0 and 1, observations
//! in rows, with labels where they are known.

mod catalogue;
mod dataset;
mod digits;
mod error;
mod export;
mod fetch;
mod files;
mod idx;
mod letters;
mod npy;
mod shuffle;
mod text;

pub use catalogue::{CATALOGUE, Checksum, Entry, Location, RemoteFile, data_folder, entry, load};
pub use dataset::{Dataset, Samples};
pub use digits::digits;
pub use error::{Error, remedy};
pub use export::export;
pub use fetch::{FetchEvent, fetch, fetch_from};
pub use files::{beside, write_whole};
pub use idx::{read_idx_images, read_idx_labels};
pub use letters::read_letters;
pub use npy::{read_npy, read_npy_labels};
pub use shuffle::shuffled;
pub use text::{read_counts, read_labels};
