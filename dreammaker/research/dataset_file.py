"""A data set on disk: one Parquet file, its origin in the metadata."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreammaker.domain.errors import DreamMakerError, StoreError
from dreammaker.features.config import FeatureConfig
from dreammaker.research.dataset import DATASET_VERSION, Dataset
from dreammaker.research.label_rule import LabelRule
from dreammaker.research.sampling import Sampler
from dreammaker.store.files import discard, publish, temporary_beside

_KEY = b"dreammaker.dataset"
_ROWS = 65_536


def write_dataset(data: Dataset, target: Path) -> None:
    """Write a data set, whole or not at all.

    Columns: t_start, t_end (UTC), day, label, ret, barrier, target, weight, mid_price,
    spread_ticks, event_index, then the features.

    Raises
    ------
    StoreError
        If the disk refuses.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    time = pa.timestamp("ns", tz="UTC")
    columns = {
        "t_start": pa.array(data.t_start).cast(time), "t_end": pa.array(data.t_end).cast(time),
        "day": pa.array(data.day), "label": pa.array(data.y), "ret": pa.array(data.ret),
        "barrier": pa.array(data.barrier), "target": pa.array(data.target),
        "weight": pa.array(data.weights), "mid_price": pa.array(data.mid),
        "spread_ticks": pa.array(data.spread_ticks), "event_index": pa.array(data.event_index),
        **{name: pa.array(np.ascontiguousarray(data.X[:, i]))
           for i, name in enumerate(data.feature_names)}}
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(data.described())})
    temporary = temporary_beside(target)
    try:
        pq.write_table(table, temporary, compression="zstd", compression_level=3,
                       use_dictionary=False, write_page_checksum=True, row_group_size=_ROWS)
        publish(temporary, target)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error}") from None
    finally:
        discard(temporary)


def read_dataset(path: Path) -> Dataset:
    """Read a file of `write_dataset`.

    Raises
    ------
    StoreError
        If it is missing, damaged, of another version, or no data set.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise StoreError(f"there is no data set at {path}")
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        about = json.loads((table.schema.metadata or {}).get(_KEY, b"null"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read as a data set: {error}") from None
    if not isinstance(about, dict):
        raise StoreError(f"{path} is no data set: write one with dreammaker label")
    if about.get("version") != DATASET_VERSION:
        raise StoreError(f"{path} is a data set of version {about.get('version')}, this program "
                         f"reads {DATASET_VERSION}: label the days again")

    def column(name: str) -> NDArray[Any]:
        values = table[name]
        return np.array(values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values)

    try:
        names = tuple(about["feature_names"])
        data = Dataset(
            about["symbol"], names,
            np.column_stack([column(name) for name in names]) if len(table)
            else np.empty((0, len(names))),
            column("label"), column("t_start"), column("t_end"), column("weight"),
            column("day").astype("datetime64[D]"), column("ret"), column("barrier"),
            column("target"), column("mid_price"), column("spread_ticks"), column("event_index"),
            about["tick_size"], LabelRule.from_dict(about["rule"]),
            Sampler.from_dict(about["sampler"]), FeatureConfig(**about["features"]),
            about["log_hashes"], about["dropped"])
    except (KeyError, TypeError, ValueError, DreamMakerError) as error:
        raise StoreError(f"{path} is no sound data set: {error}") from None
    if (data.content_hash, data.feature_hash) != (about["content_hash"], about["feature_hash"]):
        raise StoreError(f"{path} was made with other features than this program computes: label "
                         "the days again")
    return data
