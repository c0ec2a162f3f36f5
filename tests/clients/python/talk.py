"""The official `openai` client for Python against a gateway: one case per run, its outcome as JSON.

usage: talk.py <base URL> <case>; the bearer token is OPENAI_API_KEY. What is asserted about the
outcome stands in ../openai-python.test.mjs.
"""

import json
import sys

from openai import APIError, OpenAI

ASKING = {"model": "openclaw", "messages": [{"role": "user", "content": "hi"}]}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]


def models(client):
    ids = [model.id for model in client.models.list()]
    return {"ids": ids, "read": [client.models.retrieve(id).id for id in ids]}


def whole(client):
    answer = client.chat.completions.create(**ASKING)
    [choice] = answer.choices
    used = answer.usage.total_tokens
    return {"text": choice.message.content, "reason": choice.finish_reason, "tokens": used}


def streamed(client):
    options = {"stream": True, "stream_options": {"include_usage": True}}
    pieces, reason, used = [], None, None
    for chunk in client.chat.completions.create(**ASKING, **options):
        used = chunk.usage.total_tokens if chunk.usage else used
        for choice in chunk.choices:
            pieces += [choice.delta.content] if choice.delta.content else []
            reason = choice.finish_reason or reason
    return {"pieces": pieces, "reason": reason, "tokens": used}


def tool(client):
    first = client.chat.completions.create(**ASKING, tools=TOOLS).choices[0]
    [call] = first.message.tool_calls
    said = ASKING["messages"] + [
        first.message,
        {"role": "tool", "tool_call_id": call.id, "content": "12"},
    ]
    last = client.chat.completions.create(model="openclaw", messages=said, tools=TOOLS)
    function = call.function
    return {
        "reason": first.finish_reason,
        "call": [call.id, function.name, json.loads(function.arguments)],
        "text": last.choices[0].message.content,
    }


CASES = {case.__name__: case for case in (models, whole, streamed, tool)}


def main(base_url, case):
    try:
        outcome = CASES[case](OpenAI(base_url=base_url, max_retries=0))
    except APIError as error:
        outcome = {
            "error": type(error).__name__,
            "status": getattr(error, "status_code", None),
            "code": error.code,
            "message": error.message,
        }
    print(json.dumps(outcome))


main(*sys.argv[1:])
