import { AgentError } from "../../core/errors.ts";
import { anyText, type Field, fromJson, kindsBy, list, object, oneOf, orNull, wholeFrom } from "../../wire/fields.ts";
import type { ProbeWord } from "./protocol.ts";

const port = wholeFrom(0, 65_535);

const word: Field<ProbeWord> = kindsBy("is", {
  done: {
    listening: list(orNull(object({ tcpPort: port, udpPort: port }))),
    outcomes: list(kindsBy("is", { answered: { detail: anyText }, failed: { code: anyText }, silent: {} })),
  },
  heard: { heard: object({ via: oneOf(["tcp", "udp"]), address: anyText, port }) },
});

/**
 * Apart from the rest of the protocol: a probe writes these lines only, and starts sooner without
 * what reads them. @throws {AgentError} "isolation.not-verified"
 */
export function readWord(line: string): ProbeWord {
  try {
    return fromJson(word, line);
  } catch (cause) {
    throw new AgentError(
      "isolation.not-verified",
      `A probe said something else than its findings: ${line.slice(0, 200)}`,
      {
        retryable: true,
        cause,
      },
    );
  }
}
