//! Every committed input of every target is run: what was found once is not found again.

use strowger_fuzz::{Corpus, INPUT_OCTETS_MAX, TARGETS, Verdict};

/// Octets of all committed inputs.
const CORPUS_OCTETS_MAX: usize = 2_000_000;

fn corpus(target: &str) -> Corpus {
    Corpus::load(&Corpus::folder(), target).unwrap_or_else(|e| panic!("corpus of {target}: {e}"))
}

#[test]
fn committed_inputs_break_no_rule() {
    for target in TARGETS {
        for (name, input) in corpus(target.name).inputs {
            let result = std::panic::catch_unwind(|| (target.run)(&input));
            assert!(result.is_ok(), "{}/{name} breaks a rule", target.name);
        }
    }
}

/// A corpus that nothing reads would show nothing.
#[test]
fn every_target_has_inputs_that_lead_deep_and_such_that_are_refused() {
    for target in TARGETS {
        let verdicts: Vec<Verdict> = corpus(target.name)
            .inputs
            .iter()
            .map(|(_, input)| (target.run)(input))
            .collect();
        let count = |verdict| verdicts.iter().filter(|one| **one == verdict).count();
        assert!(verdicts.len() >= 20, "{} has few inputs", target.name);
        let read = count(Verdict::Read) + count(Verdict::Deep);
        assert!(
            read * 2 >= verdicts.len(),
            "{}: {read} of {} are read",
            target.name,
            verdicts.len()
        );
        assert!(
            count(Verdict::Refused) > 0,
            "{}: nothing is refused",
            target.name
        );
    }
}

#[test]
fn corpora_are_small() {
    let mut octets = 0;
    for target in TARGETS {
        let inputs = corpus(target.name).inputs;
        assert!(inputs.len() <= 600, "{} has too many inputs", target.name);
        for (name, input) in inputs {
            assert!(
                input.len() <= INPUT_OCTETS_MAX,
                "{}/{name} is too long",
                target.name
            );
            octets += input.len();
        }
    }
    assert!(octets <= CORPUS_OCTETS_MAX, "{octets} octets");
}

#[test]
fn every_folder_belongs_to_a_target() {
    let folders = std::fs::read_dir(Corpus::folder()).expect("the corpora");
    for folder in folders {
        let name = folder.expect("a folder").file_name();
        let name = name.to_string_lossy();
        assert!(
            strowger_fuzz::target(&name).is_some(),
            "there is no target {name}"
        );
    }
}
