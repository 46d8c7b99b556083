"""A long history is read page by page from a real server, and is whole."""

from mlops_ci.tracking import rest_client
from mlops_ci.tracking.forwarder import Forwarder
from mlops_ci.tracking.points import MetricPoint


def test_a_history_of_many_pages_is_whole_and_nothing_of_it_is_sent_again(tracker, name, tmp_path, monkeypatch):
    monkeypatch.setattr(rest_client, "HISTORY_PAGE", 40)
    run = tracker.start_run(name, run="run-1")
    lines = [f'{{"time": {1_700_000_000 + step // 7}, "step": {step}, "loss": {step / 7}}}\n' for step in range(230)]
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text("".join(lines[:201]))
    assert Forwarder(tracker, run.run_id, metrics).replay().sent == 201

    asked = []
    get = rest_client.Rest.get
    monkeypatch.setattr(
        rest_client.Rest,
        "get",
        lambda self, path, **more: (asked.append((path, more.get("max_results"))), get(self, path, **more))[1],
    )
    metrics.write_text("".join(lines))
    result = Forwarder(tracker, run.run_id, metrics).replay()
    assert (result.points, result.sent, result.missing) == (230, 29, 0)
    assert [most for path, most in asked if path.endswith("get-history")] == [40] * 6
    found = tracker.history(run.run_id, "loss")
    assert found == [MetricPoint("loss", step / 7, step, (1_700_000_000 + step // 7) * 1000) for step in range(230)]
