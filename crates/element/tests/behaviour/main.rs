//! The behaviour of the whole element, driven through its seam on virtual time.

mod addresses;
mod admission;
mod amplification;
mod attacks;
mod authentication;
mod calls;
mod cancel_table;
mod draft;
mod events;
mod forking;
mod kemi;
mod nat;
mod next_hop;
mod random_calls;
mod registrar;
mod routing;
mod streams;
mod user_agent_server;
mod world;
