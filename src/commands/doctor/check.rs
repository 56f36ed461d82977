//! Checks: what was examined, what came out, and the evidence.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use crate::net::address::names::Family;

/// A layer of the path, in the order in which a packet depends on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Layer {
    /// sockkit and the loopback interface.
    #[serde(rename = "self")]
    Machine,
    /// The network interfaces.
    Interface,
    /// Their addresses.
    Address,
    /// The routes.
    Route,
    /// The next router.
    Gateway,
    /// The DNS servers.
    Dns,
    /// The target's name.
    Name,
    /// The TCP connection.
    Tcp,
    /// The TLS handshake and the certificate.
    Tls,
    /// The first bytes of the application.
    App,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CheckResult {
    /// It works.
    Ok,
    /// It does not work, or not well, and the path does not depend on it.
    Warn,
    /// It does not work.
    Fail,
    /// It was not checked.
    Skip,
}

/// For what a part of the path is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// For this machine itself.
    Machine,
    /// To reach a DNS server.
    Resolving,
    /// To reach the target.
    Target,
}

/// A check with its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) layer: Layer,
    /// What was checked, such as an address.
    pub(super) name: String,
    pub(super) result: CheckResult,
    /// The evidence.
    pub(super) detail: String,
    pub(super) time: Option<Duration>,
    /// What to try, if it is broken.
    pub(super) hint: Option<String>,
    pub(super) purpose: Purpose,
    /// The address family that depends on it; `Any` if all do.
    pub(super) family: Family,
}

impl Layer {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Machine => "self",
            Self::Interface => "interface",
            Self::Address => "address",
            Self::Route => "route",
            Self::Gateway => "gateway",
            Self::Dns => "dns",
            Self::Name => "name",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::App => "app",
        }
    }
}

impl CheckResult {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

impl Check {
    pub(super) fn new(
        layer: Layer,
        name: impl Into<String>,
        result: CheckResult,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            layer,
            name: name.into(),
            result,
            detail: detail.into(),
            time: None,
            hint: None,
            purpose: Purpose::Machine,
            family: Family::Any,
        }
    }

    pub(super) fn skip(layer: Layer, detail: impl Into<String>) -> Self {
        Self::new(layer, "-", CheckResult::Skip, detail)
    }

    #[must_use]
    pub(super) fn took(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(super) fn needed(mut self, purpose: Purpose, ip: IpAddr) -> Self {
        self.purpose = purpose;
        self.family = Family::of(ip);
        self
    }
}
