//! The process: started in a group of its own, and ended with all of it.

use std::{fs, path::Path, process::ExitStatus, process::Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, ChildStdout},
    task::JoinHandle,
    time::timeout,
};

use super::{
    super::limits::{EXIT, STDERR_BYTES},
    Program, Turn, crashed,
};
use crate::domain::talk::Failure;

/// Where the names of users stand.
const PASSWD: &str = "/etc/passwd";

/// How much of the output is taken at a time.
const PIECE: usize = 8 << 10;

/// A program at work. Dropping it ends its whole group.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    /// The program is the first of its group, so that is the group's id too.
    group: Option<Pid>,
    stdout: ChildStdout,
    stderr: JoinHandle<Vec<u8>>,
}

impl Running {
    /// Starts it and hands the message over.
    ///
    /// # Errors
    /// If it cannot be started, or not as that user.
    pub fn start(program: &Program, turn: &Turn, message: String) -> Result<Self, Failure> {
        let name = program.argv.first().map(String::as_str).unwrap_or_default();
        let mut command = tokio::process::Command::new(name);
        command.args(program.argv.iter().skip(1)).env_clear();
        command.envs(program.env.iter().map(|(name, value)| (name, value)));
        command.env("DOORWARD_AGENT", turn.agent.as_str()).env("DOORWARD_RUN", turn.run.as_str());
        if let Some(session) = &turn.session {
            command.env("DOORWARD_SESSION", session.as_str());
        }
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
        tokio::spawn(hand_over(stdin, message));
        let stderr = tokio::spawn(last_words(stderr));
        Ok(Self { child, group, stdout, stderr })
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
    pub async fn end(mut self) -> Result<(), Failure> {
        let status = match timeout(EXIT, self.child.wait()).await {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => return Err(crashed(&format!("cannot wait for it: {error}"), b"")),
            Err(_) => return Err(crashed("it closed its output and did not end", b"")),
        };
        // What it left behind holds its standard error open, and goes with it.
        self.kill();
        let said = (&mut self.stderr).await.unwrap_or_default();
        match status.success() {
            true => Ok(()),
            false => Err(crashed(&ending(status), &said)),
        }
    }

    fn kill(&self) {
        if let Some(group) = self.group {
            // Nobody is left: that is what was wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Running {
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

/// Writes the message. A program that does not read it all has had enough.
async fn hand_over(mut stdin: ChildStdin, message: String) {
    let _ = stdin.write_all(message.as_bytes()).await;
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
