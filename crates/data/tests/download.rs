//! Downloads from a server on the loopback interface.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use resrel_data::{Checksum, Entry, Error, FetchEvent, Location, RemoteFile, fetch, fetch_from};

/// A data set of one file that holds `contents()`.
const ENTRY: Entry = Entry {
    name: "test-set",
    summary: "",
    folder: "test_set",
    files: &[RemoteFile {
        name: "values.bin",
        checksum: Checksum::Sha256(
            "136f334d647619879743ff33fde1ac6547f40e314692441f2a125e087cad47c9",
        ),
    }],
    mirrors: &[],
};

/// 300,000 bytes: several pieces.
fn contents() -> Vec<u8> {
    (0..300_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// How a server answers.
#[derive(Clone, Copy)]
enum Manner {
    /// As it should, resuming where asked to.
    Good,
    /// The whole file, whatever part is asked for.
    Whole,
    /// Breaks off after so many bytes of its first answer; then as it should.
    BreaksOff(usize),
    /// Other contents of the same length.
    Wrong,
    /// 404.
    Missing,
    /// A part that begins elsewhere than asked for; the whole file as it should.
    Misplaced,
}

/// A server with its address and the ranges that it was asked for.
struct Server {
    address: String,
    ranges: Arc<Mutex<Vec<Option<usize>>>>,
}

impl Server {
    fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/sets/", listener.local_addr().unwrap());
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&ranges);
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A client may hang up at any moment; that is its right.
                let _ = answer(stream.unwrap(), manner, &seen);
            }
        });
        Self { address, ranges }
    }

    fn ranges(&self) -> Vec<Option<usize>> {
        self.ranges.lock().unwrap().clone()
    }
}

fn answer(
    mut stream: TcpStream,
    manner: Manner,
    ranges: &Mutex<Vec<Option<usize>>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    assert_eq!(lines.next().unwrap()?, "GET /sets/values.bin HTTP/1.1");
    let mut range = None;
    for line in lines {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(from) = line.strip_prefix("range: bytes=") {
            range = from.trim_end_matches('-').parse().ok();
        }
    }
    let first = {
        let mut ranges = ranges.lock().unwrap();
        ranges.push(range);
        ranges.len() == 1
    };
    let mut bytes = contents();
    if let Manner::Wrong = manner {
        bytes[17] ^= 1;
    }
    let all = bytes.len();
    let from = match manner {
        Manner::Whole => 0,
        Manner::Misplaced => range.map_or(0, |from| from + 1),
        _ => range.unwrap_or(0),
    };
    let close = "connection: close\r\n\r\n";
    if let Manner::Missing = manner {
        return write!(
            stream,
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n{close}"
        );
    }
    if from >= all {
        return write!(
            stream,
            "HTTP/1.1 416 Range Not Satisfiable\r\ncontent-length: 0\r\n{close}"
        );
    }
    let length = all - from;
    if from == 0 {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{close}"
        )?;
    } else {
        let range = format!("content-range: bytes {from}-{}/{all}", all - 1);
        write!(
            stream,
            "HTTP/1.1 206 Partial Content\r\n{range}\r\ncontent-length: {length}\r\n{close}"
        )?;
    }
    let end = match manner {
        Manner::BreaksOff(after) if first => from + after,
        _ => all,
    };
    stream.write_all(&bytes[from..end])
}

fn go_on(_: &FetchEvent<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// What a download that goes through must leave behind: the file and nothing else.
fn assert_there(data: &Path) {
    let folder = data.join("test_set");
    assert_eq!(fs::read(folder.join("values.bin")).unwrap(), contents());
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
}

fn message(error: &Error) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

#[test]
fn a_file_is_downloaded_once() {
    let server = Server::start(Manner::Good);
    let data = tempfile::tempdir().unwrap();
    let mut heard = Vec::new();
    let mut run = || {
        let observe = |event: &FetchEvent<'_>| {
            heard.push(format!("{event:?}"));
            ControlFlow::Continue(())
        };
        fetch_from(&ENTRY, &[&server.address], Some(data.path()), observe).unwrap()
    };
    assert_eq!(run(), Location::Folder(data.path().join("test_set")));
    assert_there(data.path());
    run();
    assert_eq!(server.ranges(), [None]);
    assert!(heard[0].starts_with("Started") && heard[0].contains("total: Some(300000)"));
    let received: Vec<&String> = heard
        .iter()
        .filter(|event| event.starts_with("Received"))
        .collect();
    assert!(received[received.len() - 1].contains("bytes: 300000, total: Some(300000)"));
    assert!(heard[heard.len() - 2].starts_with("Finished"));
    assert!(heard[heard.len() - 1].starts_with("AlreadyThere"));
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    let server = Server::start(Manner::BreaksOff(150_000));
    let data = tempfile::tempdir().unwrap();
    let run = || fetch_from(&ENTRY, &[&server.address], Some(data.path()), go_on);
    let error = run().unwrap_err();
    let text = message(&error);
    assert!(
        text.starts_with("test-set: values.bin could not be downloaded (http://127.0.0.1:"),
        "{text}"
    );
    assert!(!data.path().join("test_set/values.bin").exists());
    run().unwrap();
    assert_eq!(server.ranges(), [None, Some(150_000)]);
    assert_there(data.path());
}

