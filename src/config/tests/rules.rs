//! One row for each rule about what the file says.

use std::net::IpAddr;

use super::{SECRET, errors, load_text, shown};
use crate::{
    config::{Auth, Bind, Settings},
    support::gateway_url::GatewayUrl,
};

/// A check of resolved settings.
type Check = fn(&Settings) -> bool;

fn address(text: &str) -> Bind {
    Bind::Address(text.parse::<IpAddr>().unwrap())
}

fn shown_url(url: &Option<GatewayUrl>) -> String {
    url.as_ref().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let loaded = load_text("{}").unwrap();
    let settings = loaded.settings;
    assert_eq!(loaded.warnings, []);
    assert_eq!((settings.port, settings.bind), (18789, Bind::Loopback));
    assert!(matches!(settings.auth, Auth::Token(None)));
    assert_eq!(settings.shared_scopes, ["operator.read", "operator.write"]);
    let full = "operator.admin operator.read operator.write operator.approvals operator.pairing \
                operator.questions operator.talk operator.talk.secrets";
    assert_eq!(settings.loopback_scopes.join(" "), full);
    assert!(settings.auto_approve_local);
    assert_eq!(settings.allowed_origins, [""; 0]);
    assert_eq!(settings.log_level, None);
}

#[test]
fn what_is_accepted() {
    let rows: &[(&str, Check)] = &[
        ("{gateway: {port: 1}}", |s| s.port == 1),
        ("{}", |s| s.metrics_listen.is_none()),
        ("{doorward: {metrics: {listen: '192.168.1.4:9464'}}}", |s| {
            s.metrics_listen == Some(([192, 168, 1, 4], 9464).into())
        }),
        ("{gateway: {port: 65535}}", |s| s.port == 65535),
        ("{gateway: {port: 0}}", |s| s.port == 0),
        ("{gateway: {port: null}}", |s| s.port == 18789),
        ("{gateway: null}", |s| s.port == 18789),
        ("{gateway: {mode: 'local'}}", |s| s.bind == Bind::Loopback),
        ("{gateway: {bind: 'loopback'}}", |s| s.bind == Bind::Loopback && s.bind.is_loopback()),
        ("{gateway: {bind: 'lan'}}", |s| {
            s.bind == Bind::Lan && s.bind.address().is_unspecified() && !s.bind.is_loopback()
        }),
        ("{gateway: {bind: '127.0.0.2'}}", |s| {
            s.bind == address("127.0.0.2") && s.bind.is_loopback()
        }),
        ("{gateway: {bind: '::1'}}", |s| s.bind == address("::1") && s.bind.is_loopback()),
        ("{gateway: {bind: '::ffff:127.0.0.1'}}", |s| s.bind.is_loopback()),
        ("{gateway: {bind: '::ffff:10.0.0.1'}}", |s| !s.bind.is_loopback()),
        ("{gateway: {bind: '::'}}", |s| !s.bind.is_loopback()),
        ("{gateway: {bind: 'custom', customBindHost: '192.168.1.4'}}", |s| {
            s.bind == address("192.168.1.4")
        }),
        ("{gateway: {bind: 'lan', auth: {mode: 'token'}}}", |s| {
            matches!(s.auth, Auth::Token(None))
        }),
        ("{gateway: {auth: {mode: 'none'}}}", |s| matches!(s.auth, Auth::None)),
        ("{gateway: {bind: '127.9.9.9', auth: {mode: 'none'}}}", |s| matches!(s.auth, Auth::None)),
        ("{gateway: {auth: {sharedSecret: {scopes: []}}}}", |s| s.shared_scopes.is_empty()),
        (
            "{gateway: {auth: {sharedSecret: {scopes: ['operator.talk.secrets',
            'operator.read', 'operator.read']}}}}",
            |s| {
                s.shared_scopes == ["operator.talk.secrets", "operator.read"]
                    && s.loopback_scopes.len() == 8
            },
        ),
        ("{gateway: {auth: {sharedSecret: {loopbackScopes: ['operator.read']}}}}", |s| {
            s.loopback_scopes == ["operator.read"] && s.shared_scopes.len() == 2
        }),
        ("{gateway: {nodes: {pairing: {autoApproveLocal: false}}}}", |s| !s.auto_approve_local),
        ("{gateway: {nodes: {pairing: {autoApproveLocal: true}}}}", |s| s.auto_approve_local),
        (
            "{gateway: {controlUi: {allowedOrigins: ['HTTPS://Home.example',
            'http://[::1]:8080', 'tauri://localhost']}}}",
            |s| {
                s.allowed_origins
                    == ["https://home.example", "http://[::1]:8080", "tauri://localhost"]
            },
        ),
        ("{gateway: {publicUrl: 'https://Gate.example/'}}", |s| {
            shown_url(&s.public_url) == "wss://gate.example" && s.remote_url.is_none()
        }),
        ("{gateway: {publicUrl: 'ws://10.0.0.7:18789', remote: {url: 'ws://x'}}}", |s| {
            shown_url(&s.public_url) == "ws://10.0.0.7:18789"
                && shown_url(&s.remote_url) == "ws://x"
        }),
        ("{logging: {level: 'debug'}}", |s| s.log_level.as_deref() == Some("debug")),
        ("{logging: {level: 'silent'}}", |s| s.log_level.as_deref() == Some("off")),
        ("{logging: {level: 'fatal'}}", |s| s.log_level.as_deref() == Some("error")),
    ];
    for (text, check) in rows {
        let loaded = load_text(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(check(&loaded.settings), "{text}: {:?}", loaded.settings);
        assert_eq!(loaded.warnings, [], "{text}");
    }
}

