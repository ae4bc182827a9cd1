//! Downloading data sets: from several mirrors in turn, resumed where it stopped, checked before it
//! counts as there.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::http::{StatusCode, header};

use crate::catalogue::{Entry, Location, RemoteFile, data_folder};
use crate::{Error, entry};

/// A mirror that has not answered for this long is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// No file of a data set is larger; a mirror that sends more sends something else.
const LARGEST: u64 = 1 << 28;
/// Bytes received between two reports.
const PIECE: usize = 1 << 16;

/// What happens during a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchEvent<'a> {
    /// The file is there already, and its checksum is right.
    AlreadyThere {
        /// The file.
        file: &'a str,
        /// Where it is.
        path: &'a Path,
    },
    /// A mirror has begun to send.
    Started {
        /// The file.
        file: &'a str,
        /// Its address at this mirror.
        address: &'a str,
        /// Bytes there from an earlier attempt, which are not sent again.
        resumed_at: u64,
        /// Size of the whole file, if the mirror says.
        total: Option<u64>,
    },
    /// More of it has come.
    Received {
        /// The file.
        file: &'a str,
        /// Bytes there, those of earlier attempts included.
        bytes: u64,
        /// Size of the whole file, if the mirror says.
        total: Option<u64>,
    },
    /// A mirror failed; the next one is tried.
    MirrorFailed {
        /// The file.
        file: &'a str,
        /// Its address at this mirror.
        address: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// The file is there and its checksum is right.
    Finished {
        /// The file.
        file: &'a str,
        /// Where it is.
        path: &'a Path,
    },
}

