//! What the system reports about this machine's network: interfaces, addresses, routes,
//! neighbours, sockets and the processes that hold them.
//!
//! Only local information: nothing is sent. On Linux it comes from netlink(7), which reports the
//! network namespace of the caller; `/sys` may be that of another namespace.

mod holder;
pub mod identity;
mod interface;
#[cfg(target_os = "linux")]
mod linux;
mod neighbor;
#[cfg(not(target_os = "linux"))]
mod other;
mod process;
pub mod proxies;
mod route;
mod socket;

#[cfg(target_os = "linux")]
use self::linux as system;
#[cfg(not(target_os = "linux"))]
use self::other as system;

pub use self::holder::{SocketHolder, explain_busy_port, holders_of, user_name};
pub use self::interface::{AddressScope, Interface, InterfaceAddress, LinkState, TrafficTotals};
pub use self::neighbor::{Neighbor, NeighborState};
pub use self::process::Process;
pub use self::route::{NextHop, RouteEntry, RouteKind};
pub use self::socket::{BoundSocket, SocketProtocol, SocketState};
pub use self::system::{interfaces, neighbors, route_to, routes, sockets};
