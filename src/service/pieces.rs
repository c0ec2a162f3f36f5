//! Files on their way out: written on a thread of their own, and sent in pieces as fast as they are taken.

use std::io::{self, Write};

use tokio::sync::mpsc;

use crate::domain::refusal::Refusal;

/// How many bytes go out at once, and how many such pieces may wait for who takes them.
const PIECE_BYTES: usize = 256 * 1024;
const PIECES_MAX: usize = 4;

/// The pieces of a file, in order. If the file is not whole, the last of them says why.
pub type Pieces = mpsc::Receiver<Result<Vec<u8>, Refusal>>;

/// Has a file written on a thread that may wait for a disk, and for whoever takes it.
pub(super) fn write(file: impl FnOnce(&mut Out) -> Result<(), Refusal> + Send + 'static) -> Pieces {
    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    tokio::task::spawn_blocking(move || {
        let mut out = Out { sender: sender.clone(), piece: Vec::with_capacity(PIECE_BYTES) };
        let written = file(&mut out);
        // Whoever went away needs no answer.
        match written {
            Ok(()) => drop(out.flush()),
            Err(refusal) => drop(sender.blocking_send(Err(refusal))),
        }
    });
    pieces
}

/// Sends what is written to it in pieces.
pub(super) struct Out {
    sender: mpsc::Sender<Result<Vec<u8>, Refusal>>,
    piece: Vec<u8>,
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        let room = PIECE_BYTES - self.piece.len();
        let taken = bytes.len().min(room);
        self.piece.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.sender.blocking_send(Ok(piece)).map_err(gone)
    }
}