/// Downloads the data set called `name` from its mirrors into the folder of the data sets (see
/// [`data_folder`]) and returns where it is. Files that are there and have the right checksum are
/// kept. `observe` hears of every step, and stops the download by returning `Break`.
///
/// # Errors
/// [`Error::Unknown`] for a name that there is not, and as [`fetch_from`].
pub fn fetch(
    name: &str,
    data_dir: Option<&Path>,
    observe: impl FnMut(&FetchEvent<'_>) -> ControlFlow<()>,
) -> Result<Location, Error> {
    let entry = entry(name)?;
    fetch_from(entry, entry.mirrors, data_dir, observe)
}

/// [`fetch`] from mirrors of one's own: base addresses, each followed by the name of a file.
///
/// What a stopped or failed download has received stays in `FILE.part`, and the next one asks for
/// the rest alone.
///
/// # Errors
/// [`Error::Download`] where every mirror fails, with what each answered; [`Error::Stopped`] where
/// `observe` says so; [`Error::Busy`] while another process downloads the same file;
/// [`Error::Write`] where the folder cannot be written.
pub fn fetch_from(
    entry: &Entry,
    mirrors: &[impl AsRef<str>],
    data_dir: Option<&Path>,
    mut observe: impl FnMut(&FetchEvent<'_>) -> ControlFlow<()>,
) -> Result<Location, Error> {
    if entry.files.is_empty() {
        return Ok(Location::Embedded);
    }
    let folder = data_folder(data_dir)?.join(entry.folder);
    fs::create_dir_all(&folder).map_err(|source| Error::Write {
        path: folder.clone(),
        source,
    })?;
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_per_read(Some(PATIENCE))
        // A packed file must arrive as it is, or its parts would not fit together.
        .accept_encoding("identity")
        .build()
        .new_agent();
    for file in entry.files {
        let mut download = Download {
            agent: &agent,
            entry,
            file,
            part: Part::at(folder.join(format!("{}.part", file.name))),
            observe: &mut observe,
        };
        download.run(mirrors, &folder)?;
    }
    Ok(Location::Folder(folder))
}

/// The download of one file.
struct Download<'a, Observe> {
    agent: &'a ureq::Agent,
    entry: &'a Entry,
    file: &'a RemoteFile,
    part: Part,
    observe: &'a mut Observe,
}

/// Why a mirror has not delivered the file.
enum Failure {
    /// It is to be passed over; what has come may be of use to the next.
    Mirror(String),
    /// What has come is of no use.
    Useless(String),
    /// There is no point in trying another.
    Final(Error),
}

impl<Observe: FnMut(&FetchEvent<'_>) -> ControlFlow<()>> Download<'_, Observe> {
    fn run(&mut self, mirrors: &[impl AsRef<str>], folder: &Path) -> Result<(), Error> {
        let file = self.file.name;
        if let Some(path) = self.file.find(folder)
            && self.file.verify(self.entry.name, &path).is_ok()
        {
            return self.tell(&FetchEvent::AlreadyThere { file, path: &path });
        }
        let path = folder.join(file);
        let mut part = self.part.open()?;
        let mut reasons = Vec::new();
        let mut there = self.part.length(&part)? > 0 && self.is_right();
        for mirror in mirrors {
            if there {
                break;
            }
            let address = format!("{}/{file}", mirror.as_ref().trim_end_matches('/'));
            match self.try_mirror(&address, &mut part) {
                Ok(()) => there = true,
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Mirror(reason) | Failure::Useless(reason)) => {
                    let reason = reason.replace('\n', " ");
                    self.tell(&FetchEvent::MirrorFailed {
                        file,
                        address: &address,
                        reason: &reason,
                    })?;
                    reasons.push(format!("{address}: {reason}"));
                }
            }
        }
        if !there {
            if self.part.length(&part)? == 0 {
                // Nothing came that the next attempt could go on from.
                self.part.write(|| fs::remove_file(&self.part.path))?;
            }
            return Err(Error::Download {
                name: self.entry.name.to_string(),
                file: file.to_string(),
                reasons: reasons.join("; "),
                folder: folder.to_path_buf(),
            });
        }
        self.part.write(|| part.sync_all())?;
        self.part.write(|| fs::rename(&self.part.path, &path))?;
        self.tell(&FetchEvent::Finished { file, path: &path })
    }

    /// Downloads from `address`; anew where what an earlier attempt left does not fit.
    fn try_mirror(&mut self, address: &str, part: &mut File) -> Result<(), Failure> {
        loop {
            let resumed = self.part.length(part)? > 0;
            let failure = match self.transfer(address, part) {
                Ok(()) if self.is_right() => return Ok(()),
                Ok(()) => Failure::Useless("sent a file with another checksum".into()),
                Err(failure) => failure,
            };
            let Failure::Useless(_) = failure else {
                return Err(failure);
            };
            self.part.write(|| part.set_len(0))?;
            if !resumed {
                return Err(failure);
            }
        }
    }

    /// Receives what is missing of the file.
    fn transfer(&mut self, address: &str, part: &mut File) -> Result<(), Failure> {
        let mut have = self.part.length(part)?;
        let mut request = self.agent.get(address);
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        let refused = |error: ureq::Error| Failure::Mirror(error.to_string());
        let response = request.call().map_err(refused)?;
        match response.status() {
            StatusCode::OK => {
                // The whole file: this mirror does not resume.
                have = 0;
                self.part.write(|| part.set_len(0))?;
            }
            StatusCode::PARTIAL_CONTENT => {
                let range = response.headers().get(header::CONTENT_RANGE);
                let range = range.and_then(|range| range.to_str().ok());
                if range.is_none_or(|range| !range.starts_with(&format!("bytes {have}-"))) {
                    return Err(Failure::Useless("sent another part than asked for".into()));
                }
            }
            StatusCode::RANGE_NOT_SATISFIABLE => {
                return Err(Failure::Useless("has no more to send".into()));
            }
            status => return Err(Failure::Mirror(format!("answered {status}"))),
        }
        self.part.write(|| part.seek(io::SeekFrom::End(0)))?;
        let file = self.file.name;
        let total = response.body().content_length().map(|rest| have + rest);
        self.tell(&FetchEvent::Started {
            file,
            address,
            resumed_at: have,
            total,
        })?;
        let mut body = response.into_body().into_reader();
        let mut piece = vec![0; PIECE];
        loop {
            let count = match body.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::Mirror(format!("broke off: {error}"))),
            };
            self.part.write(|| part.write_all(&piece[..count]))?;
            have += count as u64;
            if have > LARGEST {
                return Err(Failure::Useless("sends more than the file".into()));
            }
            self.tell(&FetchEvent::Received {
                file,
                bytes: have,
                total,
            })?;
        }
        if total.is_some_and(|total| have < total) {
            return Err(Failure::Mirror("broke off".into()));
        }
        Ok(())
    }

    fn is_right(&self) -> bool {
        self.file.verify(self.entry.name, &self.part.path).is_ok()
    }

    fn tell(&mut self, event: &FetchEvent<'_>) -> Result<(), Error> {
        match (self.observe)(event) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Stopped {
                path: self.part.path.clone(),
            }),
        }
    }
}

/// The file that is being received.
struct Part {
    path: PathBuf,
}

impl Part {
    fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Opens the file with what an earlier attempt left in it, for this process alone.
    fn open(&self) -> Result<File, Error> {
        let file = self.write(|| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            options.open(&self.path)
        })?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(Error::Busy {
                path: self.path.clone(),
            }),
            // Some network file systems know no locks; there a user must not start two downloads.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
        }
    }

    fn length(&self, file: &File) -> Result<u64, Error> {
        Ok(self.write(|| file.metadata())?.len())
    }

    /// Does something to the file, and names it where that fails.
    fn write<T>(&self, act: impl FnOnce() -> io::Result<T>) -> Result<T, Error> {
        act().map_err(|source| Error::Write {
            path: self.path.clone(),
            source,
        })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}
