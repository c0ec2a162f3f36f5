//! The answer in one piece.

use actix_web::HttpResponse;
use serde_json::{Value, json};

use super::Named;
use crate::{
    domain::talk::{Stop, Usage},
    fronts::http::{
        error,
        hearing::{Hearing, Said},
    },
    service::{Ended, Heard},
};

/// Waits for the end and answers.
pub async fn answer(mut hearing: Hearing, named: Named) -> HttpResponse {
    let (mut text, mut thought, mut calls) = (String::new(), String::new(), Vec::new());
    loop {
        match hearing.next().await {
            Said::Heard(Heard::Text(more)) => text.push_str(&more),
            Said::Heard(Heard::Reasoning(more)) => thought.push_str(&more),
            Said::Heard(Heard::ToolCall { id, name, arguments }) => {
                calls.push(tool_call(&id, &name, &arguments));
            }
            Said::Heard(Heard::Model(_)) | Said::Quiet => {}
            Said::Heard(Heard::Ended(Ended::Stopped(stop), usage)) => {
                let answer = completion(&named, &text, &thought, calls, stop, usage);
                return HttpResponse::Ok().json(answer);
            }
            Said::Heard(Heard::Ended(Ended::Failed(failure), _)) => return error::failed(&failure),
            Said::Refused(refusal) => return error::refused(&refusal),
        }
    }
}

fn completion(
    named: &Named,
    text: &str,
    thought: &str,
    calls: Vec<Value>,
    stop: Stop,
    used: Usage,
) -> Value {
    let mut message = json!({"role": "assistant", "content": text});
    if !thought.is_empty() {
        message["reasoning_content"] = thought.into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    json!({
        "id": named.id,
        "object": "chat.completion",
        "created": named.created,
        "model": named.model,
        "choices": [{"index": 0, "message": message, "finish_reason": stop.finish_reason()}],
        "usage": usage(used),
    })
}

/// A tool call as OpenAI writes it.
pub fn tool_call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

/// Tokens as OpenAI counts them.
pub fn usage(used: Usage) -> Value {
    json!({
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.total(),
    })
}
