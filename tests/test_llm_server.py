"""`transformers serve` on xpu, asked by OpenAI's client, says what `generate` says."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from tiny_models import NEW_TOKENS, VOCABULARY, alone, tiny_model

QUESTIONS = ["w7 w9 w30", "w12", "w100 w7 w7 w150 w44 w8 w60 w61"]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A folder with a model and a tokenizer of words, and the answers that `generate` gives."""
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("model")
    words = {f"w{number}": number for number in range(VOCABULARY)}
    core = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="w3"))
    core.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=core)
    tokenizer.chat_template = (
        "{% for message in messages %}w4 {{ message['content'] }} w5 {% endfor %}w6"
    )
    tokenizer.save_pretrained(folder)
    model = tiny_model("llama")
    model.save_pretrained(folder)
    prompts = [tokenizer.encode(f"w4 {question} w5 w6") for question in QUESTIONS]
    return folder, [tokenizer.decode(tokens) for tokens in alone(model, prompts)]


@contextlib.contextmanager
def server(folder, devices, *options):
    """The address of `transformers serve`, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), *options]
    log = folder.parent / f"server-{port}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "IPEX_XPU_CPU_DEVICES": devices},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while True:
            with contextlib.suppress(urllib.error.URLError):
                urllib.request.urlopen(f"{address}/health", timeout=5)
                break
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail("the server does not answer")
            time.sleep(0.2)
        yield address
    finally:
        process.kill()
        process.wait()
        print(log.read_text())  # shown where a test failed


# By itself a model is shared out among all devices.
@pytest.fixture(
    scope="module",
    params=[["1", "--continuous-batching"], ["2", "--device", "xpu"]],
    ids=["together", "one after the other"],
)
def client(served, request):
    openai = pytest.importorskip("openai")
    with server(served[0], *request.param) as address:
        yield openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)


def ask(client, folder, question: str, **options):
    return client.chat.completions.create(
        model=str(folder),
        messages=[{"role": "user", "content": question}],
        max_tokens=NEW_TOKENS,
        temperature=0.0,
        timeout=100,
        **options,
    )


def test_a_client_gets_what_generate_says(client, served):
    folder, expected = served
    answers = [ask(client, folder, question) for question in QUESTIONS]
    assert [answer.choices[0].message.content for answer in answers] == expected
    assert answers[1].usage.completion_tokens == NEW_TOKENS


def test_a_client_gets_words_as_they_come(client, served):
    folder, expected = served
    parts = [
        chunk.choices[0].delta.content or ""
        for chunk in ask(client, folder, QUESTIONS[0], stream=True)
        if chunk.choices
    ]
    assert "".join(parts) == expected[0]
    assert len([part for part in parts if part]) > 2


def test_several_clients_at_once(client, served):
    folder, expected = served
    with ThreadPoolExecutor(9) as pool:
        answers = list(pool.map(lambda question: ask(client, folder, question), QUESTIONS * 3))
    assert [answer.choices[0].message.content for answer in answers] == expected * 3
