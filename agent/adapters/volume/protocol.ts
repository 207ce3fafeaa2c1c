import { z } from "zod";
import { AgentError } from "../../core/errors.ts";
import { isId } from "../../core/identity.ts";
import { Secret } from "../../core/secret.ts";
import { parseDeviceReference } from "../../core/volume/device-reference.ts";
import { isFilesystem, unknownFilesystem } from "../../core/volume/judge-order.ts";
import type { OpenedVolume, VolumeOrder } from "../../core/volume/order.ts";
import { VolumeRefused } from "../../core/volume/refusal.ts";

/** What goes over `volume.sock`: one JSON object a line. A connection carries one order; `opened` or `failed` is the last answer to it. */
const PROTOCOL_VERSION = 1;

/** An order has some 500 characters. */
export const LINE_MAX_CHARS = 65_536;

const id = z.string().refine(isId);

const OrderSchema = z.strictObject({
  version: z.literal(PROTOCOL_VERSION),
  verb: z.literal("open"),
  owner: z.strictObject({ orgId: id, projectId: id, architecture: id }),
  volumeId: id,
  // A file is for a dry run: an asker that is not root must not name one to root.
  device: z
    .string()
    .max(1024)
    .refine((text) => parseDeviceReference(text)?.by !== "file")
    .exactOptional(),
  filesystem: z.string(),
  key: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("per-boot") }),
    z.strictObject({ kind: z.literal("given"), keyBase64: z.base64() }),
  ]),
});

const VolumeSchema = z.object({
  encrypted: z.boolean(),
  device: z.string(),
  volumeId: z.string(),
  kind: z.enum(["per-boot", "kept", "plain"]),
  filesystem: z.enum(["ext4", "xfs", ""]),
  formatted: z.boolean(),
  check: z.enum(["not-needed", "clean", "repaired", "rebuilt"]),
  grownBytes: z.number(),
  steps: z.array(z.object({ name: z.string(), tookMs: z.number() })),
  takenOver: z.boolean(),
});

const AnswerSchema = z.discriminatedUnion("is", [
  z.object({ is: z.literal("step"), name: z.string(), tookMs: z.number() }),
  z.object({ is: z.literal("opened"), volume: VolumeSchema }),
  z.object({ is: z.literal("failed"), code: z.string(), message: z.string(), retryable: z.boolean() }),
]);

export type Answer =
  | { readonly is: "step"; readonly name: string; readonly tookMs: number }
  | { readonly is: "opened"; readonly volume: OpenedVolume }
  | { readonly is: "failed"; readonly code: string; readonly message: string; readonly retryable: boolean };

/** The order as a line. It may hold a key: it goes to the socket and nowhere else. */
export function orderLine({ key, ...order }: VolumeOrder): string {
  const wireKey =
    key.kind === "per-boot" ? key : { kind: key.kind, keyBase64: Buffer.from(key.key.reveal()).toString("base64") };
  return line({ version: PROTOCOL_VERSION, verb: "open", ...order, key: wireKey });
}

export function answerLine(answer: Answer): string {
  return line(answer);
}

/** @throws {AgentError} "cache.malformed-order", without the order's words: they may hold a key. {VolumeRefused} for an unknown file system. */
export function readOrder(text: string): VolumeOrder {
  const parsed = OrderSchema.safeParse(json(text));
  if (!parsed.success) throw malformed("cache.malformed-order", "order", where(parsed.error));
  const { version: _version, verb: _verb, key, filesystem, ...rest } = parsed.data;
  if (!isFilesystem(filesystem)) throw new VolumeRefused(unknownFilesystem(filesystem));
  const order = { ...rest, filesystem };
  if (key.kind === "per-boot") return { ...order, key };
  return { ...order, key: { kind: "given", key: new Secret(Buffer.from(key.keyBase64, "base64")) } };
}

/** @throws {AgentError} "cache.malformed-answer" */
export function readAnswer(text: string): Answer {
  const parsed = AnswerSchema.safeParse(json(text));
  if (!parsed.success) throw malformed("cache.malformed-answer", "answer", where(parsed.error));
  return parsed.data;
}

function line(message: object): string {
  return `${JSON.stringify(message)}\n`;
}

/** Undefined for what is no JSON: the schema then says so. */
function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Where it is wrong, never what was there. */
function where(error: z.ZodError): string {
  const path = error.issues[0]?.path.map(String).join(".") ?? "";
  return path === "" ? "it is no such object" : `its field ${path} is wrong`;
}

function malformed(code: string, what: string, because: string): AgentError {
  return new AgentError(
    code,
    `This is no ${what} of version ${PROTOCOL_VERSION} for the cache volume: ${because}; run control and volume of one release`,
    { retryable: false },
  );
}
