"""Where results are kept.

`schema` opens the database, `artifacts` the files, `stores` both. Jobs are asked for through `job_store`, run
through `job_queue`, and write through `job_run`; everything a running job writes goes through `fence`.
"""
