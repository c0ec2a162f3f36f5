//! Doing a thing once, however often it is asked for (N14 A14.2).
//!
//! A client that lost the answer asks again with the same key, and gets the answer of the first
//! time. What was begun goes on if its client hangs up, so that there is an answer to give. Answers
//! are remembered since the gateway started, and only the newest: a key is for trying again, not
//! for ever.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OnceCell;

use super::{Service, pairing::Approved};
use crate::{
    domain::{
        ids::RequestId,
        operation::Operation,
        permit,
        principal::{Standing, Subject},
        refusal::Refusal,
        registry::Terms,
        scope::ScopeSet,
    },
    ledger::record::Via,
};

/// How many answers are remembered: far more than anybody has approvals under way.
const REMEMBERED_MAX: usize = 1024;

/// An approval that is attempted once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The caller's name for it.
    pub key: String,
    /// The request.
    pub request: RequestId,
    /// The scopes that the approver saw.
    pub expected: Option<ScopeSet>,
    /// How the grant is limited.
    pub terms: Terms,
}

/// The answers, oldest first.
#[derive(Default)]
pub(super) struct Answers(Mutex<VecDeque<Known>>);

/// An attempt that was made, and by whom; the host has no subject of its own.
struct Known {
    by: Option<Subject>,
    attempt: Attempt,
    answer: Answer,
}

/// Empty until the attempt has succeeded.
type Answer = Arc<OnceCell<Approved>>;

impl Answers {
    /// The place of this attempt's answer.
    fn find(&self, by: Option<Subject>, attempt: &Attempt) -> Result<Answer, Refusal> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().find(|known| known.by == by && known.attempt.key == attempt.key);
        match known {
            Some(known) if known.attempt == *attempt => Ok(Arc::clone(&known.answer)),
            Some(_) => Err(Refusal::IdempotencyKeyReused),
            None => {
                if all.len() == REMEMBERED_MAX {
                    all.pop_front();
                }
                let answer = Answer::default();
                let attempt = attempt.clone();
                all.push_back(Known { by, attempt, answer: Arc::clone(&answer) });
                Ok(answer)
            }
        }
    }

    /// An attempt that failed did nothing; its key is free again.
    fn forget(&self, answer: &Answer) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| !Arc::ptr_eq(&known.answer, answer));
    }
}

impl Service {
    /// [`Self::approve`], once for each key of this caller.
    ///
    /// # Errors
    /// As there; or if the key was used for something else.
    pub async fn approve_once(
        &self,
        who: &Standing,
        via: Via,
        attempt: Attempt,
    ) -> Result<Approved, Refusal> {
        permit::check(who, Operation::ApprovePairing)?;
        let answer = self.0.answers.find(who.principal.subject(), &attempt)?;
        let (service, who) = (self.clone(), who.clone());
        let work = tokio::spawn(async move {
            let Attempt { key: _, request, expected, terms } = attempt;
            let approve = || service.approve(&who, via, request, expected, terms);
            let approved = answer.get_or_try_init(approve).await.cloned();
            if !answer.initialized() {
                service.0.answers.forget(&answer);
            }
            approved
        });
        let stopping =
            |_| Refusal::Unavailable { reason: "the gateway is stopping", retry_after_ms: 0 };
        work.await.map_err(stopping)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(key: impl ToString, request: u8) -> Attempt {
        let request = RequestId([request; 16]);
        Attempt { key: key.to_string(), request, expected: None, terms: Terms::default() }
    }

    #[test]
    fn a_key_belongs_to_one_caller_and_one_thing() {
        let answers = Answers::default();
        let first = answers.find(None, &attempt("k", 1)).unwrap();
        let again = answers.find(None, &attempt("k", 1)).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let reused = answers.find(None, &attempt("k", 2)).map(drop);
        assert_eq!(reused, Err(Refusal::IdempotencyKeyReused));
        let of_another = answers.find(Some(Subject::Open), &attempt("k", 2)).unwrap();
        assert!(!Arc::ptr_eq(&first, &of_another));
        answers.forget(&first);
        assert!(answers.find(None, &attempt("k", 2)).is_ok());
    }

    #[test]
    fn only_so_many_answers_are_remembered() {
        let answers = Answers::default();
        for n in 0..=REMEMBERED_MAX {
            answers.find(None, &attempt(n, 1)).unwrap();
        }
        assert_eq!(answers.0.lock().unwrap().len(), REMEMBERED_MAX);
        let newest = answers.find(None, &attempt(REMEMBERED_MAX, 2)).map(drop);
        assert_eq!(newest, Err(Refusal::IdempotencyKeyReused));
        assert!(answers.find(None, &attempt(0, 2)).is_ok(), "the oldest made room");
    }
}
