"""The services of a 2020 workspace: ARM, run history, metrics, artifacts. `nouns` has them all."""
