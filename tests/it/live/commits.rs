//! What a commit has done before anyone is told of it.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use doorward::{
    actors::epoch::Epoch,
    domain::{
        ids::TokenHash,
        operation::Operation,
        permit,
        principal::{SecretKind, Standing},
        registry::Command,
    },
    ledger::record::Via,
};

use super::gateway::Gateway;

/// Notes the epoch at the moment in which the answer is given, on the thread that gives it.
struct AtTheAnswer {
    epoch: Arc<Epoch>,
    seen: AtomicU64,
}

impl Wake for AtTheAnswer {
    fn wake(self: Arc<Self>) {
        self.seen.store(self.epoch.now(), Ordering::Relaxed);
    }
}

/// Whoever is told that something is revoked may count on every session to go by that.
#[test]
fn a_commit_is_published_before_anyone_is_answered() {
    let gateway = Gateway::start();
    let epoch = Arc::clone(gateway.registry.epoch());
    let before = epoch.now();
    let permit = permit::authorize(&Standing::host(0), Operation::RotateSecret).unwrap();
    let command =
        Command::RotateSecret { kind: SecretKind::Token, fingerprint: TokenHash([1; 32]) };
    let mut answer = pin!(gateway.registry.execute(permit, command, Via::internal()));
    let at = Arc::new(AtTheAnswer { epoch, seen: AtomicU64::new(0) });
    let waker = Waker::from(Arc::clone(&at));
    assert!(answer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    while at.seen.load(Ordering::Relaxed) == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(at.seen.load(Ordering::Relaxed), before + 1);
    assert!(matches!(answer.poll(&mut Context::from_waker(&waker)), Poll::Ready(Ok(_))));
}
