"""The configuration: three TOML files, the environment and secret files, validated and in the program's own terms."""
