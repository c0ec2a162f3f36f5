//! The metrics of a real gateway: which numbers move when something happens, who may read them, and that
//! what is documented is what is served.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use doorward::{
    fronts::cli::client::{Auth, ConnectOptions},
    proto::v1::{ListDevicesRequest, pairing_service_client::PairingServiceClient},
    support::{clock::Stopwatch, device_key::DeviceKey, secret::Secret},
};
use openmetrics_parser::{
    MetricsExposition, OpenMetricsType, OpenMetricsValue, openmetrics::parse_openmetrics,
};
use serde_json::{Value, json};
use tonic::Code;

use crate::house::{Gateway, TOKEN, block_on, free_port, shared};

/// Nothing is approved by itself, this machine can be locked out, and one key means nothing.
fn gateway(metrics: SocketAddr) -> Gateway {
    gateway_at(metrics, here())
}

fn gateway_at(metrics: SocketAddr, grpc: SocketAddr) -> Gateway {
    Gateway::start(&format!(
        "{{gateway: {{auth: {{rateLimit: {{windowMs: 3600000, exemptLoopback: false}}}},
                      nodes: {{pairing: {{autoApproveLocal: false}}}}}},
           doorward: {{metrics: {{listen: '{metrics}'}}, grpc: {{listen: '{grpc}'}},
                       export: [{{name: 'archive', kind: 'jsonl', path: '/dev/null'}}]}}, gatway: {{}}}}"
    ))
}

fn here() -> SocketAddr {
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), free_port())
}

type Families = MetricsExposition<OpenMetricsType, OpenMetricsValue>;

/// One page, read by a parser that is not ours.
struct Page {
    text: String,
    families: Families,
}

impl Page {
    fn read(text: String) -> Self {
        let families = parse_openmetrics(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        Self { text, families }
    }

    /// The series of a metric with these label values, in the order of the labels' names.
    fn get(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let family = self.families.families.get(name.trim_end_matches("_total"))?;
        let mut found = family.iter_samples().filter(|sample| {
            let set = sample.get_labelset().unwrap();
            let sorted: BTreeMap<_, _> = set.iter().collect();
            sorted.values().map(|value| value.as_str()).eq(labels.iter().copied())
        });
        let sample = found.next()?;
        assert!(found.next().is_none(), "{name} {labels:?} is there twice");
        Some(match &sample.value {
            OpenMetricsValue::Gauge(number) => number.as_f64(),
            OpenMetricsValue::Counter(counter) => counter.value.as_f64(),
            OpenMetricsValue::Histogram(histogram) => histogram.count.unwrap() as f64,
            other => panic!("{name}: {other:?}"),
        })
    }

    /// Name, type and sorted labels of each metric, as the table of docs/METRICS.md has them.
    fn kinds(&self) -> BTreeSet<[String; 3]> {
        let families = self.families.families.iter();
        let rows = families.map(|(name, family)| {
            let kind = family.family_type.to_string();
            let suffix = if kind == "counter" { "_total" } else { "" };
            let labels: BTreeSet<_> = family.get_label_names().iter().cloned().collect();
            let labels = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>();
            [format!("`{name}{suffix}`"), kind, labels.join(", ")]
        });
        rows.collect()
    }
}

/// What `before` and `after` say of one series.
type Row<'a> = (&'a str, &'a [&'a str], Option<f64>, Option<f64>);

