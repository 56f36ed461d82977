//! Black-box tests: one binary, a module a command.

mod dns_server;
mod resolve;
