//! The connection, its floor and the hub: who is made to look again, when, and what comes of it.

use std::{panic::resume_unwind, time::Duration};

use doorward::{
    actors::{
        limits,
        news::{Change, Fact, News},
    },
    domain::{
        ids::{DeviceId, RequestId},
        principal::Subject,
        registry::Touched,
        scope::{Known, Role},
        time::UnixMillis,
    },
};
use tokio::time::timeout;

use super::talk::{Client, Later, Manner, World, device};

/// Longer than anything here takes, and shorter than the deadline of a write.
const SOON: Duration = Duration::from_secs(8);

fn touched(touched: Touched) -> Change {
    Change::Authority(touched)
}

/// On a thread of its own, as each has its floor.
fn in_a_system(test: impl AsyncFnOnce() + Send) {
    let run = || {
        let limited = async { timeout(2 * SOON, test()).await };
        actix_rt::System::new().block_on(limited).expect("the test hangs");
    };
    std::thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|panic| resume_unwind(panic));
}

fn resolved() -> Fact {
    let (request_id, device) = (RequestId([1; 16]), DeviceId([9; 32]));
    Fact::PairingResolved { request_id, device, decision: "approved", at: UnixMillis(1) }
}

#[test]
fn a_change_is_looked_at_by_those_whom_it_concerns_and_nobody_else() {
    let node = Subject::Device(DeviceId([1; 32]), Role::Node);
    let subjects = [device(1), device(1), node, device(2), Subject::SharedSecret];
    for (change, concerned) in [
        (Touched::One(device(1)), [true, true, false, false, false]),
        (Touched::One(device(2)), [false, false, false, true, false]),
        (Touched::Device(DeviceId([1; 32])), [true, true, true, false, false]),
        (Touched::One(Subject::SharedSecret), [false, false, false, false, true]),
        (Touched::Everyone, [true; 5]),
        (Touched::Nobody, [false; 5]),
    ] {
        in_a_system(async || {
            let world = World::new();
            let mut clients = Vec::new();
            for (id, subject) in subjects.iter().enumerate() {
                world.grant(subject, &[Known::Read]);
                let client = Client::enter(&world, id as u64, subject.clone(), Manner::default());
                clients.push(client.await);
            }
            subjects.iter().for_each(|subject| world.grant(subject, &[Known::Write]));
            world.tell(touched(change.clone()));
            for (client, concerned) in clients.iter_mut().zip(concerned) {
                if concerned {
                    assert_eq!(client.told().await, "now operator.write");
                }
            }
            for (client, concerned) in clients.iter_mut().zip(concerned) {
                client.round_trip().await;
                // Once at the door, and once for the change.
                let expected = 1 + u32::from(concerned);
                assert_eq!(client.counts.rechecks.get(), expected, "{change:?}");
            }
        });
    }
}

#[test]
fn a_replaced_token_is_fetched_by_all_but_the_connection_that_was_handed_it() {
    for (asked_on, closed) in [
        (None, [true, true, false, false]),
        (Some("1"), [true, false, false, false]),
        (Some("3"), [true, true, false, false]),
    ] {
        in_a_system(async || {
            let world = World::new();
            let node = Subject::Device(DeviceId([1; 32]), Role::Node);
            let mut clients = vec![];
            for (id, subject) in [device(1), device(1), node, device(2)].iter().enumerate() {
                world.grant(subject, &[Known::Read]);
                let client = Client::enter(&world, id as u64, subject.clone(), Manner::default());
                clients.push(client.await);
            }
            world.tell(Change::Token(device(1), asked_on.map(str::to_owned)));
            for (client, closed) in clients.iter_mut().zip(closed) {
                match closed {
                    true => assert_eq!(client.told().await, "closed 4001 device token rotated"),
                    false => client.round_trip().await,
                }
            }
        });
    }
}

/// Between the judgement at the door and the place on the floor, nobody could have told it.
#[test]
fn what_ended_while_a_client_was_let_in_does_not_survive() {
    in_a_system(async || {
        let world = World::new();
        world.grant(&device(1), &[Known::Read]);
        let (meanwhile, here) = (world.clone(), world.clone());
        let before_entry = Box::pin(async move {
            meanwhile.revoke(&device(1));
            meanwhile.tell(touched(Touched::One(device(1))));
            // The hub and the floor have dealt with it before the client is in.
            let mut other = Client::enter(&here, 2, device(2), Manner::default()).await;
            other.round_trip().await;
        });
        world.grant(&device(2), &[Known::Read]);
        let manner = Manner { before_entry: Some(before_entry), ..Manner::default() };
        let mut client = Client::enter(&world, 1, device(1), manner).await;
        let told = timeout(SOON, client.told()).await.expect("it goes on living");
        assert_eq!(told, "closed 4001 device removed");
    });
}

