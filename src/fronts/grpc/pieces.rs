//! Answers that grow with the ledger: whole if they fit into one message, or in pieces.
//!
//! The first piece has everything but the rows; each of the others has rows alone, in order. So the
//! pieces, merged by the rules of Protocol Buffers, are the answer, which was found at one moment.

#[cfg(test)]
mod tests;

use std::{iter, mem::take, pin::Pin};

use prost::Message;
use tokio_stream::Stream;
use tonic::Response;

use super::error::{Failure, answer_too_large};
use crate::proto::{RESPONSE_BYTES_MAX, v1};

/// How large a piece may become, in bytes, unless one row is larger: well below the 4 MiB that stock
/// clients read.
const PIECE_BYTES: usize = 1024 * 1024;

/// A stream of pieces.
pub(super) type Pieces<T> = Pin<Box<dyn Stream<Item = Result<T, Failure>> + Send>>;

/// An answer in one message. `instead` is the call that gives it in pieces.
///
/// # Errors
/// If it is larger than any client of ours would read.
pub(super) fn whole<T: Message>(answer: T, instead: &str) -> Result<Response<T>, Failure> {
    let bytes = answer.encoded_len();
    if bytes > RESPONSE_BYTES_MAX {
        return Err(answer_too_large(bytes, RESPONSE_BYTES_MAX, instead));
    }
    Ok(Response::new(answer))
}

/// The rows in runs of some [`PIECE_BYTES`] each.
fn runs<T: Message>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter().peekable();
    iter::from_fn(move || {
        let mut run = vec![rows.next()?];
        let mut bytes = run[0].encoded_len();
        while let Some(next) = rows.next_if(|next| bytes + next.encoded_len() <= PIECE_BYTES) {
            bytes += next.encoded_len();
            run.push(next);
        }
        Some(run)
    })
}

/// `head`, and then pieces with nothing but a run of `rows` each.
fn stream<P: Send + 'static, R: Send + 'static>(
    head: P,
    rest: impl Iterator<Item = P> + Send + 'static,
    wrap: fn(Option<P>) -> R,
) -> Response<Pieces<R>> {
    let pieces = iter::once(head).chain(rest).map(move |piece| Ok(wrap(Some(piece))));
    Response::new(Box::pin(tokio_stream::iter(pieces)))
}

/// The state at a moment.
pub(super) fn of_state(
    mut all: v1::StateAsOfResponse,
) -> Response<Pieces<v1::StreamStateAsOfResponse>> {
    use v1::StateAsOfResponse as Piece;
    let pending = runs(take(&mut all.pending)).map(|pending| Piece { pending, ..piece() });
    let devices = runs(take(&mut all.devices)).map(|devices| Piece { devices, ..piece() });
    let tokens = runs(take(&mut all.tokens)).map(|tokens| Piece { tokens, ..piece() });
    let rest = pending.chain(devices).chain(tokens);
    stream(all, rest, |piece| v1::StreamStateAsOfResponse { piece })
}

/// Everyone who could.
pub(super) fn of_holders(
    mut all: v1::WhoCanResponse,
) -> Response<Pieces<v1::StreamWhoCanResponse>> {
    use v1::WhoCanResponse as Piece;
    let rest = runs(take(&mut all.holders)).map(|holders| Piece { holders, ..piece() });
    stream(all, rest, |piece| v1::StreamWhoCanResponse { piece })
}

/// What changed.
pub(super) fn of_changes(mut all: v1::DiffResponse) -> Response<Pieces<v1::StreamDiffResponse>> {
    use v1::DiffResponse as Piece;
    let rest = runs(take(&mut all.changes)).map(|changes| Piece { changes, ..piece() });
    stream(all, rest, |piece| v1::StreamDiffResponse { piece })
}

/// How it would have gone.
pub(super) fn of_replay(mut all: v1::ReplayResponse) -> Response<Pieces<v1::StreamReplayResponse>> {
    use v1::ReplayResponse as Piece;
    let decisions = runs(take(&mut all.decisions)).map(|decisions| Piece { decisions, ..piece() });
    let differences =
        runs(take(&mut all.differences)).map(|differences| Piece { differences, ..piece() });
    stream(all, decisions.chain(differences), |piece| v1::StreamReplayResponse { piece })
}

fn piece<P: Default>() -> P {
    P::default()
}
