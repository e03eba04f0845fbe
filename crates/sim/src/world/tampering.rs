//! Faults in the tables, for the tests of the checkers.

use core::time::Duration;

use strowger_registrar::{
    AddressOfRecord, Binding, BindingChange, BindingParts, LocationChange, LocationService,
};
use strowger_sip::Time;
use strowger_transaction::{Flow, ListenerId};

use super::World;
use crate::sabotage::Sabotage;

impl World {
    /// By then agents have registered.
    const TAMPERING_STARTS: Time = Time::from_secs(20);

    pub(super) fn tamper_with_bindings(&mut self) {
        let Some(saboteur) = self
            .saboteur
            .as_ref()
            .filter(|saboteur| !saboteur.is_done())
        else {
            return;
        };
        if self.now < Self::TAMPERING_STARTS {
            return;
        }
        match Some(saboteur.sabotage) {
            Some(Sabotage::LoseBinding) => {
                let Some((node, aor)) = self.checker.some_binding(self.now) else {
                    return;
                };
                let Some(element) = self.nodes.get(node) else {
                    return;
                };
                let bindings = element.shared.location.bindings(&aor, self.now);
                let aor = AddressOfRecord::from_canonical(&aor);
                let change = LocationChange::removal(aor, element.now(self.now), bindings);
                element.shared.location.publish(&change);
                self.tampered();
            }
            Some(Sabotage::ImmortalBinding) => {
                let Some(element) = self.nodes.first() else {
                    return;
                };
                let binding = Binding::new(&BindingParts {
                    contact: b"sip:ghost@192.0.2.66",
                    params: b"",
                    q: None,
                    expires_at: self.now + Duration::from_secs(100_000),
                    updated_at: self.now,
                    call_id: b"ghost",
                    cseq: 1,
                    path: b"",
                    user_agent: b"",
                    flow: Flow::udp(ListenerId(0), element.address),
                    behind_nat: false,
                    flow_lost: false,
                    outbound: false,
                    branch_hash: 0,
                });
                let Some(binding) = binding else {
                    return;
                };
                let mut change = LocationChange::removal(
                    AddressOfRecord::from_canonical(b"sip:ghost@nowhere.test"),
                    element.now(self.now),
                    [],
                );
                change.steps.push(BindingChange::Put {
                    binding,
                    replaced: None,
                });
                element.shared.location.publish(&change);
                self.tampered();
            }
            _ => {}
        }
    }

    fn tampered(&mut self) {
        if let Some(saboteur) = &mut self.saboteur {
            saboteur.finish();
        }
    }
}
