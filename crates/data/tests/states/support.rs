//! Files for the tests, and what a reader makes of them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compression, Crc, write::DeflateEncoder, write::GzEncoder};
use resrel_data::{Column, Error, StateChunk, StateOptions, StateReader, Values};
use tempfile::TempDir;

/// A file of these bytes in a folder of its own.
pub fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// Options with a column chosen, unless the name is empty.
pub fn column(name: &str) -> StateOptions {
    StateOptions {
        column: (!name.is_empty()).then(|| name.to_string()),
        ..StateOptions::default()
    }
}

/// All chunks of a file.
pub fn chunks(path: &Path, options: &StateOptions) -> Result<Vec<StateChunk>, Error> {
    let mut reader = StateReader::open(path, options)?;
    let mut chunks: Vec<StateChunk> = Vec::new();
    while let Some(chunk) = reader.next_chunk()? {
        let rows: usize = chunks.iter().map(StateChunk::rows).sum();
        assert_eq!(chunk.first_row, rows as u64, "chunks follow one another");
        assert!(chunk.rows() > 0, "no chunk is empty");
        assert!((0.0..=1.0).contains(&reader.done()));
        chunks.push(chunk);
    }
    assert!(reader.done() >= 1.0 && reader.next_chunk()?.is_none());
    Ok(chunks)
}

/// Every row of a file in words: state, label, count; `-` where missing.
pub fn rows(path: &Path, options: &StateOptions) -> Result<Vec<String>, Error> {
    let mut rows = Vec::new();
    for chunk in chunks(path, options)? {
        for row in 0..chunk.rows() {
            let mut words = value(&chunk.states, row);
            if let Some(labels) = &chunk.labels {
                words += &format!(" {}", value(labels, row));
            }
            if let Some(counts) = &chunk.counts {
                words += &format!(" x{}", counts[row]);
            }
            rows.push(words);
        }
    }
    Ok(rows)
}

fn value(column: &Column, row: usize) -> String {
    if column.missing.contains(&row) {
        return "-".into();
    }
    match &column.values {
        Values::Integers(values) => values[row].to_string(),
        Values::Unsigned(values) => format!("{}u", values[row]),
        Values::Text(texts) => format!("'{}'", texts.get(row).escape_ascii()),
        Values::Bits(rows) => (0..rows.bits())
            .map(|bit| if rows.get(row, bit) { '1' } else { '0' })
            .collect(),
    }
}

/// The message of a file that must be refused: one line that begins with its path.
pub fn refusal(path: &Path, options: &StateOptions) -> String {
    match rows(path, options) {
        Err(error) => line(path, &error),
        Ok(rows) => panic!("{} is read as {} rows", path.display(), rows.len()),
    }
}

/// An error's message without the path that it must begin with.
pub fn line(path: &Path, error: &Error) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n') && text.len() < 600, "{text}");
    let rest = text.strip_prefix(&path.display().to_string());
    let rest = rest.unwrap_or_else(|| panic!("{text} does not name the file"));
    assert!(rest.contains("; "), "{text} gives no remedy");
    rest.to_string()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

pub fn npy(descr: &str, fortran: bool, shape: &str, values: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(values);
    bytes
}

/// A zip archive of these members, deflated or stored; `wide` puts sizes into 64 bits, as numpy does
/// before members and others do in the directory, too.
pub fn zip(members: &[(&str, Vec<u8>)], deflated: bool, wide: bool) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let mut checksum = Crc::new();
        checksum.update(content);
        let packed = if deflated {
            let mut packer = DeflateEncoder::new(Vec::new(), Compression::default());
            packer.write_all(content).unwrap();
            packer.finish().unwrap()
        } else {
            content.clone()
        };
        let offset = bytes.len() as u64;
        let sizes = [content.len() as u64, packed.len() as u64];
        let narrow = |size: u64| if wide { u32::MAX } else { size as u32 };
        // Version needed, flags, method, time, date; checksum; sizes; length of the name.
        let mut common = [45, 0, u16::from(deflated) * 8, 0, 0]
            .map(u16::to_le_bytes)
            .concat();
        common.extend(checksum.sum().to_le_bytes());
        common.extend(narrow(sizes[1]).to_le_bytes());
        common.extend(narrow(sizes[0]).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        let extra = |fields: &[u64]| {
            let mut extra = Vec::new();
            if wide {
                extra.extend(1_u16.to_le_bytes());
                extra.extend((8 * fields.len() as u16).to_le_bytes());
                extra.extend(fields.iter().flat_map(|field| field.to_le_bytes()));
            }
            extra
        };
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        let fields = extra(&sizes);
        bytes.extend((fields.len() as u16).to_le_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend(fields);
        bytes.extend(&packed);
        directory.extend(b"PK\x01\x02\x2d\x03");
        directory.extend(&common);
        let fields = extra(&[sizes[0], sizes[1], offset]);
        directory.extend((fields.len() as u16).to_le_bytes());
        directory.extend([0; 10]);
        directory.extend(narrow(offset).to_le_bytes());
        directory.extend(name.as_bytes());
        directory.extend(fields);
    }
    let (start, size, count) = (bytes.len() as u64, directory.len() as u64, members.len());
    bytes.extend(directory);
    if wide {
        let end = bytes.len() as u64;
        bytes.extend(b"PK\x06\x06");
        bytes.extend(44_u64.to_le_bytes());
        bytes.extend([0; 12]);
        bytes.extend(
            [count as u64, count as u64, size, start]
                .map(u64::to_le_bytes)
                .concat(),
        );
        bytes.extend(b"PK\x06\x07");
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(end.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
    }
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([count as u16; 2].map(u16::to_le_bytes).concat());
    bytes.extend((size as u32).to_le_bytes());
    bytes.extend((if wide { u32::MAX } else { start as u32 }).to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

/// A safetensors file with this header.
pub fn safetensors(header: &str, values: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    bytes
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}
