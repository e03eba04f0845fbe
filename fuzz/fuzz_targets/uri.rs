#![no_main]
//! The target `uri` under libFuzzer; what it checks stands in `strowger_fuzz::targets::uri`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    strowger_fuzz::targets::uri::run(input);
});
