"""Checks texts in TOML against a JSON Schema: a list of texts on standard input, a list of the first errors, or null, out."""

import json
import sys
import tomllib

import jsonschema

schema = json.load(open(sys.argv[1]))
validator = jsonschema.Draft7Validator(schema)
validator.check_schema(schema)


def error_in(text):
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return f"TOML: {error}"
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    return error and f"{error.json_path}: {error.message}"


json.dump([error_in(text) for text in json.load(sys.stdin)], sys.stdout, default=str)
