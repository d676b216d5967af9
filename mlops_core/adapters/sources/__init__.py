"""Where raw trips come from: files and folders of this machine, the generator, or a table of Unity Catalog.

A source only reads; `mlops_core.ingestion.accept` says what a trip is and judges every row. Files are whatever
other tools wrote, so they are *landed* first: each becomes a parquet file with exactly the columns of trips, in the
state folder, once for as long as it does not change. Every row of a file is there, or the file is refused.

- `choice`: which source a run reads
- `trips_path`, `data_files`, `delta_files`: from TRIPS_PATH to data files
- `parquet_file`, `csv_file` (with `csv_dialect`, `swallowed`): one data file in batches
- `values`, `clock`: what is written, as values of trips
- `landing`: the files that Spark reads
"""
