"""What ``dreammaker inspect`` says of a model bundle."""

import json
from pathlib import Path
from typing import Any

from dreammaker.app.console import counted, print_table


def is_bundle(folder: Path) -> bool:
    """Whether a folder looks like a model bundle, whole or not."""
    return (folder / "manifest.json").is_file() and (folder / "signature.json").is_file()


def describe_bundle(folder: Path, as_json: bool) -> None:
    """Print what a bundle is, once it is verified.

    Raises
    ------
    StoreError
        If a byte of it was changed.
    """
    from dreammaker.models.bundle import ModelBundle, label_hash

    bundle = ModelBundle.load(folder)
    days = list(bundle.training.get("days", []))
    found: dict[str, Any] = {
        "name": bundle.name, "content": bundle.content,
        "models": {member.name: member.path for member in bundle.members},
        "combination": bundle.combination.kind,
        "meta": None if bundle.meta is None else {
            "calibration": bundle.meta.calibration.kind, "threshold": bundle.meta.threshold},
        "label_hash": label_hash(bundle.label_rule), "label_rule": dict(bundle.label_rule),
        "sampler": dict(bundle.sampler), "definition": bundle.definition,
        "tick_size": bundle.view.tick_size, "inputs": list(bundle.view.inputs), "days": days,
        "validation": dict(bundle.validation), "library_versions": dict(bundle.library_versions),
        "tradable": None if bundle.verdict is None else bundle.verdict.get("tradable"),
        "laxer_limits": list((bundle.verdict or {}).get("laxer_limits", ()))}
    if as_json:
        print(json.dumps(found))
        return
    meta, mark = found["meta"], {None: "no verdict", True: "yes", False: "no"}[found["tradable"]]
    if found["laxer_limits"]:
        mark += ", by limits laxer than usual: " + ", ".join(found["laxer_limits"])
    print_table(f"Bundle {bundle.name}", [
        ("content hash", bundle.content),
        ("models", f"{', '.join(found['models'])} ({found['combination']})"),
        ("meta-model", "none" if meta is None else
         f"calibration {meta['calibration']}, bets from {meta['threshold']:g}"),
        ("label rule", f"{found['label_hash']} (model.bundle_label)"),
        ("decides by", ", ".join(f"{name} {value}" for name, value in found["sampler"].items())),
        ("features", f"{len(found['inputs'])} inputs, definition {found['definition'][:16]}"),
        ("trained on", counted(len(days), "session")
         + (f", {days[0]} to {days[-1]}" if days else "")),
        ("tradable", mark)])
