"""The sections of `benchmarks.demo`, one file each: `run(home, quick)` returns figures."""
