//! Neighbours: the machines on the same link, as ARP and neighbour discovery know them.

use std::net::IpAddr;

/// A machine on the same link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbor {
    /// Its address.
    pub ip: IpAddr,
    /// The index of the interface.
    pub interface: u32,
    /// Its hardware address, if it has answered.
    pub mac: Option<String>,
    /// What the kernel knows about it.
    pub state: NeighborState,
}

/// What the kernel knows about a neighbour (`NUD_*`, arp(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighborState {
    /// It has answered lately, or needs no answer.
    Reachable,
    /// It answered some time ago; the next packets verify it.
    Stale,
    /// It has been asked, and has not answered yet.
    Asked,
    /// It has not answered.
    Failed,
}