#[test]
fn the_next_mirror_goes_on_where_the_first_broke_off() {
    let servers = [
        Server::start(Manner::BreaksOff(99_999)),
        Server::start(Manner::Good),
    ];
    let data = tempfile::tempdir().unwrap();
    let mirrors = servers.each_ref().map(|server| &server.address);
    fetch_from(&ENTRY, &mirrors, Some(data.path()), go_on).unwrap();
    assert_eq!(servers[1].ranges(), [Some(99_999)]);
    assert_there(data.path());
}

#[test]
fn a_mirror_without_ranges_sends_all_again() {
    for (manner, requests) in [
        (Manner::Whole, &[Some(1_000)][..]),
        (Manner::Misplaced, &[Some(1_000), None]),
    ] {
        let server = Server::start(manner);
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("test_set")).unwrap();
        fs::write(
            data.path().join("test_set/values.bin.part"),
            &contents()[..1_000],
        )
        .unwrap();
        fetch_from(&ENTRY, &[&server.address], Some(data.path()), go_on).unwrap();
        assert_eq!(server.ranges(), requests);
        assert_there(data.path());
    }
}

#[test]
fn a_part_that_does_not_fit_is_downloaded_again() {
    let longer = [contents(), vec![0]].concat();
    for (part, requests) in [
        (vec![1; 1_000], &[Some(1_000), None][..]),
        (longer, &[Some(300_001), None]),
        (contents(), &[]),
    ] {
        let server = Server::start(Manner::Good);
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("test_set")).unwrap();
        fs::write(data.path().join("test_set/values.bin.part"), part).unwrap();
        fetch_from(&ENTRY, &[&server.address], Some(data.path()), go_on).unwrap();
        assert_eq!(server.ranges(), requests);
        assert_there(data.path());
    }
}

#[test]
fn a_damaged_file_is_replaced() {
    let server = Server::start(Manner::Good);
    let data = tempfile::tempdir().unwrap();
    fs::create_dir(data.path().join("test_set")).unwrap();
    fs::write(data.path().join("test_set/values.bin"), "damaged").unwrap();
    fetch_from(&ENTRY, &[&server.address], Some(data.path()), go_on).unwrap();
    assert_there(data.path());
}

#[test]
fn a_wrong_checksum_leaves_no_file() {
    let server = Server::start(Manner::Wrong);
    let data = tempfile::tempdir().unwrap();
    let error = fetch_from(&ENTRY, &[&server.address], Some(data.path()), go_on).unwrap_err();
    assert!(
        message(&error).contains("sent a file with another checksum"),
        "{error}"
    );
    assert!(!data.path().join("test_set/values.bin").exists());
    // What was wrong is not resumed.
    assert!(!data.path().join("test_set/values.bin.part").exists());
}

#[test]
fn mirrors_are_tried_in_turn() {
    let servers = [Manner::Missing, Manner::Wrong, Manner::Good].map(Server::start);
    let mirrors = servers
        .each_ref()
        .map(|server| server.address.trim_end_matches('/'));
    let data = tempfile::tempdir().unwrap();
    let mut failed = Vec::new();
    fetch_from(&ENTRY, &mirrors, Some(data.path()), |event| {
        if let FetchEvent::MirrorFailed { reason, .. } = event {
            failed.push((*reason).to_string());
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(
        failed,
        [
            "answered 404 Not Found",
            "sent a file with another checksum"
        ]
    );
    assert_there(data.path());
}

#[test]
fn without_a_network_it_says_where_to_put_the_file() {
    // A port that was free a moment ago: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mirror = format!("http://127.0.0.1:{port}");
    let data = tempfile::tempdir().unwrap();
    let error = fetch_from(&ENTRY, &[mirror], Some(data.path()), go_on).unwrap_err();
    let text = message(&error);
    assert!(text.to_lowercase().contains("refused"), "{text}");
    let folder = data.path().join("test_set");
    assert!(
        text.ends_with(&format!(
            "or put the file into {} by hand",
            folder.display()
        )),
        "{text}"
    );
}

#[test]
fn the_observer_can_stop_a_download_which_then_goes_on() {
    let server = Server::start(Manner::Good);
    let data = tempfile::tempdir().unwrap();
    let error = fetch_from(&ENTRY, &[&server.address], Some(data.path()), |event| {
        if let FetchEvent::Received { .. } = event {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })
    .unwrap_err();
    assert!(matches!(error, Error::Stopped { .. }), "{error}");
    fetch_from(&ENTRY, &[&server.address], Some(data.path()), go_on).unwrap();
    let [None, Some(from)] = server.ranges()[..] else {
        panic!("{:?}", server.ranges());
    };
    assert!(0 < from && from < 300_000, "{from}");
    assert_there(data.path());
}

#[test]
fn two_downloads_of_one_file_do_not_mix() {
    let server = Server::start(Manner::Good);
    let data = tempfile::tempdir().unwrap();
    fetch_from(&ENTRY, &[&server.address], Some(data.path()), |event| {
        if let FetchEvent::Started { .. } = event {
            let second = fetch_from(&ENTRY, &[&server.address], Some(data.path()), go_on);
            assert!(matches!(second, Err(Error::Busy { .. })));
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_there(data.path());
}

#[test]
fn what_cannot_be_fetched_is_said_at_once() {
    let data = tempfile::tempdir().unwrap();
    let error = fetch("nothing", Some(data.path()), go_on).unwrap_err();
    assert!(matches!(error, Error::Unknown { .. }), "{error}");
    assert_eq!(fetch("digits", None, go_on).unwrap(), Location::Embedded);
    let file = data.path().join("file");
    fs::write(&file, "").unwrap();
    let error = fetch("mnist", Some(&file), go_on).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
}
