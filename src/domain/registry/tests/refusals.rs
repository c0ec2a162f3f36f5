//! The vocabulary of "no" is complete.

use crate::domain::refusal::samples;

#[test]
fn n6_a6_1_every_refusal_says_what_is_missing_who_can_grant_it_and_what_to_run() {
    for refusal in samples::every() {
        let code = refusal.code();
        let shouted = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        assert!(!code.is_empty() && code.bytes().all(shouted), "{code}");
        for said in [refusal.missing(), refusal.grantors().to_owned(), refusal.remedy()] {
            assert!(said.len() > 3, "{code} says {said:?}");
        }
    }
}