/// Even if the message that says so is still on its way.
#[test]
fn no_call_is_measured_by_what_was_true_before() {
    in_a_system(async || {
        let world = World::new();
        for n in [1, 2] {
            world.grant(&device(n), &[Known::Read, Known::Write]);
        }
        let mut narrowed = Client::enter(&world, 1, device(1), Manner::default()).await;
        let mut ended = Client::enter(&world, 2, device(2), Manner::default()).await;
        world.grant(&device(1), &[Known::Read]);
        world.revoke(&device(2));
        // Published; nobody was told yet.
        narrowed.say("call");
        ended.say("call");
        assert_eq!(narrowed.told().await, "now operator.read");
        assert_eq!(narrowed.told().await, "call with operator.read");
        assert_eq!(ended.told().await, "closed 4001 device removed");
        assert_eq!(ended.counts.heard.get(), 1, "only that it came in");
    });
}

#[test]
fn what_is_under_way_is_answered_before_the_end() {
    in_a_system(async || {
        let world = World::new();
        world.grant(&device(1), &[Known::Read]);
        let manner = Manner { later: Later::OnceEnded, ..Manner::default() };
        let mut client = Client::enter(&world, 1, device(1), manner).await;
        client.say("later");
        client.round_trip().await;
        world.revoke(&device(1));
        world.tell(touched(Touched::One(device(1))));
        assert_eq!(client.told().await, "the answer");
        assert_eq!(client.told().await, "closed 4001 device removed");
    });
}

/// Nor is it heard any more while it waits.
#[test]
fn a_call_without_an_answer_does_not_keep_an_ended_session() {
    in_a_system(async || {
        let world = World::new();
        world.grant(&device(1), &[Known::Read]);
        let manner = Manner { later: Later::Never, ..Manner::default() };
        let mut client = Client::enter(&world, 1, device(1), manner).await;
        client.say("later");
        client.round_trip().await;
        world.revoke(&device(1));
        world.tell(touched(Touched::One(device(1))));
        while client.counts.rechecks.get() < 2 {
            tokio::task::yield_now().await;
        }
        client.say("call");
        let told = timeout(SOON, client.told()).await.expect("it goes on living");
        assert_eq!(told, "closed 4001 device removed");
        assert_eq!(client.counts.heard.get(), 2, "that it came in, and its call before the end");
    });
}

#[test]
fn who_may_no_longer_hear_is_no_longer_told() {
    in_a_system(async || {
        let world = World::new();
        world.grant(&device(1), &[Known::Pairing]);
        let mut client = Client::enter(&world, 1, device(1), Manner::default()).await;
        world.hub.publish(News::new(resolved()));
        assert_eq!(client.told().await, "news Some(Pairing)");
        for (scopes, hears) in [(Known::Write, "news None"), (Known::Pairing, "news Some(Pairing)")]
        {
            world.grant(&device(1), &[scopes]);
            world.tell(touched(Touched::One(device(1))));
            assert_eq!(client.told().await, format!("now {}", scopes.name()));
            world.hub.publish(News::new(resolved()));
            world.hub.publish(News::new(Fact::Health));
            assert_eq!(client.told().await, hears);
        }
    });
}

#[test]
fn others_see_what_a_session_may_use_now() {
    in_a_system(async || {
        let world = World::new();
        world.grant(&device(1), &[Known::Pairing]);
        let manner = Manner { seen: true, ..Manner::default() };
        let _client = Client::enter(&world, 1, device(1), manner).await;
        for scope in [Known::Pairing, Known::Talk] {
            world.grant(&device(1), &[scope]);
            world.tell(touched(Touched::One(device(1))));
            let shown = || {
                let board = world.hub.board();
                board.entries.first().map(|entry| entry.scopes.to_string())
            };
            while shown().as_deref() != Some(scope.name()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
}

/// A reader that takes nothing blocks its connection for ten seconds; the end of its authority does
/// not wait for that, and what still waits to be written is dropped with it.
#[test]
fn a_reader_that_does_not_read_is_ended_too() {
    in_a_system(async || {
        let world = World::new();
        world.grant(&device(1), &[Known::Read]);
        let mut client = Client::enter(&world, 1, device(1), Manner::default()).await;
        let mut heard = 0;
        // Fills every queue up to the one that nobody empties.
        loop {
            client.say("call");
            tokio::time::sleep(Duration::from_millis(1)).await;
            if std::mem::replace(&mut heard, client.counts.heard.get()) == client.counts.heard.get()
                && heard > 100
            {
                break;
            }
        }
        assert_eq!(world.hub.connections(), 1);
        world.revoke(&device(1));
        world.tell(touched(Touched::One(device(1))));
        let gone = async {
            while world.hub.connections() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(SOON / 2, gone).await.expect("it waits for its reader");
        tokio::time::sleep(2 * limits::ENDED_PUMP_DEADLINE).await;
        let mut told = 0;
        while client.told().await != "gone" {
            told += 1;
        }
        assert!(told + 100 < heard, "it was told {told} of {heard} answers");
    });
}
