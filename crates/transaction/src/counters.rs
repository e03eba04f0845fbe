//! What the transaction layer counts.

macro_rules! counters {
    ($(#[$outer:meta])* $name:ident { $($field:ident: $help:literal,)* }) => {
        $(#[$outer])*
        #[derive(Default, Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $(#[doc = $help] pub $field: u64,)*
        }

        impl $name {
            /// Calls `f` with name, help text and value of every counter.
            pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
                $(f(stringify!($field), $help, self.$field);)*
            }
        }
    };
}

counters! {
    /// Counters of one shard's transactions.
    TransactionCounters {
        servers_started: "Server transactions created.",
        clients_started: "Client transactions started, CANCELs included.",
        servers_full: "Requests refused because the table of server transactions was full.",
        clients_full: "Client transactions refused because their table was full.",
        requests_absorbed: "Retransmitted requests that were absorbed or answered from memory.",
        acks_absorbed: "ACKs to failures that were absorbed.",
        requests_repeated: "Requests sent again by timers A and E.",
        responses_repeated: "Responses sent again by timer G or for a retransmitted request.",
        responses_absorbed: "Retransmitted responses that were absorbed.",
        tryings_sent: "100 responses sent because the user had not responded.",
        cancels_sent: "CANCEL transactions started.",
        finals_refused: "Responses refused because the final response had been sent.",
        non_invite_408_refused: "408 responses to non-INVITE requests that were not sent.",
        client_timeouts: "Client transactions that ended by timer B or F or after CANCEL.",
        server_timeouts: "INVITE failures that no ACK confirmed (timer H).",
        servers_unanswered: "Non-INVITE requests that were given up without a response.",
        client_transport_errors: "Client transactions that ended by a transport error.",
        server_transport_errors: "Responses that could not be sent.",
        stray_foreign: "Responses whose branch is not ours.",
        stray_version: "Responses whose branch has an unknown version, kind or key.",
        stray_node: "Responses whose branch names another node or an unknown shard.",
        stray_mac: "Responses whose branch has a wrong MAC.",
        stray_unmatched: "Responses to a client transaction that has ended.",
        stray_mismatched: "Responses whose sent-by or CSeq method is not that of the request.",
        gatherings: "Times that what was left of a table when most of it had ended was moved together.",
        timeout_calls_cut: "Calls to handle_timeout that stopped at their limit with more timers due.",
    }
}
