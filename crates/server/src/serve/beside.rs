//! The tokio runtime beside the event loop: DNS and administration, on one thread.

use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use strowger_admin::{AllowedHosts, Control, bind_http, bind_socket, serve_http, serve_socket};
use strowger_element::{Answer, Input};
use strowger_kamailio::cfg::Value;
use tokio::sync::{mpsc, oneshot};

use super::dns::{self, Ask};
use super::errands::{self, Asked};
use super::live::Live;
use super::port_owner::port_owner;
use super::services::Waiter;
use crate::config::{Config, Data};
use crate::exit::{Exit, Failure};

/// How long answers to the command line may take at the end.
const END_LIMIT: Duration = Duration::from_millis(500);

/// How often expired entries of the tables of scripts are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Entries of each table looked at in one go.
const SWEEP_ENTRIES: usize = 10_000;

/// Where the administration is reached; bound before anything runs.
pub struct Doors {
    socket: UnixListener,
    path: PathBuf,
    http: Option<(TcpListener, AllowedHosts)>,
}

impl Doors {
    /// Binds the socket and the HTTP listener.
    ///
    /// # Errors
    /// One of them is taken or not allowed.
    pub fn open(config: &Config) -> Result<Doors, Failure> {
        let path = config.admin_socket();
        if config.data == Data::Memory && config.admin.socket.is_none() {
            private_folder(path.parent().unwrap_or(Path::new("/")))?;
        }
        let socket = bind_socket(&path).map_err(|error| cannot_bind_socket(&path, &error))?;
        let http = match config.admin.listen {
            Some(address) => {
                let listener = bind_http(address).map_err(|error| {
                    let owner = port_owner(strowger_sip::Transport::Tcp, address)
                        .map_or_else(String::new, |owner| format!(" by {owner}"));
                    match error.kind() {
                        std::io::ErrorKind::AddrInUse => Failure::new(
                            Exit::Failed,
                            format!("[admin] listen = {address} is already in use{owner}"),
                        )
                        .fix("stop that program, or write another port in [admin] listen"),
                        _ => Failure::new(
                            Exit::Failed,
                            format!("[admin] cannot listen on {address}: {error}"),
                        ),
                    }
                })?;
                Some((listener, AllowedHosts::new(address, &config.admin.hosts)))
            }
            None => None,
        };
        Ok(Doors { socket, path, http })
    }
}

/// A folder that only this user can enter, for a socket that has no data folder to live in.
fn private_folder(folder: &Path) -> Result<(), Failure> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    let found = made.and_then(|()| std::fs::symlink_metadata(folder));
    let ours = found.is_ok_and(|found| {
        found.is_dir()
            && found.uid() == nix::unistd::geteuid().as_raw()
            && found.mode() & 0o077 == 0
    });
    match ours {
        true => Ok(()),
        false => Err(Failure::new(
            Exit::Failed,
            format!("{} is not a folder of this user alone", folder.display()),
        )
        .fix("remove it, or name a path with [admin] socket")),
    }
}

fn cannot_bind_socket(path: &Path, error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => Failure::new(
            Exit::Failed,
            format!("a server already answers at {}", path.display()),
        )
        .fix("stop it, or give this one another [admin] socket"),
        std::io::ErrorKind::InvalidInput => Failure::new(
            Exit::Failed,
            format!("the socket's path is too long: {}", path.display()),
        )
        .fix("name a shorter one with [admin] socket"),
        _ => Failure::new(
            Exit::Failed,
            format!("cannot make the socket {}: {error}", path.display()),
        ),
    }
}

/// The running thread.
pub struct Beside {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
    path: PathBuf,
}

impl Beside {
    /// Starts the thread.
    ///
    /// # Errors
    /// The runtime cannot be made.
    pub fn start(
        doors: Doors,
        live: &Arc<Live>,
        asked: mpsc::Receiver<Ask>,
        errands: mpsc::Receiver<Asked<Waiter>>,
    ) -> Result<Beside, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(
                Exit::Failed,
                format!("cannot start the administration: {error}"),
            )
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let (live, path) = (live.clone(), doors.path.clone());
        let body = move || {
            runtime.block_on(serve(doors, live, asked, errands, stopped));
            runtime.shutdown_timeout(END_LIMIT);
        };
        let thread = std::thread::Builder::new()
            .name("strowger-beside".to_owned())
            .spawn(body)
            .map_err(failed)?;
        Ok(Beside { stop, thread, path })
    }

    /// Ends the thread and removes the socket.
    pub fn end(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Does the errands of scripts.
fn serve_errands(
    live: &Arc<Live>,
    asked: mpsc::Receiver<Asked<Waiter>>,
) -> impl Future<Output = ()> + Send + 'static {
    let config = live.config.load();
    let values = config
        .script
        .as_ref()
        .map_or(&[][..], |script| script.values("sqlops", "sqlcon"));
    let connections = errands::connections(values.iter().filter_map(Value::text));
    let driver = Arc::downgrade(&live.driver);
    let answer = Arc::new(move |(shard, query): Waiter, answer| {
        if let Some(driver) = driver.upgrade() {
            let answer = Answer::Errand(answer);
            driver.deliver(shard, Input::Completed { query, answer });
        }
    });
    errands::serve(asked, connections, live.errands.clone(), answer)
}

/// Frees what has expired in the tables of scripts, a part at a time.
async fn sweep(live: Arc<Live>) {
    let mut turns = tokio::time::interval(SWEEP_EVERY);
    loop {
        turns.tick().await;
        let now = live.driver.now().monotonic;
        live.shared.scripts.sweep(now, SWEEP_ENTRIES);
    }
}

async fn serve(
    doors: Doors,
    live: Arc<Live>,
    asked: mpsc::Receiver<Ask>,
    errands: mpsc::Receiver<Asked<Waiter>>,
    stopped: oneshot::Receiver<()>,
) {
    let settings = live.config.load().dns.clone();
    let resolver = dns::resolver(&settings)
        .inspect_err(|error| {
            tracing::warn!("there are no name servers, names cannot be resolved: {error}")
        })
        .ok();
    let answers = {
        let driver = Arc::downgrade(&live.driver);
        Arc::new(move |shard: u16, query, answer| {
            if let Some(driver) = driver.upgrade() {
                driver.deliver(shard, Input::Resolved { query, answer });
            }
        })
    };
    let limit = Duration::from_millis(settings.timeout_ms.into());
    tokio::spawn(dns::serve(
        asked,
        resolver,
        limit,
        live.dns.clone(),
        answers,
    ));
    tokio::spawn(serve_errands(&live, errands));
    tokio::spawn(sweep(live.clone()));
    let rpc = live.config.load().admin.rpc;
    let control: Arc<dyn Control> = live;
    if let Some((listener, hosts)) = doors.http {
        tokio::spawn(serve_http(listener, control.clone(), hosts, rpc));
    }
    tokio::select! {
        served = serve_socket(doors.socket, control) => {
            if let Err(error) = served {
                tracing::error!("the administration socket failed: {error}");
            }
        }
        _ = stopped => {}
    }
}
