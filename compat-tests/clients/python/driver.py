"""Plays scenarios with a Kafka client of the Python world: driver.py confluent|kafka-python|aiokafka.

Commands come from standard input, one a line, and each is answered on standard output before the
next is read. ../README.md has the language. What is common to the three is here; what each library
does is in a module of its own, behind the same methods.
"""

import importlib
import logging
import os
import sys
import traceback

from language import Command, Refused

LIBRARIES = {
    "confluent": "librdkafka_client",
    "kafka-python": "kafka_python_client",
    "aiokafka": "aiokafka_client",
}


def main():
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Whatever a library prints must not get among the answers.
    os.dup2(2, 1)
    logging.basicConfig(
        level=os.environ.get("DRIVER_LOG", "WARNING"), format="%(asctime)s %(name)s %(message)s"
    )
    client = importlib.import_module(LIBRARIES[sys.argv[1]]).Client()
    for line in sys.stdin:
        command = Command(line.rstrip("\n"))
        try:
            method = getattr(client, command.name.replace("-", "_"), None)
            if method is None:
                answer = f"error UNSUPPORTED {command.name}"
            else:
                answer = method(command)
                if not isinstance(answer, str):
                    # Records, if any.
                    for told in answer or []:
                        print(told, file=answers)
                    answer = "ok"
        except Exception as failure:  # Whatever it is, the scenario is to hear of it.
            traceback.print_exc()
            name = failure.name if isinstance(failure, Refused) else client.error_name(failure)
            answer = " ".join(f"error {name} {failure!r}".split())
        print(answer, file=answers, flush=True)
    # Without closing what is open: the scenario says when.
    os._exit(0)


if __name__ == "__main__":
    main()
