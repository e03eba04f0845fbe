//! Which functions answer or forward a request, for the check of routes that can end without an answer.

/// True if a call of it, rightly used, leaves the request answered, forwarded or kept.
pub fn answers(module: &str, name: &str) -> bool {
    match module {
        "" => name == "forward" || name.starts_with("forward_"),
        "sl" => true,
        "tm" => {
            name.starts_with("t_relay")
                || name.starts_with("t_forward")
                || matches!(
                    name,
                    "t_reply" | "t_send_reply" | "t_next_contacts" | "t_replicate"
                )
        }
        "tmx" => matches!(name, "t_suspend" | "t_reply_callid"),
        "registrar" => matches!(name, "save" | "save_uri" | "reg_send_reply"),
        "auth" => name.contains("challenge"),
        "auth_db" | "sanity" => name == "sanity_reply",
        "async" => name.contains("route") || name.contains("task"),
        "siputils" => name == "options_reply",
        _ => false,
    }
}
