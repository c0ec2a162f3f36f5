//! Texts as vectors: what is asked, what is made of what comes, and who cannot.

use super::{
    server::{Server, Step, refusal},
    *,
};
use crate::domain::talk::{Texts, Vectors};

fn texts(model: Option<&str>) -> Texts {
    let input = vec!["a".into(), "b".into()];
    Texts { model: model.map(str::to_owned), input, dimensions: Some(2) }
}

fn reply(body: &str) -> Vec<Step> {
    refusal("200 OK", "content-type: application/json\r\n", body)
}

async fn asked(body: &str) -> (Result<Vectors, Failure>, Server) {
    let server = Server::start(vec![reply(body)]).await;
    let found = one(&server, Api::OpenAi).embed(texts(Some("nomic"))).await;
    (found, server)
}

#[tokio::test]
async fn vectors_come_in_the_order_of_the_texts() {
    let body = r#"{"data": [{"index": 1, "embedding": [3, 4.5]}, {"index": 0, "embedding": [1, 2]}],
                   "usage": {"prompt_tokens": 7, "total_tokens": 7}}"#;
    let (found, server) = asked(body).await;
    let usage = Usage { input: 7, output: 0 };
    let vectors = vec![vec![1.0, 2.0], vec![3.0, 4.5]];
    assert_eq!(found.unwrap(), Vectors { model: model("box", "nomic"), vectors, usage });
    let asked = &server.asked()[0];
    assert!(asked.head.starts_with("post /v1/embeddings "), "{}", asked.head);
    let expected = serde_json::json!({
        "model": "nomic", "input": ["a", "b"], "encoding_format": "float", "dimensions": 2,
    });
    assert_eq!(asked.body, expected);
}

#[tokio::test]
async fn what_is_not_one_vector_for_each_text_is_broken() {
    for body in [
        "{}",
        r#"{"data": []}"#,
        r#"{"data": [{"embedding": [1]}]}"#,
        r#"{"data": [{"embedding": [1]}, {"embedding": [1]}, {"embedding": [1]}]}"#,
        r#"{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]}"#,
        r#"{"data": [{"embedding": "AAAA"}, {"embedding": "AAAA"}]}"#,
    ] {
        let found = asked(body).await.0;
        assert!(matches!(found, Err(Failure::Broken(_))), "{body}: {found:?}");
    }
}

#[tokio::test]
async fn what_a_provider_says_against_it_is_passed_on_without_the_key() {
    let body = format!(r#"{{"error": {{"message": "no model for {KEY}"}}}}"#);
    let server = Server::start(vec![refusal("404 Not Found", "", &body)]).await;
    let found = one(&server, Api::OpenAi).embed(texts(None)).await;
    let said = "no model for …".to_owned();
    assert_eq!(found, Err(Failure::Rejected { status: Some(404), said }));
    let found = one(&server, Api::Anthropic).embed(texts(None)).await;
    assert!(matches!(found, Err(Failure::Unsupported(_))), "{found:?}");
}
