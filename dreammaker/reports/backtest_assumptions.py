"""Every assumption a backtest's figures rest on, stated from its configuration."""

from typing import Any

from dreammaker.backtest.result import BacktestResult
from dreammaker.domain.instrument import Instrument
from dreammaker.domain.source import ALL_LEVELS, SourceProfile
from dreammaker.exchange import ExchangeConfig

Entries = list[tuple[str, str]]
_PHASES = {"dbn": "; the file tells no session phases, so all of it counts as continuous trading, "
                  "but nothing fills while the book is crossed"}


def assumptions(result: BacktestResult) -> Entries:
    """Assumptions in the order in which they matter: term, statement."""
    header = result.header
    config, source = header["config"], header["source"]
    return [
        ("Market", "recorded flow is taken as it was: our orders do not change what others do. "
         "What we take from a level is gone for us until the level recovers."
         if config["run"]["mode"] != "simulated" else
         "generated, not recorded: it says something about the program and nothing about a "
         "market. Our orders do not change what others do."),
        ("Source", _source(source, config["exchange"])),
        *ExchangeConfig(**config["exchange"]).assumptions(SourceProfile(**source)),
        ("Fees", _fees(header["instrument"], ExchangeConfig(**config["exchange"]))),
        ("Sessions", _sessions(config)),
        ("Model", _model(header)),
        ("Left out", "taxes, margin, financing; hidden liquidity beyond what the records show; "
         "what our own trading would teach others."),
    ]


def _source(source: dict[str, Any], exchange: dict[str, Any]) -> str:
    if source["depth_levels"]:
        shown = ("all" if source["depth_levels"] >= ALL_LEVELS else source["depth_levels"])
        depth = f"{shown} price levels a side are shown"
        if source.get("order_by_order"):
            depth += ", order by order"
    else:
        depth = ("no sizes are shown: every price is taken to hold "
                 f"{exchange['assumed_touch_lots']} lots")
    aggressor = ("the aggressor of a trade is known" if source.get("has_aggressor") else
                 "the aggressor of a trade is inferred")
    phases = _PHASES.get(source["name"], "")
    return f"{source['name']}; {depth}; {aggressor}{phases}."


def _fees(values: dict[str, Any], exchange: ExchangeConfig) -> str:
    instrument = Instrument(**values)
    fee = exchange.fee_micros_per_lot(instrument) / 1e6
    if not fee:
        return ("no fee is known for this instrument and none is taken (set "
                "instrument.fee_per_lot).")
    day_trades = ("; every contract is taken for a day trade" if
                  exchange.fee_schedule != "instrument" else "")
    return (f"{instrument.currency} {fee:g} a lot and side, exchange and broker together "
            f"(schedule: {exchange.fee_schedule}{day_trades}).")


def _sessions(config: dict[str, Any]) -> str:
    minutes = config["risk"].get("flatten_minutes_before_close")
    until = f" and is told to be flat {minutes:g} minutes before its close" if minutes else ""
    return ("each day is a session of its own: it starts flat, with fresh limits" + until
            + "; what is open at the end of the records is valued at the last mid.")


def _decision_clock(model: dict[str, Any]) -> str:
    # Reports of runs from before there was a choice went by time.
    if model.get("decision_clock", "time") == "time":
        return f"every {model['decision_interval_s']:g} s"
    if model["decision_clock"] == "cusum":
        return (f"once the price has moved by {model['decision_move_points']:g} points, looked at "
                f"every {model['decision_interval_s']:g} s")
    return f"after every {model['decision_clock'].replace('_', ' ')} bar"


def _model(header: dict[str, Any]) -> str:
    config, extra = header["config"], header["extra"]
    given = [f"{name} {what if isinstance(what, str) else ', '.join(what)}"
             for name, what in extra.items() if name != "retraining"]
    text = "given as objects: " + "; ".join(given) if given else (
        f"{config['model']['name']}, a decision {_decision_clock(config['model'])}")
    carried = ("; its state is carried from day to day" if config["backtest"]["carry_model"] else
               "; it begins every day anew")
    retraining = extra.get("retraining")
    if retraining:
        span = (f"the last {retraining['train_days']} days" if retraining["train_days"] else
                "all past days")
        carried += (f"; refitted ({retraining['retrainer']}) every {retraining['every']} day(s) "
                    f"on {span}, past days only")
    return text + carried + "."
