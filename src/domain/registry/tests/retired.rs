//! Which tokens a device can still come back with (N4).

use super::{super::state::RETIRED_MAX, *};

/// One step of a device's own token.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The device rotates it, in band.
    Rotate(u8),
    /// Someone else rotates it.
    Withheld,
    /// The device comes with a replaced token and is given this one.
    Fetch(u8, u8),
    /// The device comes with this token.
    Use(u8),
}

impl House {
    fn step(&mut self, step: Step) -> usize {
        let who = self.session(1, "read");
        let (role, id) = (Role::Operator, device(1));
        let rotate = |n| Command::RotateToken { device: id, role, scopes: None, token: token(n) };
        let (who, operation, command) = match step {
            Step::Rotate(n) => (who, Operation::RotateToken, rotate(n)),
            Step::Withheld => (host(), Operation::RotateToken, rotate(0)),
            Step::Fetch(with, n) => {
                let renewal = Renewal::Retired(token(with));
                let command = Command::IssueToken { role, token: token(n), renewal };
                (who, Operation::IssueToken, command)
            }
            Step::Use(n) => {
                let command = Command::ConfirmToken { role, token: token(n) };
                (who, Operation::ConfirmToken, command)
            }
        };
        self.run(&who, operation, command).unwrap().len()
    }

    /// The tokens among the first 20 that let the device in.
    fn good(&self) -> Vec<u8> {
        let grant = self.state.grant(device(1), Role::Operator).unwrap();
        (0..20).filter(|n| grant.is_token(token(*n))).collect()
    }
}

#[test]
fn what_lets_a_device_in_row_by_row() {
    use Step::*;
    // The device begins with token 10.
    for (steps, good) in [
        (&[][..], &[10][..]),
        (&[Rotate(11)], &[10, 11]),
        (&[Rotate(11), Use(11)], &[11]),
        (&[Rotate(11), Use(10)], &[10, 11]),
        (&[Rotate(11), Fetch(10, 12)], &[10, 11, 12]),
        (&[Rotate(11), Fetch(10, 12), Use(12)], &[12]),
        (&[Rotate(11), Use(11), Rotate(12)], &[11, 12]),
        // Told of 12, and the answer with 13 was lost.
        (&[Rotate(11), Rotate(12), Rotate(13)], &[10, 11, 12, 13]),
        (&[Rotate(11), Rotate(12), Rotate(13), Fetch(12, 14), Use(14)], &[14]),
        // Whatever it was told of stays, however many answers were lost.
        (
            &[Rotate(11), Rotate(12), Rotate(13), Rotate(14), Rotate(15), Rotate(16)],
            &[10, 11, 12, 13, 14, 15, 16],
        ),
        (&[Withheld], &[10]),
        (&[Withheld, Withheld, Withheld], &[10]),
        (&[Withheld, Fetch(10, 11)], &[10, 11]),
        (&[Withheld, Fetch(10, 11), Use(11)], &[11]),
        (&[Rotate(11), Withheld], &[10, 11]),
    ] {
        let mut house = House::new();
        let session = house.paired(1, "read");
        house.issue(&session, 10).unwrap();
        for step in steps {
            house.step(*step);
        }
        assert_eq!(house.good(), good, "{steps:?}");
    }
}

/// A device that never reads an answer piles up no more than a bounded number of tokens: the first,
/// which it surely had, and the newest, one of which it was told last.
#[test]
fn how_many_replaced_tokens_are_kept() {
    for (newest, oldest_but_first) in
        [(63, 1), (64, 1), (65, 2), (66, 3), (2 * RETIRED_MAX as u8, RETIRED_MAX as u8 + 1)]
    {
        let mut house = House::new();
        let session = house.paired(1, "read");
        house.issue(&session, 0).unwrap();
        for n in 1..=newest {
            house.step(Step::Rotate(n));
        }
        let grant = house.state.grant(device(1), Role::Operator).unwrap();
        let good: Vec<_> = (0..=newest).filter(|n| grant.is_token(token(*n))).collect();
        let expected: Vec<_> = [0].into_iter().chain(oldest_but_first..=newest).collect();
        assert_eq!(good, expected, "after {newest} rotations");
    }
}

/// Using the token that one has writes nothing; using one that was replaced is no use of the new one.
#[test]
fn only_the_newest_token_is_confirmed() {
    let mut house = House::new();
    let session = house.paired(1, "read");
    house.issue(&session, 10).unwrap();
    for (step, events) in [
        (Step::Use(10), 0),
        (Step::Rotate(11), 1),
        (Step::Use(10), 0),
        (Step::Use(11), 1),
        (Step::Use(11), 0),
        (Step::Fetch(10, 12), 0),
    ] {
        assert_eq!(house.step(step), events, "{step:?}");
    }
}
