#![no_main]
//! The target `framing` under libFuzzer; what it checks stands in `strowger_fuzz::targets::framing`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    strowger_fuzz::targets::framing::run(input);
});
