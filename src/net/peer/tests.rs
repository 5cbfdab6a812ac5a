use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn an_address_is_spelt_as_everywhere(ip: [u8; 4], port: u16) {
        let address = SocketAddr::from((ip, port));
        prop_assert_eq!(Peer::from(address).to_string(), address.to_string());
    }
}

#[test]
fn the_shortest_and_the_longest_address_are_spelt_out() {
    for address in ["0.0.0.0:0", "255.255.255.255:65535"] {
        assert_eq!(Peer::Remote(address.parse().unwrap()).to_string(), address);
    }
}
