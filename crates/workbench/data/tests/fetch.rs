//! Downloads against a server on this machine: whole, resumed, refused, wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rheobase_core::{Progress, Silent};
use rheobase_data::Error;
use rheobase_data::fetch::{Fetched, fetch_file};
use rheobase_data::manifest::{ManifestFile, sha256};

/// Serves one file; breaks the first `breaks` answers off after half of what was asked for.
struct Server {
    address: String,
    ranges: Arc<Mutex<Vec<Option<usize>>>>,
}

fn serve(content: Vec<u8>, breaks: usize, honours_range: bool) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/file.bin", listener.local_addr().unwrap());
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ranges);
    std::thread::spawn(move || {
        let left = AtomicUsize::new(breaks);
        // Each test asks a handful of times; the thread ends with the test program.
        for stream in listener.incoming().take(20).flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut from = None;
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap_or(0) > 2 {
                if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
                    from = range.trim().trim_end_matches('-').parse::<usize>().ok();
                }
                line.clear();
            }
            seen.lock().unwrap().push(from);
            let start = if honours_range { from.unwrap_or(0) } else { 0 };
            let mut stream = stream;
            if start >= content.len() {
                let _ = write!(
                    stream,
                    "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                continue;
            }
            let body = &content[start..];
            let status = if start > 0 { "206 Partial Content" } else { "200 OK" };
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let broken = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
            let _ = stream.write_all(if broken { &body[..body.len() / 2] } else { body });
            let _ = stream.flush();
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read(&mut [0; 64]);
        }
    });
    Server { address, ranges }
}

fn content() -> Vec<u8> {
    (0..300_001_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn file(server: &Server, bytes: &[u8]) -> ManifestFile {
    ManifestFile { name: "file.bin".into(), address: server.address.clone(), sha256: sha256(bytes) }
}

#[test]
fn a_whole_download_gets_its_name_only_after_its_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set/file.bin");
    let server = serve(content(), 0, true);
    let fetched = fetch_file(&file(&server, &content()), &path, &Silent).unwrap();
    assert_eq!(fetched, Fetched::Downloaded { resumed_from: 0 });
    assert_eq!(std::fs::read(&path).unwrap(), content());
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn a_broken_download_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.bin");
    let server = serve(content(), 2, true);
    let described = file(&server, &content());
    assert!(matches!(fetch_file(&described, &path, &Silent).unwrap_err(), Error::Download { .. }));
    assert!(!path.exists());
    assert!(fetch_file(&described, &path, &Silent).is_err());
    let fetched = fetch_file(&described, &path, &Silent).unwrap();
    let half = content().len() / 2;
    let kept = half + (content().len() - half) / 2;
    assert_eq!(fetched, Fetched::Downloaded { resumed_from: kept as u64 });
    assert_eq!(std::fs::read(&path).unwrap(), content());
    assert_eq!(*server.ranges.lock().unwrap(), [None, Some(half), Some(kept)]);
}

#[test]
fn a_server_without_ranges_starts_again_and_still_gives_the_right_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.bin");
    let server = serve(content(), 1, false);
    let described = file(&server, &content());
    assert!(fetch_file(&described, &path, &Silent).is_err());
    assert_eq!(fetch_file(&described, &path, &Silent).unwrap(), Fetched::Downloaded { resumed_from: 0 });
    assert_eq!(std::fs::read(&path).unwrap(), content());
}

#[test]
fn wrong_bytes_are_refused_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.bin");
    let server = serve(content(), 0, true);
    let error = fetch_file(&file(&server, b"something else"), &path, &Silent).unwrap_err();
    assert!(matches!(error, Error::Checksum { .. }), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_interrupted_download_keeps_its_part() {
    /// Stops after the first block.
    #[derive(Default)]
    struct Impatient(AtomicBool);
    impl Progress for Impatient {
        fn step(&self, _: &str, _: usize, _: usize) {
            self.0.store(true, Ordering::SeqCst);
        }
        fn note(&self, _: &str) {}
        fn cancelled(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.bin");
    let server = serve(content(), 0, true);
    let described = file(&server, &content());
    assert!(matches!(fetch_file(&described, &path, &Impatient::default()).unwrap_err(), Error::Interrupted));
    assert!(folder.path().join("file.bin.partial").exists());
    let Fetched::Downloaded { resumed_from } = fetch_file(&described, &path, &Silent).unwrap() else { panic!() };
    assert!(resumed_from > 0);
    assert_eq!(std::fs::read(&path).unwrap(), content());
}

#[test]
fn a_server_that_is_not_there_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let described =
        ManifestFile { name: "file.bin".into(), address: "http://127.0.0.1:9/file.bin".into(), sha256: sha256(b"") };
    let message = fetch_file(&described, &folder.path().join("f"), &Silent).unwrap_err().to_string();
    assert!(message.starts_with("download of http://127.0.0.1:9/file.bin failed"), "{message}");
}
