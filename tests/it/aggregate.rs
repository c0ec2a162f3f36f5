//! The registry's aggregate over a ledger that can be told to fail.

use std::{ops::ControlFlow, path::Path, sync::Arc};

use doorward::{
    actors::{aggregate::Handle, supervise::StopOnPanic},
    domain::{
        Decider, Event as Any,
        ids::{DeviceId, PublicKey, RequestId, TokenHash},
        operation::Operation,
        origin::Locality,
        permit,
        principal::{Rule, SecretKind, Standing},
        refusal::{PairingReason, Refusal},
        registry::{Ask, AuthMode, Command, Event, Policy, Profile, Registry, Terms},
        scope::{Known, Role, ScopeSet},
        time::UnixMillis,
    },
    ledger::{
        handle::LedgerHandle,
        memory::{MemoryStore, Outcome},
        record::{Record, Via},
        recover,
    },
    support::{keys::GatewayKey, shutdown::Shutdown},
};

/// A registry that begins empty or with what a store holds.
struct House {
    registry: Handle<Registry>,
    ledger: LedgerHandle,
}

impl House {
    /// Opens a store as `boot` does. Must run inside an actix system.
    fn open(store: &MemoryStore, key: &Arc<GatewayKey>) -> Self {
        let mut state = Registry::default();
        let mut last_at = UnixMillis::default();
        let mut each = |record: Record| {
            let Any::Registry(event) = &record.event;
            state.apply(record.stamp(), event);
            last_at = record.at;
            ControlFlow::Continue(())
        };
        let opened =
            recover::recover(Box::new(store.clone()), Path::new("test"), None, key, &mut each)
                .unwrap();
        let ledger = LedgerHandle::spawn(opened, Arc::clone(key)).unwrap();
        let guard = StopOnPanic::new("registry", Shutdown::default());
        let on_commit = Box::new(|_: &Registry, _: &[_], _: &[_]| {});
        let registry = Handle::start(state, last_at, ledger.clone(), on_commit, guard);
        Self { registry, ledger }
    }

    async fn begun(store: &MemoryStore, key: &Arc<GatewayKey>) -> Self {
        let house = Self::open(store, key);
        let policy = Policy {
            auth_mode: AuthMode::Token,
            shared_scopes: ScopeSet::empty(),
            loopback_scopes: ScopeSet::full_operator(),
            auto_approve_local: true,
            auto_approve_cidrs: vec![],
            people: Default::default(),
            others: None,
            ceilings: Default::default(),
        };
        let secret = Some((SecretKind::Token, TokenHash([9; 32])));
        let command = Command::Start { gateway_key: PublicKey(key.public()), policy, secret };
        let startup = Standing::system(Rule::Startup);
        house.run(&startup, Operation::AdoptPolicy, command, 1000).await.unwrap();
        house
    }

    async fn run(
        &self,
        who: &Standing,
        operation: Operation,
        command: Command,
        now: u64,
    ) -> Result<Vec<Event>, Refusal> {
        let permit = permit::authorize(who, operation)?;
        let committed =
            self.registry.execute(permit, command, Via::internal(), UnixMillis(now)).await?;
        Ok(committed.events.into_iter().map(|(_, event)| event).collect())
    }

    async fn request(&self, n: u8, now: u64) -> Result<Vec<Event>, Refusal> {
        let device = DeviceId([n; 32]);
        let ask = Ask {
            request_id: RequestId([n; 16]),
            device,
            public_key: PublicKey([n; 32]),
            role: Role::Operator,
            scopes: ScopeSet::from_iter([Known::Read]),
            reason: PairingReason::NotPaired,
            profile: Profile::default(),
            address: None,
            secret: Some(SecretKind::Token),
            locality: Locality::Elsewhere,
        };
        let applicant = Standing::applicant(device, Role::Operator);
        let command = Command::RequestPairing(Box::new(ask));
        self.run(&applicant, Operation::RequestPairing, command, now).await
    }

    async fn approve(&self, n: u8) -> Result<Vec<Event>, Refusal> {
        let command = Command::ApprovePairing {
            request_id: RequestId([n; 16]),
            expected: None,
            terms: Terms::default(),
            now: UnixMillis(3000),
        };
        self.run(&Standing::host(0), Operation::ApprovePairing, command, 3000).await
    }

