//! What a program changes of a message on its way: held beside the received octets and applied once, when the message
//! leaves. A program that reads a header field again sees what came, not what it changed.

use core::time::Duration;

use strowger_sip::Edits;
use strowger_transaction::Flow;

use crate::policy::HookName;

/// Targets that one request may have beside the first (30).
pub const DRAFT_BRANCHES_MAX: usize = 30;
/// Octets of header lines that a program may add to one message (16 KiB).
pub const DRAFT_OCTETS_MAX: usize = 16 * 1_024;

/// One target of a request as a program sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DraftTarget {
    /// What becomes the Request-URI.
    pub uri: Box<[u8]>,
    /// The URI that it is sent to, whatever its Request-URI says; empty for none.
    pub destination: Box<[u8]>,
    /// Path values joined by commas; empty for none.
    pub path: Box<[u8]>,
    /// Preference in thousandths.
    pub q: Option<u16>,
    /// Branch flags.
    pub flags: u32,
    /// The listener to leave from.
    pub listener: Option<u16>,
    /// The flow of the binding that it came from, if it is to be reached over that.
    pub flow: Option<Flow>,
    /// It can be reached over its flow alone.
    pub flow_required: bool,
    /// The address in its URI is of no use.
    pub behind_nat: bool,
    /// The name of the binding.
    pub ruid: Box<[u8]>,
}

/// Functions of the program that are called later for this request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// For each branch before it is sent.
    pub branch: Option<HookName>,
    /// For each response.
    pub reply: Option<HookName>,
    /// When all branches have failed.
    pub failure: Option<HookName>,
    /// When one branch has failed.
    pub branch_failure: Option<HookName>,
}

/// How we stay in the path of the dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRouteDraft {
    /// The user part; empty for none.
    pub user: Box<[u8]>,
    /// Parameters, each with its semicolon, `;lr` among them.
    pub parameters: Box<[u8]>,
    /// Two values where the sides differ carry `;r2=on`.
    pub double: bool,
}

/// The changes.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Changes of the received octets.
    pub edits: Edits,
    /// The body was replaced, by edits.
    pub body_replaced: bool,
    /// Header lines to add to replies of our own.
    pub reply_lines: Vec<u8>,
    /// The first target; its `uri` is empty while the Request-URI is as received.
    pub target: DraftTarget,
    /// Further targets.
    pub branches: Vec<DraftTarget>,
    /// Flags of the message and its transaction.
    pub flags: u32,
    /// Flags of the script run.
    pub script_flags: u32,
    /// Functions to call later.
    pub hooks: Hooks,
    /// Stay in the path of the dialog.
    pub record_route: Option<RecordRouteDraft>,
    /// Further parameters for Record-Route, each with its semicolon.
    pub record_route_params: Vec<u8>,
    /// Route values were obeyed: those of ours go.
    pub loose_routed: bool,
    /// Max-Forwards was counted down, or added, by edits.
    pub max_forwards_done: bool,
    /// The message is not to be forwarded.
    pub dropped: bool,
    /// Replies go to the source port, whether or not the request asks for it.
    pub force_rport: bool,
    /// No connection is opened for a reply.
    pub reply_no_connect: bool,
    /// Address that a binding is to be reached at, instead of its contact (the source of the REGISTER).
    pub use_source_for_binding: bool,
    /// Whom the credentials name, once they were verified.
    pub authenticated_user: Option<Box<[u8]>>,
    /// How long to wait for any response, if not as configured.
    pub response_timeout: Option<Duration>,
    /// How long a branch may ring, if not as configured.
    pub ring_timeout: Option<Duration>,
}

impl Draft {
    /// Nothing is changed; memory is kept.
    pub fn clear(&mut self) {
        let mut edits = core::mem::take(&mut self.edits);
        edits.clear();
        *self = Draft {
            edits,
            ..Draft::default()
        };
    }

    /// Another Request-URI.
    pub fn set_request_uri(&mut self, uri: &[u8]) {
        self.target.uri = uri.into();
    }

    /// Another destination; it takes the place of the flow of a binding.
    pub fn set_destination(&mut self, uri: Option<&[u8]>) {
        self.target.destination = uri.unwrap_or_default().into();
        self.target.flow = None;
        self.target.flow_required = false;
    }

    /// Adds a target; false if there are too many.
    pub fn add_branch(&mut self, branch: DraftTarget) -> bool {
        if self.branches.len() >= DRAFT_BRANCHES_MAX {
            return false;
        }
        self.branches.push(branch);
        true
    }

    /// Adds header lines to replies of our own; false if that is too much.
    pub fn add_reply_lines(&mut self, lines: &[u8]) -> bool {
        if self.reply_lines.len() + lines.len() > DRAFT_OCTETS_MAX {
            return false;
        }
        self.reply_lines.extend_from_slice(lines);
        true
    }
}
