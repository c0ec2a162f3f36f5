//! `bindings`: which agent answers what is said on a channel.

use super::super::{
    findings::{Place, Report},
    known,
    layer::checked,
    reader::Section,
};
use crate::domain::talk::AgentId;

/// The account of a channel that has only one, as OpenClaw calls it.
pub(super) const DEFAULT_ACCOUNT: &str = "default";

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Who answers.
    pub agent: AgentId,
    /// On which channel or connector, in lower case.
    pub channel: String,
    /// For which account of it; `None` for every one (`*` in the file).
    pub account: Option<String>,
    /// In which conversation; `None` for every one.
    pub peer: Option<Peer>,
}

/// One conversation of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// `direct`, `group` or `channel`.
    pub kind: String,
    /// The channel's own id of it; `*` stands for all of the kind.
    pub id: String,
}

/// The rule that fits best: a conversation before an account before a channel.
pub(super) fn route<'a>(
    bindings: &'a [Binding],
    channel: &str,
    account: &str,
    peer: Option<&Peer>,
) -> Option<&'a AgentId> {
    let channel = channel.trim().to_ascii_lowercase();
    let fits = |binding: &&Binding| {
        binding.channel == channel
            && binding.account.as_deref().is_none_or(|wanted| wanted == account)
            && binding.peer.as_ref().is_none_or(|wanted| peer.is_some_and(|peer| wanted.is(peer)))
    };
    let rank = |binding: &&Binding| {
        let conversation = match &binding.peer {
            Some(peer) if peer.id != "*" => 0,
            Some(_) => 1,
            None => 2,
        };
        (conversation, binding.account.is_none())
    };
    // `min_by_key` keeps the first of equals, which is the rule.
    bindings.iter().filter(fits).min_by_key(rank).map(|binding| &binding.agent)
}

impl Peer {
    fn is(&self, other: &Self) -> bool {
        self.kind == other.kind && (self.id == "*" || self.id == other.id)
    }
}

/// Reads the list; each rule with its place.
pub(super) fn read(root: &mut Section, report: &mut Report) -> Vec<(Place, Binding)> {
    let rules = root.sections("bindings", report).map(|given| given.value).unwrap_or_default();
    rules.into_iter().filter_map(|(_, rule)| one(rule, report)).collect()
}

fn one(mut rule: Section, report: &mut Report) -> Option<(Place, Binding)> {
    let place = rule.place();
    let kind = rule.text("type", report);
    let agent = rule.text("agentId", report);
    let mut wanted = rule.section("match", report);
    rule.pass_over(&["comment"]);
    rule.leave(known::BINDING, report);
    let channel = wanted.text("channel", report);
    let account = wanted.text("accountId", report);
    let peer = peer(&mut wanted, report);
    // A rule that asks for more than can be seen here must not match more than it was meant to.
    let unseen = ["guildId", "teamId", "roles"].into_iter().find_map(|key| wanted.value(key));
    wanted.leave(&[], report);
    if let Some(kind) = kind.filter(|kind| kind.value != "route") {
        match kind.value {
            "acp" => report.warn(&kind.place, "not used: this version has only route bindings"),
            _ => report.error(&kind.place, "must be \"route\" or \"acp\""),
        }
        return None;
    }
    if let Some(unseen) = unseen {
        report.warn(&unseen.place, "this version cannot match by it, so the binding is not used");
        return None;
    }
    let Some(agent) = agent else {
        report.error(&place, "needs an agentId");
        return None;
    };
    let id = AgentId::parse(agent.value).ok_or(super::entries::BAD_ID);
    let agent = checked(id, agent.place, report)?.value;
    let Some(channel) = channel else {
        report.error(&place, "needs match.channel");
        return None;
    };
    let channel = channel.value.trim().to_ascii_lowercase();
    let account = account.map_or(DEFAULT_ACCOUNT, |account| account.value);
    let account = (account != "*").then(|| account.to_owned());
    Some((place, Binding { agent, channel, account, peer: peer? }))
}

/// `None` if what is written is wrong.
#[allow(clippy::option_option, reason = "not written, and written wrongly, are different things")]
fn peer(wanted: &mut Section, report: &mut Report) -> Option<Option<Peer>> {
    let mut peer = wanted.section("peer", report);
    if !peer.is_given() {
        return Some(None);
    }
    let place = peer.place();
    let kind = peer.text("kind", report);
    let id = peer.text("id", report);
    peer.leave(&[], report);
    let (Some(kind), Some(id)) = (kind, id) else {
        report.error(&place, "needs a kind and an id");
        return None;
    };
    let kind = match kind.value {
        "direct" | "dm" => "direct",
        other @ ("group" | "channel") => other,
        _ => {
            report.error(&kind.place, "must be \"direct\", \"group\" or \"channel\"");
            return None;
        }
    };
    Some(Some(Peer { kind: kind.to_owned(), id: id.value.to_owned() }))
}
