//! How scripts run: what they may use, how they wait, how they end.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod budgets;
mod contract;
mod environments;
mod errors;
mod library;
mod linter;
mod pages;
mod patterns;
mod reload;
mod waits;
mod world;
