#![no_main]
//! The target `configuration` under libFuzzer; what it checks stands in `strowger_fuzz::targets::configuration`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    strowger_fuzz::targets::configuration::run(input);
});
