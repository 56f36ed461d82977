//! The DNS: questions, answers, and what this machine is told to ask.

pub mod system;
