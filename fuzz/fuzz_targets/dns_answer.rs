#![no_main]
//! The target `dns_answer` under libFuzzer; what it checks stands in `strowger_fuzz::targets::dns_answer`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    strowger_fuzz::targets::dns_answer::run(input);
});
