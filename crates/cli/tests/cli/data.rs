//! `resrel data`: where data sets are, and what happens without a network.

use std::net::TcpListener;

use crate::support::{Room, mistake, tells};

#[test]
fn data_sets_are_listed_with_where_they_are() {
    let room = Room::new();
    let list = room.json("data list");
    let sets = list["data"].as_array().expect("sets");
    let there: Vec<_> = sets
        .iter()
        .map(|set| (set["name"].as_str(), set["there"].as_bool()))
        .collect();
    assert_eq!(
        there,
        [
            (Some("mnist"), Some(false)),
            (Some("ocr-letters"), Some(false)),
            (Some("digits"), Some(true))
        ]
    );
    tells(
        &room.succeeds("data list"),
        &["resrel data fetch mnist", "embedded"],
    );
}

#[test]
fn the_folder_named_comes_before_the_variable() {
    let room = Room::new();
    let of = |name: &str| room.at(name).display().to_string() + "\n";
    assert_eq!(room.succeeds("data path"), of("no-data"));
    assert_eq!(room.succeeds("data path mnist"), of("no-data/mnist"));
    assert_eq!(
        room.succeeds("data path mnist --data-dir here"),
        "here/mnist\n"
    );
    assert_eq!(
        room.json("data path ocr-letters --data-dir here")["folder"],
        "here/ocr_letters"
    );
    tells(
        &room.refused("data path digits"),
        &["digits is part of the program"],
    );
    tells(
        &room.refused("data path emnist"),
        &["emnist: no such data set", "mnist, ocr-letters, digits"],
    );
}

#[test]
fn the_embedded_digits_are_exported_and_read_back() {
    let room = Room::new();
    let files = room.json("data export digits --out npy");
    let names: Vec<_> = files["files"]
        .as_array()
        .expect("files")
        .iter()
        .filter_map(|name| name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "npy/digits-train-values.npy",
            "npy/digits-train-labels.npy",
            "npy/digits-test-values.npy",
            "npy/digits-test-labels.npy"
        ]
    );
    let measure = room.json(
        "measure npy/digits-test-values.npy --labels npy/digits-test-labels.npy --threshold 0.5",
    );
    assert_eq!(measure["m"], 10_000);
    tells(
        &room.refused("data export mnist --out npy"),
        &["resrel data fetch mnist"],
    );
    let fetched = room.json("data fetch digits");
    assert!(fetched["folder"].is_null());
}

#[test]
fn without_a_network_a_download_says_so_in_one_line() {
    let room = Room::new();
    // A port that nobody listens on any more.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let proxy = format!("http://{}", port.expect("an address"));
    let mut command = room.command(["data", "fetch", "mnist", "--data-dir", "here"]);
    for name in [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ] {
        command.env(name, &proxy);
    }
    command.env_remove("no_proxy").env_remove("NO_PROXY");
    let said = mistake(&command.output().expect("starts"), "data fetch mnist");
    tells(
        &said,
        &[
            "mnist: train-images-idx3-ubyte.gz could not be downloaded",
            "try again",
            "by hand",
        ],
    );
    assert!(room.files().is_empty(), "{:?}", room.files().keys());
}
