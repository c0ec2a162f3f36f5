//! TLS of the admin API: what is read, and what is refused with its line.

use super::{errors, load_text, shown};
use crate::config::GrpcTls;

const PRINT: &str = "0102030405060708091011121314151617181920212223242526272829303132";

/// A file whose TLS section has these lines; `$` stands for a file that is there.
fn text(tls: &str) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let tls = tls.replace('$', &format!("'{}'", file.path().display()));
    let text = format!("{{doorward: {{grpc: {{listen: '127.0.0.1:1',\ntls: {tls}}}}}}}");
    (file, text)
}

#[test]
fn files_and_clients_are_read() {
    let colons: Vec<_> =
        PRINT.as_bytes().chunks(2).map(|two| str::from_utf8(two).unwrap()).collect();
    for print in [PRINT.to_owned(), colons.join(":")] {
        let (file, text) =
            text(&format!("{{cert: $, key: $, clientCa: $, clients: {{'{print}': 'grafana'}}}}"));
        let loaded = load_text(&text).unwrap();
        assert_eq!(loaded.warnings, []);
        let mut bytes = [0; 32];
        for (byte, two) in bytes.iter_mut().zip(&colons) {
            *byte = u8::from_str_radix(two, 16).unwrap();
        }
        let path = file.path().to_owned();
        let expected = GrpcTls {
            cert: path.clone(),
            key: path.clone(),
            client_ca: Some(path),
            clients: [(bytes, "grafana".to_owned())].into(),
        };
        assert_eq!(loaded.settings.grpc_tls, Some(expected));
    }
    assert_eq!(load_text("{}").unwrap().settings.grpc_tls, None);
    let (_file, text) = text("{cert: $, key: $}");
    let alone = load_text(&text.replace("listen: '127.0.0.1:1',", "")).unwrap();
    assert!(shown(&alone.warnings)[0].contains("tls: not used: it needs"), "{:?}", alone.warnings);
}

#[test]
fn what_is_refused() {
    let twice = format!("'{PRINT}': 'a', '01:{}': 'b'", &PRINT[2..]);
    let mapped =
        |clients: &str| format!("{{cert: $, key: $, clientCa: $, clients: {{{clients}}}}}");
    for (tls, fault) in [
        ("{cert: $}".to_owned(), "tls: needs the file key"),
        ("{key: $}".to_owned(), "tls: needs the file cert"),
        ("{cert: 'cert.pem', key: $}".to_owned(), "tls.cert: must be an absolute path"),
        ("{cert: $, key: '/nowhere/key.pem'}".to_owned(), "tls.key: cannot be read: "),
        ("{cert: $, key: $, clientCa: 1}".to_owned(), "tls.clientCa: must be a string"),
        (
            format!("{{cert: $, key: $, clients: {{'{PRINT}': 'a'}}}}"),
            "tls.clients: needs clientCa",
        ),
        (mapped("'0102': 'a'"), "must be the SHA-256 fingerprint"),
        (mapped(&format!("'{}': 'a'", PRINT.replace('0', "x"))), "must be the SHA-256 fingerprint"),
        (mapped(&format!("'{PRINT}': ''")), "must be the name of a service token"),
        (mapped(&format!("'{PRINT}': 7")), "must be a string, but is a number"),
        (mapped(&twice), "names this certificate a second time"),
    ] {
        let (_file, text) = text(&tls);
        let found = errors(load_text(&text));
        assert!(found.iter().any(|error| error.contains(fault)), "{tls}: {found:?}");
        assert!(found.iter().all(|error| error.contains(":2")), "{tls} has its line: {found:?}");
    }
}
