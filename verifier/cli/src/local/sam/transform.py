"""Has AWS's own translator make a template of CloudFormation's of one of SAM's. It reads a document with the template and the
values of its parameters, and writes one with the result, or with what is wrong. It asks no service: policies of AWS's are
looked up in the translator's own table."""

import json
import sys

from samtranslator.internal.managed_policies import get_bundled_managed_policy_map
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator


def main():
    given = json.load(sys.stdin)
    translator = Translator(get_bundled_managed_policy_map("aws"), Parser())
    try:
        result = {"template": translator.translate(given["template"], given["parameters"])}
    except InvalidDocumentException as error:
        causes = [cause.message for cause in error.causes]
        result = {"problem": " ".join(causes) or error.message}
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
