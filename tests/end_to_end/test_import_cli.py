"""``dreammaker import`` and ``inspect`` as a user meets them: output, exit codes, what is left."""

import json
import sys
from pathlib import Path

import pytest

from dreammaker.app import cli
from dreammaker.store import EventStore

HEADER = "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\r\n"
GOOD = (HEADER + "2026.11.18\t09:00:00.000\t130000\t130005\t\t\r\n"
        "2026.11.18\t09:00:01.000\t\t\t130005\t2\r\n"
        "2026.11.19\t09:00:00.000\t\t\t130010\t5\r\n")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dreammaker", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        output = capsys.readouterr()
        return int(caught.value.code or 0), output.out, output.err

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "WINZ26_202611.csv"
    path.write_text(GOOD, newline="")
    return path


def test_import_when_file_is_good_then_days_quality_and_exit_0(
        run, file: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    code, out, err = run("import", file, "--root", root)
    assert (code, err) == (0, "")
    assert "2026-11-18 to 2026-11-19 (2 days)" in out and "3 / 0" not in out
    assert "trades / volume            2 / 7" in out and "replaced" not in out
    assert [str(day) for day in EventStore(root).days("WINZ26")] == ["2026-11-18", "2026-11-19"]
    code, out, _ = run("import", file, "--root", root)
    assert code == 0 and "2 of them replaced an earlier import" in out


def test_import_when_a_day_is_only_noise_then_it_is_not_in_the_archive(
        run, file: Path, tmp_path: Path) -> None:
    zeros = "2026.11.{}\t05:30:00.000\t0.0\t0.0\t0.0\t0.00000000\r\n"
    file.write_text(GOOD.replace(HEADER, HEADER + zeros.format("17")) + zeros.format("20"),
                    newline="")
    assert run("import", file, "--root", tmp_path / "d")[0] == 0
    assert [day.day for day in EventStore(tmp_path / "d").days("WINZ26")] == [18, 19]


def test_import_when_most_prices_are_off_the_grid_then_warned(
        run, file: Path, tmp_path: Path) -> None:
    file.write_text(GOOD.replace("130000", "130001").replace("130010", "130012"), newline="")
    code, out, err = run("import", file, "--root", tmp_path / "d")
    assert code == 0 and "Imported" in out
    assert err.startswith("warning: 2 of ") and "grid of 5:" in err
    assert run("import", file, "--root", tmp_path / "d", "--tick-size", "1")[2] == (
        "warning: --tick-size 1 replaces the 5 that is known for WINZ26\n")
    assert run("import", file, "--root", tmp_path / "d", "--tick-size", "5")[2].startswith(
        "warning: 2 of ")
    assert run("import", file, "--root", tmp_path / "d", "--symbol", "XYZ", "--tick-size", "1",
               )[2] == ""


def test_import_when_json_then_one_object_with_quality(run, file: Path, tmp_path: Path) -> None:
    code, out, err = run("import", file, "--root", tmp_path / "d", "--json", "--symbol", "WINQ27",
                         "--day", "2026-11-19")
    result = json.loads(out)
    assert (code, err, result["symbol"], result["format"]) == (0, "", "WINQ27", "mt5_ticks")
    assert [day["day"] for day in result["days"]] == ["2026-11-19"]
    assert result["quality"]["volume"] == 5 and not result["days"][0]["replaced"]


def test_import_when_tick_size_is_given_then_grid_and_worth_follow(
        run, file: Path, tmp_path: Path) -> None:
    code = run("import", file, "--root", tmp_path / "d", "--tick-size", "10")[0]
    assert code == 0
    instrument = EventStore(tmp_path / "d").open("WINZ26", "2026-11-18").instrument
    assert (instrument.tick_size, instrument.tick_value_micros) == (10.0, 2_000_000)


@pytest.mark.parametrize("content", [
    b"", b"\x00" * 5_000, HEADER.encode(), (GOOD + "2026.11.19\tx\t1\t1\t\t\r\n").encode(),
    (GOOD + "2026.11.19\t09:00:02.000\tnan\t1\t\t\r\n").encode(),
    (GOOD + "2026.11.19\t09:00:02.000\t\t\t130000\t-1\r\n").encode(),
    (GOOD + "2026.11.17\t09:00:02.000\t\t\t130000\t1\r\n").encode(),
    (HEADER + "2026.11.19\t09:00:02.000\t0.0\t0.0\t0.0\t0.0\r\n").encode(),
    (GOOD + "9999.11.19\t09:00:02.000\t\t\t130000\t1\r\n").encode(),
    (GOOD + "2026.11.19\t09:00:02.000\t\u0661\t\t\t\r\n").encode(),
    GOOD.encode("utf-16")[:-3], b"\xef\xbb\xbf", b"PK\x03\x04 no zip", GOOD.encode()[:-9]])
def test_import_when_file_is_bad_then_exit_2_one_sentence_and_nothing_left(
        run, file: Path, tmp_path: Path, content: bytes) -> None:
    file.write_bytes(content)
    root = tmp_path / "data"
    code, out, err = run("import", file, "--root", root)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1 and str(file) in err
    assert not root.exists()


def test_import_when_bad_after_an_earlier_import_then_the_earlier_one_stays(
        run, file: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    assert run("import", file, "--root", root)[0] == 0
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    file.write_text(GOOD.replace("130010", "oops"), newline="")
    assert run("import", file, "--root", root)[0] == 2
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(("arguments", "says"), [
    (("--symbol", "../WIN"), "cannot name a folder"), (("--symbol", ""), "cannot name a folder"),
    (("--format", "xls"), "format must be auto or one of"),
    (("--format", "lobster"), "the name must be"),
    (("--format", "mt5_bars"), "MetaTrader bars have"),
    (("--day", "2026-11-20"), "no market data on 2026-11-20"), (("--day", "19.11."), "YYYY-MM-DD"),
    (("--tick-size", "0"), "tick size must be above 0"),
    (("--tick-size", "nan"), "tick size must be above 0"),
    (("--lot-size", "-1"), "lot size must be above 0"),
    (("--server-zone", "Nowhere"), "Nowhere"),
    (("--feed-latency-ms", "-1"), "feed_latency_ms"),
    (("--calendar", "missing.txt"), "cannot be read"),
    (("--tick-size", "abc"), "tick-size")])
def test_import_when_an_option_is_wrong_then_exit_2_and_nothing_left(
        run, file: Path, tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    root = tmp_path / "data"
    code, _, err = run("import", file, "--root", root, *arguments)
    assert code == 2 and says in err and "Traceback" not in err
    assert not root.exists()


def test_import_when_file_is_missing_or_a_folder_then_exit_2(run, tmp_path: Path) -> None:
    for path, says in ((tmp_path / "no.csv", "no such file"), (tmp_path, "is a folder")):
        for extra in ((), ("--format", "lobster"), ("--format", "mt5_ticks")):
            code, _, err = run("import", path, "--root", tmp_path / "d", *extra)
            assert code == 2 and says in err


def test_import_when_archive_cannot_be_written_then_exit_3(
        run, file: Path, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    code, _, err = run("import", file, "--root", tmp_path / "data")
    assert code == 3 and "cannot be written" in err


def test_inspect_when_archive_has_days_then_list_and_description(
        run, file: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    run("import", file, "--root", root)
    code, out, _ = run("inspect", "--root", root)
    assert code == 0 and "2 days" in out and out.count("mt5_ticks") == 2
    code, out, _ = run("inspect", "WINZ26", "--root", root, "--json")
    assert code == 0 and [row["records"] for row in json.loads(out)] == [7, 5]
    code, out, _ = run("inspect", "WINZ26", "2026-11-18", "--root", root, "--first", "3")
    assert code == 0 and "First 3 records" in out and "2026-11-18T11:55:00.000000000Z" in out
    code, out, _ = run("inspect", "WINZ26", "2026-11-18", "--root", root, "--json")
    assert json.loads(out)["kinds"] == {"QUOTE": 2, "TRADE": 1, "SESSION": 4}


def test_inspect_when_there_is_nothing_then_exit_3(run, file: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    assert run("inspect", "--root", root)[0] == 3
    run("import", file, "--root", root)
    for arguments in (("NOPE",), ("WINZ26", "2026-11-20")):
        code, out, err = run("inspect", *arguments, "--root", root)
        assert (code, out) == (3, "") and err.startswith("error: ")
    path = EventStore(root).path("WINZ26", EventStore(root).days("WINZ26")[0])
    path.write_bytes(path.read_bytes()[:-5])
    code, _, err = run("inspect", "--root", root)
    assert code == 3 and "is damaged" in err
    assert run("inspect", "WINZ26", "today", "--root", root)[0] == 2
    assert run("inspect", "../x", "--root", root)[0] == 2
