//! The rows of the table, a file a module of Kamailio or a few that belong together.

mod cfgutils;
mod core;
mod corex;
mod hdr;
mod ipops;
mod kx;
mod nathelper;
mod pv;
mod pvx;
mod pvx_lists;
mod rr;
mod sanity;
mod sdpops;
mod siputils;
mod sl;
pub(crate) mod stores;
mod textops;
mod textops_replace;
mod textopsx;

use strowger_lua::Row;

use super::run::KemiRun;
pub(crate) use super::run::{IfNull, got, yes_no};

/// All rows, in the order of the files.
pub static ALL: &[&[Row<KemiRun>]] = &[
    core::ROWS,
    core::EXITS,
    sl::ROWS,
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
];
