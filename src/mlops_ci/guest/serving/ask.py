"""Started inside a running server's container as `python -I -c ask.py`: asks the server over HTTP, as a client would.

Standard input holds `{"port", "method", "path", "body", "timeout"}`; standard output gets `{"status", "headers",
"body"}`, or `{"error"}`. 127.0.0.2 is this machine too, and reaches only who listens on more than 127.0.0.1.
"""

import http.client
import json
import sys

HOST = "127.0.0.2"


def main() -> None:
    """Ask once."""
    wanted = json.load(sys.stdin)
    connection = http.client.HTTPConnection(HOST, wanted["port"], timeout=wanted["timeout"])
    body = wanted.get("body")
    headers = {"Content-Type": "application/json"} if body is not None else {}
    try:
        connection.request(wanted["method"], wanted["path"], body=body, headers=headers)
        answer = connection.getresponse()
        said = {
            "status": answer.status,
            "headers": dict(answer.getheaders()),
            "body": answer.read().decode("utf-8", "replace"),
        }
    except OSError as error:
        said = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(said))


if __name__ == "__main__":
    main()
