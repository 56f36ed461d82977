//! The direction in which bytes travel on a connection.

use serde::Serialize;

/// The direction of bytes, as seen from sockkit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The peer sent them to sockkit.
    In,
    /// sockkit sent them to the peer.
    Out,
}
