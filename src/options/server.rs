//! Options of the servers that have one service for every client: where they listen, TLS, and what
//! observes their connections.

use std::sync::Arc;

use crate::net::ListenAddress;
use crate::net::address::transport::Transport;
use crate::options::listen::ListenArgs;
use crate::options::observers::ObserverArgs;
use crate::options::tls::TlsServerArgs;
use crate::output::Output;
use crate::serving::ServerPlan;
use crate::serving::settings::ServerSettings;
use crate::session::tls::Tls;

/// Options of a server.
#[derive(Debug, clap::Args)]
pub(crate) struct ServerArgs {
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    tls: TlsServerArgs,
    #[command(flatten)]
    observers: ObserverArgs,
}

impl ServerArgs {
    /// Returns the settings that the options give.
    pub(crate) fn settings(&self) -> ServerSettings {
        self.listen.settings()
    }

    /// Returns `plan` with the TLS and the observers that the options ask for.
    ///
    /// # Errors
    /// The options conflict, or name files that cannot be used.
    pub(crate) fn plan(
        &self,
        address: Option<&ListenAddress>,
        mut plan: ServerPlan,
        out: Output,
    ) -> anyhow::Result<ServerPlan> {
        let transport = address.map_or(Transport::Tcp, |address| address.transport);
        let host = address.and_then(ListenAddress::host);
        let tls = self.tls.server(transport, host, false)?.and_then(Tls::into_server);
        let observers = self.observers.is_any().then(|| self.observers.open(out)).transpose()?;
        (plan.tls, plan.observers) = (tls, observers.map(Arc::new));
        Ok(plan)
    }

    /// Returns the file to which all traffic is recorded.
    pub(crate) fn recording(&self) -> Option<&std::path::Path> {
        self.observers.recording()
    }
}
