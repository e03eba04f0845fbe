#![no_main]
//! The target `element` under libFuzzer; what it checks stands in `strowger_fuzz::targets::element`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    strowger_fuzz::targets::element::run(input);
});
