//! Linux: netlink(7) and `/proc`.

mod link;
mod links;
mod netlink;
mod processes;
mod routing;
mod rtnetlink;
mod sock_diag;

pub use self::links::interfaces;
pub(super) use self::processes::processes_by_socket;
pub use self::routing::{neighbors, route_to, routes};
pub use self::sock_diag::sockets;
