//! The network's way in: a bounded number of connections, and none that says nothing.

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{Sleep, sleep},
};
use tokio_stream::Stream;
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::telemetry::metrics;

/// Connections from one address at once: a script, its siblings and a dashboard on one machine.
const PER_ADDRESS_MAX: usize = 32;

/// Connections from everywhere at once; each may hold some 100 KiB of HTTP/2 windows.
const IN_ALL_MAX: usize = 512;

/// A client has so long for its greeting; then HTTP/2 pings find out whether it is still there.
const GREETING_DEADLINE: Duration = Duration::from_secs(10);

/// The bytes of an HTTP/2 client's greeting: its preface and the head of its first frame (RFC 9113,
/// section 3.4).
const GREETING_BYTES: usize = 24 + 9;

/// How many connections there are, from where.
#[derive(Default)]
struct Seats(Mutex<BTreeMap<IpAddr, usize>>);

/// The place of one connection; free again when it is dropped.
struct Seat {
    seats: Arc<Seats>,
    address: IpAddr,
}

impl Seats {
    fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = taken.get(&address).copied().unwrap_or_default();
        if here >= PER_ADDRESS_MAX || taken.values().sum::<usize>() >= IN_ALL_MAX {
            return None;
        }
        taken.insert(address, here + 1);
        Some(Seat { seats: Arc::clone(self), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.address) {
            Some(here) if *here > 1 => *here -= 1,
            _ => drop(taken.remove(&self.address)),
        }
    }
}

/// Accepts connections; one too many is closed at once.
pub(super) fn incoming(listener: TcpListener) -> impl Stream<Item = io::Result<Guest>> {
    greeted_within(listener, GREETING_DEADLINE)
}

fn greeted_within(
    listener: TcpListener,
    deadline: Duration,
) -> impl Stream<Item = io::Result<Guest>> {
    let seats = Arc::<Seats>::default();
    futures_util::stream::unfold((listener, seats), move |(listener, seats)| async move {
        loop {
            let accepted = match listener.accept().await {
                Ok((stream, peer)) => {
                    let Some(seat) = seats.take(peer.ip().to_canonical()) else { continue };
                    stream.set_nodelay(true).map(|()| Guest::new(stream, seat, deadline))
                }
                Err(error) => Err(error),
            };
            return Some((accepted, (listener, seats)));
        }
    })
}

/// A connection with its place.
pub(super) struct Guest {
    stream: TcpStream,
    _seat: Seat,
    _counted: metrics::Live,
    /// What is still to come of its greeting, and until when.
    greeting: Option<(usize, Pin<Box<Sleep>>)>,
}

impl Guest {
    fn new(stream: TcpStream, seat: Seat, deadline: Duration) -> Self {
        let greeting = Some((GREETING_BYTES, Box::pin(sleep(deadline))));
        // Whoever it is must be an operator to be told anything.
        let counted = metrics::Live::start("grpc", "operator");
        Self { stream, _seat: seat, _counted: counted, greeting }
    }
}

impl Connected for Guest {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = buffer.filled().len() - before;
        if let Some((left, deadline)) = &mut self.greeting {
            if *left <= read {
                self.greeting = None;
            } else {
                *left -= read;
                if deadline.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        outcome
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_stream::StreamExt as _;

    use super::*;

    #[test]
    fn seats_are_bounded_and_free_again() {
        let seats = Arc::<Seats>::default();
        let address = |n: u16| IpAddr::from([10, 0, (n >> 8) as u8, n as u8]);
        let mut here: Vec<_> = (0..PER_ADDRESS_MAX).map(|_| seats.take(address(0))).collect();
        assert!(here.iter().all(Option::is_some));
        assert!(seats.take(address(0)).is_none(), "one too many from one address");
        here.pop();
        here.push(seats.take(address(0)));
        assert!(here.iter().all(Option::is_some), "a place that is free is taken again");
        let elsewhere: Vec<_> = (1..600).filter_map(|n| seats.take(address(n))).collect();
        assert_eq!(here.len() + elsewhere.len(), IN_ALL_MAX);
        drop((here, elsewhere));
        assert!(seats.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn whoever_does_not_greet_is_sent_away() {
        for (greeting, stays) in [(0, false), (GREETING_BYTES - 1, false), (GREETING_BYTES, true)] {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let deadline = Duration::from_millis(100);
            let mut incoming = Box::pin(greeted_within(listener, deadline));
            let mut guest = incoming.next().await.unwrap().unwrap();
            client.write_all(&vec![b'x'; greeting]).await.unwrap();
            let mut bytes = vec![0; greeting + 1];
            let reading = async {
                guest.read_exact(&mut bytes[..greeting]).await?;
                guest.read_u8().await
            };
            let waited = tokio::time::timeout(deadline * 5, reading).await;
            let sent_away = waited.map(|read| read.map_err(|error| error.kind()));
            match stays {
                true => assert!(sent_away.is_err(), "nothing came and it is still there"),
                false => assert_eq!(sent_away.unwrap(), Err(io::ErrorKind::TimedOut)),
            }
        }
    }
}
