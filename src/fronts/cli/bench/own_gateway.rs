//! A gateway that the benchmark starts for itself: this program's `run`, in a directory of its own.
//!
//! The directory is removed and the process ended when the value is dropped. What the user's
//! environment says to a gateway does not reach this one.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{clock::Stopwatch, entropy, private_file, secret::Secret};

/// Between two questions whether it is ready: a fiftieth of what is wanted of a start.
const POLL: Duration = Duration::from_micros(500);

/// A start that takes longer is given up. The peer takes 6 to 8 s.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A gateway drains within 5 s of SIGTERM; after that and a second more it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(6);

/// What is started.
#[derive(Debug, Clone)]
pub struct Program {
    /// The executable file.
    pub file: PathBuf,
    /// What precedes `run` on its command line: a script, if the file is its interpreter.
    pub before: Vec<PathBuf>,
}

/// What the gateway finds in its state directory.
#[derive(Debug, Clone)]
pub enum Seed {
    /// Nothing.
    Empty,
    /// A configuration file with this text, and nothing else.
    Config(&'static str),
    /// A copy of this directory, so that the measured starts leave the original alone.
    CopyOf(PathBuf),
}

/// A running gateway.
pub struct OwnGateway {
    child: Child,
    dir: ScratchDir,
    /// Where it listens.
    pub addr: SocketAddr,
    /// Its shared token.
    pub token: Secret<String>,
    started: Stopwatch,
}

impl OwnGateway {
    /// Starts `program run` on a free port. It is not ready yet: see [`OwnGateway::wait_ready`].
    ///
    /// # Errors
    /// If the directory cannot be made or the program not be started.
    pub fn start(program: &Program, seed: &Seed) -> anyhow::Result<Self> {
        Self::start_in(program, ScratchDir::seeded(seed)?)
    }

    fn start_in(program: &Program, dir: ScratchDir) -> anyhow::Result<Self> {
        let addr = free_address()?;
        let token = entropy::token();
        let mut command = Command::new(&program.file);
        command
            .args(&program.before)
            .args(["run", "--port", &addr.port().to_string(), "--state-dir"])
            .arg(dir.state())
            .env_clear()
            .env("OPENCLAW_GATEWAY_TOKEN", token.expose())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(dir.stderr())?);
        let started = Stopwatch::start();
        let child =
            command.spawn().with_context(|| format!("cannot start {}", program.file.display()))?;
        Ok(Self { child, dir, addr, token, started })
    }

    /// Waits until `GET /readyz` answers 200; gives the time since the process was started. Blocks.
    ///
    /// # Errors
    /// If the process ends or a minute passes before that; with its last words.
    pub fn wait_ready(&mut self) -> anyhow::Result<Duration> {
        loop {
            if is_ready(self.addr) {
                return Ok(self.started.elapsed());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the gateway ended with {status}: {}", self.last_words());
            }
            if self.started.elapsed() > START_LIMIT {
                bail!("the gateway was not ready after {START_LIMIT:?}: {}", self.last_words());
            }
            thread::sleep(POLL);
        }
    }

