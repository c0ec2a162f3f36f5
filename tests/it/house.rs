//! A real gateway in a process of its own, with a state directory that goes away with it.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    num::NonZeroU32,
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use doorward::{
    fronts::cli::client::{self, Auth, ConnectError, ConnectOptions, Session},
    service::Limits,
    support::{clock::Stopwatch, secret::Secret},
};
use serde_json::Value;
use tempfile::TempDir;

/// The shared token of every gateway that these tests start.
pub const TOKEN: &str = "a-shared-token-for-tests";

/// How long anything here may take before a test says that it hangs.
const DEADLINE: Duration = Duration::from_secs(20);

/// A running gateway.
pub struct Gateway {
    child: Option<Child>,
    token: Option<&'static str>,
    pub port: u16,
    pub state: TempDir,
}

impl Gateway {
    /// Starts one with this configuration file (JSON5).
    pub fn start(config: &str) -> Self {
        Self::start_with(config, Some(TOKEN))
    }

    /// Starts one that has to make its own token.
    pub fn start_without_token() -> Self {
        Self::start_with("{}", None)
    }

    /// Starts one with this token in its environment, or none.
    pub fn start_with(config: &str, token: Option<&'static str>) -> Self {
        let state = TempDir::new().unwrap();
        std::fs::write(state.path().join("doorward.json"), config).unwrap();
        let mut gateway = Self { child: None, token, port: free_port(), state };
        gateway.run();
        gateway
    }

    /// One that is not running yet, on this state, which must make its own token.
    pub fn not_started(state: TempDir) -> Self {
        Self { child: None, token: None, port: free_port(), state }
    }

    /// Starts it (again) on the same state.
    pub fn run(&mut self) {
        let mut command = self.command();
        command.args(["run", "--port", &self.port.to_string()]);
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.state.path().join("test.log"))
            .unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let waiting = Stopwatch::start();
        while !matches!(self.get("/readyz"), Some((200, _))) {
            assert!(waiting.elapsed() < DEADLINE, "the gateway is not ready: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.state.path().join("test.log")).unwrap_or_default()
    }

    /// A command of the same binary for the same state, without arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.env_clear().env("HOME", self.state.path());
        command.envs(self.token.map(|token| ("DOORWARD_TOKEN", token)));
        command.arg("--state-dir").arg(self.state.path()).stdin(Stdio::null());
        command
    }

    /// Runs another command of the same binary against the same state.
    pub fn doorward(&self, args: &[&str]) -> Output {
        self.command().env_remove("DOORWARD_TOKEN").args(args).output().unwrap()
    }

    /// The JSON that such a command prints; it must succeed.
    pub fn json(&self, args: &[&str]) -> Value {
        let output = self.doorward(&[args, &["--json"]].concat());
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {text}{errors}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
    }

    /// Its admin API, as the host reaches it.
    pub async fn admin(&self) -> tonic::transport::Channel {
        let url = format!("unix://{}", self.state.path().join("admin.sock").display());
        tonic::transport::Endpoint::from_shared(url).unwrap().connect().await.unwrap()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Ends it with `kill -9`: no code of its own runs any more. Less than a power cut, as the kernel
    /// keeps what was written and not synced; `ledger/tests/syncing.rs` is about the sync.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks it to stop, and gives how it ended.
    pub fn terminate(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let waiting = Stopwatch::start();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            assert!(waiting.elapsed() < DEADLINE, "it does not stop: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its resident memory, in bytes.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// The head of the answer to one HTTP request, in lower case.
    pub fn head(&self, path: &str) -> String {
        let answer = self.exchange(path, "").unwrap();
        answer.split_once("\r\n\r\n").unwrap().0.to_lowercase()
    }

    /// One HTTP request; `None` while nothing listens.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let answer = self.exchange(path, "")?;
        let status = answer.split_whitespace().nth(1)?.parse().ok()?;
        let body = answer.split_once("\r\n\r\n")?.1;
        Some((status, body.to_owned()))
    }

    /// One HTTP request with more lines in its header; they end in CR LF.
    pub fn ask(&self, path: &str, header: &str) -> (u16, String) {
        let answer = self.exchange(path, header).unwrap();
        let status = answer.split_whitespace().nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    fn exchange(&self, path: &str, header: &str) -> Option<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        let host = format!("Host: 127.0.0.1:{}\r\nConnection: close\r\n{header}", self.port);
        write!(stream, "GET {path} HTTP/1.1\r\n{host}\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Its WebSocket address on this machine.
    pub fn url(&self) -> String {
        self.url_at(Ipv4Addr::LOCALHOST.into())
    }

    /// Its WebSocket address as seen from elsewhere.
    pub fn url_at(&self, address: IpAddr) -> String {
        format!("ws://{}/", SocketAddr::new(address, self.port))
    }

    /// Connects.
    pub async fn connect(&self, options: &ConnectOptions) -> Result<Session, ConnectError> {
        client::connect(&self.url(), options).await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Limits for a gateway that a test puts together by itself: none, so that no test waits for another.
pub fn limits() -> Limits {
    Limits {
        max_attempts: NonZeroU32::MAX,
        global_max_attempts: NonZeroU32::MAX,
        window: Duration::from_secs(60),
        lockout: Duration::from_secs(300),
        exempt_loopback: true,
    }
}

/// A client that presents the shared token.
pub fn shared(scopes: &[&str]) -> ConnectOptions {
    ConnectOptions::operator(Some(Secret::new(TOKEN.to_owned())), scopes)
}

/// A client that presents a device token.
pub fn with_device_token(options: &ConnectOptions, token: &str) -> ConnectOptions {
    let auth = Auth::device_token(Secret::new(token.to_owned()));
    ConnectOptions { auth, ..options.clone() }
}

/// An address of this machine that is not loopback: what a client elsewhere in the house would see.
pub fn lan_address() -> IpAddr {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    // Nothing is sent: connecting a datagram socket only chooses a route.
    let route = socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).and_then(|()| socket.local_addr());
    let address = route.expect("this test needs a network interface besides loopback").ip();
    assert!(!address.is_loopback(), "this test needs a network interface besides loopback");
    address
}

/// A port that nobody has and nobody else will be given: below the range from which the system picks
/// ports for connections, and counted up, so that a gateway which was killed finds its port free.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 10_000).unwrap_or_default();
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
}

/// Runs an async test; one that hangs fails.
pub fn block_on<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let limited = async { tokio::time::timeout(10 * DEADLINE, test).await };
    runtime.block_on(limited).expect("the test hangs")
}

/// Every file under a directory, with its bytes.
pub fn files_under(dir: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_under(&path));
        } else if path.is_file() {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

/// Copies a directory with everything in it.
pub fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_all(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}