    fn holds(&self, n: u8) -> bool {
        self.registry.state().grant(DeviceId([n; 32]), Role::Operator).is_some()
    }
}

fn in_a_system<F: Future<Output = ()>>(test: F) {
    actix_rt::System::new().block_on(test);
}

fn key() -> Arc<GatewayKey> {
    Arc::new(GatewayKey::generate())
}

#[test]
fn of_a_hundred_racing_approvals_one_wins() {
    in_a_system(async {
        let (store, key) = (MemoryStore::new(), key());
        let house = House::begun(&store, &key).await;
        house.request(1, 2000).await.unwrap();
        let racing = (0..100).map(|_| house.approve(1));
        let outcomes = futures_util::future::join_all(racing).await;
        let winners = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(winners, 1);
        for lost in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(lost, Refusal::RequestClosed { how: "approved" });
        }
        // Genesis, policy, secret, request, one approval.
        assert_eq!(house.ledger.size(), 5);
    });
}

#[test]
fn what_the_ledger_could_not_take_has_not_happened() {
    in_a_system(async {
        let (store, key) = (MemoryStore::new(), key());
        let house = House::begun(&store, &key).await;
        house.request(1, 2000).await.unwrap();
        store.plan_appends([Outcome::Fail]);
        let refused = house.approve(1).await.unwrap_err();
        assert_eq!(refused.code(), "UNAVAILABLE");
        assert!(!house.holds(1), "no event, no effect");
        house.approve(1).await.expect("the same approval works once the ledger does");
        assert!(house.holds(1));
    });
}

/// N5 A5.5: between the decision and the sync, either both exist after a restart or neither.
#[test]
fn an_unknown_outcome_is_decided_by_recovery() {
    for (outcome, kept) in [(Outcome::UnknownAndDrop, false), (Outcome::UnknownButKeep, true)] {
        in_a_system(async move {
            let (store, key) = (MemoryStore::new(), key());
            let house = House::begun(&store, &key).await;
            house.request(1, 2000).await.unwrap();
            store.plan_appends([outcome]);
            let told = house.approve(1).await.unwrap_err();
            assert!(
                matches!(told, Refusal::Unavailable { reason, .. } if reason.contains("look again"))
            );
            assert!(!house.holds(1), "nothing is published that nobody is sure of");
            assert!(
                house.ledger.fatal().await.contains("told to fail"),
                "the process is told to stop"
            );
            let size = store.content().log.len() as u64;
            let again = House::open(&store, &key);
            assert_eq!((again.holds(1), again.ledger.size()), (kept, size), "{outcome:?}");
        });
    }
}

#[test]
fn time_never_moves_backward_between_records() {
    in_a_system(async {
        let (store, key) = (MemoryStore::new(), key());
        let house = House::begun(&store, &key).await;
        for (n, now) in [(1, 5000), (2, 100), (3, 4999)] {
            house.request(n, now).await.unwrap();
        }
        let entries = house.ledger.reader().read(0, 100).unwrap();
        let times: Vec<_> = entries.iter().map(|entry| entry.record.at.0).collect();
        assert_eq!(times, [1000, 1000, 1000, 5000, 5000, 5000]);
    });
}

/// N5 A5.1: one record for each change, and it says everything.
#[test]
fn a_record_says_who_when_from_where_and_by_whose_authority() {
    in_a_system(async {
        let (store, key) = (MemoryStore::new(), key());
        let house = House::begun(&store, &key).await;
        house.request(1, 2000).await.unwrap();
        house.approve(1).await.unwrap();
        let entries = house.ledger.reader().read(0, 100).unwrap();
        let records: Vec<_> = entries.into_iter().map(|entry| entry.record).collect();
        let authorities: Vec<_> = records.iter().map(|record| record.authority.0).collect();
        // The host is the root; the device that asks stands on the policy; the host approves.
        assert_eq!(authorities, [0, 0, 0, 1, 0]);
        let approval = &records[4];
        assert_eq!(approval.principal, Standing::host(0).principal);
        assert_eq!(approval.before, ScopeSet::empty());
        assert_eq!(approval.after, ScopeSet::from_iter([Known::Read]));
        assert_eq!(approval.seq.0, 4);
        assert_eq!(approval.via, Via::internal());
    });
}
