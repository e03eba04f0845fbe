#![no_main]
//! The target `message` under libFuzzer; what it checks stands in `strowger_fuzz::targets::message`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    strowger_fuzz::targets::message::run(input);
});
