//! Who is counted, who waits, and how much is remembered. Time is given.

use governor::clock::FakeRelativeClock;

use super::{CredentialClass::*, caller::Client, *};
use crate::domain::{ids::DeviceId, origin::Locality};

const CODE: &str = "AUTH_TOKEN_MISMATCH";
const MINUTE: Duration = Duration::from_secs(60);
const LOCKOUT: Duration = Duration::from_secs(300);

struct House {
    guard: Guard<FakeRelativeClock>,
    clock: FakeRelativeClock,
}

impl House {
    /// The defaults, with as many failures from one address and from all of them.
    fn new(max_attempts: u32, global_max_attempts: u32) -> Self {
        let limits = Limits {
            max_attempts: NonZeroU32::new(max_attempts).unwrap(),
            global_max_attempts: NonZeroU32::new(global_max_attempts).unwrap(),
            window: MINUTE,
            lockout: LOCKOUT,
            exempt_loopback: true,
        };
        let clock = FakeRelativeClock::default();
        Self { guard: Guard::new(limits, clock.clone()), clock }
    }

    /// One attempt as the service makes it: refused before the comparison, or failed by it.
    fn attempt(&self, caller: Caller, class: CredentialClass) -> Result<Consequence, Duration> {
        self.guard.check(caller, class)?;
        Ok(self.guard.failed(caller, class, CODE))
    }

    /// Fails this often, which must have no consequence.
    fn fail(&self, times: u32, caller: Caller) {
        for time in 0..times {
            let consequence = self.attempt(caller, SharedSecret);
            assert_eq!(consequence, Ok(Consequence::default()), "{caller:?} {time}");
        }
    }
}

fn address(text: &str) -> Caller {
    Caller::at(Some(text.parse().unwrap()))
}

fn key(class: CredentialClass, caller: Caller) -> LockKey {
    LockKey { class, address: caller.address() }
}

fn locked(class: CredentialClass, caller: Caller, failures: u32) -> Consequence {
    let failures = Failures::from([(CODE.to_owned(), failures)]);
    Consequence {
        lockouts: vec![LockOut { key: key(class, caller), failures }],
        slow: Duration::ZERO,
    }
}

#[test]
fn the_last_failure_of_a_window_locks_its_class_and_address_and_nothing_else() {
    let house = House::new(10, 500);
    let attacker = address("192.0.2.7");
    house.fail(9, attacker);
    assert_eq!(house.attempt(attacker, SharedSecret), Ok(locked(SharedSecret, attacker, 10)));
    house.clock.advance(Duration::from_millis(4));
    let left = LOCKOUT - Duration::from_millis(4);
    assert_eq!(house.attempt(attacker, SharedSecret), Err(left));
    assert_eq!(house.guard.check(attacker, DeviceToken), Ok(()));
    assert_eq!(house.guard.check(address("192.0.2.8"), SharedSecret), Ok(()));
    house.clock.advance(left);
    house.fail(9, attacker);
}

/// What was checked before the lockout and fails after it begins no second one, and neither makes
/// it longer nor counts for the time after it.
#[test]
fn one_full_bucket_is_one_lockout() {
    let house = House::new(10, 500);
    let attacker = address("192.0.2.7");
    house.fail(9, attacker);
    let lockouts: usize =
        (0..1000).map(|_| house.guard.failed(attacker, SharedSecret, CODE).lockouts.len()).sum();
    assert_eq!(lockouts, 1);
    house.clock.advance(LOCKOUT);
    house.fail(9, attacker);
}

#[test]
fn a_bucket_drains_and_says_what_filled_it() {
    let house = House::new(4, 500);
    let caller = address("192.0.2.7");
    // One every 20 s is slower than it drains, for ever.
    for _ in 0..100 {
        house.fail(1, caller);
        house.clock.advance(Duration::from_secs(20));
    }
    let failed = |code| house.guard.failed(caller, SharedSecret, code).lockouts;
    assert_eq!([failed("A"), failed("B"), failed("B")], [const { Vec::new() }; 3]);
    // Half a window later two of the three have drained: three more fill it, and all six did.
    house.clock.advance(Duration::from_secs(30));
    assert_eq!([failed("A"), failed("A")], [const { Vec::new() }; 2]);
    let failures = failed("B").remove(0).failures;
    assert_eq!(failures, Failures::from([("A".to_owned(), 3), ("B".to_owned(), 3)]));
}