/// One thing wrong in each, and how the complaint begins after its place.
const REFUSED: &[(&str, &str)] = &[
    ("[]", "must be an object"),
    ("{gateway: 1}", "gateway: must be an object, but is a number"),
    ("{gateway: {port: 65536}}", "gateway.port: must be a whole number from 1 to 65535"),
    ("{gateway: {port: -1}}", "gateway.port: must be a whole number"),
    ("{gateway: {port: 80.5}}", "gateway.port: must be a whole number"),
    ("{gateway: {port: '80'}}", "gateway.port: must be a whole number"),
    ("{gateway: {mode: 'remote'}}", "gateway.mode: \"remote\" is for a client"),
    ("{gateway: {mode: 'cloud'}}", "gateway.mode: must be \"local\""),
    ("{gateway: {bind: 'wan'}}", "gateway.bind: must be \"loopback\", \"lan\""),
    ("{gateway: {bind: 'host.example'}}", "gateway.bind: must be"),
    ("{gateway: {bind: 'tailnet'}}", "gateway.bind: \"tailnet\" is not supported"),
    ("{gateway: {bind: ['lan']}}", "gateway.bind: must be a string, but is a list"),
    ("{gateway: {bind: 'custom'}}", "gateway.bind: \"custom\" needs an IP address"),
    (
        "{gateway: {bind: 'loopback', customBindHost: 'nas'}}",
        "gateway.customBindHost: must be an IP",
    ),
    ("{gateway: {auth: 'token'}}", "gateway.auth: must be an object, but is a string"),
    ("{gateway: {auth: {mode: 'basic'}}}", "gateway.auth.mode: must be \"token\""),
    (
        "{gateway: {auth: {mode: 'password'}}}",
        "gateway.auth.mode: mode \"password\" needs a password",
    ),
    (
        "{gateway: {bind: 'lan', auth: {mode: 'none'}}}",
        "gateway.auth.mode: mode \"none\" would let everyone in",
    ),
    (
        "{gateway: {bind: '10.0.0.1', auth: {mode: 'none'}}}",
        "gateway.auth.mode: mode \"none\" would",
    ),
    (
        "{gateway: {bind: '::ffff:10.0.0.1', auth: {mode: 'none'}}}",
        "gateway.auth.mode: mode \"none\"",
    ),
    ("{gateway: {bind: '::', auth: {mode: 'none'}}}", "gateway.auth.mode: mode \"none\" would"),
    ("{gateway: {auth: {sharedSecret: []}}}", "gateway.auth.sharedSecret: must be an object"),
    (
        "{gateway: {auth: {sharedSecret: {scopes: 'operator.read'}}}}",
        "gateway.auth.sharedSecret.scopes: must be a list of strings, but is a string",
    ),
    (
        "{gateway: {auth: {sharedSecret: {scopes: [7]}}}}",
        "gateway.auth.sharedSecret.scopes[0]: must be a string, but is a number",
    ),
    (
        "{gateway: {auth: {sharedSecret: {loopbackScopes: ['operator.read', 'node.read']}}}}",
        "gateway.auth.sharedSecret.loopbackScopes[1]: must be an operator scope",
    ),
    (
        "{gateway: {auth: {sharedSecret: {scopes: ['operator.']}}}}",
        "scopes[0]: must be an operator",
    ),
    ("{gateway: {auth: {sharedSecret: {scopes: ['operator']}}}}", "scopes[0]: must be an operator"),
    (
        "{gateway: {auth: {sharedSecret: {scopes: ['operator.a..b']}}}}",
        "scopes[0]: must be an operator",
    ),
    (
        "{gateway: {auth: {sharedSecret: {scopes: ['operator.Read']}}}}",
        "scopes[0]: must be an operator",
    ),
    (
        "{gateway: {auth: {sharedSecret: {scopes: ['operator.*']}}}}",
        "scopes[0]: must be an operator",
    ),
    (
        "{gateway: {nodes: {pairing: {autoApproveLocal: 'yes'}}}}",
        "gateway.nodes.pairing.autoApproveLocal: must be true or false, but is a string",
    ),
    (
        "{gateway: {controlUi: {allowedOrigins: ['*']}}}",
        "gateway.controlUi.allowedOrigins[0]: \"*\" would let every web page",
    ),
    (
        "{gateway: {controlUi: {allowedOrigins: ['home.example']}}}",
        "allowedOrigins[0]: must be an origin",
    ),
    (
        "{gateway: {controlUi: {allowedOrigins: ['http://a/']}}}",
        "allowedOrigins[0]: must be an origin",
    ),
    (
        "{gateway: {controlUi: {allowedOrigins: ['http://']}}}",
        "allowedOrigins[0]: must be an origin",
    ),
    (
        "{gateway: {controlUi: {allowedOrigins: ['http://u@a']}}}",
        "allowedOrigins[0]: must be an origin",
    ),
    ("{gateway: {publicUrl: 'gate.example'}}", "gateway.publicUrl: must be an address such as"),
    ("{gateway: {publicUrl: 'ws://gate.example'}}", "gateway.publicUrl: must be a wss:// address"),
    ("{gateway: {remote: 'ws://x'}}", "gateway.remote: must be an object"),
    ("{logging: {level: 'loud'}}", "logging.level: must be \"silent\""),
    ("{doorward: {metrics: {listen: '9464'}}}", "metrics.listen: must be an address with a port"),
    ("{doorward: {metrics: {listen: '0.0.0.0:9464'}}}", "metrics.listen: must name one address"),
    ("{doorward: {metrics: {listen: '[::]:9464'}}}", "metrics.listen: must name one address"),
];

