#![no_main]
//! The target `kemi_arguments` under libFuzzer; what it checks stands in `strowger_fuzz::targets::kemi_arguments`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    strowger_fuzz::targets::kemi_arguments::run(input);
});