    /// Stops it in order and starts it again on the same state.
    ///
    /// # Errors
    /// As [`OwnGateway::start`].
    pub fn restart(mut self, program: &Program) -> anyhow::Result<Self> {
        self.stop()?;
        let dir = std::mem::replace(&mut self.dir, ScratchDir(PathBuf::new()));
        Self::start_in(program, dir)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn stop(&mut self) -> io::Result<()> {
        if self.child.try_wait()?.is_none() {
            kill_process(Pid::from_child(&self.child), Signal::TERM)?;
            let watch = Stopwatch::start();
            while self.child.try_wait()?.is_none() {
                if watch.elapsed() > STOP_LIMIT {
                    self.child.kill()?;
                    self.child.wait()?;
                    break;
                }
                thread::sleep(Duration::from_millis(2));
            }
        }
        Ok(())
    }

    /// The end of what it wrote to stderr.
    fn last_words(&self) -> String {
        let text = fs::read_to_string(self.dir.stderr()).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for OwnGateway {
    fn drop(&mut self) {
        // Nothing more can be done about a process that is neither there nor to be ended.
        let _ = self.stop();
    }
}

/// Asks the gateway at `addr`, over a connection of its own, whether it is ready.
pub fn is_ready(addr: SocketAddr) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let request = format!("GET /readyz HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut status = [0u8; 12];
        stream.read_exact(&mut status)?;
        Ok(&status[8..] == b" 200")
    };
    ask().unwrap_or(false)
}

/// An address that was free a moment ago. Another process may take it first; then the gateway
/// cannot bind it, ends, and the run says so.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A directory that is removed with the value: the gateway's state, and what it writes to stderr.
struct ScratchDir(PathBuf);

impl ScratchDir {
    fn seeded(seed: &Seed) -> io::Result<Self> {
        let dir = Self(std::env::temp_dir().join(format!("doorward-bench-{}", entropy::uuid())));
        private_file::create_dir(&dir.state())?;
        match seed {
            Seed::Empty => {}
            Seed::Config(text) => fs::write(dir.state().join("doorward.json"), text)?,
            Seed::CopyOf(from) => copy_dir(from, &dir.state())?,
        }
        Ok(dir)
    }

    fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    fn stderr(&self) -> PathBuf {
        self.0.join("stderr.txt")
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            // A directory that stays behind in the temporary place harms nobody.
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// Copies files and directories; sockets and the like, which a running gateway makes anew, are left.
fn copy_dir(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            private_file::create_dir(&target)?;
            copy_dir(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run by the shell's own file: to execute a file that was written a moment ago fails while
    /// another thread of this process starts something (`ETXTBSY`).
    fn script(text: &str) -> (tempfile::TempDir, Program) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.sh");
        fs::write(&path, text).unwrap();
        (dir, Program { file: "/bin/sh".into(), before: vec![path] })
    }

    #[test]
    fn a_gateway_that_ends_is_reported_with_its_last_words() {
        let (_keep, program) = script("echo \"no luck with $1 $2\" >&2; exit 3");
        let mut gateway = OwnGateway::start(&program, &Seed::Empty).unwrap();
        let error = gateway.wait_ready().unwrap_err().to_string();
        assert!(error.contains("exit status: 3: no luck with run --port"), "{error}");
        let dir = gateway.dir.0.clone();
        assert!(dir.exists());
        drop(gateway);
        assert!(!dir.exists());
    }

    #[test]
    fn the_gateway_sees_its_token_and_nothing_of_the_users_environment() {
        // The shell itself sets PWD and the like; HOME and CARGO_* would come from outside.
        let (_keep, program) =
            script("echo \"[$HOME$CARGO_MANIFEST_DIR]$OPENCLAW_GATEWAY_TOKEN\" >&2; exit 1");
        let mut gateway = OwnGateway::start(&program, &Seed::Empty).unwrap();
        let error = gateway.wait_ready().unwrap_err().to_string();
        assert!(error.ends_with(&format!("[]{}", gateway.token.expose())), "{error}");
    }

    #[test]
    fn the_state_is_a_copy_of_the_seed_and_survives_a_restart() {
        let seed = tempfile::tempdir().unwrap();
        fs::create_dir(seed.path().join("ledger")).unwrap();
        fs::write(seed.path().join("ledger/db"), "records").unwrap();
        let (_keep, program) =
            script("cat \"$5/ledger/db\" >&2; echo more >> \"$5/ledger/db\"; exit 1");
        let seed_kind = Seed::CopyOf(seed.path().to_owned());
        let mut gateway = OwnGateway::start(&program, &seed_kind).unwrap();
        assert!(gateway.wait_ready().unwrap_err().to_string().ends_with("records"));
        let mut again = gateway.restart(&program).unwrap();
        assert!(again.wait_ready().unwrap_err().to_string().ends_with("recordsmore"));
        assert_eq!(fs::read_to_string(seed.path().join("ledger/db")).unwrap(), "records");
    }

    #[test]
    fn only_a_200_is_ready() {
        for (answer, expected) in [
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\n\r\n", true),
            ("", false),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let addr = listener.local_addr().unwrap();
            let server = thread::spawn(move || {
                let mut request = [0u8; 13];
                let (mut stream, _) = listener.accept().unwrap();
                stream.read_exact(&mut request).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
                request
            });
            assert_eq!(is_ready(addr), expected, "{answer:?}");
            assert_eq!(&server.join().unwrap(), b"GET /readyz H");
        }
        assert!(!is_ready(free_address().unwrap()));
    }
}
