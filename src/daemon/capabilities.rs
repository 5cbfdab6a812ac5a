//! The capabilities of this thread (capabilities(7)), in its five sets.

use std::io;

/// Five sets of capabilities, each with one bit for each capability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Capabilities {
    pub(super) permitted: u64,
    pub(super) effective: u64,
    pub(super) inheritable: u64,
    pub(super) ambient: u64,
    pub(super) bounding: u64,
}

/// The header of capget(2) and capset(2): which thread they are about.
#[repr(C)]
struct Header {
    version: u32,
    /// 0: this thread.
    pid: libc::c_int,
}

impl Header {
    /// `_LINUX_CAPABILITY_VERSION_3`: two halves of 32 bits.
    const THIS_THREAD: Header = Header { version: 0x2008_0522, pid: 0 };
}

/// Three of the sets in the form that capget(2) and capset(2) use: either the lower or the upper half of each.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Half {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

impl Capabilities {
    /// The capabilities of this thread.
    pub(super) fn current() -> io::Result<Self> {
        let (mut header, mut halves) = (Header::THIS_THREAD, [Half::default(); 2]);
        // SAFETY: both point to memory of the layout that this version of the call reads and writes.
        let got = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, halves.as_mut_ptr()) };
        if got < 0 {
            return Err(io::Error::last_os_error());
        }
        let [low, high] = halves;
        let whole = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
        let is_ambient = libc::PR_CAP_AMBIENT_IS_SET as libc::c_ulong;
        Ok(Self {
            permitted: whole(low.permitted, high.permitted),
            effective: whole(low.effective, high.effective),
            inheritable: whole(low.inheritable, high.inheritable),
            ambient: those(|number| prctl(libc::PR_CAP_AMBIENT, is_ambient, number)),
            bounding: those(|number| prctl(libc::PR_CAPBSET_READ, number, 0)),
        })
    }
}

/// Drops all capabilities except these permitted ones, which the thread can make effective again. The bounding
/// set does not change.
pub(super) fn keep_no_more_than(permitted: u64) -> io::Result<()> {
    let permitted = permitted & Capabilities::current()?.permitted;
    let half = |permitted| Half { permitted, ..Half::default() };
    // The lower half is cut off, the upper half is shifted down.
    let halves = [half(permitted as u32), half((permitted >> 32) as u32)];
    let mut header = Header::THIS_THREAD;
    // SAFETY: both point to memory of the layout that this version of the call reads.
    let set = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, halves.as_ptr()) };
    // A capability that is not inheritable can't be ambient either.
    if set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Empties the bounding set, so that no program that this process executes gains a capability. `false`: the
/// process lacks CAP_SETPCAP, which this requires.
pub(super) fn empty_bounding_set() -> io::Result<bool> {
    let bounding = Capabilities::current()?.bounding;
    for number in (0..u64::from(u64::BITS)).filter(|number| bounding & 1 << number != 0) {
        match prctl(libc::PR_CAPBSET_DROP, number, 0) {
            Ok(_) => {}
            Err(e) if e.raw_os_error() == Some(libc::EPERM) => return Ok(false),
            Err(e) => return Err(e),
        }
    }
    Ok(true)
}

/// The set of the capabilities for which a prctl(2) query returns 1. It returns an error for numbers beyond the
/// last capability, and on a kernel that does not know the set.
fn those(is_one: impl Fn(libc::c_ulong) -> io::Result<libc::c_int>) -> u64 {
    let numbers = 0..u64::from(u64::BITS);
    numbers
        .filter(|number| is_one(*number).is_ok_and(|one| one == 1))
        .map(|number| 1 << number)
        .sum()
}

fn prctl(
    option: libc::c_int,
    second: libc::c_ulong,
    third: libc::c_ulong,
) -> io::Result<libc::c_int> {
    let zero: libc::c_ulong = 0;
    // SAFETY: the options passed to this function take numbers and touch no memory of this process.
    let answer = unsafe { libc::prctl(option, second, third, zero, zero) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}
