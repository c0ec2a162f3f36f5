//! `AuditService`: why, who could, what changed.

use tonic::{Request, Response};

use super::{
    convert,
    error::{Failure, invalid, unclear},
    page::Page,
    peer,
    pieces::{self, Pieces},
    read,
    record::{self, principal},
    source::Source,
};
use crate::{
    domain::{
        lineage::Root,
        origin::Locality,
        principal::{Standing, Subject},
        registry::{
            called::Among,
            holders::{Difference, Giver, Holder},
            replay::Otherwise,
        },
        scope::Scope,
        time::UnixMillis,
    },
    proto::v1::{
        self, Change, DiffRequest, DiffResponse, Grantor, ListAccessRequest, ListAccessResponse,
        Party, ReplayRequest, ReplayResponse, ResolveRequest, ResolveResponse, StreamDiffRequest,
        StreamDiffResponse, StreamReplayRequest, StreamReplayResponse, StreamWhoCanRequest,
        StreamWhoCanResponse, WhoCanRequest, WhoCanResponse, WhyRequest, WhyResponse,
        audit_service_server::AuditService, party,
    },
    service::{Able, AccessFilter, AccessKey, AccessKind, Between, Entry, Replayed, Tally, Why},
};

/// How many access records are told, unless asked otherwise: some screens full.
const ACCESS_ROWS: usize = 1000;

/// The service behind the contract, over a running gateway or over its files.
pub(super) struct Front<S> {
    source: S,
}

impl<S: Source> Front<S> {
    pub fn new(source: S) -> Self {
        Self { source }
    }

    async fn able(&self, who: &Standing, ask: WhoCanRequest) -> Result<WhoCanResponse, Failure> {
        let (scope, at) = (read_scope(&ask.scope)?, read::moment(ask.at));
        let able = self.source.history(who, move |history| history.who_can(&scope, at));
        let Able { stamp, holders } = able.await?;
        let holders = holders.into_iter().map(holder).collect();
        Ok(WhoCanResponse { seq: stamp.seq.0, time_ms: stamp.at.0, holders })
    }

    async fn between(&self, who: &Standing, ask: DiffRequest) -> Result<DiffResponse, Failure> {
        let (from, to) = (read::moment(ask.from), read::moment(ask.to));
        let between = self.source.history(who, move |history| history.between(from, to));
        let Between { before, after, changes } = between.await?;
        Ok(DiffResponse {
            from_seq: before.seq.0,
            from_time_ms: before.at.0,
            to_seq: after.seq.0,
            to_time_ms: after.at.0,
            changes: changes.into_iter().map(change).collect(),
        })
    }

    async fn replayed(
        &self,
        who: &Standing,
        ask: ReplayRequest,
    ) -> Result<ReplayResponse, Failure> {
        let policy = ask.policy.ok_or_else(|| invalid("policy must be given"))?;
        let policy = read::policy(policy)?;
        let replayed = self.source.history(who, move |history| history.replay(policy));
        let Replayed { stamp, otherwise, differences } = replayed.await?;
        Ok(ReplayResponse {
            seq: stamp.seq.0,
            time_ms: stamp.at.0,
            decisions: otherwise.iter().map(rejudged).collect(),
            differences: differences.into_iter().map(|one| change((one, vec![]))).collect(),
        })
    }
}

#[tonic::async_trait]
impl<S: Source> AuditService for Front<S> {
    async fn why(&self, request: Request<WhyRequest>) -> Result<Response<WhyResponse>, Failure> {
        let who = peer::standing(&request)?;
        let WhyRequest { party, scope: name, at } = request.into_inner();
        let (subject, locality) = read_party(party)?;
        let (scope, at) = (read_scope(&name)?, read::moment(at));
        let why =
            self.source.history(&who, move |history| history.why(&subject, locality, &scope, at));
        Ok(Response::new(told(name, why.await?)))
    }

    async fn resolve(
        &self,
        request: Request<ResolveRequest>,
    ) -> Result<Response<ResolveResponse>, Failure> {
        let who = peer::standing(&request)?;
        let ResolveRequest { who: text, among } = request.into_inner();
        let among = match v1::Among::try_from(among) {
            Ok(v1::Among::Unspecified) => Among::Everyone,
            Ok(v1::Among::Devices) => Among::Devices,
            Ok(v1::Among::ServiceTokens) => Among::Tokens,
            Err(_) => return Err(invalid("among is none that is known")),
        };
        let asked = text.clone();
        let resolved = self.source.history(&who, move |history| history.resolve(&asked, among));
        let (subject, name) = resolved.await?.map_err(|no| unclear(&text, among, no))?;
        let party = Some(party(&subject, Locality::Elsewhere, name));
        Ok(Response::new(ResolveResponse { party }))
    }

