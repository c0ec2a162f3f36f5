//! What Linux tells about processes: CPU time, resident memory, open files allowed.
//!
//! Read from `/proc`, so that any gateway can be looked at from outside by its process id.

use std::{fs, io, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// `/proc/PID/stat` counts CPU time in units of `USER_HZ`, which Linux fixes at 100 a second on
/// every processor that this crate is built for (`man 5 proc_pid_stat`, `man 7 time`).
const TICK: Duration = Duration::from_millis(10);

/// User and system time of the process so far, ended threads included, to 10 ms.
/// `None` without a process, or if it is gone.
pub fn cpu_time(pid: Option<u32>) -> Option<Duration> {
    cpu_time_in(&fs::read_to_string(format!("/proc/{}/stat", pid?)).ok()?)
}

/// The same for the calling thread alone.
pub fn thread_cpu_time() -> Option<Duration> {
    cpu_time_in(&fs::read_to_string("/proc/thread-self/stat").ok()?)
}

fn cpu_time_in(stat: &str) -> Option<Duration> {
    // The second field is the name in parentheses, which may itself hold spaces and parentheses.
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
    let user: u32 = fields.nth(11)?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * user + TICK * system)
}

/// Resident memory of the process, in bytes. `None` without a process, or if it is gone.
pub fn resident_bytes(pid: Option<u32>) -> Option<u64> {
    resident_bytes_in(&fs::read_to_string(format!("/proc/{}/status", pid?)).ok()?)
}

fn resident_bytes_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Raises the soft limit of open files to the hard one, for this process and those that it starts
/// from now on; gives the limit in force.
pub fn raise_file_limit() -> io::Result<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(maximum.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_any_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 30 7 9 20 0 5 0 1 2 3";
        assert_eq!(cpu_time_in(stat), Some(Duration::from_millis(2_800)));
        assert_eq!(cpu_time_in("42 (a) S 1"), None);
    }

    #[test]
    fn resident_memory_is_in_bytes() {
        assert_eq!(resident_bytes_in("VmPeak:\t 9 kB\nVmRSS:\t   17408 kB\n"), Some(17 << 20));
        assert_eq!(resident_bytes_in("VmPeak:\t 9 kB\n"), None);
    }

    #[test]
    fn this_process_can_be_read_and_a_missing_one_cannot() {
        let me = Some(std::process::id());
        assert!(cpu_time(me).is_some());
        assert!(thread_cpu_time().unwrap() <= cpu_time(me).unwrap());
        assert!(resident_bytes(me).unwrap() > 100 * 1024);
        assert_eq!(cpu_time(None), None);
        assert_eq!(resident_bytes(Some(u32::MAX)), None);
    }

    #[test]
    fn the_file_limit_ends_at_its_hard_one() {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let lower = Rlimit { current: maximum.map(|hard| hard - 1), maximum };
        setrlimit(Resource::Nofile, lower).unwrap();
        let limit = raise_file_limit().unwrap();
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), limit);
    }
}
