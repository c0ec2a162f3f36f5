//! How this machine looks from the network.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

/// The address of this machine that others on its network are likeliest to reach: the one that it
/// would send from. Nothing is sent. `None` without a network.
pub fn outward_address() -> Option<IpAddr> {
    // Addresses for documentation (RFC 5737, RFC 3849): nobody has them, so the default route is
    // taken.
    let towards = [
        (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
        (
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
        ),
    ];
    towards.into_iter().find_map(|(from, to)| {
        let socket = UdpSocket::bind(SocketAddr::new(from, 0)).ok()?;
        socket.connect(SocketAddr::new(to, 9)).ok()?;
        let address = socket.local_addr().ok()?.ip();
        (!address.is_unspecified() && !address.is_loopback()).then_some(address)
    })
}

/// Whether this machine has the address, on any interface. The kernel is asked by binding a socket to
/// it, which needs no list of interfaces and sends nothing.
///
/// # Errors
/// If the kernel refuses for another reason than that it has no such address.
pub fn is_own_address(address: IpAddr) -> io::Result<bool> {
    match UdpSocket::bind((address, 0)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outward_address_is_one_of_this_machine() {
        if let Some(address) = outward_address() {
            UdpSocket::bind(SocketAddr::new(address, 0)).unwrap();
            assert!(is_own_address(address).unwrap());
        }
    }

    #[test]
    fn own_addresses_row_by_row() {
        for (address, own) in [("127.0.0.1", true), ("127.9.9.9", true), ("203.0.113.9", false)] {
            assert_eq!(is_own_address(address.parse().unwrap()).unwrap(), own, "{address}");
        }
    }
}
