#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| imk_fuzz::answers(data));
