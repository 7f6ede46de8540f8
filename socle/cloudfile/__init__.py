"""Cloud files and live clouds: a first file from what the APIs tell, and what has changed since it was written.

`ask` reads the APIs; everything after it is pure: `draft` decides what goes into the file, `write` says it in YAML,
`differences` compares a file with the cloud.
"""
