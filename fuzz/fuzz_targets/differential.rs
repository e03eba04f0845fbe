#![no_main]
//! The target `differential` under libFuzzer; what it checks stands in `strowger_fuzz::targets::differential`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    strowger_fuzz::targets::differential::run(input);
});
