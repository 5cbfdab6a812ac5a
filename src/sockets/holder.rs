//! Finds out who uses a port, to explain "address in use", from [`/proc`] as `ss -lntup` does.
//!
//! [`/proc`]: https://man7.org/linux/man-pages/man5/proc_pid_net.5.html

use super::Endpoint;
use std::fs;
use std::net::{IpAddr, SocketAddr};

/// The state number of listening sockets in /proc/net/tcp.
const LISTEN: &str = "0A";

/// Describes the process that listens at `endpoint`, as far as this user may see it.
pub(super) fn of(endpoint: &Endpoint) -> Option<String> {
    // A TCP port is shared by a listener and its connections; a UDP port belongs to one socket.
    let (tables, state, address) = match *endpoint {
        Endpoint::Tcp(address) => (["/proc/net/tcp", "/proc/net/tcp6"], Some(LISTEN), address),
        Endpoint::Udp(address) => (["/proc/net/udp", "/proc/net/udp6"], None, address),
        Endpoint::Unix(_) => return None,
    };
    let tables = tables.iter().filter_map(|table| fs::read_to_string(table).ok());
    let holder = tables.filter_map(|table| holder_in(&table, state, address)).next()?;
    Some(match process_with_socket(&holder.inode) {
        Some((pid, _)) if pid == std::process::id() => "this process itself".into(),
        Some((pid, name)) => format!("process {pid} ({})", name.escape_debug()),
        None => format!("a process of the user with id {}", holder.uid),
    })
}

struct Holder {
    inode: String,
    uid: String,
}

/// The socket in a table that keeps others from using `address`, in the state `only` if that is set.
fn holder_in(table: &str, only: Option<&str>, address: SocketAddr) -> Option<Holder> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (&local, &state) = (fields.get(1)?, fields.get(3)?);
        let (&uid, &inode) = (fields.get(7)?, fields.get(9)?);
        let local = parse_address(local)?;
        let same = local.ip() == address.ip()
            || local.ip().is_unspecified() && (local.is_ipv6() || address.is_ipv4())
            || address.ip().is_unspecified() && local.is_ipv4() == address.is_ipv4();
        let holds = only.is_none_or(|only| state == only) && local.port() == address.port() && same;
        holds.then(|| Holder { inode: inode.into(), uid: uid.into() })
    })
}

/// `0100007F:2710`: the address in words with the machine's byte order, and the port as a number.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let words: Option<Vec<u8>> = (0..ip.len() / 8)
        .map(|word| u32::from_str_radix(ip.get(word * 8..word * 8 + 8)?, 16).ok())
        .try_fold(Vec::new(), |bytes, word| Some([bytes, word?.to_ne_bytes().to_vec()].concat()));
    let bytes = words?;
    let ip: IpAddr = match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok()?.into(),
        _ => <[u8; 16]>::try_from(bytes).ok()?.into(),
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
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
mod tests;