#[test]
fn what_is_refused() {
    for (text, expected) in REFUSED {
        let errors = errors(load_text(text));
        assert_eq!(errors.len(), 1, "{text}: {errors:?}");
        assert!(errors[0].contains(expected), "{text}: {errors:?}");
        let start = if expected.starts_with("must be an object") {
            "doorward.json: "
        } else {
            "doorward.json:1: "
        };
        assert!(errors[0].starts_with(start), "{text}: {errors:?}");
    }
}

#[test]
fn seventeen_scopes_are_too_many_and_sixteen_are_not() {
    let list = "'operator.read',".repeat(16);
    let text = format!("{{gateway: {{auth: {{sharedSecret: {{scopes: [{list}]}}}}}}}}");
    assert_eq!(load_text(&text).unwrap().settings.shared_scopes, ["operator.read"]);
    let text = text.replace("]}", "'operator.admin']}");
    let errors = errors(load_text(&text));
    assert!(errors[0].contains("gateway.auth.sharedSecret.scopes: has more than 16"), "{errors:?}");
}

#[test]
fn what_is_warned_about() {
    let rows: &[(&str, &[&str])] = &[
        (
            "{gateway: {bind: 'auto'}}",
            &["gateway.bind: \"auto\" is read as \"loopback\"; say which you mean"],
        ),
        (
            "{gateway: {customBindHost: '10.0.0.1'}}",
            &["gateway.customBindHost: not used: it needs gateway.bind \"custom\""],
        ),
        (
            "{gateway: {bind: 'lan', customBindHost: '10.0.0.1'}}",
            &["gateway.customBindHost: not used: it needs gateway.bind \"custom\""],
        ),
        ("{gateway: {foo: {bar: 1, baz: [{}]}}}", &["gateway.foo: unknown key, ignored"]),
        ("{gateway: {tickIntervalMs: 5}}", &["gateway.tickIntervalMs: unknown key, ignored"]),
        ("{gateway: {auth: {tokn: 1}}}", &["gateway.auth.tokn: unknown key, ignored"]),
        (
            "{gateway: {auth: {sharedSecret: {x: 1}}}}",
            &["gateway.auth.sharedSecret.x: unknown key, ignored"],
        ),
        (
            "{gateway: {nodes: {pairing: {x: 1}}}}",
            &["gateway.nodes.pairing.x: unknown key, ignored"],
        ),
        ("{gateway: {controlUi: {x: 1}}}", &["gateway.controlUi.x: unknown key, ignored"]),
        ("{logging: {x: 1}}", &["logging.x: unknown key, ignored"]),
        ("{gatway: {port: 1}}", &["gatway: unknown key, ignored"]),
        ("{'a\\nb.c': 1}", &["[\"a\\nb.c\"]: unknown key, ignored"]),
        (
            "{gateway: {remote: {url: 'ws://x', token: 'y'}}}",
            &["gateway.remote.token: accepted, not used by this version"],
        ),
        (
            "{gateway: {remote: {url: 'x'}}}",
            &["gateway.remote.url: not put into setup codes: must be an address such as \
                 \"wss://gateway.example\" or \"ws://host:18789\""],
        ),
        ("{gateway: {tls: {enabled: true}}}", &["gateway.tls: accepted, not used by this version"]),
        (
            "{gateway: {nodes: {browser: {}}}}",
            &["gateway.nodes.browser: accepted, not used by this version"],
        ),
        (
            "{gateway: {controlUi: {embedSandbox: 'strict'}}}",
            &["gateway.controlUi.embedSandbox: accepted, not used by this version"],
        ),
        ("{logging: {file: '/x'}}", &["logging.file: accepted, not used by this version"]),
        (
            "{meta: {}, wizard: {}, env: {vars: {}}}",
            &[
                "env: accepted, not used by this version",
                "meta: accepted, not used by this version",
                "wizard: accepted, not used by this version",
            ],
        ),
        (
            "{gateway: {port: 1, port: 2}}",
            &["gateway.port: written more than once; this last one counts"],
        ),
    ];
    assert_warned(rows);
}