fn moved(what: &str, before: &Page, after: &Page, rows: &[Row<'_>]) {
    for (name, labels, was, is) in rows {
        let seen = (before.get(name, labels), after.get(name, labels));
        assert_eq!(seen, (*was, *is), "{what}: {name} {labels:?}");
    }
}

fn service_token(gateway: &Gateway, scope: &str) -> String {
    let made = gateway.json(&["tokens", "create", "--name", scope, "--scope", scope]);
    made["secret"].as_str().unwrap().to_owned()
}

fn scrape(gateway: &Gateway, secret: &str) -> Page {
    let (status, text) = gateway.ask("/metrics", &format!("Authorization: Bearer {secret}\r\n"));
    assert_eq!(status, 200, "{text}");
    Page::read(text)
}

#[test]
fn n19_a19_2_who_may_read_the_metrics() {
    let metrics = here();
    let gateway = gateway(metrics);
    let secret = |scope| service_token(&gateway, scope);
    for (secret, status, code) in [
        (secret("operator.read"), 200, ""),
        (secret("operator.audit"), 200, ""),
        (secret("operator.admin"), 200, ""),
        (secret("operator.pairing"), 403, "MISSING_SCOPE"),
        ("dwst_nobody".into(), 401, "SERVICE_TOKEN_INVALID"),
        (String::new(), 401, "AUTH_TOKEN_MISSING"),
    ] {
        let (seen, text) = gateway.ask("/metrics", &format!("Authorization: Bearer {secret}\r\n"));
        assert_eq!(seen, status, "{text}");
        if code.is_empty() {
            assert_eq!(Page::read(text).get("doorward_config_warnings", &[]), Some(1.0));
        } else {
            let error: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(error["error"]["code"], code, "{error}");
        }
    }
    // The port of its own asks for nothing, and serves nothing else.
    let own = |path: &str| {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(metrics).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = own("/metrics");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    Page::read(body.to_owned());
    for path in ["/", "/healthz", "/v1/models", "/doorward/tlog/checkpoint"] {
        assert!(own(path).starts_with("HTTP/1.1 404"), "{path}");
    }
}

/// Asks to be paired, and gives the request's id.
async fn ask(gateway: &Gateway, device: &ConnectOptions) -> String {
    let refused = gateway.connect(device).await.map(drop).unwrap_err();
    refused.refusal().unwrap().details["requestId"].as_str().unwrap().to_owned()
}

#[test]
fn n19_a19_2_the_right_numbers_move() {
    block_on(async {
        let gateway = gateway(here());
        let reader = service_token(&gateway, "operator.read");
        let key = Arc::new(DeviceKey::generate());
        let device = shared(&["operator.read"]).with_device(Arc::clone(&key));
        let fresh = scrape(&gateway, &reader);

        let id = ask(&gateway, &device).await;
        let asked = scrape(&gateway, &reader);
        let operator_reads: &[&str] = &["operator", "operator.read"];
        let required: &[&str] = &["PAIRING_REQUIRED", "websocket"];
        moved(
            "a request",
            &fresh,
            &asked,
            &[
                ("doorward_pairing_pending", &[], Some(0.0), Some(1.0)),
                ("doorward_refusals_total", required, None, Some(1.0)),
                ("doorward_devices", &[], Some(0.0), Some(0.0)),
                ("doorward_next_grant_end_seconds", &[], None, None),
            ],
        );
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let later = scrape(&gateway, &reader);
        assert!(later.get("doorward_pairing_oldest_pending_seconds", &[]).unwrap() >= 1.0);

        gateway.json(&["devices", "approve", &id, "--until", "2d"]);
        let mut session = gateway.connect(&device).await.unwrap();
        let token = session.hello["auth"]["deviceToken"].as_str().unwrap().to_owned();
        session.request("health", json!({})).await.unwrap();
        session.request("nonsense", json!({})).await.unwrap_err();
        session.request("device.pair.list", json!({})).await.unwrap_err();
        let paired = scrape(&gateway, &reader);
        let live: &[&str] = &["operator", "websocket"];
        moved(
            "a pairing",
            &asked,
            &paired,
            &[
                ("doorward_pairing_pending", &[], Some(1.0), Some(0.0)),
                ("doorward_devices", &[], Some(0.0), Some(1.0)),
                ("doorward_grants", operator_reads, None, Some(1.0)),
                ("doorward_connections", live, Some(0.0), Some(1.0)),
                ("doorward_calls_total", &["websocket", "ok"], Some(0.0), Some(1.0)),
                ("doorward_calls_total", &["websocket", "client_error"], Some(0.0), Some(2.0)),
                ("doorward_refusals_total", &["MISSING_SCOPE", "websocket"], None, Some(1.0)),
            ],
        );
        let left = paired.get("doorward_next_grant_end_seconds", &[]).unwrap();
        assert!((172_000.0..=172_800.0).contains(&left), "{left}");
        let grown = |name| paired.get(name, &[]).unwrap() - asked.get(name, &[]).unwrap();
        assert!(grown("doorward_ledger_records") >= 2.0, "the approval and the token");
        assert!(grown("doorward_ledger_append_seconds") >= 2.0);
        assert_eq!(
            grown("doorward_ledger_append_seconds"),
            grown("doorward_ledger_append_records")
        );

        gateway.json(&["devices", "remove", key.id()]);
        let waiting = Stopwatch::start();
        while scrape(&gateway, &reader).get("doorward_connections", live) != Some(0.0) {
            assert!(waiting.elapsed() < Duration::from_secs(20), "the connection is still counted");
        }
        moved(
            "a revocation",
            &paired,
            &scrape(&gateway, &reader),
            &[
                ("doorward_devices", &[], Some(1.0), Some(0.0)),
                ("doorward_grants", operator_reads, Some(1.0), None),
                ("doorward_next_grant_end_seconds", &[], Some(left), None),
            ],
        );
        for secret in [&*token, &*reader, TOKEN, key.id(), &*id, "127.0.0.1"] {
            for page in [&asked, &paired] {
                assert!(!page.text.contains(secret), "{secret}: {}", page.text);
            }
        }
        drop(session);
    });
}

#[test]
fn n19_a19_2_wrong_credentials_and_lockouts_are_counted() {
    block_on(async {
        let gateway = gateway(here());
        let reader = service_token(&gateway, "operator.read");
        let wrong = Auth::token(Secret::new("not-the-token".to_owned()));
        let wrong = ConnectOptions { auth: wrong, ..shared(&["operator.read"]) };
        let failures: &[&str] = &["shared-secret", "AUTH_TOKEN_MISMATCH"];
        let said: &[&str] = &["AUTH_RATE_LIMITED", "websocket"];
        let before = scrape(&gateway, &reader);
        for _ in 0..12 {
            gateway.connect(&wrong).await.map(drop).unwrap_err();
        }
        let after = scrape(&gateway, &reader);
        moved(
            "wrong tokens",
            &before,
            &after,
            &[
                ("doorward_auth_failures_total", failures, None, Some(10.0)),
                ("doorward_refusals_total", said, None, Some(2.0)),
                ("doorward_lockouts", &["shared-secret"], Some(0.0), Some(1.0)),
                ("doorward_lockouts", &["device-token"], Some(0.0), Some(0.0)),
            ],
        );
        gateway.json(&["lockouts", "clear"]);
        let cleared = scrape(&gateway, &reader);
        moved(
            "cleared",
            &after,
            &cleared,
            &[
                ("doorward_auth_failures_total", failures, Some(10.0), Some(10.0)),
                ("doorward_lockouts", &["shared-secret"], Some(1.0), Some(0.0)),
            ],
        );
    });
}

/// A call over the host's socket, one over TCP that is let in and refused, and one that is not let in.
#[test]
fn n19_a19_2_calls_over_grpc_are_counted_by_how_they_end() {
    block_on(async {
        let grpc = here();
        let gateway = gateway_at(here(), grpc);
        let reader = service_token(&gateway, "operator.read");
        let before = scrape(&gateway, &reader);
        gateway.json(&["status"]);
        let url = format!("http://{grpc}");
        let channel = tonic::transport::Endpoint::new(url).unwrap().connect().await.unwrap();
        let mut client = PairingServiceClient::new(channel);
        for (secret, expected) in
            [(&*reader, Code::PermissionDenied), ("dwst_nobody", Code::Unauthenticated)]
        {
            let mut request = tonic::Request::new(ListDevicesRequest::default());
            let bearer = format!("Bearer {secret}").parse().unwrap();
            request.metadata_mut().insert("authorization", bearer);
            assert_eq!(client.list_devices(request).await.unwrap_err().code(), expected);
        }
        let after = scrape(&gateway, &reader);
        let live: &[&str] = &["operator", "grpc"];
        let grown = |outcome| {
            let of = |page: &Page| page.get("doorward_calls_total", &["grpc", outcome]).unwrap();
            of(&after) - of(&before)
        };
        assert_eq!(["ok", "client_error", "server_error"].map(grown), [1.0, 2.0, 0.0]);
        moved(
            "a connection",
            &before,
            &after,
            &[
                ("doorward_connections", live, Some(0.0), Some(1.0)),
                ("doorward_refusals_total", &["MISSING_SCOPE", "grpc"], None, Some(1.0)),
                ("doorward_refusals_total", &["SERVICE_TOKEN_INVALID", "grpc"], None, Some(1.0)),
            ],
        );
        drop(client);
        let waiting = Stopwatch::start();
        while scrape(&gateway, &reader).get("doorward_connections", live) != Some(0.0) {
            assert!(waiting.elapsed() < Duration::from_secs(20), "the connection is still counted");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

/// The table of docs/METRICS.md, by name, type and labels.
fn documented() -> BTreeSet<[String; 3]> {
    let text = fs::read_to_string("docs/METRICS.md").unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        [cells[1], cells[2], cells[3]].map(ToOwned::to_owned)
    })
    .collect()
}

#[test]
fn n19_a19_2_what_is_served_is_documented_and_the_other_way_round() {
    block_on(async {
        let gateway = gateway(here());
        let reader = gateway.json(&[
            "tokens",
            "create",
            "--name",
            "r",
            "--scope",
            "operator.read",
            "--ttl",
            "2d",
        ]);
        let reader = reader["secret"].as_str().unwrap();
        // A series with labels is there once it has happened.
        gateway.ask("/metrics", "Authorization: Bearer dwst_nobody\r\n");
        let served = scrape(&gateway, reader);
        assert_eq!(served.kinds(), documented());
    });
}

/// Every metric that this text names, without what a histogram's series have after its name.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| ["doorward_", "process_"].iter().any(|of| word.starts_with(of)));
    ours.map(|word| {
        let plain = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
        format!("`{}`", plain.unwrap_or(word))
    })
    .collect()
}

/// The dashboard shows every metric and no other; the alerts name only what there is. Both query
/// labels that their metric has.
#[test]
fn n19_a19_2_the_dashboard_and_the_alerts_know_the_metrics() {
    let metrics: BTreeSet<_> = documented().into_iter().map(|[name, ..]| name).collect();
    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string("docs/grafana.json").unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let targets: Vec<_> = targets.collect();
    let shown = targets.iter().flat_map(|target| named(target["expr"].as_str().unwrap()));
    assert_eq!(shown.collect::<BTreeSet<_>>(), metrics);
    for target in targets {
        let legend = target["legendFormat"].as_str().unwrap();
        let of = named(target["expr"].as_str().unwrap());
        let rows = documented().into_iter().filter(|[name, ..]| of.contains(name));
        let labels: String = rows.map(|[.., labels]| labels).collect();
        for label in legend.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap()) {
            let known = labels.contains(&format!("`{label}`")) || label == "instance";
            assert!(known, "{legend}: {labels}");
        }
    }
    let text = fs::read_to_string("docs/METRICS.md").unwrap();
    let alerts: Vec<_> = text.lines().filter(|line| line.trim().starts_with("expr:")).collect();
    assert_eq!(alerts.len(), 4);
    for alert in alerts {
        assert!(named(alert).is_subset(&metrics), "{alert}");
    }
}
