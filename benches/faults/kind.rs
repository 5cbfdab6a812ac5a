//! The kinds of clients, and how they are mixed.

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Fetch,
    Junk,
    ResetAtOnce,
    ResetInPart,
    HalfClose,
    SlowReader,
    SlowPoem,
    Transform,
    BrokenRequest,
    Forward,
    Proxy,
    Unix,
    Quote,
}

/// Each kind, its name, and how many of a thousand clients are of this kind.
pub const KINDS: [(Kind, &str, u64); 13] = [
    (Kind::Fetch, "fetches", 450),
    (Kind::Junk, "junk of up to 64 kB, then a fetch", 100),
    (Kind::ResetAtOnce, "resets at once", 50),
    (Kind::ResetInPart, "resets after a part", 50),
    (Kind::HalfClose, "half-closed, then a fetch", 70),
    (Kind::SlowReader, "slow readers", 1),
    (Kind::SlowPoem, "fetches from the slow listener", 20),
    (Kind::Transform, "poems to transform", 70),
    (Kind::BrokenRequest, "broken requests to transform", 40),
    (Kind::Forward, "fetches through the forwarder", 40),
    (Kind::Proxy, "fetches through the proxy", 40),
    (Kind::Unix, "fetches over the Unix socket", 30),
    (Kind::Quote, "datagrams", 39),
];

impl Kind {
    pub fn choose(random: &mut Random) -> Self {
        let mut number = random.below(KINDS.iter().map(|(_, _, share)| share).sum());
        for (kind, _, share) in KINDS {
            if number < share {
                return kind;
            }
            number -= share;
        }
        unreachable!("the shares were summed up")
    }

    /// Whether the log has exactly one line about the poem of such a client.
    pub fn is_logged(self) -> bool {
        use Kind::{Fetch, HalfClose, Junk, Proxy, SlowPoem, SlowReader};
        matches!(self, Fetch | Junk | HalfClose | SlowReader | SlowPoem | Proxy)
    }

    /// Whether the daemon connects to its own listener for such a client. At a stop, that connection would
    /// wait for the next process, and the stop would wait for the connection.
    pub fn comes_back(self) -> bool {
        matches!(self, Self::Forward | Self::Proxy)
    }
}

/// SplitMix64: the same seed gives the same numbers.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            (0..count.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(count);
        bytes
    }
}
