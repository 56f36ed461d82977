//! The names and indexes of interfaces: the zones of addresses.

use nix::net::if_;

use crate::text;

/// Returns the index of the interface `zone`, a name such as `eth0` or the index itself; `None` if
/// it is not the name of an interface of this machine.
pub fn index(zone: &str) -> Option<u32> {
    if_::if_nametoindex(zone).ok().or_else(|| zone.parse().ok())
}

/// Returns the name of the interface with this index, escaped for output; the index itself if there
/// is no such interface.
pub fn zone(index: u32) -> String {
    match if_::if_indextoname(index) {
        Ok(name) if !name.is_empty() => text::escape(name.as_bytes()),
        _ => index.to_string(),
    }
}
