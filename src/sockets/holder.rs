//! Who holds a TCP port: the answer to "address in use", read from [`/proc`] as `ss -ltnp` does.
//!
//! [`/proc`]: https://man7.org/linux/man-pages/man5/proc_pid_net.5.html

use std::fs;
use std::net::SocketAddr;

/// The state number of listening sockets in /proc/net/tcp.
const LISTEN: &str = "0A";

/// Describes the process that listens on `address`, as far as this user may know.
pub(super) fn of_tcp(address: SocketAddr) -> Option<String> {
    let (inode, uid) = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| listener_in(&table, address.port()))?;
    Some(match process_with_socket(&inode) {
        Some((pid, name)) => format!("process {pid} ({name})"),
        None => format!("a process of the user with id {uid}"),
    })
}

/// The inode and the owner's id of the socket that listens on `port`.
fn listener_in(table: &str, port: u16) -> Option<(String, String)> {
    let suffix = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (&local, &state) = (fields.get(1)?, fields.get(3)?);
        let (&uid, &inode) = (fields.get(7)?, fields.get(9)?);
        (local.ends_with(&suffix) && state == LISTEN).then(|| (inode.into(), uid.into()))
    })
}

fn process_with_socket(inode: &str) -> Option<(u32, String)> {
    let link = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let holds = |pid: &u32| {
        fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|fds| {
            fds.flatten().any(|fd| {
                fs::read_link(fd.path()).is_ok_and(|target| target.as_os_str() == link.as_str())
            })
        })
    };
    let pid = pids.into_iter().find(holds)?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some((pid, name.trim_end().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn names_the_process_that_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = of_tcp(listener.local_addr().unwrap()).unwrap();
        assert!(holder.starts_with(&format!("process {} (", std::process::id())), "{holder}");
    }

    #[test]
    fn knows_nobody_on_a_free_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert_eq!(of_tcp(address), None);
    }
}