#[test]
fn once_the_ledger_has_it_the_guard_begins_anew() {
    let house = House::new(2, 500);
    let caller = address("192.0.2.7");
    house.fail(1, caller);
    assert_eq!(house.attempt(caller, SharedSecret).unwrap().lockouts.len(), 1);
    house.guard.recorded(key(SharedSecret, caller));
    house.fail(1, caller);
    assert_eq!(house.attempt(caller, SharedSecret).unwrap().lockouts.len(), 1);
}

/// Row by row: what a clearing forgets of a lockout that the ledger did not take.
#[test]
fn what_is_forgotten_row_by_row() {
    let caller = address("2001:db8:1:2:3::4");
    let filter = |class, address: Option<&str>| LockoutFilter {
        class,
        address: address.map(|text| network(text.parse().unwrap())),
    };
    for (filter, forgotten) in [
        (filter(None, None), true),
        (filter(Some(SharedSecret), None), true),
        (filter(Some(DeviceToken), None), false),
        (filter(None, Some("2001:db8:1:2::9")), true),
        (filter(None, Some("2001:db8:1:3::")), false),
        (filter(Some(SharedSecret), Some("2001:db8:1:2::")), true),
        (filter(Some(SetupCode), Some("2001:db8:1:2::")), false),
    ] {
        let house = House::new(1, 500);
        assert_eq!(house.attempt(caller, SharedSecret).unwrap().lockouts.len(), 1);
        house.guard.forget(filter);
        let may_try = house.guard.check(caller, SharedSecret).is_ok();
        assert_eq!(may_try, forgotten, "{filter:?}");
    }
}

/// Row by row: who somebody is to the guard.
#[test]
fn callers_row_by_row() {
    let device = DeviceId([7; 32]);
    use Locality::{DirectLoopback as Here, Elsewhere};
    for (paired, from, locality, is_page, exempt, expected) in [
        (None, "127.0.0.1", Here, false, true, Caller::Local),
        (None, "127.0.0.1", Here, false, false, address("127.0.0.1")),
        // A page in a local browser is anyone's.
        (None, "127.0.0.1", Here, true, true, address("127.0.0.1")),
        // A loopback peer that speaks for someone else is not local.
        (None, "127.0.0.1", Elsewhere, false, true, address("127.0.0.1")),
        (None, "192.0.2.7", Elsewhere, false, true, address("192.0.2.7")),
        (None, "::ffff:192.0.2.7", Elsewhere, false, true, address("192.0.2.7")),
        (None, "2001:db8:1:2:3:4:5:6", Elsewhere, true, true, address("2001:db8:1:2::")),
        (None, "2001:db8:1:3:3:4:5:6", Elsewhere, true, true, address("2001:db8:1:3::")),
        // N11 A11.5: of a client behind a trusted proxy that does not name it, no address is known.
        (None, "", Elsewhere, false, true, Caller::Anywhere),
        // N11 A11.1
        (Some(device), "192.0.2.7", Elsewhere, false, true, Caller::Device(device)),
        (Some(device), "127.0.0.1", Here, true, true, Caller::Device(device)),
    ] {
        let client = Client { paired, address: from.parse().ok(), locality, is_page };
        assert_eq!(Caller::of(client, exempt), expected, "{client:?} exempt {exempt}");
    }
    assert_eq!(address("2001:db8:1:2::").address(), "2001:db8:1:2::".parse().ok());
}

