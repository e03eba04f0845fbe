//! A folder, free ports, and the built program in them.

#![allow(dead_code)] // Each test program uses a part.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A folder of its own, gone at the end.
pub struct Place {
    path: PathBuf,
}

impl Place {
    pub fn new() -> Place {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("strowger-test-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        Place {
            path: path.canonicalize().expect("a path"),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path.join(name);
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        path
    }

    /// Runs the program here.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with_input(arguments, "")
    }

    /// Runs the program here with something on its standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut child = program(&self.path)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // A program that does not read closes its end.
        let _ = child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(input.as_bytes());
        let output = child.wait_with_output().expect("the program ends");
        Outcome {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            place: self.path.display().to_string(),
        }
    }

    /// Starts a server here and waits until it says that it is ready.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_until(arguments, "ready")
    }

    /// A counter of the server that runs here.
    pub fn counted(&self, name: &str) -> u64 {
        let stats = self.run(&["stats", name]);
        let mut lines = stats.out.lines().map(str::split_ascii_whitespace);
        let value =
            lines.find_map(|mut words| (words.next() == Some(name)).then(|| words.next())?);
        value
            .and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("{name} in {stats:?}"))
    }

    /// Starts a server here with these variables and waits until it says that it is ready.
    pub fn start_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Running {
        let mut command = program(&self.path);
        command.args(arguments).envs(variables.iter().copied());
        self.start_command(&mut command, "ready")
    }

    /// Starts a server here after this command of the shell and waits until it says that it is ready.
    pub fn start_limited(&self, before: &str, arguments: &[&str]) -> Running {
        self.start_command(&mut self.after(before, arguments), "ready")
    }

    /// Starts a server here after this command of the shell, which may keep it from saying anything, and waits until it
    /// listens at this port.
    pub fn start_silent(&self, before: &str, arguments: &[&str], port: u16) -> Running {
        let child = self
            .after(before, arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::yield_now();
        }
        Running {
            child,
            log: Arc::default(),
            readers: Vec::new(),
        }
    }

    fn after(&self, before: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("sh");
        let script = format!("{before}; exec \"$0\" \"$@\"");
        command
            .args(["-c", &script, env!("CARGO_BIN_EXE_strowger")])
            .args(arguments)
            .current_dir(&self.path)
            .env("NO_COLOR", "1");
        command
    }

    /// Starts a server here and waits until a line has this word.
    pub fn start_until(&self, arguments: &[&str], word: &str) -> Running {
        let mut command = program(&self.path);
        self.start_command(command.args(arguments), word)
    }

    fn start_command(&self, command: &mut Command, word: &str) -> Running {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let log = Arc::new(Mutex::new(String::new()));
        let (found, wait) = std::sync::mpsc::channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stderr.take().expect("a pipe")),
            Box::new(child.stdout.take().expect("a pipe")),
        ];
        let mut readers = Vec::new();
        for stream in streams {
            let (log, found, word) = (log.clone(), found.clone(), word.to_owned());
            readers.push(std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let hit = line.contains(&word);
                    let mut log = log.lock().expect("a log");
                    log.push_str(&line);
                    log.push('\n');
                    if hit {
                        let _ = found.send(());
                    }
                }
            }));
        }
        drop(found);
        if wait.recv().is_err() {
            let status = child.wait();
            panic!(
                "the server ended with {status:?}:\n{}",
                log.lock().expect("a log")
            );
        }
        Running {
            child,
            log,
            readers,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strowger"));
    command
        .current_dir(folder)
        .env_remove("STROWGER_PASSWORD")
        .env("NO_COLOR", "1");
    command
}

/// How a command ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub out: String,
    pub err: String,
    place: String,
}

impl Outcome {
    /// Exit code and texts with the folder's name and these words replaced, for snapshots.
    pub fn shown(&self, replace: &[(&str, &str)]) -> String {
        let mut text = format!(
            "exit {}\n--- out\n{}--- err\n{}",
            self.code, self.out, self.err
        );
        text = text
            .replace(&self.place, "[place]")
            .replace(env!("CARGO_BIN_EXE_strowger"), "strowger");
        for (from, to) in replace {
            text = text.replace(from, to);
        }
        text
    }

    #[track_caller]
    pub fn must_be(&self, code: i32, words: &[&str]) -> &Outcome {
        let all = format!("{}{}", self.out, self.err);
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(all.contains(word), "{word} is missing in {self:?}");
        }
        assert!(!all.contains("panicked"), "{self:?}");
        self
    }
}

/// A server that runs, ended by a signal.
pub struct Running {
    child: Child,
    log: Arc<Mutex<String>>,
    /// Read what it writes.
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> String {
        self.log.lock().expect("a log").clone()
    }

    /// What it logged, as soon as that says `word`; after a while, whatever it logged.
    #[allow(dead_code, reason = "not all tests wait for a line")]
    pub fn log_with(&self, word: &str) -> String {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let log = self.log();
            if log.contains(word) || Instant::now() > until {
                return log;
            }
            // It is another thread that reads what the server writes.
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a number");
        kill(Pid::from_raw(pid), signal).expect("a signal");
    }

    /// Waits until it has ended; its exit code and what it logged.
    pub fn wait(mut self) -> (i32, String) {
        let code = self.child.wait().expect("it ends").code().unwrap_or(-1);
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        (code, self.log())
    }

    /// Asks it to end; its exit code.
    pub fn end(mut self) -> i32 {
        self.signal(Signal::SIGTERM);
        self.child.wait().expect("it ends").code().unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that is free for UDP and TCP on 127.0.0.1.
pub fn free_port() -> u16 {
    for _ in 0..100 {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let port = udp.local_addr().expect("an address").port();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// A good configuration on this port.
pub fn configuration(port: u16) -> String {
    format!(
        "domains = [\"example.test\"]\nlisten = [\"udp:127.0.0.1:{port}\", \"tcp:127.0.0.1:{port}\"]\ndata = \"./data\"\nworkers = 1\n"
    )
}