    async fn who_can(
        &self,
        request: Request<WhoCanRequest>,
    ) -> Result<Response<WhoCanResponse>, Failure> {
        let who = peer::standing(&request)?;
        pieces::whole(self.able(&who, request.into_inner()).await?, "AuditService/StreamWhoCan")
    }

    type StreamWhoCanStream = Pieces<StreamWhoCanResponse>;

    async fn stream_who_can(
        &self,
        request: Request<StreamWhoCanRequest>,
    ) -> Result<Response<Self::StreamWhoCanStream>, Failure> {
        let who = peer::standing(&request)?;
        let ask = request.into_inner().ask.unwrap_or_default();
        Ok(pieces::of_holders(self.able(&who, ask).await?))
    }

    async fn diff(&self, request: Request<DiffRequest>) -> Result<Response<DiffResponse>, Failure> {
        let who = peer::standing(&request)?;
        pieces::whole(self.between(&who, request.into_inner()).await?, "AuditService/StreamDiff")
    }

    type StreamDiffStream = Pieces<StreamDiffResponse>;

    async fn stream_diff(
        &self,
        request: Request<StreamDiffRequest>,
    ) -> Result<Response<Self::StreamDiffStream>, Failure> {
        let who = peer::standing(&request)?;
        let ask = request.into_inner().ask.unwrap_or_default();
        Ok(pieces::of_changes(self.between(&who, ask).await?))
    }

    async fn list_access(
        &self,
        request: Request<ListAccessRequest>,
    ) -> Result<Response<ListAccessResponse>, Failure> {
        let who = peer::standing(&request)?;
        let mut rest = request.into_inner();
        let size = std::mem::take(&mut rest.page_size);
        let token = std::mem::take(&mut rest.page_token);
        let mut page = Page::of("ListAccess", &rest, size, &token)?;
        let ListAccessRequest { kind, since_ms, limit, .. } = rest;
        let kind = match v1::AccessKind::try_from(kind) {
            Ok(v1::AccessKind::Unspecified) => None,
            Ok(v1::AccessKind::Entered) => Some(AccessKind::Entered),
            Ok(v1::AccessKind::Refused) => Some(AccessKind::Refused),
            Ok(v1::AccessKind::Denied) => Some(AccessKind::Denied),
            Err(_) => return Err(invalid("kind is none that is known")),
        };
        let filter = AccessFilter { kind, since: since_ms.map(UnixMillis) };
        let mut rows = self.source.access(&who, filter).await?;
        rows.sort_by_cached_key(place);
        let total = rows.len();
        // The next page begins where the last ended, however many came since.
        let limit = limit.map_or(ACCESS_ROWS, |limit| limit as usize);
        let skipped = if page.is_first() { total.saturating_sub(limit) } else { 0 };
        Ok(Response::new(ListAccessResponse {
            total: total as u64,
            rows: page.take(rows.iter().skip(skipped), |row| place(row), access),
            next_page_token: page.next(),
        }))
    }

    async fn replay(
        &self,
        request: Request<ReplayRequest>,
    ) -> Result<Response<ReplayResponse>, Failure> {
        let who = peer::standing(&request)?;
        pieces::whole(self.replayed(&who, request.into_inner()).await?, "AuditService/StreamReplay")
    }

    type StreamReplayStream = Pieces<StreamReplayResponse>;

    async fn stream_replay(
        &self,
        request: Request<StreamReplayRequest>,
    ) -> Result<Response<Self::StreamReplayStream>, Failure> {
        let who = peer::standing(&request)?;
        let ask = request.into_inner().ask.unwrap_or_default();
        Ok(pieces::of_replay(self.replayed(&who, ask).await?))
    }
}

fn read_scope(name: &str) -> Result<Scope, Failure> {
    Scope::parse(name).ok_or_else(|| invalid(format!("no scope: {name:?}")))
}

fn read_party(given: Option<Party>) -> Result<(Subject, Locality), Failure> {
    use party::Kind;
    let from = |anyone: party::Anyone| match anyone.local {
        true => Locality::DirectLoopback,
        false => Locality::Elsewhere,
    };
    let elsewhere = Locality::Elsewhere;
    Ok(match given.and_then(|party| party.kind) {
        Some(Kind::Device(device)) => (read::device_in_role(&device)?, elsewhere),
        Some(Kind::TokenId(id)) => (Subject::Token(read::token_id(&id)?), elsewhere),
        Some(Kind::SharedSecret(anyone)) => (Subject::SharedSecret, from(anyone)),
        Some(Kind::Open(anyone)) => (Subject::Open, from(anyone)),
        Some(Kind::Person(name)) => (Subject::Person(name), elsewhere),
        None => return Err(invalid("party must be given")),
    })
}