#[test]
fn n11_a11_1_what_others_do_does_not_lock_a_paired_device_out_nor_the_reverse() {
    let house = House::new(10, 20);
    let (ours, other) = (Caller::Device(DeviceId([1; 32])), Caller::Device(DeviceId([2; 32])));
    let here = address("192.0.2.7");
    house.fail(9, here);
    assert_eq!(house.attempt(here, SharedSecret), Ok(locked(SharedSecret, here, 10)));
    house.fail(9, address("192.0.2.8"));
    // Every address is locked out now; paired devices and this machine go on.
    let everywhere = house.attempt(address("192.0.2.9"), SharedSecret).unwrap().lockouts;
    assert_eq!(everywhere.iter().map(|lock| lock.key.address).collect::<Vec<_>>(), [None]);
    for caller in [ours, other, Caller::Local] {
        assert_eq!(house.guard.check(caller, SharedSecret), Ok(()), "{caller:?}");
    }
    // A device that goes on giving wrong secrets waits for its own next try, and only it does.
    house.fail(10, ours);
    assert_eq!(house.attempt(ours, SharedSecret), Err(MINUTE / 10));
    assert_eq!(house.guard.check(other, SharedSecret), Ok(()));
    house.clock.advance(MINUTE / 10);
    house.fail(1, ours);
    assert_eq!(house.attempt(ours, SharedSecret), Err(MINUTE / 10));
}

/// Programs on this machine are answered ever more slowly, and never refused: the right secret gets in.
#[test]
fn a_local_program_that_guesses_is_slowed_and_locks_nobody_out() {
    let house = House::new(10, 500);
    house.fail(9, Caller::Local);
    for _ in 0..1000 {
        let slowed = Consequence { lockouts: vec![], slow: SLOW_MAX };
        assert_eq!(house.attempt(Caller::Local, SharedSecret), Ok(slowed));
    }
    assert_eq!(house.guard.check(address("127.0.0.1"), SharedSecret), Ok(()));
    house.clock.advance(MINUTE);
    house.fail(9, Caller::Local);
}

/// A million addresses fail once each, faster than any wire brings them; then the same again and
/// again until an hour is over. The lockouts are few, and so is what is remembered.
#[test]
fn n11_a11_4_a_spray_from_everywhere_meets_the_cap_over_all_addresses() {
    let house = House::new(10, 500);
    let (mut compared, mut lockouts) = (0, Vec::new());
    for round in 0..60_u32 {
        for step in 0..20_000_u32 {
            let from = std::net::Ipv4Addr::from_bits(round * 20_000 + step);
            if let Ok(consequence) = house.attempt(Caller::at(Some(from.into())), SharedSecret) {
                compared += 1;
                lockouts.extend(consequence.lockouts);
            }
        }
        house.clock.advance(MINUTE);
    }
    // Every five minutes, 500 secrets are compared and one lockout of everybody begins.
    assert_eq!((compared, lockouts.len()), (500 * 12, 12));
    assert!(lockouts.iter().all(|lock| lock.key.address.is_none()), "{lockouts:?}");
    assert!(
        house.guard.lock().buckets.len() <= 500 * 12 + 1,
        "{}",
        house.guard.lock().buckets.len()
    );
}

/// With a cap that is as good as none, memory has one all the same, and those who are not
/// remembered one by one are still counted together.
#[test]
fn what_is_remembered_is_bounded_and_drained_buckets_make_room() {
    let house = House::new(2, 100_000);
    let from = |n: u32| Caller::at(Some(std::net::Ipv4Addr::from_bits(n).into()));
    for n in 0..50_000 {
        house.fail(1, from(n));
    }
    assert_eq!(house.guard.lock().buckets.len(), BUCKETS_MAX);
    house.fail(49_999, from(60_000));
    let last = house.attempt(from(60_001), SharedSecret).unwrap().lockouts;
    assert_eq!(last, locked(SharedSecret, Caller::Anywhere, 100_000).lockouts);
    house.guard.recorded(key(SharedSecret, Caller::Anywhere));
    house.clock.advance(MINUTE);
    house.fail(1, from(70_000));
    assert_eq!(house.guard.lock().buckets.len(), 2);
}
