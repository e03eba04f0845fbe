#![no_main]
//! The target `digest_header` under libFuzzer; what it checks stands in `strowger_fuzz::targets::digest_header`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    strowger_fuzz::targets::digest_header::run(input);
});