pub(super) fn party(subject: &Subject, locality: Locality, name: Option<String>) -> Party {
    use party::{Anyone, Kind};
    let anyone = Anyone { local: locality == Locality::DirectLoopback };
    let kind = match subject {
        Subject::Device(id, role) => Kind::Device(v1::DeviceInRole {
            device_id: id.to_string(),
            role: convert::role(*role).into(),
        }),
        Subject::Token(id) => Kind::TokenId(id.to_string()),
        Subject::SharedSecret => Kind::SharedSecret(anyone),
        Subject::Open => Kind::Open(anyone),
        Subject::Person(name) => Kind::Person(name.clone()),
    };
    Party { kind: Some(kind), name }
}

fn holder(holder: Holder) -> v1::Holder {
    let Holder { subject, locality, name, scopes, grant, ends, ceiling, review } = holder;
    v1::Holder {
        party: Some(party(&subject, locality, name)),
        scopes: Some(convert::scopes(&scopes)),
        grant_seq: grant.0,
        until_ms: ends.map(|ends| ends.0),
        ceiling,
        review_seq: review.map(|seq| seq.0),
    }
}

fn told(scope: String, why: Why) -> WhyResponse {
    let Why { stamp, holder: about, standing: _, denied, grantors, records, givers, root } = why;
    let givers =
        givers.into_iter().map(|Giver { seq, name, ended }| v1::Giver { seq: seq.0, name, ended });
    let grantors = grantors.iter().map(|(standing, name)| Grantor {
        principal: Some(principal(&standing.principal)),
        name: name.clone(),
    });
    let root = match root {
        None => v1::Root::Unspecified,
        Some(Root::Host) => v1::Root::Host,
        Some(Root::Configuration) => v1::Root::Configuration,
    };
    let refusal = denied.as_ref().and_then(|denied| denied.verdict.as_ref().err());
    WhyResponse {
        seq: stamp.seq.0,
        time_ms: stamp.at.0,
        holder: Some(holder(about)),
        scope,
        satisfied: denied.is_none(),
        chain: told_records(&records),
        root: root.into(),
        why: denied.as_ref().map(|denied| denied.why.clone()),
        code: refusal.map(|refusal| refusal.code().to_owned()),
        missing: refusal.map(|refusal| refusal.missing()),
        grantors: grantors.collect(),
        remedy: denied.as_ref().and_then(|denied| denied.remedy.clone()),
        givers: givers.collect(),
    }
}

fn told_records(entries: &[Entry]) -> Vec<v1::LedgerRecord> {
    entries.iter().map(record::entry).collect()
}

/// Where a row stands among the others: by when it last happened, and then by what it is.
fn place((key, tally): &(AccessKey, Tally)) -> Vec<u8> {
    let AccessKey { kind, code, transport, who, what, address } = key;
    let texts = [kind.name(), code, transport.name(), who, what, address].join("\0");
    [tally.last.0.to_be_bytes().as_slice(), texts.as_bytes()].concat()
}

fn access((key, tally): &(AccessKey, Tally)) -> v1::Access {
    let AccessKey { kind, code, transport, who, what, address } = key;
    let kind = match kind {
        AccessKind::Entered => v1::AccessKind::Entered,
        AccessKind::Refused => v1::AccessKind::Refused,
        AccessKind::Denied => v1::AccessKind::Denied,
    };
    let known = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    v1::Access {
        kind: kind.into(),
        count: tally.count,
        first_ms: tally.first.0,
        last_ms: tally.last.0,
        code: known(code),
        door: transport.name().into(),
        who: known(who),
        what: known(what),
        address: known(address),
    }
}

fn rejudged((entry, how): &(Entry, Otherwise)) -> v1::Rejudged {
    use v1::rejudged::Verdict;
    let (verdict, refusal) = match how {
        Otherwise::Refused(refusal) => (Verdict::Refused, Some(refusal)),
        Otherwise::ByRule(_) => (Verdict::ByRule, None),
        Otherwise::Moot => (Verdict::Moot, None),
    };
    v1::Rejudged {
        record: Some(record::entry(entry)),
        verdict: verdict.into(),
        code: refusal.map(|refusal| refusal.code().to_owned()),
        missing: refusal.map(|refusal| refusal.missing()),
    }
}

fn change((difference, causes): (Difference, Vec<Entry>)) -> Change {
    let Difference { subject, locality, name, before, after } = difference;
    let (old, new) = (before.clone().unwrap_or_default(), after.clone().unwrap_or_default());
    Change {
        party: Some(party(&subject, locality, name)),
        before: before.as_ref().map(convert::scopes),
        after: after.as_ref().map(convert::scopes),
        gained: Some(convert::scopes(&new.beyond(&old))),
        lost: Some(convert::scopes(&old.beyond(&new))),
        causes: told_records(&causes),
    }
}