/// Each text loads with exactly these warnings.
fn assert_warned(rows: &[(&str, &[&str])]) {
    for (text, expected) in rows {
        let loaded = load_text(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let expected: Vec<_> =
            expected.iter().map(|warning| format!("doorward.json:1: {warning}")).collect();
        assert_eq!(shown(&loaded.warnings), expected, "{text}");
    }
}

/// The snippet of openclaw #57434, with a secret in the place of its dots.
#[test]
fn the_snippet_of_issue_57434_loads_as_it_is() {
    let text = format!(
        r#"{{
  "gateway": {{
    "port": 18790,
    "mode": "local",
    "bind": "loopback",
    "auth": {{
      "mode": "token",
      "token": "{SECRET}"
    }}
  }},
  "channels": {{
    "dingtalk": {{ "enabled": true, "clientId": "d", "clientSecret": "s", "x": {{ "y": [1] }} }}
  }},
  "bindings": [
    {{ "agentId": "main", "match": {{ "channel": "dingtalk" }} }}
  ]
}}"#
    );
    let loaded = load_text(&text).unwrap();
    assert_eq!((loaded.settings.port, loaded.settings.bind), (18790, Bind::Loopback));
    let Auth::Token(Some((token, _))) = &loaded.settings.auth else {
        panic!("{:?}", loaded.settings)
    };
    assert!(token.matches(SECRET));
    assert_eq!(
        shown(&loaded.warnings),
        ["doorward.json:11: channels: accepted, not used by this version",]
    );
}

#[test]
fn all_errors_come_at_once_in_the_order_of_the_file() {
    let text = "{
  gateway: {
    auth: {
      sharedSecret: {
        scopes: [
          'operator.read',
          'root',
        ],
      },
      token: 'changeme',
    },
    bind: 'wan',
    what: 1,
    port: 'x',
  },
  logging: { level: 7 },
}";
    let found = load_text(text).unwrap_err();
    let starts = [
        "7: gateway.auth.sharedSecret.scopes[1]: ",
        "10: gateway.auth.token: ",
        "12: gateway.bind: ",
        "14: gateway.port: ",
        "16: logging.level: ",
    ];
    assert_eq!(found.errors.len(), starts.len(), "{found}");
    for (error, start) in shown(&found.errors).iter().zip(starts) {
        assert!(error.starts_with(&format!("doorward.json:{start}")), "{error}");
        assert!(found.to_string().contains(error), "the whole must list {error}");
    }
    assert_eq!(shown(&found.warnings), ["doorward.json:13: gateway.what: unknown key, ignored"]);
}
