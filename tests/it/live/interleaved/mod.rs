//! Long random stories through the actors and real sockets: clients come, go and come back, while the
//! host and other clients approve, narrow, rotate and take away.
//!
//! After every step each session is asked who it is and tried on calls. It has to be closed exactly
//! if what it stood on has ended, and may use exactly what the published state gives it. Start with
//! [`crowd`], which keeps the account; [`step`] is what can happen, [`look`] what has to hold.

mod change;
mod crowd;
mod look;
mod step;

use std::cell::RefCell;

use crowd::{Crowd, Tally};
use proptest::{
    prelude::ProptestConfig,
    test_runner::{RngAlgorithm, TestError, TestRng, TestRunner},
};

use crate::house::block_on;

/// How many stories are lived, unless `PROPTEST_CASES` says otherwise. The same ones each time.
const STORIES: u32 = 12;
/// How many steps each has.
const STEPS: std::ops::Range<usize> = 60..90;

/// N10 A10.3.
#[test]
#[expect(clippy::print_stdout, reason = "how much was lived is part of the outcome")]
fn n10_a10_3_no_session_outlives_its_grant_whatever_happens() {
    let given = ProptestConfig::default();
    let cases = if given.cases == 256 { STORIES } else { given.cases };
    // What came before the step that fails says more than another story that is as long.
    let config = ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 0, ..given };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let (all, so_far) = (RefCell::new(Tally::default()), RefCell::new(vec![]));
    let story = proptest::collection::vec(step::step(), STEPS);
    let lived = TestRunner::new_with_rng(config, rng).run(&story, |story| {
        block_on(async {
            let mut crowd = Crowd::gather();
            so_far.borrow_mut().clear();
            for step in &story {
                so_far.borrow_mut().push(*step);
                crowd.live(step).await;
                crowd.settle(step).await;
            }
            all.borrow_mut().add(&crowd.tally);
        });
        Ok(())
    });
    println!("{:?}", all.borrow());
    if let Err(TestError::Fail(why, _) | TestError::Abort(why)) = lived {
        panic!("{why}\nby {:?}", so_far.borrow());
    }
    if cases >= STORIES {
        all.borrow().assert_lived();
    }
}
