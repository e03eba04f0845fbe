//! `docs/simulator.md` names every rare path and every known bug.

use std::path::Path;

use strowger_sim::{PROBES, Sabotage};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/simulator.md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_rare_path_is_named() {
    let page = page();
    for probe in PROBES {
        let row = format!("| `{}` | {} |", probe.name, probe.what);
        assert!(page.contains(&row), "docs/simulator.md lacks:\n{row}");
    }
}

#[test]
fn every_known_bug_is_named() {
    let page = page();
    for sabotage in Sabotage::ALL {
        assert!(
            page.contains(&format!("| `{sabotage:?}` |")),
            "{sabotage:?}"
        );
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mutations");
    let mut patches = 0;
    for entry in std::fs::read_dir(folder).expect("the folder of mutations") {
        let path = entry.expect("an entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "patch")
        {
            let name = path.file_stem().expect("a name").to_string_lossy();
            assert!(page.contains(&format!("| `{name}` |")), "{name}");
            patches += 1;
        }
    }
    assert!(patches >= 5, "a patch per class at least");
}
