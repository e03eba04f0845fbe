//! Running out of descriptors: accepting pauses and goes on. A program of its own, because it lowers the limit of the
//! whole process.

mod toy;

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use toy::{receive_message, request, start};

#[test]
fn accepting_pauses_without_descriptors_and_goes_on() {
    let world = start(&["tcp:127.0.0.1:0"], |_| {});
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 128, hard).unwrap();
    let mut hoard = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        hoard.push(file);
    }
    // One descriptor for our end of the connection, none for the other end.
    drop(hoard.pop());
    let mut peer = world.tcp_peer();
    peer.write_all(&request("OPTIONS", "call-0")).unwrap();
    world.count_until(|counters| counters.streams_accept_paused > 0);
    drop(hoard);
    assert!(receive_message(&mut peer).starts_with("SIP/2.0 200 OK\r\n"));
    let pauses = world.running.driver().counters().streams_accept_paused;
    assert!(
        pauses < toy::PATIENCE.div_duration_f64(Duration::from_millis(100)) as u64,
        "{pauses} pauses"
    );
}
