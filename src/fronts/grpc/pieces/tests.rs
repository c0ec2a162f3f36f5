//! Large answers, whole and in pieces.

use tokio_stream::StreamExt as _;
use tonic_types::StatusExt as _;

use super::*;

fn device(n: usize, bytes: usize) -> v1::Device {
    v1::Device { device_id: n.to_string(), public_key: vec![7; bytes], ..Default::default() }
}

/// The pieces of a state with so many devices of so many bytes, and the state.
async fn split(
    devices: usize,
    bytes: usize,
) -> (v1::StateAsOfResponse, Vec<v1::StateAsOfResponse>) {
    let all = v1::StateAsOfResponse {
        seq: 7,
        time_ms: 9,
        gateway_key: vec![1; 32],
        policy: Some(v1::Policy { seq: 3, ..Default::default() }),
        pending: vec![v1::PendingRequest { seq: 5, ..Default::default() }],
        devices: (0..devices).map(|n| device(n, bytes)).collect(),
        tokens: vec![v1::ServiceToken { name: "t".into(), ..Default::default() }],
    };
    let pieces = of_state(all.clone()).into_inner().collect::<Vec<_>>().await;
    (all, pieces.into_iter().map(|piece| piece.unwrap().piece.unwrap()).collect())
}

#[tokio::test]
async fn pieces_are_of_bounded_size_and_merge_into_the_answer() {
    for (devices, bytes, expected) in [
        (0, 0, 3),
        (1, 10, 4),
        (10_000, 10, 4),
        (3, PIECE_BYTES * 2, 6),
        (40, PIECE_BYTES / 4, 3 + 14),
    ] {
        let (all, pieces) = split(devices, bytes).await;
        let mut merged = v1::StateAsOfResponse::default();
        for piece in &pieces {
            let encoded = piece.encode_to_vec();
            assert!(encoded.len() < PIECE_BYTES * 5 / 4 + bytes, "{devices} x {bytes}");
            merged.merge(encoded.as_slice()).unwrap();
        }
        assert!(merged == all, "{devices} x {bytes}");
        assert_eq!(pieces.len(), expected, "{devices} x {bytes}");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_would_read_is_refused_with_the_call_that_gives_it() {
    let fits = v1::DiffResponse::default();
    assert!(whole(fits, "AuditService/StreamDiff").is_ok());
    let (all, _) = split(17, 1024 * 1024).await;
    let failure = whole(all, "LedgerService/StreamStateAsOf").unwrap_err();
    assert_eq!(failure.code(), tonic::Code::ResourceExhausted);
    let info = failure.get_details_error_info().unwrap();
    assert_eq!(info.reason, "ANSWER_TOO_LARGE");
    assert!(info.metadata["remedy"].contains("LedgerService/StreamStateAsOf"), "{info:?}");
    assert!(info.metadata["missing"].contains("16777216"), "{info:?}");
}
