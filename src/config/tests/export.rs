//! Sinks of the export: what is read, and what is refused with its line.

use super::{errors, load_with, shown};
use crate::config::{ExportSink, ExportTo, Loaded, Overrides};

/// 24 bytes.
const KEY: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

/// A file with these sinks; they begin on its second line.
fn load(sinks: &str) -> Result<Loaded, crate::config::ConfigErrors> {
    let text = format!("{{doorward: {{export: [\n{sinks}]}}}}");
    load_with(&text, &[("HOOK_KEY", KEY), ("BAD_KEY", "whsec_short-one")], Overrides::default())
}

fn one(sink: &str) -> (ExportSink, Vec<String>) {
    let mut loaded = load(sink).unwrap_or_else(|error| panic!("{sink}: {error:?}"));
    (loaded.settings.export.remove(0), shown(&loaded.warnings))
}

#[test]
fn each_kind_is_read() {
    let (file, warnings) = one("{name: 'a', kind: 'jsonl', path: '/x/a.jsonl', from: 7}");
    assert_eq!((file.name.as_str(), file.from, warnings), ("a", 7, vec![]));
    assert!(matches!(file.to, ExportTo::Jsonl(path) if path.ends_with("a.jsonl")));
    for (to, expected) in [
        ("udp://logs.home:514", "SyslogUdp(\"logs.home:514\")"),
        ("tcp://[::1]:601", "SyslogTcp(\"[::1]:601\")"),
        ("unix:///dev/log", "SyslogUnix(\"/dev/log\")"),
    ] {
        let (sink, _) = one(&format!("{{name: 'a', kind: 'syslog', to: '{to}'}}"));
        assert_eq!(format!("{:?}", sink.to), expected);
    }
    for secret in [format!("'{KEY}'"), "'${HOOK_KEY}'".into(), format!("'{}'", &KEY[6..])] {
        let url = "https://hooks.home/doorward";
        let (sink, warnings) =
            one(&format!("{{name: 'a', kind: 'webhook', url: '{url}', secret: {secret}}}"));
        let ExportTo::Webhook(to, key) = sink.to else { panic!("{:?}", sink.to) };
        assert_eq!((to.url.as_str(), warnings), (url, vec![]));
        assert_eq!(key.expose(), b"012345678901234567890123");
    }
    let (sink, _) = one("{name: 'a', kind: 'otlp', url: 'http://localhost:4318/v1/logs',
                          authorization: 'Bearer abcdefgh'}");
    let ExportTo::Otlp(to) = sink.to else { panic!("{:?}", sink.to) };
    assert_eq!(to.authorization.unwrap().expose(), "Bearer abcdefgh");
}

#[test]
fn what_is_only_warned_of() {
    let (_, warnings) = one("{name: 'a', kind: 'otlp', url: 'http://otel.home/v1/logs'}");
    assert!(warnings[0].contains("export[0].url: the records go over the network"), "{warnings:?}");
    let (_, warnings) = one("{name: 'a', kind: 'jsonl', path: '/x', url: 'http://x'}");
    assert!(warnings[0].contains("export[0].url: unknown key, ignored"), "{warnings:?}");
}

#[test]
fn what_is_refused() {
    let hook = |rest: &str| format!("{{name: 'a', kind: 'webhook', url: 'https://h.home'{rest}}}");
    for (sink, fault) in [
        ("7".to_owned(), "export[0]: must be an object, but is a number"),
        ("{kind: 'jsonl', path: '/x'}".into(), "export[0]: needs name"),
        ("{name: 'a'}".into(), "export[0]: needs kind"),
        ("{name: 'A', kind: 'jsonl', path: '/x'}".into(), "export[0].name: must be a name"),
        ("{name: '../a', kind: 'jsonl', path: '/x'}".into(), "export[0].name: must be a name"),
        ("{name: 'a', kind: 'kafka'}".into(), "export[0].kind: must be \"jsonl\""),
        ("{name: 'a', kind: 'jsonl'}".into(), "export[0]: needs path"),
        ("{name: 'a', kind: 'jsonl', path: 'x'}".into(), "export[0].path: must be an absolute"),
        ("{name: 'a', kind: 'jsonl', path: '/x', from: -1}".into(), "export[0].from: must be"),
        ("{name: 'a', kind: 'syslog', to: 'logs.home:514'}".into(), "export[0].to: must be"),
        ("{name: 'a', kind: 'syslog', to: 'udp://logs.home'}".into(), "export[0].to: must be"),
        ("{name: 'a', kind: 'syslog', to: 'udp://x:0'}".into(), "export[0].to: must be"),
        ("{name: 'a', kind: 'syslog', to: 'unix://x'}".into(), "export[0].to: must be"),
        ("{name: 'a', kind: 'otlp', url: 'otel.home'}".into(), "export[0].url: must be a URL"),
        ("{name: 'a', kind: 'otlp', url: 'ftp://x/'}".into(), "export[0].url: must begin with"),
        ("{name: 'a', kind: 'otlp', url: 'https://u:p@x/'}".into(), "must not hold a user"),
        (hook(""), "export[0]: needs secret"),
        (hook(", secret: 'whsec_c2hvcnQ='"), "export[0].secret: must be whsec_"),
        (hook(", secret: '${BAD_KEY}'"), "export[0].secret: must be whsec_"),
        (hook(", secret: '${NO_KEY}'"), "the environment variable NO_KEY is not set"),
        (hook(&format!(", secret: '{KEY}', ca: '/nowhere/ca.pem'")), "export[0].ca: cannot be"),
        (
            "{name: 'a', kind: 'jsonl', path: '/x'}, {name: 'a', kind: 'jsonl', path: '/y'}".into(),
            "export[1]: is the second sink with the name \"a\"",
        ),
    ] {
        let found = errors(load(&sink));
        assert!(found.iter().any(|error| error.contains(fault)), "{sink}: {found:?}");
        assert!(found.iter().all(|error| error.contains(":2")), "{sink} has its line: {found:?}");
        assert!(found.iter().all(|error| !error.contains("c2hvcnQ")), "no secret: {found:?}");
    }
    let many: String =
        (0..17).map(|n| format!("{{name: 'a{n}', kind: 'jsonl', path: '/x'}},")).collect();
    assert!(errors(load(&many))[0].contains("export: has more than 16 sinks"));
}
