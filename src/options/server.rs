//! Options of the servers that have one service for every client: where they listen, TLS, and what
//! observes their connections.

use crate::net::ListenAddress;
use crate::net::address::transport::Transport;
use crate::options::listen::ListenArgs;
use crate::options::observers::ObserverArgs;
use crate::options::tls::TlsServerArgs;
use crate::serving::ServerPlan;
use crate::serving::settings::ServerSettings;
use crate::session::tls::Tls;

/// Options of a server.
#[derive(Debug, clap::Args)]
// The summary must fit on one screen.
#[command(
    mut_arg("hexdump", |arg| arg.hide_short_help(true)),
    mut_arg("stats", |arg| arg.hide_short_help(true))
)]
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
    ) -> anyhow::Result<ServerPlan> {
        let transport = address.map_or(Transport::Tcp, |address| address.transport);
        let host = address.and_then(ListenAddress::host);
        plan.tls = self.tls.server(transport, host, false)?.and_then(Tls::into_server);
        plan.observers = self.observers.settings();
        Ok(plan)
    }

    /// Returns what a server that receives passwords must warn about.
    pub(crate) fn password_warnings(&self) -> Vec<String> {
        self.observers.password_warnings()
    }
}
