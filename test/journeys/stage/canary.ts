import { randomBytes } from "node:crypto";
import { writtenIn } from "../../bundle/written-in.ts";
import type { Haystack } from "./haystack.ts";

/** Of no known shape: only by its value can it be found. It says where it was put. */
export function canary(where: string): string {
  return `${where} ${randomBytes(12).toString("base64")}/"&é`.replaceAll(" ", "-");
}

/**
 * A secret as it may stand in a text, each form cut to what is in any line that shows much of it: a
 * part is enough to be wrong.
 */
export function needlesOf(secret: string | Uint8Array): readonly string[] {
  const lines =
    typeof secret === "string"
      ? secret.split("\n").filter((line) => line !== "" && !line.startsWith("-----"))
      : [secret];
  return lines.flatMap((line) => writtenIn(line).map((form) => Buffer.from(form.slice(6, 30)).toString("latin1")));
}

/** "where it was put → where it was found", each; the texts are read as latin1 or UTF-8. */
export function sightings(
  secrets: Readonly<Record<string, string | Uint8Array>>,
  haystack: Haystack,
): readonly string[] {
  return Object.entries(secrets).flatMap(([what, secret]) => {
    const needles = needlesOf(secret).flatMap((needle) => [needle, Buffer.from(needle, "latin1").toString("utf8")]);
    const found = [...haystack].filter(([, text]) => needles.some((needle) => text.includes(needle)));
    return found.map(([where]) => `${what} → ${where}`);
  });
}
