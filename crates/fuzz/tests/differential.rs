//! The disagreements of the two parsers: each class has a committed input, and stands in `fuzz/README.md` as it is.
//! `STROWGER_WRITE_DOCS=1` writes the list there.

use std::path::{Path, PathBuf};

use strowger_fuzz::Corpus;
use strowger_fuzz::targets::differential::{Class, compare};

const BEGIN: &str = "<!-- classes -->\n";
const END: &str = "<!-- end of classes -->\n";

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/README.md")
}

#[test]
fn each_class_of_disagreement_has_a_committed_input() {
    for class in Class::ALL {
        let path = Corpus::folder().join(format!("differential/class-{}", class.name()));
        let input = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let compared = compare(&input).expect("it is explained");
        assert!(
            compared.classes.contains(class),
            "{}: {:?}",
            class.name(),
            compared.classes
        );
    }
}

#[test]
fn a_disagreement_that_no_class_explains_is_told() {
    // Ours reads it, theirs does not; the same message with another value is a matter of the class `Blank`.
    let input = |port: &str| {
        format!(
            "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h{port};branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n\
             To: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"
        )
    };
    let sound = compare(input(":5060").as_bytes()).expect("both read it");
    assert_eq!(sound.classes, []);
    let spaced = compare(input(" : 5060").as_bytes()).expect("it is explained");
    assert_eq!(spaced.classes, [Class::Blank]);
}

#[test]
fn the_page_lists_the_classes() {
    let text = std::fs::read_to_string(readme()).expect("fuzz/README.md");
    let (before, rest) = text.split_once(BEGIN).expect("where the list begins");
    let (_, after) = rest.split_once(END).expect("where it ends");
    let rows: String = Class::ALL
        .iter()
        .map(|class| format!("| `{}` | {} |\n", class.name(), class.explanation()))
        .collect();
    let wanted = format!(
        "{before}{BEGIN}| class | what it is, and who is right |\n|---|---|\n{rows}{END}{after}"
    );
    if std::env::var_os("STROWGER_WRITE_DOCS").is_some() {
        std::fs::write(readme(), &wanted).expect("it can be written");
    } else {
        assert!(
            text == wanted,
            "run STROWGER_WRITE_DOCS=1 cargo test -p strowger-fuzz"
        );
    }
}
