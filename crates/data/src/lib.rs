//! Data sets: readers (IDX, npy, OCR letters), download with checksums, embedded handwriting-like
//! digits, and the shuffled control.
//!
//! What models are trained on leaves this crate as a [`Dataset`]: finite values between 0 and 1,
//! observations in rows, with labels where they are known. What is only counted comes out of a
//! [`StateReader`], chunk by chunk, from files of any size.

mod catalogue;
mod dataset;
mod decoders;
mod digits;
mod element;
mod error;
mod events;
mod export;
mod fetch;
mod files;
mod idx;
mod letters;
mod npy;
mod shuffle;
mod states;
mod text;

pub use catalogue::{
    CATALOGUE, Checksum, Entry, Location, RemoteFile, cache_folder, data_folder, entry, load,
};
pub use dataset::{Dataset, Samples};
pub use decoders::{guarded, hush_decoders};
pub use digits::digits;
pub use error::{Error, remedy};
pub use events::{EventColumns, EventTrain, EventTrains, Events, read_events};
pub use export::{StatesWriter, export, write_npy};
pub use fetch::{FetchEvent, fetch, fetch_from};
pub use files::{beside, write_whole};
pub use idx::{read_idx_images, read_idx_labels};
pub use letters::read_letters;
pub use npy::{read_npy, read_npy_labels};
pub use shuffle::shuffled;
pub use states::{
    Column, CountsWriter, StateChunk, StateKind, StateOptions, StateReader, Texts, Values,
};
pub use text::{read_counts, read_labels};
