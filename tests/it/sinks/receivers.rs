//! Receivers of every kind, as simple as they can be, that note what they get in its order.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, UdpSocket},
    os::unix::net::UnixDatagram,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What came, in order.
#[derive(Clone)]
pub struct Got<T>(Arc<Mutex<Vec<T>>>);

impl<T> Default for Got<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone> Got<T> {
    pub fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }

    fn note(&self, one: T) {
        self.0.lock().unwrap().push(one);
    }
}

/// Syslog over UDP on a port.
pub fn udp(port: u16) -> Got<String> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let got = Got::default();
    let notes = got.clone();
    std::thread::spawn(move || {
        let mut datagram = vec![0; 70_000];
        while let Ok(length) = socket.recv(&mut datagram) {
            notes.note(String::from_utf8(datagram[..length].to_vec()).unwrap());
        }
    });
    got
}

/// Syslog over a socket of this machine.
pub fn unix(path: &Path) -> Got<String> {
    let socket = UnixDatagram::bind(path).unwrap();
    let got = Got::default();
    let notes = got.clone();
    std::thread::spawn(move || {
        let mut datagram = vec![0; 70_000];
        while let Ok(length) = socket.recv(&mut datagram) {
            notes.note(String::from_utf8(datagram[..length].to_vec()).unwrap());
        }
    });
    got
}

/// Syslog over TCP on a port: frames that count their octets. What is cut short is no message.
pub fn tcp(port: u16) -> Got<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let got = Got::default();
    let notes = got.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut length = Vec::new();
            while reader.read_until(b' ', &mut length).is_ok_and(|_| length.ends_with(b" ")) {
                let octets: usize = str::from_utf8(&length).unwrap().trim().parse().unwrap();
                let mut message = vec![0; octets];
                if reader.read_exact(&mut message).is_err() {
                    break;
                }
                notes.note(String::from_utf8(message).unwrap());
                length.clear();
            }
        }
    });
    got
}

/// How an HTTP receiver answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// With this status, and nothing in the body.
    Status(u16),
    /// 429, and to come again in a second.
    Later,
    /// With a redirect to this port.
    Elsewhere(u16),
    /// 200, and a body without an end.
    Endless,
    /// Not at all.
    Never,
}

/// Lines of a header, names in lower case.
type Header = Vec<(String, String)>;

/// A request that came.
#[derive(Debug, Clone)]
pub struct Request {
    pub header: Header,
    pub body: Vec<u8>,
    /// How it was answered.
    pub answer: Answer,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        let found = self.header.iter().find(|(one, _)| one == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// An HTTP server that answers as it is told.
#[derive(Clone)]
pub struct Http {
    pub got: Got<Request>,
    answer: Arc<Mutex<Answer>>,
}

impl Http {
    pub fn on(port: u16, answer: Answer, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let http = Self { got: Got::default(), answer: Arc::new(Mutex::new(answer)) };
        let server = http.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (server, tls) = (server.clone(), tls.clone());
                std::thread::spawn(move || match tls {
                    None => server.serve(stream.unwrap()),
                    Some(tls) => {
                        let line = ServerConnection::new(tls).unwrap();
                        server.serve(StreamOwned::new(line, stream.unwrap()));
                    }
                });
            }
        });
        http
    }

    pub fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// The requests that were answered with 2xx.
    pub fn taken(&self) -> Vec<Request> {
        let mut all = self.got.all();
        all.retain(|one| matches!(one.answer, Answer::Endless | Answer::Status(200..=299)));
        all
    }

    /// Answers requests on one connection until it ends.
    fn serve(&self, stream: impl Read + Write) {
        let mut reader = BufReader::new(stream);
        while let Some((header, body)) = request(&mut reader) {
            let answer = *self.answer.lock().unwrap();
            self.got.note(Request { header, body, answer });
            let stream = reader.get_mut();
            let head = match answer {
                Answer::Status(status) => format!("{status} X\r\ncontent-length: 0"),
                Answer::Later => "429 X\r\nretry-after: 1\r\ncontent-length: 0".into(),
                Answer::Elsewhere(port) => {
                    format!("307 X\r\nlocation: http://127.0.0.1:{port}/\r\ncontent-length: 0")
                }
                Answer::Endless => "200 X\r\ncontent-length: 1000000000000".into(),
                Answer::Never => return std::thread::sleep(Duration::from_secs(600)),
            };
            if write!(stream, "HTTP/1.1 {head}\r\n\r\n").is_err() || stream.flush().is_err() {
                return;
            }
            if answer == Answer::Endless {
                while stream.write_all(&[b'x'; 4096]).is_ok() {}
                return;
            }
        }
    }
}

/// One request; none when the connection ends.
fn request(reader: &mut impl BufRead) -> Option<(Header, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut header = Header::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        header.push((name.to_lowercase(), value.to_owned()));
    }
    let length = header.iter().find(|(name, _)| name == "content-length")?.1.parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((header, body))
}

/// A server's certificate for 127.0.0.1 of an authority of its own, whose certificate is written to
/// `ca`.
pub fn certified(ca: &Path) -> Arc<ServerConfig> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(ca, made.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into());
    Arc::new(config.unwrap())
}
