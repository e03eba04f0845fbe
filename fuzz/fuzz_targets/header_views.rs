#![no_main]
//! The target `header_views` under libFuzzer; what it checks stands in `strowger_fuzz::targets::header_views`.

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    strowger_fuzz::targets::header_views::run(input);
});
