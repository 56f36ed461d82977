//! The direction of bytes on a connection.

use serde::Serialize;

/// Which way bytes go, as seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The peer sent them.
    In,
    /// We sent them.
    Out,
}
