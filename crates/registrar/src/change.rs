//! What one REGISTER changes: computed first, made durable, then published (RFC 3261 §10.3 step 7).

use smallvec::SmallVec;
use strowger_sip::Now;
use strowger_transaction::Flow;

use crate::aor::AddressOfRecord;
use crate::binding::Binding;

/// One step of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindingChange {
    /// Add a binding, or put it in the place of one that it updates (whose key may differ).
    Put {
        /// The new binding.
        binding: Binding,
        /// What it replaces.
        replaced: Option<Binding>,
    },
    /// Remove a binding.
    Remove(Binding),
}

/// All changes of one REGISTER to one address of record. They become visible together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationChange {
    /// Whose bindings change.
    pub aor: AddressOfRecord,
    /// Both clocks when the change was computed; a store turns `expires_at` into wall time with them.
    pub now: Now,
    /// The steps, in order.
    pub steps: SmallVec<[BindingChange; 1]>,
}

impl LocationChange {
    /// Removes these bindings: an operator's order.
    pub fn removal(
        aor: AddressOfRecord,
        now: Now,
        bindings: impl IntoIterator<Item = Binding>,
    ) -> LocationChange {
        LocationChange {
            aor,
            now,
            steps: bindings.into_iter().map(BindingChange::Remove).collect(),
        }
    }
    /// Marks the bindings it puts that depend on a connection that is gone.
    pub fn mark_flow_lost(&mut self, flow: &Flow) {
        for step in &mut self.steps {
            if let BindingChange::Put { binding, .. } = step
                && binding.needs_stream()
                && binding.flow().stream == flow.stream
            {
                binding.set_flow_lost();
            }
        }
    }
    /// True if there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
    /// Applies the steps to a list of bindings, keeping the order of those that stay.
    pub fn apply(&self, bindings: &mut impl BindingList) {
        for step in &self.steps {
            match step {
                BindingChange::Put { binding, replaced } => {
                    let old = replaced.as_ref().unwrap_or(binding);
                    bindings.put(old, binding);
                }
                BindingChange::Remove(binding) => bindings.remove_key(binding),
            }
        }
    }
}

/// A list that a change can be applied to.
pub trait BindingList {
    /// Puts `new` in the place of the binding with the key of `old`, or at the end.
    fn put(&mut self, old: &Binding, new: &Binding);
    /// Removes the binding with this key.
    fn remove_key(&mut self, old: &Binding);
}

impl<const N: usize> BindingList for SmallVec<[Binding; N]>
where
    [Binding; N]: smallvec::Array<Item = Binding>,
{
    fn put(&mut self, old: &Binding, new: &Binding) {
        match self.iter_mut().find(|binding| binding.same_key(old)) {
            Some(place) => *place = new.clone(),
            None => self.push(new.clone()),
        }
    }
    fn remove_key(&mut self, old: &Binding) {
        self.retain(|binding| !binding.same_key(old));
    }
}
