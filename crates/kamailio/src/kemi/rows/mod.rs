//! The rows of the table, a file a module of Kamailio or a few that belong together.

mod auth;
mod cfgutils;
mod core;
mod core_questions;
mod corex;
mod dialog;
mod dialog_state;
mod dispatcher;
mod dispatcher_choice;
mod dispatcher_lists;
mod hdr;
mod htable;
mod htable_iterator;
mod http;
mod ipops;
mod kx;
mod media;
mod nathelper;
mod nathelper_alias;
mod permissions;
mod pv;
mod pvx;
mod pvx_lists;
mod registrar;
mod rpc;
mod rr;
mod sanity;
mod sdpops;
mod siputils;
mod sl;
mod sql;
pub(crate) mod stores;
mod textops;
mod textops_replace;
mod textopsx;
mod tm;
mod tm_serial;
mod tm_settings;
mod tmx;
mod uac;
mod waits;

#[cfg(test)]
mod tests;

use strowger_lua::Row;

use crate::pv::PvValue;

use super::run::KemiRun;
pub(crate) use super::run::{IfNull, got, without_engine, yes_no};
pub use dialog_state::PendingDialog;
pub(crate) use dialog_state::{dialog_variable, set_dialog_variable};
pub use htable_iterator::TableIterator;
pub(crate) use htable_iterator::{iterator_key, iterator_value};

/// All rows, in the order of the files.
pub static ALL: &[&[Row<KemiRun>]] = &[
    core::LINES,
    core_questions::METHODS,
    core_questions::ROWS,
    core::ROWS,
    core::EXITS,
    sl::ROWS,
    tm::ROWS,
    tm_settings::ROWS,
    tm_serial::ROWS,
    tmx::ROWS,
    registrar::ROWS,
    auth::ROWS,
    uac::ROWS,
    media::ROWS,
    rpc::ROWS,
    http::ROWS,
    sql::ROWS,
    waits::ROWS,
    hdr::ROWS,
    pv::ROWS,
    pvx::ROWS,
    pvx::AVP,
    pvx::XAVP,
    pvx::XAVP_FIELDS,
    pvx::XAVU,
    pvx::XAVU_FIELDS,
    pvx::XAVI,
    pvx::XAVI_FIELDS,
    pvx_lists::ROWS,
    kx::VALUES,
    kx::NUMBERS,
    kx::ROWS,
    siputils::ROWS,
    corex::ROWS,
    sanity::ROWS,
    rr::ROWS,
    nathelper::ROWS,
    textops::ROWS,
    textops_replace::ROWS,
    textopsx::ROWS,
    sdpops::ROWS,
    ipops::ROWS,
    cfgutils::CFGUTILS,
    cfgutils::XLOG,
    cfgutils::SIPTRACE,
    htable::ROWS,
    htable_iterator::ROWS,
    permissions::ROWS,
    dispatcher::ROWS,
    dialog::ROWS,
];

/// Writes a value to the pseudo-variable that a module parameter names, if it does.
pub(crate) fn write_named(run: &mut KemiRun, module: &str, parameter: &str, value: PvValue<'_>) {
    let Some(name) = run.shard.door.text(module, parameter) else {
        return;
    };
    let name = name.to_owned();
    if let Some(spec) = run.shard.spec(name.as_bytes()) {
        spec.write(run, value);
    }
}
