import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { chance } from "../agent/world/chance.ts";

/** Bytes that nobody else's build has: the same for the same seed. */
export function payloadOf(seed: number, bytes: number): Buffer {
  const draw = chance(seed);
  const payload = Buffer.allocUnsafe(bytes);
  for (let at = 0; at < bytes; at += 1) payload[at] = Math.floor(draw() * 256);
  return payload;
}

/** Works on `payload` of its context for so long; its output is known before. */
export function dockerfile(mark: string, seconds: number): string {
  const script = `: ${mark}; sleep ${seconds}; sha256sum < /payload > /sum; cat /payload /payload > /twice`;
  return [
    "FROM scratch AS work",
    "COPY busybox /bin/busybox",
    `RUN ["/bin/busybox", "mkdir", "-p", "/tmp"]`,
    "COPY payload /payload",
    `RUN ["/bin/busybox", "sh", "-c", ${JSON.stringify(script)}]`,
    "FROM scratch",
    "COPY --from=work /sum /twice /",
  ].join("\n");
}

/** What is not as it must be in the output of that Dockerfile; undefined: nothing. */
export async function wrongIn(outputDir: string, payload: Buffer): Promise<string | undefined> {
  const read = (name: string): Promise<Buffer | undefined> =>
    readFile(join(outputDir, name)).catch((failure: unknown) => {
      if (failure instanceof Error && "code" in failure && failure.code === "ENOENT") return undefined;
      throw failure;
    });
  const [sum, twice] = [await read("sum"), await read("twice")];
  const digest = createHash("sha256").update(payload).digest("hex");
  if (sum?.toString("utf8") !== `${digest}  -\n`)
    return `sum is ${sum?.toString("utf8").trim() ?? "missing"}, not ${digest}`;
  if (twice === undefined) return "twice is missing";
  if (!twice.equals(Buffer.concat([payload, payload])))
    return `twice has ${twice.length} bytes, and not those that it must have`;
  return undefined;
}
