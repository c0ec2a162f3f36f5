//! Two admins at the same things at the same time: one event or one error for each call (N14 A14.4).

use std::collections::BTreeMap;

use doorward::proto::v1::{
    CreateTokenRequest, RecordFilter, RevokeServiceTokenRequest, Scopes, TailRequest,
};
use futures_util::{StreamExt, stream};
use tonic::Code;

use super::{
    client::Client,
    gateway::{Gateway, block_on},
};

/// Each of two admins does each of these twice over: makes it, and takes it away.
const ITEMS: usize = 500;

/// Calls of one admin that are under way at once.
const AT_ONCE: usize = 16;

/// What an admin was told of each item.
type Told = BTreeMap<String, Result<(u64, String), Code>>;

async fn create_all(admin: Client, backward: bool) -> Told {
    let call = |n: usize| {
        let mut tokens = admin.tokens.clone();
        async move {
            let name = format!("t{}", if backward { ITEMS - 1 - n } else { n });
            let scopes = Some(Scopes { names: vec!["operator.read".into()] });
            let order = CreateTokenRequest { name: name.clone(), scopes, ..Default::default() };
            let made = tokens.create_token(order).await;
            (
                name,
                made.map(|made| (made.get_ref().seq, made.get_ref().token_id.clone()))
                    .map_err(|no| no.code()),
            )
        }
    };
    stream::iter(0..ITEMS).map(call).buffer_unordered(AT_ONCE).collect().await
}

async fn revoke_all(admin: Client, ids: Vec<String>) -> Told {
    let call = |token_id: String| {
        let mut tokens = admin.tokens.clone();
        async move {
            let order =
                RevokeServiceTokenRequest { token_id: token_id.clone(), force_reason: None };
            let gone = tokens.revoke_service_token(order).await;
            (
                token_id.clone(),
                gone.map(|gone| (gone.get_ref().seq, token_id)).map_err(|no| no.code()),
            )
        }
    };
    stream::iter(ids).map(call).buffer_unordered(AT_ONCE).collect().await
}

/// Of each pair of calls one was done and one refused so; gives what the winners were told.
fn winners(one: &Told, other: &Told, lost: Code) -> BTreeMap<u64, String> {
    assert_eq!(one.len(), ITEMS);
    let won = one.iter().map(|(item, told)| match (told, &other[item]) {
        (Ok(won), Err(code)) | (Err(code), Ok(won)) => {
            assert_eq!(*code, lost, "{item}");
            won.clone()
        }
        both => panic!("{item}: {both:?}"),
    });
    let won: BTreeMap<_, _> = won.collect();
    assert_eq!(won.len(), ITEMS, "each has a record of its own");
    won
}

/// The records of a kind.
async fn recorded(admin: &Client, kind: &str) -> Vec<u64> {
    let filter = Some(RecordFilter { kinds: vec![kind.into()], ..Default::default() });
    let asked = TailRequest { filter, ..Default::default() };
    let mut records = admin.ledger.clone().tail(asked).await.unwrap().into_inner();
    let mut seen = vec![];
    while let Some(response) = records.message().await.unwrap() {
        seen.push(response.record.unwrap().seq);
    }
    seen
}

#[test]
fn n14_a14_4_two_admins_racing_over_a_thousand_items_lose_no_update() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    block_on(async {
        let (one, other) = (Client::host(&gateway).await, Client::host(&gateway).await);
        let (made, made_too) =
            tokio::join!(create_all(one.clone(), false), create_all(other.clone(), true));
        let created = winners(&made, &made_too, Code::AlreadyExists);
        let seqs: Vec<_> = created.keys().copied().collect();
        assert_eq!(recorded(&one, "service_token_created").await, seqs, "one event for each");
        let ids: Vec<_> = created.into_values().collect();
        let backward = ids.iter().rev().cloned().collect();
        let (gone, gone_too) =
            tokio::join!(revoke_all(one.clone(), ids), revoke_all(other, backward));
        let revoked = winners(&gone, &gone_too, Code::NotFound);
        let seqs: Vec<_> = revoked.keys().copied().collect();
        assert_eq!(recorded(&one, "service_token_revoked").await, seqs, "one event for each");
    });
    assert_eq!(gateway.state().service_tokens().count(), 0);
}
