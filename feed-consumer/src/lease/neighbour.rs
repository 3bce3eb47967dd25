//! Whether another process on this machine still lives.
//!
//! A worker tells who its process is when it registers: the boot of the kernel, the namespaces in
//! which its number and its start time count, the number, and the start time. A worker of the same
//! boot and namespaces can look that up; all others cannot tell, and wait for the lease to end.
//!
//! Nothing rests on it but time. Should a living process be taken for dead (two copies of a virtual
//! machine that was suspended share a boot), its next write finds another token.

/// Who this process is; `None` where processes cannot be told apart for certain, as elsewhere than
/// on Linux.
pub(crate) fn identity() -> Option<String> {
    #[cfg(target_os = "linux")]
    return linux::Identity::of_this_process().map(|identity| identity.to_string());
    #[cfg(not(target_os = "linux"))]
    None
}

/// The name of this machine, for people.
pub(crate) fn host() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_else(|_| "unknown".to_owned());
    name
}

/// Whether the process of this identity is known to have ended. Whatever is doubtful counts as
/// alive.
pub(super) fn is_dead(identity: &str) -> bool {
    #[cfg(target_os = "linux")]
    return linux::is_dead(identity);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = identity;
        false
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::sync::LazyLock;

    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};

    /// Where the numbers and start times of processes count.
    static PLACE: LazyLock<Option<Place>> = LazyLock::new(Place::of_this_process);

    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(super) struct Place {
        /// Another one after each boot.
        boot: String,
        /// The namespace of process ids.
        processes: String,
        /// The namespace of times, in which start times are counted; empty before Linux 5.6.
        times: String,
    }

    /// A process of a machine.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(super) struct Identity {
        pub(super) place: Place,
        pub(super) process: i32,
        /// In ticks since the boot.
        pub(super) started: u64,
    }

    /// What `/proc` says of a process.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Stat {
        state: char,
        threads: u64,
        pub(super) started: u64,
    }

    impl Place {
        fn of_this_process() -> Option<Self> {
            // Where `/proc` is that of other namespaces, what it says of a number is about another
            // process.
            let process = std::process::id().to_string();
            if fs::read_link("/proc/self").ok()?.to_str() != Some(process.as_str()) {
                return None;
            }
            let namespace = |name: &str| {
                let link = fs::read_link(format!("/proc/self/ns/{name}")).ok()?;
                let inode = link.to_str()?.split_once('[')?.1.strip_suffix(']')?;
                inode.bytes().all(|byte| byte.is_ascii_digit()).then(|| inode.to_owned())
            };
            let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
            let boot = boot.trim().to_owned();
            if boot.is_empty() || boot.contains(' ') {
                return None;
            }
            let times = namespace("time").unwrap_or_default();
            Some(Self { boot, processes: namespace("pid")?, times })
        }
    }

    impl Identity {
        pub(super) fn of_this_process() -> Option<Self> {
            let process = i32::try_from(std::process::id()).ok()?;
            let started = Stat::of(process)?.started;
            Some(Self { place: PLACE.clone()?, process, started })
        }

        pub(super) fn parse(text: &str) -> Option<Self> {
            let parts: Vec<_> = text.split('/').collect();
            let [boot, processes, times, process, started] = parts[..] else {
                return None;
            };
            let [boot, processes, times] = [boot, processes, times].map(ToOwned::to_owned);
            let process = process.parse().ok().filter(|process| *process > 0)?;
            Some(Self {
                place: Place { boot, processes, times },
                process,
                started: started.parse().ok()?,
            })
        }
    }

    impl std::fmt::Display for Identity {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let Self { place, process, started } = self;
            write!(f, "{}/{}/{}/{process}/{started}", place.boot, place.processes, place.times)
        }
    }

    impl Stat {
        fn of(process: i32) -> Option<Self> {
            Self::parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
        }

        /// See proc_pid_stat(5). The name of the program, in parentheses, may hold any character.
        pub(super) fn parse(text: &str) -> Option<Self> {
            let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
            // The fields 3, 20 and 22.
            let state = fields.next()?.chars().next()?;
            let threads = fields.nth(16)?.parse().ok()?;
            let started = fields.nth(1)?.parse().ok()?;
            Some(Self { state, threads, started })
        }

        /// Whether all of it has ended: a process whose first thread has may have others.
        fn has_ended(&self) -> bool {
            matches!(self.state, 'Z' | 'X') && self.threads <= 1
        }
    }

    pub(super) fn is_dead(identity: &str) -> bool {
        let Some(neighbour) = Identity::parse(identity) else {
            return false;
        };
        if PLACE.as_ref() != Some(&neighbour.place) {
            return false;
        }
        let Some(process) = Pid::from_raw(neighbour.process) else {
            return false;
        };
        // `/proc` can hide the processes of others, this cannot.
        if test_kill_process(process) == Err(Errno::SRCH) {
            return true;
        }
        Stat::of(neighbour.process)
            .is_some_and(|stat| stat.started != neighbour.started || stat.has_ended())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::linux::{Identity, Stat};
    use super::*;

    /// The identity of a child, told from this process's own.
    fn identity_of(child: &Child) -> Identity {
        let process = i32::try_from(child.id()).unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        let started = Stat::parse(&stat).unwrap().started;
        Identity { process, started, ..Identity::of_this_process().unwrap() }
    }

    fn waiting() -> Child {
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
    }

    #[test]
    fn this_process_lives_and_is_told_from_what_is_none() {
        let identity = identity().unwrap();
        assert_eq!(Identity::parse(&identity).unwrap().to_string(), identity);
        assert!(!is_dead(&identity), "{identity}");
        for doubtful in ["", "a/b/c/1/1", "////", "somewhere else", &format!("{identity}0/7")] {
            assert!(!is_dead(doubtful), "{doubtful}");
        }
    }

    #[test]
    fn a_process_is_dead_once_it_has_ended_even_before_its_parent_knows() {
        let mut child = waiting();
        let identity = identity_of(&child);
        assert!(!is_dead(&identity.to_string()));
        drop(child.stdin.take());
        // Nobody has waited for it: a zombie.
        while !is_dead(&identity.to_string()) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(is_dead(&identity.to_string()));
    }

    #[test]
    fn a_process_that_was_given_the_same_number_later_is_another_one() {
        let mut child = waiting();
        let living = identity_of(&child);
        let former = Identity { started: living.started - 1, ..living.clone() };
        assert!(is_dead(&former.to_string()));
        assert!(!is_dead(&living.to_string()));
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn what_another_boot_or_namespace_says_is_doubtful() {
        let mut child = waiting();
        let identity = identity_of(&child);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(is_dead(&identity.to_string()));
        let text = identity.to_string();
        let parts: Vec<_> = text.split('/').collect();
        for place in 0..3 {
            let mut parts = parts.clone();
            parts[place] = "1";
            assert!(!is_dead(&parts.join("/")), "{parts:?}");
        }
    }

    #[test]
    fn a_program_may_have_any_name() {
        let stat = "7 (a) Z 1 2 (b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 3 18 4242 20 21";
        let stat = Stat::parse(stat).unwrap();
        assert_eq!(stat.started, 4242);
        assert!(Stat::parse("7 (a").is_none());
    }
}
