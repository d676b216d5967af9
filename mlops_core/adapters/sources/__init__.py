"""Where raw events come from: files and folders of this machine, the project's sample, or a table of Unity Catalog.

A source only reads; `mlops_core.ingestion` says what an event is and judges every row. Files are whatever other tools
wrote, so they are *landed* first: each becomes a parquet file with exactly the declared columns, in the state folder,
once for as long as neither changes. Every row of a file is there, or the file is refused.

- `choice`: which source a run reads
- `given_path`: where a path was named
- `source_path`, `data_files`, `delta_files`: from a path to data files
- `parquet_file`, `csv_file` (with `csv_dialect`, `swallowed`): one data file in batches
- `header`, `column_types`: whether it has the columns, and types that hold their values
- `values`, `cells`, `numbers`, `clock`: what is written, as values of the columns
- `landing`: the files that Spark reads
- `watched`: what its days hold; `file_watch`, `local_watch`, `unity_catalog_watch`: which version it has
- `sample`, `table_sample`, `inferred_types`: some rows of files or of a table of which nothing is declared yet
"""
