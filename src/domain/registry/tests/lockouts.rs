//! Lockouts: what keeps failing to authenticate is not listened to for a while (N11).

use super::{
    super::lockout::{CredentialClass, LOCKOUTS_MAX, LockKey},
    who::told,
    *,
};

fn key(n: Option<u32>) -> LockKey {
    let address = n.map(|n| std::net::Ipv4Addr::from_bits(n).into());
    LockKey { class: CredentialClass::SharedSecret, address }
}

fn lock(
    house: &mut House,
    who: &Standing,
    key: LockKey,
    until: u64,
    now: u64,
) -> Result<Vec<Event>, Refusal> {
    let failures = [("AUTH_TOKEN_MISMATCH".to_owned(), 10)].into_iter().collect();
    let (until, now) = (UnixMillis(until), UnixMillis(now));
    house.run(who, Operation::LockOut, Command::LockOut { key, failures, until, now })
}

fn clear(house: &mut House, who: &Standing, key: Option<LockKey>) -> Result<Vec<Event>, Refusal> {
    house.run(who, Operation::ClearLockouts, Command::ClearLockouts { key })
}

#[test]
fn n11_who_may_lock_out_and_lift() {
    for (caller, locks, lifts) in [
        ("host", "1", "1"),
        ("device:admin", "HOST_ONLY", "1"),
        ("secret:admin", "HOST_ONLY", "1"),
        ("token:admin", "HOST_ONLY", "1"),
        ("person:pairing", "HOST_ONLY", "MISSING_SCOPE operator.admin"),
        ("device:pairing write", "HOST_ONLY", "MISSING_SCOPE operator.admin"),
        ("node", "HOST_ONLY", "WRONG_ROLE"),
    ] {
        let mut house = House::with_an_owner();
        let who = house.caller(caller);
        assert_eq!(told(&lock(&mut house, &who, key(Some(1)), 900_000, 0)), locks, "{caller}");
        let rule = Standing::system(Rule::RateLimit);
        lock(&mut house, &rule, key(Some(2)), 900_000, 0).unwrap();
        assert_eq!(told(&clear(&mut house, &who, Some(key(Some(2))))), lifts, "{caller}");
    }
}

#[test]
fn n11_a11_2_a_lockout_is_one_event_until_it_gets_longer() {
    let mut house = House::with_an_owner();
    let rule = Standing::system(Rule::RateLimit);
    for (n, until, expected) in [
        (Some(1), 5000, "1"),
        (Some(1), 5000, "0"),
        (Some(1), 4000, "0"),
        (Some(1), 6000, "1"),
        (Some(2), 5000, "1"),
        (None, 5000, "1"),
    ] {
        let outcome = lock(&mut house, &rule, key(n), until, 0);
        assert_eq!(told(&outcome), expected, "{n:?} until {until}");
    }
    let lockout = house.state.lockout(&key(Some(1))).unwrap();
    assert_eq!((lockout.until.0, lockout.failures.len()), (6000, 1));
    assert_eq!(told(&clear(&mut house, &host(), Some(key(Some(9))))), "0");
    assert_eq!(told(&clear(&mut house, &host(), Some(key(Some(1))))), "1");
    assert_eq!(told(&clear(&mut house, &host(), None)), "2");
    assert_eq!(house.state.lockouts().count(), 0);
}

#[test]
fn lockouts_are_bounded_and_those_that_are_over_make_room() {
    let mut house = House::with_an_owner();
    let rule = Standing::system(Rule::RateLimit);
    for n in 0..LOCKOUTS_MAX as u32 {
        lock(&mut house, &rule, key(Some(n)), 900_000, 0).unwrap();
    }
    let fresh = key(Some(u32::MAX));
    assert_eq!(told(&lock(&mut house, &rule, fresh, 900_001, 0)), "LIMIT_REACHED");
    assert_eq!(told(&lock(&mut house, &rule, key(Some(1)), 900_001, 0)), "1", "a known one");
    assert_eq!(told(&lock(&mut house, &rule, key(None), 900_001, 0)), "1", "for everywhere");
    assert_eq!(told(&lock(&mut house, &rule, fresh, 999_999, 900_000)), "1", "once some are over");
}
