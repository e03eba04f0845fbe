//! What is told of a seed that failed: the reason, the shrunk scenario, the messages, a capture.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use strowger_sim::{Failure, PcapWriter, Scenario, World, run, shrink};

use super::Arguments;

/// Tells of a failure.
pub fn failure(arguments: &Arguments, scenario: &Scenario, failure: Box<Failure>) {
    println!("\n{}", failure.headline());
    let shrunk = shrink(scenario, failure, &run);
    println!("shrunk in {} runs to:", shrunk.runs);
    println!("{}", shrunk.scenario.describe());
    println!("{}", shrunk.failure);
    let mut world = World::of(&Scenario {
        records: true,
        ..shrunk.scenario.clone()
    });
    // The outcome is known.
    let _ = world.run();
    let named = shrunk.failure.errand().map(|number| format!(" e{number}."));
    if let Some(text) = arguments.watch.as_ref().or(named.as_ref()) {
        println!("messages with `{}`:", text.trim());
        for (at, packet) in world.recording() {
            let line = packet.describe();
            if line.contains(text.as_str()) {
                println!("{:11.6} {line}", at.as_nanos() as f64 / 1e9);
            }
        }
    }
    if let Some(folder) = &arguments.pcap {
        write_capture(folder, scenario.seed, &world);
    }
}

/// The messages of a run; those on connections as datagrams, which every viewer reads.
fn write_capture(folder: &Path, seed: u64, world: &World) {
    let path = folder.join(format!("seed-{seed}.pcap"));
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| File::create(&path))
        .and_then(|file| {
            let mut writer = PcapWriter::new(BufWriter::new(file))?;
            for (at, packet) in world.recording() {
                writer.datagram(*at, packet.from, packet.to, &packet.octets)?;
            }
            writer.finish()
        });
    match written {
        Ok(_) => println!("capture: {}", path.display()),
        Err(error) => eprintln!("{}: {error}", path.display()),
    }
}
