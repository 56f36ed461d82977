//! `chat-server`: one room for everybody who connects.

mod client;
mod delivery;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use crate::chat::command::HELP;
use crate::commands::chat_server::client::ChatClient;
use crate::commands::chat_server::delivery::Members;
use crate::exit::Exit;
use crate::net::ListenAddress;
use crate::net::accept::{AcceptNotice, Connection, Service, WhenFull};
use crate::options::listen::ListenArgs;
use crate::options::values::{self, Limit};
use crate::output::{Events, Output, WhenGone};
use crate::serving::events;
use crate::serving::{self, ServerPlan};

const EXAMPLES: &str = "\
Examples:
  Open a room on this machine, on the default port, 5669
  $ sockkit chat-server

  Open it to everybody
  $ sockkit chat-server --public

  Enter it
  $ sockkit connect 127.0.0.1 5669";

/// Chat server: the arguments
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = help())]
pub struct Args {
    /// Where to listen; 0 for any free port
    #[arg(value_name = "[HOST:]PORT", default_value = "5669")]
    address: ListenAddress,
    /// How long somebody may take to give a nickname; 0 for no limit
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = values::limit)]
    idle_timeout: Limit,
    /// Clients at once; one more is told that the room is busy
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = values::count)]
    max_clients: usize,
    #[command(flatten)]
    server: ListenArgs,
}

fn help() -> String {
    format!("{EXAMPLES}\n\nIn the room: {HELP}")
}

pub(super) fn run(args: &Args, out: Output) -> anyhow::Result<Exit> {
    let plan = ServerPlan {
        max_clients: args.max_clients,
        when_full: WhenFull::Refuse,
        total: None,
        // Everybody waits for the one room: more threads would wait for each other.
        workers: 1,
        when_gone: WhenGone::Warn,
    };
    let build = |events, _| {
        Ok(ChatServer { nick_limit: args.idle_timeout.0, hall: Mutex::default(), events })
    };
    let (exit, _) =
        serving::run(Some(&args.address), &args.server.settings(), plan, out, build, |_, _| {
            Ok(None)
        })?;
    Ok(exit)
}

/// A member whose cable was pulled is gone in two minutes: 60 s of silence, 3 questions, 10 s each.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_mins(1))
    .with_interval(Duration::from_secs(10))
    .with_retries(3);

struct ChatServer {
    nick_limit: Option<Duration>,
    hall: Mutex<Members>,
    events: Events,
}

impl Service for ChatServer {
    async fn handle(self: Arc<Self>, connection: Connection) {
        // Where the system does not know these options, a pulled cable is noticed later.
        SockRef::from(&connection.stream).set_tcp_keepalive(&KEEPALIVE).ok();
        ChatClient::new(&self.hall, &self.events, connection).run(self.nick_limit).await;
    }

    fn notice(&self, notice: AcceptNotice) {
        events::tell(&self.events, notice);
    }

    fn refusal(&self) -> &'static [u8] {
        events::BUSY.as_bytes()
    }
}
