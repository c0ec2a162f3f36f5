//! Programs that answer: started in a group of their own, and ended with all of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, ChildStdin, ChildStdout},
    task::JoinHandle,
    time::timeout,
};

use super::{
    limits::{EXIT, SAID_CHARS, STDERR_BYTES},
    shortened,
};
use crate::{domain::talk::Failure, support::secret::Secret};

/// Where the names of users stand.
const PASSWD: &str = "/etc/passwd";

/// How much of the output is taken at a time.
const PIECE: usize = 8 << 10;

/// What is started, and how.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The program and its arguments; not empty.
    pub argv: Vec<String>,
    /// Where it is started; the gateway's own directory otherwise.
    pub cwd: Option<PathBuf>,
    /// The whole of its environment, but for what this runtime adds.
    pub env: Vec<(String, Secret<String>)>,
    /// As whom it runs, by a name of `/etc/passwd`; only root can give it to another.
    pub user: Option<String>,
}

impl Program {
    /// What it is called, without its directory.
    pub fn name(&self) -> String {
        let program = self.argv.first().map(String::as_str).unwrap_or_default();
        let name = Path::new(program).file_name();
        name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

/// A program at work. Dropping it ends its whole group.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// The program is the first of its group, so that is the group's id too.
    group: Option<Pid>,
    stdout: ChildStdout,
    stderr: JoinHandle<Vec<u8>>,
}

impl Process {
    /// Starts it, and gives its standard input. It is told what is `told`, in its environment.
    ///
    /// # Errors
    /// If it cannot be started, or not as that user.
    pub fn start(program: &Program, told: &[(&str, &str)]) -> Result<(Self, ChildStdin), Failure> {
        let name = program.argv.first().map(String::as_str).unwrap_or_default();
        let mut command = tokio::process::Command::new(name);
        command.args(program.argv.iter().skip(1)).env_clear();
        command.envs(program.env.iter().map(|(name, value)| (name, value.expose())));
        command.envs(told.iter().copied());
        if let Some(cwd) = &program.cwd {
            command.current_dir(cwd);
        }
        if let Some(user) = &program.user {
            run_as(&mut command, user)?;
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        let cannot = |error| crashed(&format!("cannot start {name}: {error}"), b"");
        let mut child = command.spawn().map_err(cannot)?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(crashed("it has no standard streams", b""));
        };
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let stderr = tokio::spawn(last_words(stderr));
        Ok((Self { child, group, stdout, stderr }, stdin))
    }

    /// What it prints next; empty at the end.
    ///
    /// # Errors
    /// If its output cannot be read.
    pub async fn more(&mut self) -> Result<Vec<u8>, Failure> {
        let mut piece = Vec::with_capacity(PIECE);
        let read = self.stdout.read_buf(&mut piece).await;
        read.map_err(|error| Failure::Broken(format!("its output cannot be read: {error}")))?;
        Ok(piece)
    }

    /// Waits for its end, after that of its output.
    ///
    /// # Errors
    /// If it ended badly, or does not end.
    pub async fn end(self) -> Result<(), Failure> {
        let (status, said) = self.wait().await?;
        match status.success() {
            true => Ok(()),
            false => Err(crashed(&ending(status), &said)),
        }
    }

    /// What to say of one whose output ended although it was not to end.
    pub async fn gone(self) -> Failure {
        match self.wait().await {
            Ok((status, said)) => crashed(&ending(status), &said),
            Err(failure) => failure,
        }
    }

    /// How it ended, and its last words.
    async fn wait(mut self) -> Result<(ExitStatus, Vec<u8>), Failure> {
        let status = match timeout(EXIT, self.child.wait()).await {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => return Err(crashed(&format!("cannot wait for it: {error}"), b"")),
            Err(_) => return Err(crashed("it closed its output and did not end", b"")),
        };
        // What it left behind holds its standard error open, and goes with it.
        self.kill();
        Ok((status, (&mut self.stderr).await.unwrap_or_default()))
    }

    fn kill(&self) {
        if let Some(group) = self.group {
            // Nobody is left: that is what was wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        self.stderr.abort();
    }
}

fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "it ended badly".to_owned(),
    }
}

/// Reads all, and keeps the end.
async fn last_words(mut stderr: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut piece = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut piece).await {
        kept.extend_from_slice(&piece[..read]);
        kept.drain(..kept.len().saturating_sub(STDERR_BYTES));
    }
    kept
}

/// A program that failed, with what it said last.
fn crashed(what: &str, said: &[u8]) -> Failure {
    let said = String::from_utf8_lossy(said);
    // The last words say what went wrong, so the first ones go.
    let skipped = said.chars().count().saturating_sub(SAID_CHARS);
    let said = shortened(&said.chars().skip(skipped).collect::<String>());
    Failure::Crashed(if said.is_empty() { what.to_owned() } else { format!("{what}: {said}") })
}

/// Gives the process to a user, whose groups are his own one only.
fn run_as(command: &mut tokio::process::Command, user: &str) -> Result<(), Failure> {
    let passwd = fs::read_to_string(Path::new(PASSWD));
    let passwd = passwd.map_err(|error| crashed(&format!("{PASSWD}: {error}"), b""))?;
    let (uid, gid) = ids(&passwd, user)
        .ok_or_else(|| crashed(&format!("cannot run as {user}: no such user in {PASSWD}"), b""))?;
    let me = rustix::process::geteuid();
    if me.as_raw() == uid {
        return Ok(());
    }
    if !me.is_root() {
        return Err(crashed(
            &format!("cannot run as {user}: the gateway itself does not run as root"),
            b"",
        ));
    }
    command.uid(uid).gid(gid);
    Ok(())
}

/// A user's numbers: `name:password:uid:gid:...` (passwd(5)).
fn ids(passwd: &str, user: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(user)).then_some(())?;
        let mut number = |skipped: usize| fields.nth(skipped)?.parse().ok();
        Some((number(1)?, number(0)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbot:x:1001:1002::/:/bin/false\nbo:x:x:1::/:\n";
        for (user, expected) in
            [("root", Some((0, 0))), ("bot", Some((1001, 1002))), ("bo", None), ("x", None)]
        {
            assert_eq!(ids(passwd, user), expected, "{user}");
        }
    }
}
